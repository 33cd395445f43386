/* Planning how a syscall instruction is patched: which bytes the jump to its stub replaces. */
#include <string.h>
#include <sys/syscall.h>

#include "shim/scan_x86_64.h"
#include "shim/sites.h"

#define JMP_LEN 5
#define MOVES_MAX 8

/* The constant in `reg` where instruction `at` begins, if straight-line code before it says so; else -1. */
static int constant_before(const struct scan *s, const struct found *f)
{
	ZydisRegister reg = ZYDIS_REGISTER_RAX;

	for (size_t i = f->at; i > f->first; i--) {
		const struct move *m = &s->insn[i - 1];
		ZydisDecodedInstruction in;
		ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
		bool written = false;

		if (is_target(s, s->insn[i].addr) || move_ends(m) || m->kind >= INSN_SYSCALL)
			return -1;
		if (!ZYAN_SUCCESS(s->z.decode_full(&s->z.full, (const void *)m->addr, m->len, &in, op)))
			return -1;
		for (size_t k = 0; k < in.operand_count; k++)
			if (op[k].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			    op[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE &&
			    s->z.enclosing(ZYDIS_MACHINE_MODE_LONG_64, op[k].reg.value) == reg)
				written = true;
		if (!written)
			continue;
		if (op[0].size < 32)
			return -1;
		if (in.mnemonic == ZYDIS_MNEMONIC_XOR && op[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    op[0].reg.value == op[1].reg.value)
			return 0;
		if (in.mnemonic != ZYDIS_MNEMONIC_MOV)
			return -1;
		if (op[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return op[1].imm.value.u <= INT16_MAX ? (int)op[1].imm.value.u : -1;
		if (op[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
			return -1;
		reg = s->z.enclosing(ZYDIS_MACHINE_MODE_LONG_64, op[1].reg.value);
	}
	return -1;
}

static bool moves_before(const struct move *m)
{
	return m->kind <= INSN_JCC;
}

static bool moves_after(const struct move *m)
{
	return m->kind <= INSN_END;
}

/* FORM_BEFORE: as few instructions as make room for the jump. If a target or a call stands in the way the jump may
 * reach into the syscall instruction itself. */
static bool plan_before(const struct scan *s, const struct found *f, uintptr_t floor, struct site *site)
{
	size_t size = 0;
	size_t i = f->at;

	while (size < JMP_LEN && i > f->first && f->at - i < MOVES_MAX) {
		const struct move *m = &s->insn[i - 1];

		if (is_target(s, s->insn[i].addr) || m->addr < floor || !moves_before(m))
			break;
		size += m->len;
		i--;
	}
	if (size + SYSCALL_LEN < JMP_LEN)
		return false;
	site->form = FORM_BEFORE;
	site->start = s->insn[i].addr;
	site->len = (uint8_t)(size < JMP_LEN ? size + SYSCALL_LEN : size);
	site->moves = (uint32_t)i;
	site->n_moves = (uint8_t)(f->at - i);
	return true;
}

/* FORM_AFTER. Behind an instruction that ends the flow padding may be overwritten, nothing else. */
static bool plan_after(const struct scan *s, const struct found *f, struct site *site)
{
	size_t size = SYSCALL_LEN;
	size_t n = 0;
	bool ended = false;

	for (size_t i = f->at + 1; size < JMP_LEN; i++) {
		const struct move *m = &s->insn[i];

		if (i == f->last || is_target(s, m->addr) || !moves_after(m) || (ended && m->kind != INSN_NOP))
			return false;
		size += m->len;
		n += !ended;
		ended |= move_ends(m);
	}
	site->form = FORM_AFTER;
	site->start = site->insn;
	site->len = (uint8_t)size;
	site->moves = (uint32_t)f->at + 1;
	site->n_moves = (uint8_t)n;
	return true;
}

void window_plan(const struct scan *s, const struct found *f, uintptr_t floor, struct site *site)
{
	const struct move *m = &s->insn[f->at];

	*site = (struct site){.insn = m->addr, .start = m->addr, .nr = -1};
	if (f->restorer) {
		site->restorer = true;
		site->nr = SYS_rt_sigreturn;
		site->form = FORM_NUMBER;
		site->start = m->addr - RESTORER_MOV_LEN;
		site->len = RESTORER_MOV_LEN;
		return;
	}
	site->nr = (int16_t)constant_before(s, f);
	if (f->at > f->first && m[-1].kind == INSN_NUMBER && site->nr >= 0 && m[-1].addr >= floor) {
		site->form = FORM_NUMBER;
		site->start = m[-1].addr;
		site->len = JMP_LEN;
		return;
	}
	if (!plan_before(s, f, floor, site) && !plan_after(s, f, site))
		site->form = FORM_NONE;
}
