/* Where libc.so.6 and ld.so are in memory, and where their functions are: program headers, .eh_frame_hdr, FDEs. */
#include <gnu/libc-version.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "shim/image.h"

/* Pointer encodings of .eh_frame (LSB, "DWARF Exception Header Encoding"). */
#define PE_UDATA4 0x03
#define PE_SDATA4 0x0b
#define PE_PCREL 0x10
#define PE_DATAREL 0x30
#define PE_OMIT 0xff

struct search {
	struct image *img;
	uintptr_t libc_addr; /* an address inside libc.so.6 */
	uintptr_t ldso_base;
	const char *why;
};

static int32_t load32(uintptr_t p)
{
	int32_t v;

	memcpy(&v, (const void *)p, sizeof(v));
	return v;
}

static uint64_t uleb(const uint8_t **p)
{
	uint64_t v = 0;
	unsigned shift = 0;
	uint8_t byte;

	do {
		byte = *(*p)++;
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return v;
}

/* The search table of .eh_frame_hdr, whose rows the linker has sorted by start. */
static bool functions_read(struct image *img, uintptr_t hdr)
{
	const uint8_t *b = (const uint8_t *)hdr;
	uint32_t count;
	uintptr_t row, last = 0;

	if (b[0] != 1 || b[1] != (PE_PCREL | PE_SDATA4) || b[2] != PE_UDATA4 || b[3] != (PE_DATAREL | PE_SDATA4))
		return false;
	count = (uint32_t)load32(hdr + 8);
	img->fn = malloc(count * sizeof(*img->fn));
	if (!img->fn)
		return false;
	row = hdr + 12;
	for (uint32_t i = 0; i < count; i++, row += 8) {
		struct function fn = {
		    hdr + (uintptr_t)(intptr_t)load32(row), hdr + (uintptr_t)(intptr_t)load32(row + 4)};

		if (fn.start < img->lo || fn.start >= img->hi)
			continue;
		if (fn.start < last)
			return false;
		last = fn.start;
		img->fn[img->n_fn++] = fn;
	}
	return img->n_fn > 0;
}

static const char *image_read(struct image *img, const struct dl_phdr_info *info)
{
	uintptr_t hdr = 0;

	img->base = info->dlpi_addr;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uintptr_t lo = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_GNU_EH_FRAME)
			hdr = lo;
		if (ph->p_type != PT_LOAD)
			continue;
		if (img->n_seg == IMAGE_SEGMENTS || !(ph->p_flags & PF_R) ||
		    (ph->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
			return "libc has segments of an unknown kind";
		img->seg[img->n_seg++] = (struct segment){lo, lo + ph->p_filesz, ph->p_flags & PF_W};
		if (!(ph->p_flags & PF_X))
			continue;
		if (img->lo)
			return "libc has more than one executable segment";
		img->lo = lo;
		img->hi = lo + ph->p_filesz;
	}
	if (!img->lo || !hdr || !functions_read(img, hdr))
		return "libc has no table of its functions (.eh_frame_hdr) that can be read";
	return NULL;
}

static bool covers(const struct dl_phdr_info *info, uintptr_t addr)
{
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && addr - (info->dlpi_addr + ph->p_vaddr) < ph->p_memsz)
			return true;
	}
	return false;
}

static int each_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	struct image *img;

	(void)size;
	if (covers(info, s->libc_addr))
		img = &s->img[IMAGE_LIBC];
	else if (info->dlpi_addr == s->ldso_base)
		img = &s->img[IMAGE_LDSO];
	else
		return 0;
	s->why = image_read(img, info);
	return s->why != NULL;
}

