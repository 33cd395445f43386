/* What is written in assembly: the switch, access to the program's memory, the native call. */
#ifndef GREEN_SWITCH_X86_64_H
#define GREEN_SWITCH_X86_64_H

#include "base.h"
#include "regs_x86_64.h"

struct context {
	void *sp;
	uint64_t fs; /* TLS base; 0: it uses none, and whose it finds does not matter */
};

/* Leaves `from`, goes on in `to`: callee-saved registers, xmm0-15, mxcsr, x87 control word, fs base. */
void context_switch(struct context *from, const struct context *to);
void fs_load(uint64_t fs);
extern bool have_fsgsbase; /* set before the first switch */

/* First return of a new green thread: its stack pointer is at a struct regs. */
extern const char thread_start[];
/* First return of a context that runs fn(arg) on a stack of ours: fn in rbx, arg in rbp. Never returns. */
extern const char context_start[];

/* The program's memory, with the kernel's manners: 0 or -EFAULT. */
long user_copy(void *dst, const void *src, size_t n);
long user_load32(const uint32_t *p, uint32_t *value);
long user_load64(const uint64_t *p, uint64_t *value);
long user_store32(uint32_t *p, uint32_t value);
/* *p == *expected ? *p = desired : *expected = *p, atomically. 1 if it was stored, 0 if not. */
long user_cas32(uint32_t *p, uint32_t *expected, uint32_t desired);
extern const char user_access_begin[], user_access_end[], user_access_fault[];

#define user_read(dst, src) user_copy((dst), (const void *)(src), sizeof(*(dst)))
#define user_write(dst, src) user_copy((void *)(dst), (src), sizeof(*(src)))

/* The call itself, unless *interrupt is set: then -ERESTARTNOINTR. From native_begin on a signal handler takes it out
 * again by native_abort or native_restart: a signal that came after the look at *interrupt is not slept over. */
long native_syscall(const long args[6], long nr, const _Atomic uint32_t *interrupt);
extern const char native_begin[], native_instruction[], native_again[], native_end[], native_abort[], native_restart[];

/* A clone or vfork whose child shares our memory and returns on its own: every register comes back from *r. The child
 * runs with the gs base child_gs, after clone_vm_child() on the stack at child_sp, or on its own if that is 0; the
 * parent goes on in clone_vm_done(), on the stack at sp. */
long native_clone_vm(struct regs *r, void *child_gs, uint64_t sp, uint64_t child_sp);
/* The same for one who has nothing to do with the runtime. */
_Noreturn void native_clone_plain(struct regs *r);
/* rt_sigreturn with this stack pointer. */
_Noreturn void native_sigreturn(uintptr_t sp);
/* Back to the program (see switch_x86_64.S). */
_Noreturn void runtime_leave(struct regs *r, _Atomic uint64_t *state, uint64_t word, const _Atomic uint32_t *attention);
extern const char leave_begin[], leave_end[];
/* Leaves the frame r behind and goes on with its registers. */
_Noreturn void regs_resume(struct regs *r);

void set_gs(void *p); /* this kernel thread's gs base */

#endif
