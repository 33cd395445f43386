/* Inside the site door: a loaded library as the decoder sees it, and an instruction that a stub takes over. */
#ifndef GREEN_IMAGE_H
#define GREEN_IMAGE_H

#include "runtime/base.h"

#define IMAGE_SEGMENTS 12

struct segment {
	uintptr_t lo, hi; /* what the file holds: no bss */
	bool writable;
};

/* One row of .eh_frame_hdr's search table: sorted by start. */
struct function {
	uintptr_t start;
	uintptr_t fde;
};

struct image {
	uintptr_t base;
	uintptr_t lo, hi; /* the executable segment */
	struct segment seg[IMAGE_SEGMENTS];
	size_t n_seg;
	struct function *fn; /* those in the executable segment */
	size_t n_fn;
};

/* What an FDE says of its function. */
struct frame {
	uintptr_t end;  /* where the FDE ends: glibc's clone.S ends it before the syscall */
	uintptr_t lsda; /* exception table, 0 if there is none */
	uintptr_t pads; /* what its landing pads are relative to */
	bool signal;    /* augmentation 'S': a signal trampoline, whose FDE starts a byte early */
};

enum { IMAGE_LIBC, IMAGE_LDSO, IMAGES };

/* libc.so.6 and ld.so of this process. 0, or -errno and *why. */
int images_find(struct image img[IMAGES], const char **why);
void images_free(struct image img[IMAGES]);

/* Read a function's FDE. false where it is written in a way that no linker on x86-64 uses. */
bool frame_read(const struct function *fn, struct frame *f);

/* Call back with every landing pad of the function's exception table; false where it cannot be read. */
bool frame_pads(const struct frame *f, void (*pad)(void *arg, uintptr_t addr), void *arg);

/* Can an instruction run at another address, and how? */
enum insn_kind {
	INSN_PLAIN,   /* as it is */
	INSN_NUMBER,  /* plain: mov $imm32,%eax, five bytes */
	INSN_NOP,     /* plain, and nothing is lost without it */
	INSN_RIP,     /* with its RIP-relative displacement corrected */
	INSN_JCC,     /* a conditional branch, as its rel32 form */
	INSN_JMP,     /* likewise; nothing falls through */
	INSN_END,     /* ret, jmp *%rax, hlt ...: as it is; nothing falls through */
	INSN_SYSCALL, /* no */
	INSN_FIXED    /* no: calls, loops, what has no longer form; execution may go on behind it or not */
};

struct move {
	uintptr_t addr;
	uint8_t len;
	uint8_t kind; /* enum insn_kind */
	uint8_t disp; /* INSN_RIP: offset of the displacement */
};

/* Size of the instruction in a stub. */
static inline size_t move_size(const struct move *m)
{
	return m->kind == INSN_JCC ? 6 : m->kind == INSN_JMP ? 5 : m->len;
}

static inline bool move_ends(const struct move *m)
{
	return m->kind == INSN_JMP || m->kind == INSN_END;
}

/* Where the direct branch m leads. */
static inline uintptr_t move_target(const struct move *m)
{
	const uint8_t *end = (const uint8_t *)m->addr + m->len;
	int32_t rel;

	if (m->len < 5) /* rel8, with a prefix perhaps */
		return m->addr + m->len + (uintptr_t)(intptr_t)(int8_t)end[-1];
	__builtin_memcpy(&rel, end - 4, 4);
	return m->addr + m->len + (uintptr_t)(intptr_t)rel;
}

/* Stubs of the processor (stub_x86_64.c). */
struct site;
size_t stub_size(const struct site *site, const struct move *moves);
/* Write a stub at `at` (to run there) and set the site's again and resume. false if something is out of reach. */
bool stub_write(struct site *site, const struct move *moves, uintptr_t at, uintptr_t entry_word);
/* The site's new bytes, site->len of them. */
bool stub_jump(const struct site *site, uintptr_t stub, uint8_t *bytes);

#endif
