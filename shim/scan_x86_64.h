/* Inside the decoder: what is known of one library while it is decoded. */
#ifndef GREEN_SCAN_X86_64_H
#define GREEN_SCAN_X86_64_H

#include <Zydis/Zydis.h>
#include <stdlib.h>

#include "shim/image.h"

#define SYSCALL_LEN 2
#define RESTORER_MOV_LEN 7 /* mov $15,%rax */

struct site;

struct zydis {
	void *handle;
	ZyanU64 (*version)(void);
	ZyanStatus (*init)(ZydisDecoder *, ZydisMachineMode, ZydisStackWidth);
	ZyanStatus (*enable)(ZydisDecoder *, ZydisDecoderMode, ZyanBool);
	ZyanStatus (*decode)(
	    const ZydisDecoder *, ZydisDecoderContext *, const void *, ZyanUSize, ZydisDecodedInstruction *);
	ZyanStatus (*decode_full)(
	    const ZydisDecoder *, const void *, ZyanUSize, ZydisDecodedInstruction *, ZydisDecodedOperand *);
	ZydisRegister (*enclosing)(ZydisMachineMode, ZydisRegister);
	ZydisDecoder quick, full;
};

/* A syscall instruction among the decoded ones. */
struct found {
	size_t first, at, last; /* indices: its function's first, itself, behind its function's last */
	bool restorer;
};

struct scan {
	struct zydis z;
	const struct image *img;
	uint8_t *target; /* a bit per byte of text: something may jump there */
	struct move *insn;
	size_t n_insn, cap_insn;
	uintptr_t *hit; /* the byte pairs 0f 05 */
	size_t n_hit, cap_hit;
	struct found *found;
	size_t n_found, cap_found;
	const char *why;
};

static inline bool scan_grow(void **v, size_t n, size_t *cap, size_t size)
{
	void *p;

	if (n < *cap)
		return true;
	*cap = *cap ? 2 * *cap : 1024;
	p = realloc(*v, *cap * size);
	if (p)
		*v = p;
	return p != NULL;
}

static inline bool is_target(const struct scan *s, uintptr_t addr)
{
	uintptr_t off = addr - s->img->lo;

	return s->target[off / 8] & (1u << off % 8);
}

/* arg: struct scan */
void target_add(void *arg, uintptr_t addr);
/* Targets of everything in the text that could be a rel32 branch or a lea; notes the byte pairs 0f 05 by the way. */
bool targets_in_text(struct scan *s);
void targets_in_data(struct scan *s);

/* Choose the site's form. floor: where the window before this one ends. */
void window_plan(const struct scan *s, const struct found *f, uintptr_t floor, struct site *site);

#endif
