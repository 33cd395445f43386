/*
 * Writing stubs. On entry to the entry: rax = number, rcx = the way back, everything else as at the syscall.
 *
 *   FORM_NUMBER                   FORM_BEFORE                   FORM_AFTER
 *   mov  $nr, %eax                moved instructions
 *   again: lea resume(%rip),%rcx  again: lea resume(%rip),%rcx  lea  resume(%rip), %rcx
 *   jmp  *entry(%rip)             jmp  *entry(%rip)             jmp  *entry(%rip)
 *                                                               resume: moved instructions
 *                                                               jmp  back
 *
 * The moved instructions leave rax and the arguments as the syscall expects them. They may use rcx: the syscall
 * destroys it.
 */
#include <string.h>

#include "shim/image.h"
#include "shim/sites.h"

#define MOV_LEN 5
#define LEA_LEN 7
#define JMP_MEM_LEN 6
#define JMP_LEN 5

struct writer {
	uint8_t *p;
	bool ok; /* everything was in reach */
};

static void put(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->p, bytes, n);
	w->p += n;
}

/* A 32-bit displacement, the last of its instruction. */
static void put_rel(struct writer *w, uintptr_t to)
{
	intptr_t rel = (intptr_t)(to - ((uintptr_t)w->p + 4));
	int32_t rel32 = (int32_t)rel;

	w->ok &= rel == rel32;
	put(w, &rel32, 4);
}

static void put_jmp(struct writer *w, uintptr_t to)
{
	put(w, "\xe9", 1);
	put_rel(w, to);
}

static void put_move(struct writer *w, const struct move *m)
{
	const uint8_t *code = (const uint8_t *)m->addr;
	int32_t disp;
	intptr_t moved;
	uint8_t cc;

	switch ((enum insn_kind)m->kind) {
	case INSN_JCC: /* 7x rel8 or 0f 8x rel32, the condition in the same bits */
		cc = 0x80 | ((m->len < 5 ? code[m->len - 2] : code[m->len - 5]) & 0x0f);
		put(w, "\x0f", 1);
		put(w, &cc, 1);
		put_rel(w, move_target(m));
		return;
	case INSN_JMP:
		put_jmp(w, move_target(m));
		return;
	case INSN_RIP:
		memcpy(&disp, code + m->disp, 4);
		moved = (intptr_t)disp + (intptr_t)(m->addr - (uintptr_t)w->p);
		disp = (int32_t)moved;
		w->ok &= disp == moved;
		memcpy(w->p, code, m->len);
		memcpy(w->p + m->disp, &disp, 4);
		w->p += m->len;
		return;
	default:
		put(w, code, m->len);
	}
}

static const struct move *last_move(const struct site *site, const struct move *moves)
{
	return site->n_moves ? &moves[site->moves + site->n_moves - 1] : NULL;
}

size_t stub_size(const struct site *site, const struct move *moves)
{
	size_t size = LEA_LEN + JMP_MEM_LEN;

	for (size_t i = 0; i < site->n_moves; i++)
		size += move_size(&moves[site->moves + i]);
	if (site->form == FORM_NUMBER)
		size += MOV_LEN;
	else if (site->form == FORM_AFTER && !move_ends(last_move(site, moves)))
		size += JMP_LEN;
	return size;
}

bool stub_write(struct site *site, const struct move *moves, uintptr_t at, uintptr_t entry_word)
{
	struct writer w = {(uint8_t *)at, true};
	int32_t nr = site->nr;

	site->again = site->start;
	site->resume = site->insn + 2;
	if (site->form == FORM_NUMBER) {
		put(&w, "\xb8", 1);
		put(&w, &nr, 4);
		site->again = (uintptr_t)w.p; /* with the number that a signal handler may have put there */
	} else if (site->form == FORM_BEFORE) {
		for (size_t i = 0; i < site->n_moves; i++)
			put_move(&w, &moves[site->moves + i]);
		site->again = (uintptr_t)w.p;
	} else {
		site->resume = (uintptr_t)w.p + LEA_LEN + JMP_MEM_LEN;
	}
	put(&w, "\x48\x8d\x0d", 3); /* lea x(%rip), %rcx */
	put_rel(&w, site->resume);
	put(&w, "\xff\x25", 2); /* jmp *x(%rip) */
	put_rel(&w, entry_word);
	if (site->form == FORM_AFTER) {
		for (size_t i = 0; i < site->n_moves; i++)
			put_move(&w, &moves[site->moves + i]);
		if (!move_ends(last_move(site, moves)))
			put_jmp(&w, site->start + site->len);
	}
	return w.ok;
}

bool stub_jump(const struct site *site, uintptr_t stub, uint8_t *bytes)
{
	intptr_t rel = (intptr_t)(stub - (site->start + JMP_LEN));
	int32_t rel32 = (int32_t)rel;

	memset(bytes, 0x90, site->len);
	bytes[0] = 0xe9;
	memcpy(bytes + 1, &rel32, 4);
	return rel == rel32;
}