int images_find(struct image img[IMAGES], const char **why)
{
	/* The address of a function that nobody overrides, and what ld.so says of itself: no names, which may differ,
	 * and no AT_BASE, which is 0 in `ld.so program`. */
	struct search s = {.img = img, .libc_addr = (uintptr_t)gnu_get_libc_version, .ldso_base = _r_debug.r_ldbase};

	memset(img, 0, IMAGES * sizeof(*img));
	dl_iterate_phdr(each_object, &s);
	if (!s.why && (!img[IMAGE_LIBC].n_fn || !img[IMAGE_LDSO].n_fn))
		s.why = "libc.so.6 or ld.so is not among the loaded objects";
	if (!s.why)
		return 0;
	images_free(img);
	*why = s.why;
	return -ENOEXEC;
}

void images_free(struct image img[IMAGES])
{
	for (size_t i = 0; i < IMAGES; i++) {
		free(img[i].fn);
		img[i].fn = NULL;
	}
}

/* What a CIE says that its FDEs need. */
struct cie {
	bool signal;
	bool has_lsda;
};

static bool cie_read(uintptr_t at, struct cie *cie)
{
	const uint8_t *p = (const uint8_t *)at + 8;
	uint8_t version = *p++;
	const char *aug = (const char *)p;
	uint8_t pc_enc = 0;

	memset(cie, 0, sizeof(*cie));
	if ((uint32_t)load32(at) >= 0xfffffff0 || load32(at + 4) != 0 || aug[0] != 'z')
		return false;
	p += strlen(aug) + 1;
	uleb(&p); /* code alignment */
	uleb(&p); /* data alignment: signed, but as long */
	if (version == 1)
		p++;
	else
		uleb(&p); /* return address register */
	uleb(&p);         /* length of what follows */
	for (aug++; *aug; aug++) {
		if (*aug == 'R')
			pc_enc = *p++;
		else if (*aug == 'P' && (*p & 0x0f) != PE_UDATA4 && (*p & 0x0f) != PE_SDATA4)
			return false;
		else if (*aug == 'P')
			p += 5;
		else if (*aug == 'L' && *p != (PE_PCREL | PE_SDATA4) && *p != PE_OMIT)
			return false;
		else if (*aug == 'L')
			cie->has_lsda = *p++ != PE_OMIT;
		else if (*aug == 'S')
			cie->signal = true;
		else
			return false;
	}
	return pc_enc == (PE_PCREL | PE_SDATA4);
}

bool frame_read(const struct function *fn, struct frame *f)
{
	uintptr_t at = fn->fde;
	struct cie cie;
	const uint8_t *p;

	memset(f, 0, sizeof(*f));
	if ((uint32_t)load32(at) >= 0xfffffff0 || !cie_read(at + 4 - (uint32_t)load32(at + 4), &cie))
		return false;
	f->signal = cie.signal;
	f->pads = fn->start;
	f->end = fn->start + (uint32_t)load32(at + 12);
	p = (const uint8_t *)at + 16;
	if (uleb(&p) >= 4 && cie.has_lsda && load32((uintptr_t)p))
		f->lsda = (uintptr_t)p + (uintptr_t)(intptr_t)load32((uintptr_t)p);
	return true;
}

/* One field of a call-site record. */
static uint64_t field(const uint8_t **p, uint8_t enc)
{
	uint64_t v;

	if (enc != PE_UDATA4)
		return uleb(p);
	v = (uint32_t)load32((uintptr_t)*p);
	*p += 4;
	return v;
}

bool frame_pads(const struct frame *f, void (*pad)(void *arg, uintptr_t addr), void *arg)
{
	const uint8_t *p = (const uint8_t *)f->lsda;
	const uint8_t *end;
	uint64_t size;
	uint8_t enc;

	if (!p)
		return true;
	if (*p++ != PE_OMIT) /* landing pads relative to something else than the function */
		return false;
	if (*p++ != PE_OMIT)
		uleb(&p); /* where the type table is */
	enc = *p++;
	if (enc != 0x01 && enc != PE_UDATA4)
		return false;
	size = uleb(&p);
	end = p + size;
	while (p < end) {
		uint64_t addr;

		field(&p, enc); /* start */
		field(&p, enc); /* length */
		addr = field(&p, enc);
		uleb(&p); /* action */
		if (addr)
			pad(arg, f->pads + addr);
	}
	return true;
}
