/* Between unwind.c, which walks a stack, and guess.c, which helps where it cannot. */
#ifndef GREEN_TRACE_UNWIND_H
#define GREEN_TRACE_UNWIND_H

#include "tools/trace/image.h"

enum { WALK_REGISTERS = 17 };

struct walk {
	struct process *process;
	const struct snapshot *snapshot;
	uint64_t registers[WALK_REGISTERS]; /* by libunwind's numbers */
	uint32_t known;                     /* bits: which of them */
	const struct image *image;          /* of the frame that is looked at; NULL: not known */
	uint64_t bias;
	const uint8_t *window; /* of that one, what is there for words from these addresses on */
	uint64_t window_start, window_size;
};

struct position {
	uint64_t pc, sp;
};

/* What is known of a caller at the return from its call. In: bp and bp_known, of the one that it called. */
struct caller {
	uint64_t pc, sp, bp;
	bool bp_known;
};

bool stack_word(const struct snapshot *s, uint64_t address, uint64_t *word);

/* guess.c. false: it cannot be known. */
bool guess_caller(const struct walk *w, const struct position *at, bool exact, struct caller *c);

#endif
