/*
 * Who called, where call frame information does not say: by the chain of frame pointers, or by a word of the stack that
 * must be the return address: right behind a call of the very function, or of a pointer or stub if it ends a frame in a
 * chain of them. Else the stack ends here.
 */
#include "tools/trace/unwind.h"

#include <string.h>

enum { CHAIN_MOST = 64, SCAN_WORDS = 256, STUB_BYTES = 256 };

/* The indirect calls, from the left: how long, and what their first two bytes are. */
static const struct indirect {
	uint8_t length, mask, modrm; /* behind 0xff */
} calls[] = {
    {2, 0xf8, 0xd0},                                                    /* *reg */
    {2, 0xf8, 0x10}, {3, 0xff, 0x14},                                   /* *(reg), *(sib) */
    {3, 0xf8, 0x50}, {4, 0xff, 0x54},                                   /* with 8 bits */
    {6, 0xf8, 0x90}, {7, 0xff, 0x94}, {6, 0xff, 0x15}, {7, 0xff, 0x14}, /* with 32 bits */
};

/* What kind of word this is, as a return address. */
enum kind { KIND_NO_CODE, KIND_NO_CALL, KIND_INDIRECT, KIND_DIRECT };

static bool behind_indirect(const uint8_t before[7])
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		const uint8_t *p = before + 7 - calls[i].length;

		if (p[0] == 0xff && (p[1] & calls[i].mask) == calls[i].modrm)
			return true;
	}
	return false;
}

static enum kind kind_of(const struct walk *w, uint64_t pc, uint64_t *target)
{
	const struct module *m = process_module(w->process, pc);
	uint64_t bias;
	int32_t distance;

	if (!m || !module_bias(m, &bias))
		return KIND_NO_CODE;
	const uint8_t *before = image_at(m->image, pc - bias - 7, 7);
	if (!before)
		return KIND_NO_CODE;
	if (before[2] == 0xe8) {
		memcpy(&distance, before + 3, sizeof(distance));
		*target = pc + (uint64_t)(int64_t)distance;
		return KIND_DIRECT;
	}
	return behind_indirect(before) ? KIND_INDIRECT : KIND_NO_CALL;
}

/* Where the function begins, by its call frame information. */
static bool function_at(const struct walk *w, uint64_t pc, uint64_t *start)
{
	const struct module *m = process_module(w->process, pc);
	uint64_t bias;
	struct cfi cfi;

	if (!m || !module_bias(m, &bias) || !cfi_find(m->image, pc - bias, &cfi))
		return false;
	*start = bias + cfi.start;
	return true;
}

/* Generated code lies in no file: its return addresses prove themselves by where the chain leads. */
static bool leads_to_code(const struct walk *w, uint64_t bp)
{
	uint64_t next, pc, target;

	for (int i = 0; i < CHAIN_MOST; i++) {
		if (bp % 8 || !stack_word(w->snapshot, bp, &next) || !stack_word(w->snapshot, bp + 8, &pc))
			return false;
		if (process_module(w->process, pc))
			return kind_of(w, pc, &target) >= KIND_INDIRECT;
		if (next <= bp)
			return false;
		bp = next;
	}
	return false;
}

static bool by_frame_pointer(const struct walk *w, const struct position *at, struct caller *c)
{
	uint64_t bp = c->bp;

	if (!c->bp_known || bp < at->sp || !leads_to_code(w, bp))
		return false;
	stack_word(w->snapshot, bp, &c->bp);
	stack_word(w->snapshot, bp + 8, &c->pc);
	c->sp = bp + 16;
	return true;
}

/* glibc's clone ends its frame information before the system call: nothing was pushed yet. */
static bool by_top_of_stack(const struct walk *w, const struct position *at, struct caller *c)
{
	uint64_t pc, target;

	if (!stack_word(w->snapshot, at->sp, &pc) || kind_of(w, pc, &target) != KIND_DIRECT || target > at->pc ||
	    at->pc - target >= STUB_BYTES || process_module(w->process, target) != process_module(w->process, at->pc))
		return false;
	c->pc = pc;
	c->sp = at->sp + 8;
	return true;
}

/* `sure`: a call of that very function; else one by a pointer or through a stub, which may be one. */
static bool calls_it(const struct walk *w, uint64_t pc, uint64_t function, bool sure)
{
	uint64_t target, start;
	enum kind kind = kind_of(w, pc, &target);

	if (sure)
		return kind == KIND_DIRECT && target == function;
	return kind == KIND_INDIRECT || (kind == KIND_DIRECT && (!function_at(w, target, &start) || start != target));
}

/* The function has pushed rbp, we do not know its value: its frame ends where it was called from. */
static bool by_search(const struct walk *w, const struct position *at, uint64_t function, bool sure, struct caller *c)
{
	uint64_t bp, pc, a = at->sp;

	for (size_t i = 0; i < SCAN_WORDS; i++, a += 8) {
		if (!stack_word(w->snapshot, a, &bp) || !stack_word(w->snapshot, a + 8, &pc))
			return false;
		if (!calls_it(w, pc, function, sure))
			continue;
		if (!sure && (bp < a + 16 || !leads_to_code(w, bp)))
			return false;
		*c = (struct caller){.pc = pc, .sp = a + 16, .bp = bp, .bp_known = true};
		return true;
	}
	return false;
}

bool guess_caller(const struct walk *w, const struct position *at, bool exact, struct caller *c)
{
	uint64_t function;

	if (!function_at(w, at->pc - !exact, &function))
		return (exact && by_top_of_stack(w, at, c)) || by_frame_pointer(w, at, c);
	/* With all that it asks for, it would have been right: the stack ends here, or is damaged. */
	return !c->bp_known && (by_search(w, at, function, true, c) || by_search(w, at, function, false, c));
}
