/*
 * A snapshot of a stack -> addresses. libunwind walks it by the call frame information of the mapped files; where there
 * is none (generated code, code without tables) or registers are missing, guess.c finds the caller, if it can be known.
 */
#include "tools/trace/unwind.h"

#include <libunwind.h>
#include <string.h>

#include "tools/green.h"

/* Exported by libunwind, in no header. */
#define search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_unwind_table(unw_addr_space_t, unw_word_t, unw_dyn_info_t *, unw_proc_info_t *, int, void *);

/* libunwind guesses by itself after UNW_ENOINFO, worse than we do. */
enum { NOT_KNOWN = -UNW_EUNSPEC };

/*
 * libunwind is given a search table with one entry, the one that cfi.c has found: at an address that no program has. It
 * covers all addresses from segbase - 2 GB on; its frame information is at segbase + 0.
 */
#define TABLE_AT 0xfffffffffffff000ULL
static const struct {
	int32_t start, fde;
} table = {INT32_MIN, 0};

bool stack_word(const struct snapshot *s, uint64_t address, uint64_t *word)
{
	if (address < s->sp || s->bytes < sizeof(*word) || address - s->sp > s->bytes - sizeof(*word))
		return false;
	memcpy(word, s->memory + (address - s->sp), sizeof(*word));
	return true;
}

/* libunwind reads a word for each byte of frame information that it looks at: that is made short. */
static void open_window(struct walk *w)
{
	const struct image *image = w->image;
	const struct extent *e = image->eh_frame_hdr.size ? &image->eh_frame_hdr : &image->eh_frame;
	const struct segment *s = image_segment(image, e->vaddr);

	if (!s || s->size < sizeof(uint64_t))
		return;
	w->window = image->bytes + s->offset;
	w->window_start = w->bias + s->vaddr;
	w->window_size = s->size - sizeof(uint64_t) + 1;
}

/* The file that what follows is about. */
static void turn_to(struct walk *w, uint64_t pc)
{
	const struct module *m = process_module(w->process, pc);

	w->window_size = 0;
	w->image = m && module_bias(m, &w->bias) ? m->image : NULL;
	if (w->image)
		open_window(w);
}

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *info, int need, void *arg)
{
	struct walk *w = arg;
	struct cfi cfi;

	if (!w->image || !cfi_find(w->image, ip - w->bias, &cfi))
		return NOT_KNOWN;
	unw_dyn_info_t di = {
	    .start_ip = w->bias + cfi.start, .end_ip = w->bias + cfi.end, .format = UNW_INFO_FORMAT_REMOTE_TABLE};
	di.u.rti.segbase = w->bias + cfi.fde;
	di.u.rti.table_data = TABLE_AT;
	di.u.rti.table_len = 1;
	return search_unwind_table(as, ip, &di, info, need, arg) == 0 ? 0 : NOT_KNOWN;
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *info, void *arg)
{
	(void)as, (void)info, (void)arg;
}

static int no_list(unw_addr_space_t as, unw_word_t *address, void *arg)
{
	(void)as, (void)address, (void)arg;
	return -UNW_ENOINFO;
}

/* Of the program's memory we have its stack, and what its files have. */
static int access_mem(unw_addr_space_t as, unw_word_t address, unw_word_t *word, int write, void *arg)
{
	const struct walk *w = arg;

	(void)as;
	if (write)
		return -UNW_EINVAL;
	if (stack_word(w->snapshot, address, word))
		return 0;
	if (address - w->window_start < w->window_size) {
		memcpy(word, w->window + (address - w->window_start), sizeof(*word));
		return 0;
	}
	*word = 0; /* a word at the end of what a file has is not all there */
	if (address == TABLE_AT)
		memcpy(word, &table, sizeof(*word));
	else if (!w->image || !image_copy(w->image, address - w->bias, word, sizeof(*word)))
		return NOT_KNOWN;
	return 0;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *word, int write, void *arg)
{
	const struct walk *w = arg;

	(void)as;
	if (write || reg < 0 || reg >= WALK_REGISTERS || !(w->known >> reg & 1))
		return -UNW_EBADREG;
	*word = w->registers[reg];
	return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
	(void)as, (void)reg, (void)value, (void)write, (void)arg;
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	(void)as, (void)cursor, (void)arg;
	return -UNW_EINVAL;
}

