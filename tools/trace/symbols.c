/* Addresses -> functions and source lines: by the debug information, the symbol table, or the file's name alone. */
#include "tools/trace/image.h"

#include <elfutils/libdwfl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/trace/dwarf_places.h"

/* What is known of an address in a file, for all processes that map it. */
struct known {
	struct known *next;
	uint64_t vaddr;
	size_t count;
	struct known_place {
		const char *function, *path;
		int line;
		uint64_t start; /* of the function; UINT64_MAX: not known */
	} places[];
};

enum { BUCKETS = 1024 };

struct symbols {
	Dwfl *dwfl;
	Dwfl_Module *module; /* NULL: elfutils cannot read the file */
	GElf_Addr bias;      /* what elfutils' addresses are higher than the file's */
	struct units *units; /* NULL: no debug information */
	Dwarf_Addr units_bias;
	struct known *known[BUCKETS];
	char **names; /* those that we made */
	size_t name_count;
};

static bool would_block(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* elfutils opens what it finds by this name, and would wait for who writes to a FIFO. */
static bool link_blocks(const char *file, const char *name)
{
	static const char *const beside[] = {"", ".debug/"};
	char path[3 * PATH_MAX];
	int directory = (int)(strrchr(file, '/') + 1 - file);

	if (*name == '/')
		return would_block(name);
	for (size_t i = 0; i < sizeof(beside) / sizeof(*beside); i++) {
		snprintf(path, sizeof(path), "%.*s%s%s", directory, file, beside[i], name);
		if (would_block(path))
			return true;
	}
	for (const char *below = file; below; below = strchr(below + 1, '/')) {
		snprintf(path, sizeof(path), "/usr/lib/debug%.*s%s", directory - (int)(below - file), below, name);
		if (would_block(path))
			return true;
	}
	return false;
}

/* A file that names no other one has its own name, with .debug behind. */
static bool debug_file_blocks(const char *file, const char *link)
{
	char own[PATH_MAX];

	snprintf(own, sizeof(own), "%s.debug", strrchr(file, '/') + 1);
	return link_blocks(file, link ? link : own);
}

static int find_debuginfo(Dwfl_Module *module, void **data, const char *module_name, Dwarf_Addr base, const char *file,
    const char *link, GElf_Word crc, char **found)
{
	char real[PATH_MAX];

	if (file && *file == '/' && debug_file_blocks(file, link))
		return -1;
	if (file && realpath(file, real) && debug_file_blocks(real, link))
		return -1;
	return dwfl_standard_find_debuginfo(module, data, module_name, base, file, link, crc, found);
}

static const Dwfl_Callbacks callbacks = {
    .find_debuginfo = find_debuginfo,
    .section_address = dwfl_offline_section_address,
};

static Dwfl_Module *report(Dwfl *dwfl, const struct image *image)
{
	Dwfl_Module *module;
	int fd = image->fd < 0 ? -1 : dup(image->fd);

	dwfl_report_begin(dwfl);
	if (image->fd < 0) {
		module = dwfl_report_offline_memory(dwfl, image->path, image->path, (char *)image->bytes, image->size);
	} else {
		module = dwfl_report_offline(dwfl, image->path, image->path, fd);
		if (!module && fd >= 0)
			close(fd);
	}
	return dwfl_report_end(dwfl, NULL, NULL) == 0 ? module : NULL;
}

static struct symbols *symbols_read(const struct image *image)
{
	struct symbols *s = must(calloc(1, sizeof(*s)));
	Dwarf *dwarf;

	unsetenv("DEBUGINFOD_URLS"); /* to wait for the network would lose records */
	s->dwfl = dwfl_begin(&callbacks);
	s->module = s->dwfl ? report(s->dwfl, image) : NULL;
	if (s->module && !dwfl_module_getelf(s->module, &s->bias))
		s->module = NULL;
	dwarf = s->module ? dwfl_module_getdwarf(s->module, &s->units_bias) : NULL;
	if (dwarf)
		s->units = units_read(dwarf);
	return s;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct known *k = s->known[i], *next; k; k = next) {
			next = k->next;
			free(k);
		}
	for (size_t i = 0; i < s->name_count; i++)
		free(s->names[i]);
	free(s->names);
	units_free(s->units);
	if (s->dwfl)
		dwfl_end(s->dwfl);
	free(s);
}

