/*
 * green_entry: where every stub leads. rax = number of the call, rcx = where the program goes on, everything else as at
 * the `syscall` instruction that the stub replaces; rcx and r11 are free, as with the real one.
 */
#define __ASSEMBLER__ 1
#include "../runtime/regs_x86_64.h"

	.text
	.globl green_entry
	.hidden green_entry
	.type green_entry, @function
green_entry:
	.cfi_startproc
	.cfi_register %rip, %rcx
	regs_push %rcx
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
