/* The site door: the `syscall` instructions of libc.so.6 and ld.so, found and patched to lead to an entry of ours. */
#ifndef GREEN_SITES_H
#define GREEN_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How a site is patched: a `jmp rel32` at `start` leads to a stub.
 *
 *   FORM_NUMBER  `mov $nr,%eax; syscall`: the jump replaces the mov, nothing else changes.
 *   FORM_BEFORE  the jump replaces instructions before the syscall, which the stub executes first.
 *   FORM_AFTER   the jump replaces the syscall and instructions after it, which the stub executes last.
 *
 * With the first two the way back leads into libc, right behind the syscall, where libc's own unwind tables are true:
 * a thread cancelled in a blocking call unwinds from there. Where the bytes before the syscall suffice the instruction
 * itself stays, and a call that a signal handler interrupted before the patch is restarted natively. FORM_AFTER has
 * neither virtue and is taken where nothing else fits.
 */
enum site_form { FORM_NONE, FORM_NUMBER, FORM_BEFORE, FORM_AFTER };

#define SITE_BYTES_MAX 32

struct site {
	uintptr_t start; /* the first patched byte */
	uintptr_t insn;  /* the syscall instruction; insn + 2 is the kernel's return address */
	uintptr_t again; /* jumping there with the registers of the call issues it again; 0 unless patched */
	/* Where the stub's way back leads: insn + 2, or into the stub (FORM_AFTER); 0 unless patched. */
	uintptr_t resume;
	uint32_t moves; /* index of the first instruction that the stub executes for libc */
	uint16_t stub;  /* size of the stub */
	int16_t nr;     /* the call's number where it is known without running, else -1 */
	uint8_t n_moves;
	uint8_t len;   /* bytes from start that the patch may change */
	uint8_t form;  /* enum site_form */
	bool restorer; /* __restore_rt: the way back from every signal handler */
	uint8_t saved[SITE_BYTES_MAX];
};

struct move;

/* The executable segment of one library, and its stubs. */
struct text {
	uintptr_t lo, hi;
	uintptr_t stubs;
	size_t stubs_size;
};

struct sites {
	struct site *v; /* by address */
	size_t n;
	const struct site **by_resume; /* the patched ones, by `resume` */
	size_t n_patched;
	struct move *moves;
	struct text text[2]; /* libc.so.6, ld.so */
	const char *error;   /* why the last function failed: static text */
};

/*
 * Decode libc.so.6 and ld.so of this process and plan a patch for every syscall instruction. Nothing is changed.
 * 0 or -errno; sites_free in either case. Needs libc, keeps errno.
 */
int sites_find(struct sites *s);

/*
 * Make stubs and patch what is wanted; each site may be asked for more than once. On entry to `entry` rax = the number,
 * rcx = resume, everything else is as at the syscall. The process must have one kernel thread, and it must not come
 * from a signal handler that interrupted libc. A wanted site without a form is an error. On failure nothing is changed.
 * 0 or -errno, with s->error; keeps errno.
 */
int sites_patch(struct sites *s, bool (*wanted)(const struct site *), void *entry);

/* Put the old bytes back. No thread may be in a stub or on its way to one. */
void sites_unpatch(struct sites *s);

/* Forget a result that is not patched. */
void sites_free(struct sites *s);

/* On a green thread's stack and in signal handlers too. NULL if there is none. */
const struct site *site_by_resume(const struct sites *s, uintptr_t resume);
const struct site *site_by_after(const struct sites *s, uintptr_t after); /* after == insn + 2; patched or not */

#endif
