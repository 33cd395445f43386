/* The frame that the kernel pushes for a signal handler (arch/x86/include/asm/sigframe.h). */
#ifndef GREEN_SIGFRAME_X86_64_H
#define GREEN_SIGFRAME_X86_64_H

#include "signal.h"

struct kucontext {
	uint64_t flags, link;
	struct kaltstack stack;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
	ksigset_t mask;
};

struct kframe {
	uint64_t restorer;
	struct kucontext uc;
	struct ksiginfo info;
};
_Static_assert(sizeof(struct kucontext) == 304 && sizeof(struct kframe) == 440, "as struct rt_sigframe of the kernel");

#define EFLAGS_DF 0x400UL

/* Offsets in fxsave's area, with which the FPU state begins. */
#define FP_SOFTWARE 464
#define FXSAVE_SIZE 512 /* xsave's header follows */
#define FP_XSTATE_MAGIC1 0x46505853U

/* Is it more than fxsave's? The kernel says so in the part of fxsave's area that is left to software. */
static inline bool fp_extended(uint64_t fpstate)
{
	return *(const uint32_t *)(fpstate + FP_SOFTWARE) == FP_XSTATE_MAGIC1;
}

static inline size_t fp_size(uint64_t fpstate)
{
	return fp_extended(fpstate) ? ((const uint32_t *)(fpstate + FP_SOFTWARE))[1] : FXSAVE_SIZE;
}

#endif