static unw_addr_space_t address_space(void)
{
	static unw_accessors_t accessors = {.find_proc_info = find_proc_info,
	    .put_unwind_info = put_unwind_info,
	    .get_dyn_info_list_addr = no_list,
	    .access_mem = access_mem,
	    .access_reg = access_reg,
	    .access_fpreg = access_fpreg,
	    .resume = resume};
	static unw_addr_space_t as;

	if (!as) {
		as = unw_create_addr_space(&accessors, 0);
		if (!as)
			die(EXIT_OURS, "libunwind: cannot make an address space");
		/* Not locked, where libunwind was built for that: the lock is two system calls for each frame. */
		unw_set_caching_policy(as, UNW_CACHE_PER_THREAD);
	}
	return as;
}

/*
 * What is cached is by address alone, of one process as it is mapped. (And whether or not the address is one to return
 * to: that makes a difference only behind a call that never returns.)
 */
static void forget_others(const struct process *p)
{
	static uint64_t last;

	if (last != process_generation(p))
		unw_flush_cache(address_space(), 0, 0);
	last = process_generation(p);
}

static void set(struct walk *w, int reg, uint64_t value)
{
	w->registers[reg] = value;
	w->known |= 1U << reg;
}

static void set_all(struct walk *w, const struct snapshot *s)
{
	set(w, UNW_X86_64_RIP, s->ip);
	set(w, UNW_X86_64_RSP, s->sp);
	if (s->incomplete)
		return;
	set(w, UNW_X86_64_RBP, s->bp);
	set(w, UNW_X86_64_RBX, s->bx);
	set(w, UNW_X86_64_R12, s->r12);
	set(w, UNW_X86_64_R13, s->r13);
	set(w, UNW_X86_64_R14, s->r14);
	set(w, UNW_X86_64_R15, s->r15);
}

enum step { STEP_FRAME, STEP_END, STEP_LOST };

/* Goes on from a caller that was guessed. libunwind takes the first address for exact: the call itself, then. */
static enum step begin_at(struct walk *w, unw_cursor_t *cursor, const struct caller *c)
{
	w->known = 0;
	set(w, UNW_X86_64_RIP, c->pc - 1);
	set(w, UNW_X86_64_RSP, c->sp);
	if (c->bp_known)
		set(w, UNW_X86_64_RBP, c->bp);
	return unw_init_remote(cursor, address_space(), w) == 0 ? STEP_FRAME : STEP_LOST;
}

static enum step guess(struct walk *w, unw_cursor_t *cursor, struct position *at, bool exact)
{
	struct caller c = {0};

	c.bp_known = unw_get_reg(cursor, UNW_X86_64_RBP, &c.bp) == 0;
	if (!guess_caller(w, at, exact, &c))
		return STEP_LOST;
	*at = (struct position){c.pc, c.sp};
	return begin_at(w, cursor, &c);
}

/* To the caller. `exact`: at->pc is what the thread will execute next, not a return address; of the new one, then. */
static enum step step(struct walk *w, unw_cursor_t *cursor, struct position *at, bool *exact)
{
	uint64_t below = at->sp;

	turn_to(w, at->pc - !*exact);
	int result = unw_step(cursor);

	if (result == 0)
		return STEP_END;
	if (result < 0) {
		enum step guessed = guess(w, cursor, at, *exact);
		*exact = false;
		return guessed;
	}
	*exact = unw_is_signal_frame(cursor) > 0; /* of the frame that it came from */
	if (unw_get_reg(cursor, UNW_REG_IP, &at->pc) || unw_get_reg(cursor, UNW_REG_SP, &at->sp))
		return STEP_LOST;
	if (at->pc == 0)
		return STEP_END;
	return at->sp > below || *exact ? STEP_FRAME : STEP_LOST;
}

static uint64_t word_of(const struct snapshot *s, const struct position *at, bool exact)
{
	uint64_t word;

	if (exact || !stack_word(s, at->sp - sizeof(word), &word) || word != at->pc)
		return UINT64_MAX;
	return at->sp - sizeof(word) - s->sp;
}

size_t unwind(struct process *p, const struct snapshot *s, struct frame *frames, size_t most, bool *whole)
{
	struct walk w = {.process = p, .snapshot = s};
	struct position at = {s->ip, s->sp};
	bool exact = true;
	size_t n = 1;
	unw_cursor_t cursor;

	frames[0] = (struct frame){s->ip, UINT64_MAX};
	*whole = false;
	forget_others(p);
	set_all(&w, s);
	if (unw_init_remote(&cursor, address_space(), &w))
		return n;
	while (n < most) {
		enum step result = step(&w, &cursor, &at, &exact);

		*whole = result == STEP_END;
		if (result != STEP_FRAME)
			break;
		frames[n++] = (struct frame){at.pc, word_of(s, &at, exact)};
	}
	return n;
}
