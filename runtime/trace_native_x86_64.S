/* For trace_native.c: a call that makes a child which shares the stack, or returns on another one. */
#define __ASSEMBLER__ 1
#include "regs_x86_64.h"

#define RED_ZONE 128
/* The program's stack pointer, seen from the frame. */
#define FRAME_CFA (REGS_SIZE + RED_ZONE)

	.text

/*
 * void trace_native_make_child(struct regs *r)
 *
 * As native_clone_plain: every register is loaded, the child goes on with r->rip in r9. So does the parent, by way of
 * trace_native_made_child(); its frame is pushed anew, since a child of vfork has used the stack.
 */
	.globl trace_native_make_child
	.hidden trace_native_make_child
	.type trace_native_make_child, @function
trace_native_make_child:
	.cfi_startproc
	mov	%rdi, %rax
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
	.cfi_def_cfa %rsp, 0
	.cfi_register %rip, %r9
	mov	REGS_NR(%rax), %rax
	syscall
	test	%rax, %rax
	jnz	1f
	jmp	*%r9
1:	mov	%rsp, %r11
	lea	-RED_ZONE(%rsp), %rsp
	.cfi_adjust_cfa_offset RED_ZONE
	push	%r11
	push	%r9
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
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	trace_native_made_child
	mov	%rbx, %rdi
	jmp	regs_resume
	.cfi_endproc
	.size trace_native_make_child, . - trace_native_make_child

	.section .note.GNU-stack, "", @progbits
