/*
 * The trap door. A `syscall` instruction that is no site becomes SIGSYS on every carrier, and the signal's frame is
 * turned into a site's: the handler returns to trap_entry, which calls dispatch as a stub does.
 *
 * Such an instruction stands anywhere: in code that keeps values in ymm, zmm and mask registers across it, and on a
 * stack with next to no room (Go's goroutines have a few hundred bytes). So the whole extended state is kept, as the
 * kernel saved it into the frame, and the call is answered on a stack that the thread has for this. No two calls of a
 * thread need it at once: a handler that interrupts one runs on the program's stack, when this one is left.
 */
#include "trap.h"

#include <linux/audit.h>

#include "calls.h"
#include "mem.h"
#include "runtime.h"
#include "sigframe_x86_64.h"
#include "stats.h"

/* The extended state is 0.8 KiB with AVX, 2.7 with AVX-512, 11 with AMX. */
struct trap_stack {
	char bytes[32 * 1024];
};
#define EXTENDED_MOST (16 * 1024)
#define EXTENDED_ALIGN 64UL

#define RED_ZONE 128

bool trap_on;

static struct slab stacks = SLAB_INIT(struct trap_stack);

extern const char trap_entry[], trap_native_i386[];

/* NULL: it is the runtime itself, which reads the clock in the vDSO, and the vDSO asks the kernel. */
static struct thread *caller(const struct carrier *c, uint64_t sp)
{
	enum carrier_mode mode = carrier_mode(c);
	bool in_program = mode == MODE_USER || mode == MODE_STOLEN || mode == MODE_ALONE;
	bool on_carrier = sp - (uint64_t)c < c->mapped; /* its handler's */
	return in_program && !on_carrier ? c->current : NULL;
}

/* These cannot be made from another place than their own: a child begins with the caller's stack pointer or one of its
 * own, a frame is looked for at the stack pointer. Nor may a carrier end. */
static bool has_no_substitute(uint64_t nr)
{
	return nr == SYS_clone || nr == SYS_clone3 || nr == SYS_fork || nr == SYS_vfork || nr == SYS_rt_sigreturn ||
	       nr == SYS_exit;
}

static bool is_answered(uint64_t nr, uintptr_t ip)
{
	if (nr >= CALLS || !calls[nr].fn || nr == GREEN_CALL_LOCK)
		return false;
	return !runtime_hooks.trap_excepts || has_no_substitute(nr) || !runtime_hooks.trap_excepts(ip);
}

static struct regs *frame_room(struct thread *t, size_t extended)
{
	if (extended > EXTENDED_MOST)
		return NULL;
	if (!t->trap_stack)
		t->trap_stack = slab_alloc(&stacks);
	if (!t->trap_stack)
		return NULL;
	uintptr_t top = (uintptr_t)t->trap_stack + sizeof(struct trap_stack);
	return (struct regs *)((top - extended) & ~(EXTENDED_ALIGN - 1)) - 1;
}
_Static_assert(sizeof(struct regs) % EXTENDED_ALIGN == 0, "the extended state follows the frame");

static void *extended_of(const struct regs *r)
{
	return (void *)(r + 1);
}

static bool answer(struct thread *t, uint64_t nr, struct kucontext *uc)
{
	size_t size = fp_size(uc->fpstate);
	struct regs *r = frame_room(t, size);
	if (!r)
		return false;
	*r = (struct regs){
	    .r15 = uc->r15,
	    .r14 = uc->r14,
	    .r13 = uc->r13,
	    .r12 = uc->r12,
	    .rbp = uc->bp,
	    .rbx = uc->bx,
	    .r9 = uc->r9,
	    .r8 = uc->r8,
	    .r10 = uc->r10,
	    .rdx = uc->dx,
	    .rsi = uc->si,
	    .rdi = uc->di,
	    .nr = nr,
	    .rax = nr,
	    .rip = uc->ip,
	    .rsp = uc->sp,
	};
	memcpy(extended_of(r), (const void *)uc->fpstate, size);
	t->trap_frame = r;
	uc->ip = (uint64_t)trap_entry;
	uc->sp = (uint64_t)r;
	uc->eflags &= ~EFLAGS_DF;
	return true;
}

/* Made where it is allowed, with every register as it is: trap_native returns over the red zone. false: the stack has
 * no room for the address. */
static bool make(uint32_t arch, struct kucontext *uc)
{
	uint64_t sp = uc->sp - RED_ZONE - sizeof(uc->ip);
	if (user_write(sp, &uc->ip))
		return false;
	STAT_ADD(trapped_as_is, 1);
	uc->sp = sp;
	uc->ip = (uint64_t)(arch == AUDIT_ARCH_X86_64 ? trap_native : trap_native_i386);
	return true;
}

bool trap_come_in(struct carrier *c, const struct ksiginfo *info, struct kucontext *uc)
{
	uint32_t nr = (uint32_t)info->rest[1], arch = (uint32_t)(info->rest[1] >> 32);
	struct thread *t = caller(c, uc->sp);
	bool can_answer = t && arch == AUDIT_ARCH_X86_64;
	STAT_ADD(trapped, 1);
	return (can_answer && is_answered(nr, uc->ip) && answer(t, nr, uc)) || make(arch, uc) ||
	       (can_answer && answer(t, nr, uc));
}

/* The runtime's handler restarts everything; rip is back at the instruction. */
void trap_interrupted(struct kucontext *uc)
{
	if (uc->ip != (uint64_t)trap_native_again)
		return;
	uc->ip += SYSCALL_LENGTH;
	uc->ax = (uint64_t)-EINTR;
}

bool call_is_raw(const struct thread *t, const struct regs *r)
{
	return trapped(t, r) || (runtime_hooks.is_raw && runtime_hooks.is_raw(r->rip));
}

void trap_restore_extended(const struct regs *r)
{
	const void *state = extended_of(r);
	if (fp_extended((uint64_t)state))
		__asm__ volatile("xrstor64 (%0)" : : "r"(state), "a"(-1), "d"(-1) : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(state) : "memory");
}

void trap_forget(struct thread *t)
{
	if (t->trap_stack)
		slab_free(&stacks, t->trap_stack);
	t->trap_stack = NULL;
	t->trap_frame = NULL;
}

void traps_reset_in_child(void)
{
	trap_on = false; /* the kernel has forgotten it (copy_process()) */
	slab_reset_in_child(&stacks);
}
