/* dlsym(RTLD_NEXT) without the loader's lock, its allocations and the program's dlerror(): safe in signal handlers. */
#include "shim/symbols.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

#define VERSYM_HIDDEN 0x8000

/* The parts of a library's dynamic section that a lookup needs; NULL for what it has not. */
struct library {
	uintptr_t base;
	const uint32_t *gnu_hash;
	const uint32_t *hash;
	const Elf64_Sym *sym;
	const char *str;
	const Elf64_Half *versym;
	const Elf64_Verdef *verdef;
};

/* What is looked for. */
struct wanted {
	const char *name;
	const char *version; /* NULL: the default one */
	uint32_t gnu_hash;
	uint32_t hash;
};

/* strcmp() is an IFUNC that is bound lazily: the loader would be entered. */
static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static uint32_t gnu_hash(const char *s)
{
	uint32_t h = 5381;

	for (; *s; s++)
		h = h * 33 + (unsigned char)*s;
	return h;
}

static uint32_t elf_hash(const char *s)
{
	uint32_t h = 0;

	for (; *s; s++) {
		h = (h << 4) + (unsigned char)*s;
		h = (h ^ ((h & 0xf0000000) >> 24)) & 0x0fffffff;
	}
	return h;
}

static void library_read(struct library *lib, const struct link_map *map)
{
	*lib = (struct library){.base = map->l_addr};
	for (const Elf64_Dyn *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		/* The loader has made addresses of the offsets, except where the section is read-only (the vDSO). */
		uintptr_t p = d->d_un.d_ptr < lib->base ? d->d_un.d_ptr + lib->base : d->d_un.d_ptr;

		switch (d->d_tag) {
		case DT_GNU_HASH:
			lib->gnu_hash = (const uint32_t *)p;
			break;
		case DT_HASH:
			lib->hash = (const uint32_t *)p;
			break;
		case DT_SYMTAB:
			lib->sym = (const Elf64_Sym *)p;
			break;
		case DT_STRTAB:
			lib->str = (const char *)p;
			break;
		case DT_VERSYM:
			lib->versym = (const Elf64_Half *)p;
			break;
		case DT_VERDEF:
			lib->verdef = (const Elf64_Verdef *)p;
			break;
		}
	}
}

static const char *version_name(const struct library *lib, unsigned index)
{
	const Elf64_Verdef *v = lib->verdef;

	while (v) {
		if (v->vd_ndx == index)
			return lib->str + ((const Elf64_Verdaux *)((const char *)v + v->vd_aux))->vda_name;
		v = v->vd_next ? (const Elf64_Verdef *)((const char *)v + v->vd_next) : NULL;
	}
	return NULL;
}

/* A definition without a version serves every version, as in the loader's own lookup. */
static bool version_fits(const struct library *lib, uint32_t i, const char *version)
{
	unsigned index;
	const char *name;

	if (!lib->versym)
		return true;
	index = lib->versym[i] & ~VERSYM_HIDDEN;
	if (!version || index <= VER_NDX_GLOBAL)
		return !(lib->versym[i] & VERSYM_HIDDEN);
	name = version_name(lib, index);
	return name && same(name, version);
}

static bool fits(const struct library *lib, uint32_t i, const struct wanted *w)
{
	const Elf64_Sym *s = &lib->sym[i];
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_value && ELF64_ST_BIND(s->st_info) != STB_LOCAL &&
	       (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
	       same(lib->str + s->st_name, w->name) && version_fits(lib, i, w->version);
}

/* The table: buckets, symbol offset, bloom words, bloom shift; bloom filter; buckets; hashes, bit 0 = end of chain. */
static uint32_t find_gnu(const struct library *lib, const struct wanted *w)
{
	const uint32_t *t = lib->gnu_hash;
	const uint32_t *buckets = t + 4 + t[2] * (sizeof(Elf64_Addr) / sizeof(uint32_t));
	const uint32_t *hashes = buckets + t[0];
	uint32_t i = t[0] ? buckets[w->gnu_hash % t[0]] : 0;

	if (i < t[1])
		return STN_UNDEF;
	for (;; i++) {
		uint32_t h = hashes[i - t[1]];

		if ((h | 1) == (w->gnu_hash | 1) && fits(lib, i, w))
			return i;
		if (h & 1)
			return STN_UNDEF;
	}
}

static uint32_t find_sysv(const struct library *lib, const struct wanted *w)
{
	const uint32_t *buckets = lib->hash + 2, *chain = buckets + lib->hash[0];
	uint32_t i = lib->hash[0] ? buckets[w->hash % lib->hash[0]] : STN_UNDEF;

	while (i != STN_UNDEF && !fits(lib, i, w))
		i = chain[i];
	return i;
}

static void *find(const struct link_map *map, const struct wanted *w)
{
	struct library lib;
	const Elf64_Sym *s;
	uint32_t i = STN_UNDEF;
	uintptr_t at;

	library_read(&lib, map);
	if (!lib.sym || !lib.str)
		return NULL;
	if (lib.gnu_hash)
		i = find_gnu(&lib, w);
	else if (lib.hash)
		i = find_sysv(&lib, w);
	if (i == STN_UNDEF)
		return NULL;
	s = &lib.sym[i];
	at = lib.base + s->st_value;
	if (ELF64_ST_TYPE(s->st_info) == STT_GNU_IFUNC)
		return ((void *(*)(void))at)();
	return (void *)at;
}

/*
 * The loader's list is in the order in which symbols are looked up: the program, the preloads, what the program needs.
 * What dlopen added is at its end, behind libc, where nobody gets who looks for a function of libc; so the list may
 * grow and shrink there meanwhile. libc is before us when we are not preloaded but opened: then anything else will do.
 */
void *next_function(const char *name, const char *version)
{
	const struct wanted w = {name, version, gnu_hash(name), elf_hash(name)};
	const struct link_map *map = _r_debug.r_map, *self;
	void *f = NULL;

	while (map && map->l_ld != _DYNAMIC)
		map = map->l_next;
	self = map;
	for (map = self ? self->l_next : NULL; map && !f; map = map->l_next)
		f = find(map, &w);
	for (map = _r_debug.r_map; map && map != self && !f; map = map->l_next)
		f = find(map, &w);
	return f;
}
