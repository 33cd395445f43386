/* A thread blocked in a read of inotify is woken by each change, and poll sees them too. */
// threads
#include "io_test.h"
#include <sys/inotify.h>
#include <sys/stat.h>

static int fd;

static void show(const struct inotify_event *e)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {{IN_CREATE, "create"}, {IN_CLOSE_WRITE, "close-write"}, {IN_DELETE, "delete"},
	    {IN_MOVED_FROM, "moved-from"}, {IN_MOVED_TO, "moved-to"}, {IN_DELETE_SELF, "delete-self"},
	    {IN_IGNORED, "ignored"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (e->mask & names[i].bit)
			printf("%s %s\n", names[i].name, e->len ? e->name : "");
}

static void *watches(void *arg)
{
	for (;;) {
		char buf[4096] __attribute__((aligned(8)));
		ssize_t n = SYS(read(fd, buf, sizeof(buf)));

		for (char *p = buf; p < buf + n;) {
			struct inotify_event *e = (struct inotify_event *)p;

			show(e);
			if (e->mask & IN_IGNORED)
				return arg;
			p += sizeof(*e) + e->len;
		}
	}
}

int main(void)
{
	char *dir = scratch_path("inotify"), a[PATH_MAX], b[PATH_MAX];
	struct pollfd p;
	pthread_t t;

	SYS(mkdir(dir, 0700));
	snprintf(a, sizeof(a), "%s/a", dir);
	snprintf(b, sizeof(b), "%s/b", dir);
	fd = (int)SYS(inotify_init1(0));
	SYS(inotify_add_watch(fd, dir, IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_MOVE | IN_DELETE_SELF));
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	SAY("poll", poll(&p, 1, 0));
	t = start(watches, NULL);
	let_it_block();
	SYS(close((int)SYS(open(a, O_WRONLY | O_CREAT, 0600))));
	let_it_block();
	SYS(rename(a, b));
	SYS(unlink(b));
	SYS(rmdir(dir));
	join(t);
	free(dir);
	return 0;
}
