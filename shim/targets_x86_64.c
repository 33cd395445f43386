/*
 * Where anything may jump to.
 *
 * A patch destroys the bytes inside its window, so nothing may ever jump there. Ways into the middle of compiled code,
 * and how each is known:
 *   - falling through, short branches: functions that hold a syscall are decoded from their first byte. No compiler
 *     makes a short branch into the middle of another function; hand-written code may where it is one function with
 *     several FDEs, which then are not aligned: such neighbours within reach are decoded too (decode_x86_64.c);
 *   - direct branches from anywhere: every byte that could be the opcode of a rel32 branch is taken for one. That gives
 *     more targets than there are, never fewer, and costs a hundredth of decoding everything;
 *   - jump tables and addresses taken: position-independent code reaches both by `lea x(%rip)`. Every byte sequence
 *     that could be one counts, and what it points to is read as a table of 32-bit offsets as long as these lead into
 *     the text; pointers in the writable segments count too;
 *   - landing pads of the exception tables (elf.c);
 *   - calls coming back: no call lies in a window.
 *
 * A function's first byte is a target, whoever calls it. What is a target begins a window, or lies in none.
 */
#include <emmintrin.h>
#include <string.h>

#include "shim/scan_x86_64.h"

void target_add(void *arg, uintptr_t addr)
{
	struct scan *s = arg;
	uintptr_t off = addr - s->img->lo;

	if (off < s->img->hi - s->img->lo)
		s->target[off / 8] |= (uint8_t)(1u << off % 8);
}

static int32_t load32(uintptr_t p)
{
	int32_t v;

	memcpy(&v, (const void *)p, sizeof(v));
	return v;
}

/* The operand of some `lea x(%rip)`: an address in the text, or a table of offsets into it. */
static void lea_target(struct scan *s, uintptr_t addr)
{
	const struct image *img = s->img;

	target_add(s, addr);
	if (addr & 3)
		return;
	for (size_t i = 0; i < img->n_seg; i++) {
		if (img->seg[i].writable || addr < img->seg[i].lo || addr >= img->seg[i].hi)
			continue;
		for (uintptr_t p = addr; p + 4 <= img->seg[i].hi; p += 4) {
			uintptr_t to = addr + (uintptr_t)(intptr_t)load32(p);

			if (to < img->lo || to >= img->hi)
				break;
			target_add(s, to);
		}
	}
}

/* Something that could be a rel32 branch or a lea, or the byte pair 0f 05. */
static bool scan_pair(struct scan *s, const uint8_t *p)
{
	uintptr_t at = (uintptr_t)p;
	size_t left = s->img->hi - at;

	if (p[0] == 0x0f && p[1] == 0x05) {
		if (!scan_grow((void **)&s->hit, s->n_hit, &s->cap_hit, sizeof(*s->hit)))
			return false;
		s->hit[s->n_hit++] = at;
	} else if (left >= 5 && (p[0] & 0xfe) == 0xe8) { /* call, jmp */
		target_add(s, at + 5 + (uintptr_t)(intptr_t)load32(at + 1));
	} else if (left >= 6 && p[0] == 0x8d && (p[1] & 0xc7) == 0x05) {
		lea_target(s, at + 6 + (uintptr_t)(intptr_t)load32(at + 2));
	} else if (left >= 6 && ((p[0] == 0x0f && (p[1] & 0xf0) == 0x80) || (p[0] == 0xc7 && p[1] == 0xf8))) {
		target_add(s, at + 6 + (uintptr_t)(intptr_t)load32(at + 2)); /* jcc, xbegin */
	}
	return true;
}

static __m128i both(__m128i v, int v_is, __m128i w, int w_mask, int w_is)
{
	__m128i masked = _mm_and_si128(w, _mm_set1_epi8((char)w_mask));

	return _mm_and_si128(
	    _mm_cmpeq_epi8(v, _mm_set1_epi8((char)v_is)), _mm_cmpeq_epi8(masked, _mm_set1_epi8((char)w_is)));
}

/* Which of sixteen bytes begin what scan_pair() looks for. */
static unsigned pairs_at(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)p);
	__m128i w = _mm_loadu_si128((const __m128i *)(p + 1));
	__m128i hit = _mm_cmpeq_epi8(_mm_and_si128(v, _mm_set1_epi8((char)0xfe)), _mm_set1_epi8((char)0xe8));

	hit = _mm_or_si128(hit, both(v, 0x0f, w, 0xf0, 0x80));
	hit = _mm_or_si128(hit, both(v, 0x0f, w, 0xff, 0x05));
	hit = _mm_or_si128(hit, both(v, 0x8d, w, 0xc7, 0x05));
	hit = _mm_or_si128(hit, both(v, 0xc7, w, 0xff, 0xf8));
	return (unsigned)_mm_movemask_epi8(hit);
}

/* All text, at every alignment; sixteen bytes at a time, since this is a quarter of the work. */
bool targets_in_text(struct scan *s)
{
	const uint8_t *p = (const uint8_t *)s->img->lo;
	const uint8_t *end = (const uint8_t *)s->img->hi;

	for (; p + 17 <= end; p += 16)
		for (unsigned mask = pairs_at(p); mask; mask &= mask - 1)
			if (!scan_pair(s, p + __builtin_ctz(mask)))
				return false;
	for (; p + SYSCALL_LEN <= end; p++)
		if (!scan_pair(s, p))
			return false;
	return true;
}

/* Code pointers in relocated data: dispatch tables, ifunc results, callbacks. */
void targets_in_data(struct scan *s)
{
	for (size_t i = 0; i < s->img->n_seg; i++) {
		const struct segment *seg = &s->img->seg[i];

		if (!seg->writable)
			continue;
		for (uintptr_t p = (seg->lo + 7) & ~7ul; p + 8 <= seg->hi; p += 8)
			target_add(s, *(const uintptr_t *)p);
	}
}
