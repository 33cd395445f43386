/* open: what is special about some paths. */
#include <fcntl.h>
#include <sys/stat.h>

#include "bound.h"
#include "calls.h"
#include "exclude.h"
#include "mem.h"
#include "runtime.h"

static struct thread *by_tid(int tid)
{
	spin_lock(&threads_lock);
	struct thread *t = thread_by_tid(tid);
	spin_unlock(&threads_lock);
	return t;
}

/*
 * pthread_setname_np and pthread_getname_np of another thread go by /proc/self/task/TID/comm, which is not there for a
 * tid of ours, and for the main thread is the name of a kernel thread that it may have left. The file is played by a
 * memfd; what was written to it becomes the name when it is closed.
 */
static const char comm_prefix[] = "/proc/self/task/";

/* The tid in such a path; 0: it is another. */
static int comm_tid(uint64_t user_path)
{
	char path[40] = {0};
	int tid = 0;
	unsigned i;
	for (i = 0; i < sizeof(path) - 1; i++) {
		if (user_copy(&path[i], (char *)user_path + i, 1) || !path[i])
			break;
		if (i < sizeof(comm_prefix) - 1 && path[i] != comm_prefix[i])
			return 0;
	}
	const char *p = path + sizeof(comm_prefix) - 1;
	for (; *p >= '0' && *p <= '9'; p++)
		tid = tid * 10 + *p - '0';
	return memcmp(p, "/comm", 6) == 0 && (tid >= TID_BASE || tid == runtime_pid) ? tid : 0;
}

static long open_comm(int tid, int flags)
{
	char text[17];
	struct thread *other = by_tid(tid);
	if (!other)
		return -ENOENT;
	long fd = sys(SYS_memfd_create, "comm", (flags & O_CLOEXEC) != 0);
	struct fd *e = fd < 0 ? NULL : fd_entry((int)fd);
	if (!e)
		return fd < 0 ? fd : -ENOMEM;
	if ((flags & O_ACCMODE) == O_RDONLY) {
		size_t n = 0;
		while (n < 15 && other->name[n])
			n++;
		memcpy(text, other->name, n);
		text[n++] = '\n';
		sys(SYS_pwrite64, fd, text, n, 0);
	} else {
		e->comm_tid = tid;
	}
	return fd;
}

void comm_closed(int fd, int tid)
{
	char name[16] = {0};
	long n = sys(SYS_pread64, fd, name, 15, 0);
	int shown = 0;
	spin_lock(&threads_lock);
	struct thread *t = thread_by_tid(tid);
	if (t && n >= 0) {
		memcpy(t->name, name, sizeof(name));
		exclude_renamed(t);
		shown = t->is_main ? tid : bound_tid(t);
	}
	spin_unlock(&threads_lock);
	if (shown)
		bound_show_name(shown, name);
}

/* Opening a FIFO waits for the other end: worth a look beforehand. A try with O_NONBLOCK would be no try: a reader's
 * succeeds, and lets a writer go on. */
static bool opens_fifo(int dir, const char *user_path, int flags)
{
	struct stat st;
	if (flags & (O_NONBLOCK | O_PATH) || (flags & O_ACCMODE) == O_RDWR ||
	    (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return false;
	return sys(SYS_newfstatat, dir, user_path, &st, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
	       S_ISFIFO(st.st_mode);
}

static long open_file(struct thread *t, struct regs *r, int dir, uint64_t path, int flags)
{
	return opens_fifo(dir, (const char *)path, flags) ? handoff_regs(t, r) : native_regs(t, r);
}

static long open_path(struct thread *t, struct regs *r, int dir, uint64_t path, int flags)
{
	int tid = comm_tid(path);
	return tid ? open_comm(tid, flags) : open_file(t, r, dir, path, flags);
}

long call_open(struct thread *t, struct regs *r)
{
	return open_path(t, r, AT_FDCWD, r->rdi, (int)r->rsi);
}

long call_openat(struct thread *t, struct regs *r)
{
	return open_path(t, r, (int)r->rdi, r->rsi, (int)r->rdx);
}

long call_openat2(struct thread *t, struct regs *r)
{
	uint64_t flags; /* struct open_how begins with them */
	if (r->r10 < sizeof(flags) || user_read(&flags, r->rdx))
		return native_regs(t, r);
	return open_file(t, r, (int)r->rdi, r->rsi, (int)flags);
}

long call_creat(struct thread *t, struct regs *r)
{
	return open_file(t, r, AT_FDCWD, r->rdi, O_CREAT | O_WRONLY | O_TRUNC);
}
