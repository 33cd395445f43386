/*
 * The exports of the symbol door, made from symbols.def. Each notes its number and its caller and jumps to libc's
 * function; r11 is all that it changes. rax stays (it counts the vector registers of a variadic call), r10 too (the
 * static chain). As they only jump, an exception or a cancellation that unwinds libc's function never meets them.
 *
 * There is no .note.gnu.property: the switch of green threads cannot live with shadow stacks, and the loader turns
 * them off for a process with an unmarked library. The endbr64 are for indirect-branch tracking, which it could have.
 */
#define GREEN_CALL_LOCK 511 /* runtime/calls.h */
#define EINTR 4

/* pthread_mutex_t of glibc (struct_mutex.h, pthreadP.h): its kind, the bit that says shared, and the bits that make the
 * word's owner matter: recursive, error-checking, robust, priority-inheriting. */
#define MUTEX_KIND 16
#define MUTEX_PSHARED 0x80
#define MUTEX_OWNED 0x33
#include <sys/syscall.h>

#define CLOCK_THREAD_CPUTIME_ID 3

/* struct note */
#define NOTE_CALLER 0
#define NOTE_FRAME 8
#define NOTE_SYMBOL 16
#define NOTE_COUNT 20

	.set	symbol, 0

/* Where the exports begin: for a signal handler they are the program's own code (symbols_hold). */
	.section .text.symbols, "ax", @progbits
	.globl	symbols_begin
	.hidden	symbols_begin
symbols_begin:

/* \id is a name of our own for the export, where the name proper has several versions. */
.macro export id:req, arms:req
	.section .text.symbols, "ax", @progbits
	.globl	\id
	.type	\id, @function
	.p2align 4
\id:
	.cfi_startproc
	endbr64
	.ifc \arms, mutex
	testb	$MUTEX_PSHARED, MUTEX_KIND(%rdi)
	jz	1f
	cmpl	$0, symbol_lock_watch(%rip)
	jz	1f
	lea	symbol_slots + 8 * symbol(%rip), %r11
	jmp	ask_before_lock
1:	jmp	*symbol_slots + 8 * symbol(%rip)
	.else
	mov	note@gottpoff(%rip), %r11
	mov	%rsp, %fs:NOTE_FRAME(%r11)
	push	(%rsp)
	.cfi_adjust_cfa_offset 8
	pop	%fs:NOTE_CALLER(%r11)
	.cfi_adjust_cfa_offset -8
	movl	$symbol, %fs:NOTE_SYMBOL(%r11)
	incl	%fs:NOTE_COUNT(%r11)
	.ifnc \arms, never
	cmpq	$0, symbol_arm_hook(%rip)
	jne	.Larm_\id
	.endif
	jmp	*symbol_slots + 8 * symbol(%rip)
	.ifnc \arms, never
.Larm_\id:
	mov	$symbol, %r11d
	jmp	go_through_arm
	.endif
	.endif
	.cfi_endproc
	.size	\id, . - \id
	slot	\id
.endm

/* Where the call goes on: at first it is looked up. */
.macro slot id:req
	.section .text.resolve, "ax", @progbits
.Lresolve_\id:
	.cfi_startproc
	endbr64
	mov	$symbol, %r11d
	jmp	go_through_resolve
	.cfi_endproc

	.section .data.slots, "aw", @progbits
	.quad	.Lresolve_\id
	.set	symbol, symbol + 1
.endm

/*
 * A function of a clock id. The ordinary clocks are as fast as the vDSO is, and leave no note: they do not block. The
 * others are a system call in the vDSO too (CPU time, negative ids): here it is made by libc's syscall(), a site.
 */
.macro export_clock name:req, nr:req
	.section .text.symbols, "ax", @progbits
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	cmp	$CLOCK_THREAD_CPUTIME_ID, %edi
	je	.Lcpu_\name
	test	%edi, %edi
	js	.Lcpu_\name
	jmp	*symbol_slots + 8 * symbol(%rip)
.Lcpu_\name:
	movb	$1, cpu_time_kept(%rip)
	mov	%rsi, %rdx
	movslq	%edi, %rsi
	mov	$\nr, %edi
	xor	%eax, %eax
	jmp	syscall@PLT
	.cfi_endproc
	.size	\name, . - \name
	slot	\name
.endm

.macro export_version name:req, tag:req, at:req, version:req, arms:req
	export	\name\()_\tag, \arms
	.symver	\name\()_\tag, \name\at\version, remove
.endm

/* r11d = symbol. Call \function with it in front of the call's own second argument; go on where it says. */
.macro go_through function:req
	.text
	.type	go_through_\function, @function
	.p2align 4
go_through_\function:
	.cfi_startproc
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	sub	$128, %rsp
	and	$-16, %rsp
	movups	%xmm0, 0x00(%rsp)
	movups	%xmm1, 0x10(%rsp)
	movups	%xmm2, 0x20(%rsp)
	movups	%xmm3, 0x30(%rsp)
	movups	%xmm4, 0x40(%rsp)
	movups	%xmm5, 0x50(%rsp)
	movups	%xmm6, 0x60(%rsp)
	movups	%xmm7, 0x70(%rsp)
	mov	%r11d, %edi
	call	symbol_\function
	mov	%rax, %r11
	movups	0x00(%rsp), %xmm0
	movups	0x10(%rsp), %xmm1
	movups	0x20(%rsp), %xmm2
	movups	0x30(%rsp), %xmm3
	movups	0x40(%rsp), %xmm4
	movups	0x50(%rsp), %xmm5
	movups	0x60(%rsp), %xmm6
	movups	0x70(%rsp), %xmm7
	lea	-64(%rbp), %rsp
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	pop	%rbp
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	jmp	*%r11
	.cfi_endproc
	.size	go_through_\function, . - go_through_\function
.endm

	go_through resolve
	go_through arm

/* A mutex whose kind says that it is shared is about to be locked; r11 = the slot of libc's function. A normal one holds
 * no tid that anybody looks at; the others are the runtime's to see first. */
	.section .text.symbols, "ax", @progbits
	.type	ask_before_lock, @function
	.p2align 4
ask_before_lock:
	.cfi_startproc
	testb	$MUTEX_OWNED, MUTEX_KIND(%rdi)
	jz	2f
	push	%r11
	.cfi_adjust_cfa_offset 8
1:	mov	$GREEN_CALL_LOCK, %eax
	lea	3f(%rip), %rcx
	jmp	green_entry
3:	cmp	$-EINTR, %rax
	je	1b
	pop	%r11
	.cfi_adjust_cfa_offset -8
2:	jmp	*(%r11)
	.cfi_endproc
	.size	ask_before_lock, . - ask_before_lock

	.section .data.slots, "aw", @progbits
	.globl	symbol_slots
	.hidden	symbol_slots
	.type	symbol_slots, @object
	.p2align 3
symbol_slots:

#define SYMBOL(name, group, arms) export name, arms;
#define VERSION(name, tag, at, version, group, arms) export_version name, tag, at, version, arms;
#define CLOCK(name) export_clock name, SYS_##name;
#include "shim/symbols.def"

	.section .data.slots, "aw", @progbits
	.size	symbol_slots, . - symbol_slots

	.section .text.symbols, "ax", @progbits
	.globl	symbols_end
	.hidden	symbols_end
symbols_end:

	.section .note.GNU-stack, "", @progbits
