/*
 * What modules.c, unwind.c, symbols.c and stack.c share: the ELF files behind a process's mappings. Addresses inside a
 * file, as its headers have them, are called vaddr here; a mapping's addresses are the bias higher.
 */
#ifndef GREEN_TRACE_IMAGE_H
#define GREEN_TRACE_IMAGE_H

#include <sys/stat.h>

#include "tools/trace/trace.h"

/* A PT_LOAD, of which only what lies in the file. */
struct segment {
	uint64_t vaddr, offset, size;
	bool executable;
};

struct extent {
	uint64_t vaddr, size;
};

struct image {
	struct image *next;
	unsigned users; /* modules */
	struct stat st; /* which file this is; all zero: the vDSO */
	int fd;         /* -1: the vDSO */
	char *path;     /* where its debug file is searched for */
	const uint8_t *bytes;
	size_t size;
	struct segment *segments;
	size_t segment_count;
	struct extent eh_frame_hdr, eh_frame; /* size 0: it has none */
	struct symbols *symbols;              /* symbols.c; NULL: not asked yet */
};

/* The file that a process has mapped; NULL: not found, not an ELF file for this machine, or another one by now. */
struct image *image_open(int pid, uint64_t start, uint64_t end, uint64_t offset, const char *path);
void image_close(struct image *image);
/* What an executable mapping's addresses are higher than the file's. false: the file has no code at that offset. */
bool image_bias(const struct image *image, uint64_t start, uint64_t offset, uint64_t *bias);
const struct segment *image_segment(const struct image *image, uint64_t vaddr); /* NULL: nothing is there */
/* `size` bytes at an address in the file; NULL: they are not all there. */
const uint8_t *image_at(const struct image *image, uint64_t vaddr, size_t size);
/* As many as are there, at most. */
size_t image_copy(const struct image *image, uint64_t vaddr, void *out, size_t size);

/* elf_image.c: the headers. false: unfit. */
bool image_parse(struct image *image);

/* cfi.c: the call frame information of an address. */
struct cfi {
	uint64_t fde;        /* vaddr */
	uint64_t start, end; /* what it covers */
};

/* Only what libunwind can be trusted with: it believes what it reads. */
bool cfi_find(const struct image *image, uint64_t vaddr, struct cfi *cfi);

/* symbols.c */
void symbols_free(struct symbols *symbols);

/* demangle.c: a name as people read it, from malloc; NULL: it is one already. */
char *demangle(const char *name);

/* modules.c */
struct modules;
void *process_keep(struct process *p, size_t size);       /* zeroed memory that lives as long */
bool module_bias(const struct module *m, uint64_t *bias); /* false: its file is not known */
uint64_t process_generation(const struct process *p);     /* another number for each process, and whenever it maps */
void *must(void *memory);                                 /* dies if there is no memory */

#endif
