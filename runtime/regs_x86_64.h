/* The register frame of a call: what shim/entry_x86_64.S pushes, in its order. */
#ifndef GREEN_REGS_X86_64_H
#define GREEN_REGS_X86_64_H

#ifdef __ASSEMBLER__
#define REGS_R15 0
#define REGS_R14 8
#define REGS_R13 16
#define REGS_R12 24
#define REGS_RBP 32
#define REGS_RBX 40
#define REGS_R9 48
#define REGS_R8 56
#define REGS_R10 64
#define REGS_RDX 72
#define REGS_RSI 80
#define REGS_RDI 88
#define REGS_NR 96
#define REGS_RAX 104
#define REGS_RIP 112
#define REGS_RSP 120
#define REGS_SIZE 128
#else
#include "base.h"

struct regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r9, r8, r10, rdx, rsi, rdi; /* arguments 6 5 4 3 2 1 */
	uint64_t nr;                         /* number of the call, kept for a restart */
	uint64_t rax;                        /* the result */
	uint64_t rip;                        /* where the program goes on */
	uint64_t rsp;                        /* its stack pointer there */
};
_Static_assert(sizeof(struct regs) == 128, "entry_x86_64.S pushes 16 words");
#endif
#endif
