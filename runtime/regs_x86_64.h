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

#define RED_ZONE 128
/* The program's stack pointer, seen from the frame. */
#define FRAME_CFA (REGS_SIZE + RED_ZONE)

/* clang-format off */
/* Pushes the frame of a program that goes on at \rip and has its stack pointer in rsp; rbx is at it then, and tells
 * unwinders. */
.macro regs_push rip
	mov	%rsp, %r11
	lea	-RED_ZONE(%rsp), %rsp
	.cfi_adjust_cfa_offset RED_ZONE
	push	%r11
	push	\rip
	push	%rax
	push	%rax
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r10
	push	%r8
	push	%r9
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rbx
	.cfi_def_cfa %rbx, FRAME_CFA
	.cfi_offset %rip, REGS_RIP - FRAME_CFA
	.cfi_offset %rbx, REGS_RBX - FRAME_CFA
	.cfi_offset %rbp, REGS_RBP - FRAME_CFA
	.cfi_offset %r12, REGS_R12 - FRAME_CFA
	.cfi_offset %r13, REGS_R13 - FRAME_CFA
	.cfi_offset %r14, REGS_R14 - FRAME_CFA
	.cfi_offset %r15, REGS_R15 - FRAME_CFA
.endm

/* Loads what the frame at rax says, for a clone or vfork, whose child may share the stack: nothing is kept on that, and
 * rip is in r9, which these calls do not use and the ABI lets a call change. */
.macro regs_load_for_child
	mov	REGS_R15(%rax), %r15
	mov	REGS_R14(%rax), %r14
	mov	REGS_R13(%rax), %r13
	mov	REGS_R12(%rax), %r12
	mov	REGS_RBP(%rax), %rbp
	mov	REGS_RBX(%rax), %rbx
	mov	REGS_R8(%rax), %r8
	mov	REGS_R10(%rax), %r10
	mov	REGS_RDX(%rax), %rdx
	mov	REGS_RSI(%rax), %rsi
	mov	REGS_RDI(%rax), %rdi
	mov	REGS_RIP(%rax), %r9
	mov	REGS_RSP(%rax), %rsp
	mov	REGS_NR(%rax), %rax
.endm
/* clang-format on */
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
