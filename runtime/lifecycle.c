/* Threads come and go: clone with CLONE_THREAD, exit, and what the kernel is told about a thread at its birth. */
#include <linux/sched.h>

#include "calls.h"
#include "futex.h"
#include "mem.h"
#include "runtime.h"
#include "signal_core.h"
#include "stats.h"
#include "trap.h"

struct thread *scheduler_born;

/* What glibc's pthread_create asks for; a clone that asks for less is no pthread and gets a kernel thread. */
#define PTHREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS)

static long create(struct thread *t, struct regs *r, const struct clone_spec *spec)
{
	if ((spec->flags & PTHREAD_FLAGS) != PTHREAD_FLAGS || !spec->sp)
		return -EINVAL;
	hub_need(t);
	if (t->wants_scheduler) {
		t->wants_scheduler = false;
		scheduler_born = thread_create_scheduler(t, r, spec);
		return scheduler_born ? scheduler_born->tid : -EAGAIN;
	}
	return thread_create(t, r, spec);
}

long call_clone(struct thread *t, struct regs *r)
{
	struct clone_spec spec = {
	    .flags = r->rdi,
	    .sp = r->rsi,
	    .parent_tid = (int *)r->rdx,
	    .child_tid = (int *)r->r10,
	    .tls = r->r8,
	};
	if (spec.flags & CLONE_THREAD)
		return create(t, r, &spec);
	if (spec.flags & CLONE_VM || spec.sp)
		return process_clone_vm(t, r, spec.flags);
	return call_fork(t, r);
}

long call_clone3(struct thread *t, struct regs *r)
{
	struct clone_args args = {0};
	uint64_t size = r->rsi;
	if (size < CLONE_ARGS_SIZE_VER0 || size > 4096)
		return native_regs(t, r); /* the kernel's error */
	if (user_copy(&args, (void *)r->rdi, size < sizeof(args) ? size : sizeof(args)))
		return -EFAULT;
	struct clone_spec spec = {
	    .flags = args.flags,
	    .sp = args.stack + args.stack_size,
	    .size = args.stack_size,
	    .tls = args.tls,
	    .parent_tid = (int *)args.parent_tid,
	    .child_tid = (int *)args.child_tid,
	};
	if (args.flags & CLONE_THREAD)
		return create(t, r, &spec);
	if (args.flags & CLONE_VM || args.stack)
		return process_clone_vm(t, r, spec.flags);
	return call_fork(t, r);
}

/* exit(2) of one thread. The last one takes the process along through libc's exit: glibc counts the scheduler contexts
 * among its threads, so its own check does not see that it is the last. By now a thread's end has blocked all signals,
 * which glibc's check comes before: exit handlers run with the thread's own mask. */
long call_exit(struct thread *t, struct regs *r)
{
	bool last = atomic_load(&threads_alive) == 1;
	if (last && call_is_raw(t, r)) { /* the process's code is this thread's */
		r->nr = SYS_exit_group;
		return call_exit_group(t, r);
	}
	if (last && runtime_hooks.last_thread_exit) {
		if (!t->is_main)
			signal_set_mask(t, t->sig.before);
		signal_run_in_program(t, runtime_hooks.last_thread_exit);
	}
	thread_exit(t);
}

long call_set_tid_address(struct thread *t, struct regs *r)
{
	t->cleartid = (uint32_t *)r->rdi;
	return thread_tid(t);
}

/* Where its TLS is; a C library of the program's own asks for this itself. */
long call_arch_prctl(struct thread *t, struct regs *r)
{
	long ret = native_regs(t, r);
	if (ret == 0 && (int)r->rdi == 0x1002 /* ARCH_SET_FS */)
		carrier_self()->fs = t->ctx.fs = r->rsi;
	return ret;
}

long call_set_robust_list(struct thread *t, struct regs *r)
{
	if (r->rsi != 24) /* sizeof(struct robust_list_head) */
		return -EINVAL;
	t->robust = (void *)r->rdi;
	return t->owns_tid ? native_regs(t, r) : 0;
}

long call_get_robust_list(struct thread *t, struct regs *r)
{
	uint64_t len = 24;
	struct robust_list_head *head;
	spin_lock(&threads_lock);
	struct thread *other = r->rdi == 0 ? t : thread_by_tid((int)r->rdi);
	head = other ? other->robust : NULL;
	spin_unlock(&threads_lock);
	if (!other)
		return native_regs(t, r);
	return user_write(r->rsi, &head) || user_write(r->rdx, &len) ? -EFAULT : 0;
}

/* glibc registers an area for each thread and aborts if it is refused; the kernel keeps one per kernel thread, which
 * green threads share. Answered but not done: glibc sees cpu_id uninitialized there and asks getcpu instead. */
long call_rseq(struct thread *t, struct regs *r)
{
	(void)t;
	return r->rdi == runtime_rseq_area() ? 0 : -ENOSYS;
}
