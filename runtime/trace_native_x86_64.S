/* For trace_native.c: a call that makes a child which shares the stack, or returns on another one. */
#define __ASSEMBLER__ 1
#include "regs_x86_64.h"

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
	regs_load_for_child
	.cfi_def_cfa %rsp, 0
	.cfi_register %rip, %r9
	syscall
	test	%rax, %rax
	jnz	1f
	jmp	*%r9
1:	regs_push %r9
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	trace_native_made_child
	mov	%rbx, %rdi
	jmp	regs_resume
	.cfi_endproc
	.size trace_native_make_child, . - trace_native_make_child

	.section .note.GNU-stack, "", @progbits
