/* Finding the syscall instructions of libc.so.6 and ld.so. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "shim/scan_x86_64.h"
#include "shim/sites.h"

/* A short branch reaches 127 bytes; windows and an instruction lie between. */
#define NEAR (128 + SITE_BYTES_MAX)

/* mov $15,%rax; syscall. Unwinders know it by its bytes, so glibc has kept them since 2.3. */
static const uint8_t restorer_code[] = {0x48, 0xc7, 0xc0, SYS_rt_sigreturn, 0, 0, 0, 0x0f, 0x05};

static void zydis_close(struct zydis *z)
{
	if (z->handle)
		dlclose(z->handle);
}

static bool zydis_open(struct zydis *z)
{
	int flags = RTLD_NOW | RTLD_LOCAL;
	const struct {
		const char *name;
		void *fn;
	} sym[] = {
	    {"ZydisGetVersion", &z->version},
	    {"ZydisDecoderInit", &z->init},
	    {"ZydisDecoderEnableMode", &z->enable},
	    {"ZydisDecoderDecodeInstruction", &z->decode},
	    {"ZydisDecoderDecodeFull", &z->decode_full},
	    {"ZydisRegisterGetLargestEnclosing", &z->enclosing},
	};

#ifndef GREEN_SANITIZE
	flags |= RTLD_DEEPBIND; /* the program may export another Zydis */
#endif
	z->handle = dlopen("libZydis.so.4.0", flags);
	if (!z->handle)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(sym); i++) {
		void *p = dlsym(z->handle, sym[i].name);

		if (!p)
			return false;
		memcpy(sym[i].fn, &p, sizeof(p));
	}
	return ZYDIS_VERSION_MAJOR(z->version()) == 4 && ZYDIS_VERSION_MINOR(z->version()) == 0 &&
	       ZYAN_SUCCESS(z->init(&z->quick, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(z->init(&z->full, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(z->enable(&z->quick, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE));
}

static enum insn_kind branch_kind(const ZydisDecodedInstruction *in)
{
	if (in->operand_width == 16 || in->address_width != 64)
		return INSN_FIXED;
	if (in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
		if (in->opcode == 0xe9 || in->opcode == 0xeb)
			return INSN_JMP;
		if ((in->opcode & 0xf0) == 0x70)
			return INSN_JCC;
	}
	if (in->opcode_map == ZYDIS_OPCODE_MAP_0F && (in->opcode & 0xf0) == 0x80)
		return INSN_JCC;
	return INSN_FIXED; /* call, loop, jrcxz, xbegin */
}

static enum insn_kind kind_of(const ZydisDecodedInstruction *in, const uint8_t *bytes)
{
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_SYSCALL:
		return INSN_SYSCALL;
	case ZYDIS_MNEMONIC_NOP:
		return in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5 ? INSN_FIXED : INSN_NOP;
	case ZYDIS_MNEMONIC_RET:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_INT3:
		return INSN_END;
	case ZYDIS_MNEMONIC_CALL:
	case ZYDIS_MNEMONIC_SYSENTER:
	case ZYDIS_MNEMONIC_INT:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_ENDBR64: /* an indirect branch may have to find it here */
		return INSN_FIXED;
	case ZYDIS_MNEMONIC_JMP:
		if (in->raw.imm[0].is_relative)
			return branch_kind(in);
		return in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5 ? INSN_FIXED : INSN_END;
	default:
		break;
	}
	if (in->raw.imm[0].is_relative)
		return branch_kind(in);
	if (in->raw.modrm.mod == 0 && in->raw.modrm.rm == 5)
		return in->raw.disp.size == 32 && in->address_width == 64 ? INSN_RIP : INSN_FIXED;
	return in->length == 5 && bytes[0] == 0xb8 ? INSN_NUMBER : INSN_PLAIN;
}

/* Decode [from, to) and note targets. Behind the FDE's end there may be data: decoding may stop there. */
static bool decode_range(struct scan *s, uintptr_t from, uintptr_t fde_end, uintptr_t to)
{
	size_t first = s->n_insn;
	size_t found = s->n_found;

	for (uintptr_t p = from; p < to; p += s->insn[s->n_insn++].len) {
		ZydisDecodedInstruction in;
		struct move *m;

		if (!ZYAN_SUCCESS(s->z.decode(&s->z.quick, NULL, (const void *)p, to - p, &in))) {
			if (p < fde_end)
				s->why = "a function of libc cannot be decoded";
			break;
		}
		if (!scan_grow((void **)&s->insn, s->n_insn, &s->cap_insn, sizeof(*s->insn)) ||
		    !scan_grow((void **)&s->found, s->n_found, &s->cap_found, sizeof(*s->found))) {
			s->why = "out of memory";
			return false;
		}
		m = &s->insn[s->n_insn];
		*m = (struct move){p, in.length, kind_of(&in, (const uint8_t *)p), in.raw.disp.offset};
		if (in.raw.imm[0].is_relative)
			target_add(s, p + in.length + (uintptr_t)in.raw.imm[0].value.s);
		else if (m->kind == INSN_SYSCALL)
			s->found[s->n_found++] = (struct found){first, s->n_insn, 0, false};
	}
	for (; found < s->n_found; found++)
		s->found[found].last = s->n_insn;
	return !s->why;
}

/* __restore_rt: its FDE starts one byte early, for unwinders that subtract one from a return address. */
static bool decode_trampoline(struct scan *s, const struct function *fn, const struct frame *f, uintptr_t end)
{
	const uint8_t *p = memmem((const void *)fn->start, end - fn->start, restorer_code, sizeof(restorer_code));
	size_t found = s->n_found;

	if (!p)
		return true;
	if (!decode_range(s, (uintptr_t)p, f->end, end))
		return false;
	if (s->n_found > found)
		s->found[found].restorer = true;
	target_add(s, (uintptr_t)p);
	return true;
}

static bool decode_function(struct scan *s, size_t i)
{
	const struct image *img = s->img;
	const struct function *fn = &img->fn[i];
	uintptr_t end = i + 1 < img->n_fn ? fn[1].start : img->hi;
	struct frame f;

	if (!frame_read(fn, &f) || !frame_pads(&f, target_add, s)) {
		s->why = "the unwind tables of libc are of an unknown kind";
		return false;
	}
	if (f.signal)
		return decode_trampoline(s, fn, &f, end);
	return decode_range(s, fn->start, f.end, end);
}

/* Functions begin so; the second FDE of a function cut in two need not. */
static bool aligned(uintptr_t start)
{
	return (start & 15) == 0;
}

/* The byte pairs 0f 05 say which functions are worth decoding; what is a syscall, the decoder says. */
static bool decode_text(struct scan *s)
{
	const struct image *img = s->img;
	size_t hit = 0; /* the first one not before the function */

	targets_in_data(s);
	if (!targets_in_text(s))
		return false;
	for (size_t i = 0; i < img->n_fn; i++) {
		uintptr_t lo = img->fn[i].start;
		uintptr_t hi = i + 1 < img->n_fn ? img->fn[i + 1].start : img->hi;

		bool wanted;

		target_add(s, lo);
		while (hit < s->n_hit && s->hit[hit] < lo)
			hit++;
		wanted = hit < s->n_hit && s->hit[hit] < hi;
		wanted |= hit < s->n_hit && s->hit[hit] < hi + NEAR && !aligned(hi);
		wanted |= hit > 0 && lo < s->hit[hit - 1] + NEAR && !aligned(lo);
		if (wanted && !decode_function(s, i))
			return false;
	}
	return true;
}

/* The decoded instructions go; a copy of what stubs execute stays. */
static bool keep_moves(struct sites *out, struct site *site, size_t *n, const struct scan *s)
{
	struct move *p;

	if (!site->n_moves)
		return true;
	p = realloc(out->moves, (*n + site->n_moves) * sizeof(*p));
	if (!p)
		return false;
	memcpy(p + *n, s->insn + site->moves, site->n_moves * sizeof(*p));
	out->moves = p;
	site->moves = (uint32_t)*n;
	*n += site->n_moves;
	return true;
}

static bool plan_all(struct scan *s, struct sites *out, size_t *n_moves)
{
	struct site *v = realloc(out->v, (out->n + s->n_found + 1) * sizeof(*v));
	uintptr_t floor = s->img->lo;

	if (!v)
		return false;
	out->v = v;
	for (size_t i = 0; i < s->n_found; i++) {
		struct site *site = &v[out->n++];

		window_plan(s, &s->found[i], floor, site);
		floor = site->start + site->len;
		if (floor < site->insn + SYSCALL_LEN)
			floor = site->insn + SYSCALL_LEN;
		site->stub = (uint16_t)stub_size(site, s->insn);
		if (!keep_moves(out, site, n_moves, s))
			return false;
	}
	return true;
}

static bool find_in(struct scan *s, const struct image *img, struct sites *out, size_t *n_moves)
{
	bool ok;

	s->img = img;
	s->n_insn = s->n_found = s->n_hit = 0;
	s->target = calloc((img->hi - img->lo) / 8 + 1, 1);
	ok = s->target && decode_text(s) && plan_all(s, out, n_moves);
	free(s->target);
	if (!ok && !s->why)
		s->why = "out of memory";
	return ok;
}

static int by_address(const void *a, const void *b)
{
	uintptr_t x = ((const struct site *)a)->insn;
	uintptr_t y = ((const struct site *)b)->insn;

	return (x > y) - (x < y);
}

int sites_find(struct sites *out)
{
	int saved = errno;
	struct scan s = {.why = NULL};
	struct image img[IMAGES];
	size_t n_moves = 0;
	int err;

	memset(out, 0, sizeof(*out));
	err = images_find(img, &s.why);
	if (!err && !zydis_open(&s.z)) {
		err = -ENOENT;
		s.why = "libZydis.so.4.0 cannot be loaded";
	}
	for (size_t i = 0; i < IMAGES && !err; i++) {
		out->text[i] = (struct text){.lo = img[i].lo, .hi = img[i].hi};
		if (!find_in(&s, &img[i], out, &n_moves))
			err = -ENOEXEC;
	}
	if (!err)
		qsort(out->v, out->n, sizeof(*out->v), by_address);
	out->error = s.why;
	zydis_close(&s.z);
	images_free(img);
	free(s.insn);
	free(s.found);
	free(s.hit);
	errno = saved;
	return err;
}