static const char *readable(struct symbols *s, const char *name)
{
	char *made = name ? demangle(name) : NULL;

	if (!made)
		return name;
	s->names = must(realloc(s->names, (s->name_count + 1) * sizeof(*s->names)));
	s->names[s->name_count++] = made;
	return made;
}

/* C++ has the scopes in the linkage name; of other languages it is no name for people. */
static const char *function_name(struct symbols *s, const struct source *source)
{
	const char *linkage = readable(s, source->linkage);

	return linkage && (linkage != source->linkage || !source->name) ? linkage : source->name;
}

static void by_symbol(struct symbols *s, uint64_t vaddr, struct known_place *place)
{
	GElf_Off offset;
	GElf_Sym symbol;
	const char *name = dwfl_module_addrinfo(s->module, vaddr + s->bias, &offset, &symbol, NULL, NULL, NULL);

	if (!name || !*name)
		return;
	if (!place->function)
		place->function = readable(s, name);
	place->start = vaddr - offset;
}

static struct known *look_up(struct symbols *s, uint64_t vaddr)
{
	struct source sources[PLACES_MOST];
	uint64_t address = vaddr + s->bias;
	size_t count = s->units ? dwarf_places(s->units, address - s->units_bias, sources) : 0;
	struct known *k = must(calloc(1, sizeof(*k) + (count ? count : 1) * sizeof(k->places[0])));

	k->vaddr = vaddr;
	k->count = count ? count : 1;
	k->places[0].start = UINT64_MAX;
	for (size_t i = 0; i < count; i++)
		k->places[i] = (struct known_place){function_name(s, &sources[i]), sources[i].path, sources[i].line,
		    sources[i].start ? sources[i].start + s->units_bias - s->bias : UINT64_MAX};

	struct known_place *proper = &k->places[k->count - 1];
	if (s->module && (!proper->function || proper->start > vaddr)) /* above: the function has cold parts */
		by_symbol(s, vaddr, proper);
	return k;
}

static const struct known *known_of(struct image *image, uint64_t vaddr)
{
	if (!image->symbols)
		image->symbols = symbols_read(image);

	struct known **bucket = &image->symbols->known[(vaddr ^ vaddr >> 10) % BUCKETS];
	for (struct known *k = *bucket; k; k = k->next)
		if (k->vaddr == vaddr)
			return k;
	struct known *k = look_up(image->symbols, vaddr);
	k->next = *bucket;
	*bucket = k;
	return k;
}

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash ? slash + 1 : path;
}

static struct place place_of(const struct module *m, const struct known_place *k, uint64_t vaddr, bool inlined)
{
	uint64_t begin = k->function ? k->start : m->image->segments[0].vaddr;

	return (struct place){.function = k->function,
	    .file = last_part(k->path),
	    .path = k->path,
	    .line = k->line,
	    .module = m->name,
	    .offset = inlined || begin > vaddr ? 0 : vaddr - begin,
	    .inlined = inlined};
}

size_t places_of(struct process *p, uint64_t pc, bool call, struct place *out, size_t most)
{
	const struct module *m = process_module(p, pc - call);
	uint64_t bias;
	size_t n = 0;

	if (!m || !module_bias(m, &bias)) {
		*out = (struct place){.module = m ? m->name : NULL, .offset = m ? pc - m->start + m->offset : pc};
		return 1;
	}
	const struct known *k = known_of(m->image, pc - call - bias);
	for (size_t i = k->count > most ? k->count - most : 0; i < k->count; i++)
		out[n++] = place_of(m, &k->places[i], pc - bias, i + 1 < k->count);
	return n;
}
