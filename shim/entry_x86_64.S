/*
 * green_entry: where every stub leads. rax = number of the call, rcx = where the program goes on, everything else as at
 * the `syscall` instruction that the stub replaces; rcx and r11 are free, as with the real one.
 */
#define __ASSEMBLER__ 1
#include "../runtime/regs_x86_64.h"

#define RED_ZONE 128
/* The program's stack pointer, seen from the frame. */
#define FRAME_CFA (REGS_SIZE + RED_ZONE)

	.text
	.globl green_entry
	.hidden green_entry
	.type green_entry, @function
green_entry:
	.cfi_startproc
	.cfi_register %rip, %rcx
	mov	%rsp, %r11
	lea	-RED_ZONE(%rsp), %rsp
	.cfi_adjust_cfa_offset RED_ZONE
	push	%r11
	push	%rcx
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
	cld
	call	dispatch
	mov	%rbx, %rdi
	jmp	regs_resume
	.cfi_endproc
	.size green_entry, . - green_entry

/*
 * green_preempted: the handler of a frame that nobody sent, pushed so that its thread comes in and lets the others run.
 * It does what a handler's `ret` to libc's restorer does.
 */
	.globl green_preempted
	.hidden green_preempted
	.type green_preempted, @function
green_preempted:
	add	$8, %rsp
	mov	$15, %eax /* rt_sigreturn */
	lea	1f(%rip), %rcx
	jmp	green_entry
1:	ud2
	.size green_preempted, . - green_preempted

	.section .note.GNU-stack, "", @progbits
