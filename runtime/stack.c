/*
 * Stacks: glibc maps one inaccessible and then opens all but the guard (allocatestack.c), which makes two VMAs a
 * thread; at 65,530 maps (vm.max_map_count) that ends with 32,000 threads. Where the kernel has MADV_GUARD_INSTALL
 * (Linux 6.13) the guard is page-table entries instead, and neighbouring stacks share one VMA.
 */
#include "stack.h"

#include <sys/mman.h>

#include "calls.h"
#include "say.h"

#define GUARD_INSTALL 102
#define GUARD_REMOVE 103
#define GUARD_MAX (64UL << 20)

static _Atomic bool unsupported;
static _Atomic uintptr_t stacks_low = UINTPTR_MAX, stacks_high; /* hull of the stacks that have such guards */

/* Threads that have only to end give their stacks back when they get the CPU; natively another one may have done that
 * by now. Who makes threads faster than they run would only ever see that there is no room. */
static long map_stack(struct thread *t, size_t len, uint64_t flags)
{
	long p = sys(SYS_mmap, 0, len, PROT_NONE, flags, -1, 0);
	if (p != -ENOMEM || t->bound)
		return p;
	hub_need(t);
	thread_yield(t);
	return sys(SYS_mmap, 0, len, PROT_NONE, flags, -1, 0);
}

long call_mmap(struct thread *t, struct regs *r)
{
	const uint64_t stack_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK;
	if (r->rdi || r->rdx != PROT_NONE || r->r10 != stack_flags)
		return native_regs(t, r);
	if (atomic_load(&unsupported))
		return map_stack(t, r->rsi, stack_flags);
	long p = map_stack(t, r->rsi, stack_flags | MAP_NORESERVE);
	if (p < 0 && p > -4096)
		return p;
	t->stack_pending.addr = (uintptr_t)p;
	t->stack_pending.len = r->rsi;
	return p;
}

static void widen_hull(uintptr_t low, uintptr_t high)
{
	uintptr_t old = atomic_load(&stacks_low);
	while (low < old && !atomic_compare_exchange_weak(&stacks_low, &old, low))
		;
	old = atomic_load(&stacks_high);
	while (high > old && !atomic_compare_exchange_weak(&stacks_high, &old, high))
		;
}

/* The second half of the pair: the whole is opened, and the guard installed in what it should not have opened. */
static long open_stack(struct thread *t, struct regs *r)
{
	uintptr_t low = t->stack_pending.addr;
	size_t len = t->stack_pending.len, guard = r->rdi - low;
	t->stack_pending.addr = 0;
	long err = sys(SYS_mprotect, low, len, r->rdx);
	if (err)
		return err;
	err = guard ? sys(SYS_madvise, low, guard, GUARD_INSTALL) : 0;
	if (!err) {
		widen_hull(low, low + len);
		return 0;
	}
	/* An older kernel, or locked memory (mlockall): the guard as glibc would have it. */
	if (err == -EINVAL)
		atomic_store(&unsupported, true);
	return sys(SYS_mprotect, low, guard, PROT_NONE);
}

/* A cached stack that is used again with a smaller guard has the rest opened. mprotect leaves guard entries alone. */
static void open_guard(struct regs *r)
{
	uint32_t word;
	if (r->rdi < atomic_load(&stacks_low) || r->rdi >= atomic_load(&stacks_high) || r->rsi > GUARD_MAX)
		return;
	if (user_load32((uint32_t *)r->rdi, &word))
		sys(SYS_madvise, r->rdi, r->rsi, GUARD_REMOVE);
}

long call_mprotect(struct thread *t, struct regs *r)
{
	uintptr_t low = t->stack_pending.addr;
	if (low && (r->rdi & 4095) == 0 && r->rdi >= low && r->rdi + r->rsi == low + t->stack_pending.len &&
	    r->rdx & PROT_WRITE)
		return open_stack(t, r);
	long ret = native_regs(t, r);
	if (ret == 0 && r->rdx & PROT_WRITE)
		open_guard(r);
	return ret;
}

void stack_report_overflow(struct thread *t, uint64_t addr, uint64_t ip)
{
	if (addr < t->stack_low || addr >= t->stack_low + t->stack_size)
		return;
	say("stack overflow in thread %d (%s): %u KiB of stack, at address %x, instruction %x", t->tid, t->name,
	    (unsigned)(t->stack_size >> 10), addr, ip);
}
