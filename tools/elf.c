/* Reads the few things of an ELF file that decide whether a library can be preloaded into it. Nothing in the file is
 * trusted: every offset is checked by the read itself. */
#include "tools/green.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel's limit for a program header table (fs/binfmt_elf.c). */
#define PHDRS_MAX (65536 / sizeof(Elf64_Phdr))
/* Real programs have some thirty entries. */
#define DYNS_MAX 4096

static const char truncated[] = "a truncated or damaged ELF file";

struct image {
	int fd;
	uint64_t size;
	size_t phnum;
	Elf64_Phdr ph[PHDRS_MAX];
};

static bool inside(const struct image *im, uint64_t offset, uint64_t n)
{
	return offset <= im->size && n <= im->size - offset;
}

static bool read_at(const struct image *im, uint64_t offset, void *out, size_t n)
{
	return inside(im, offset, n) && pread(im->fd, out, n, (off_t)offset) == (ssize_t)n;
}

/* A string that ends within both the file and the buffer. */
static bool string_at(const struct image *im, uint64_t offset, char *out, size_t size)
{
	if (!inside(im, offset, 1))
		return false;
	ssize_t n = pread(im->fd, out, size, (off_t)offset);
	if (n > 0 && memchr(out, '\0', (size_t)n))
		return true;
	*out = '\0';
	return false;
}

static const char *check_header(const Elf64_Ehdr *eh)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return "not an ELF file";
	if (eh->e_ident[EI_CLASS] == ELFCLASS32)
		return "a 32-bit program; libgreen is 64-bit";
	if (eh->e_ident[EI_CLASS] != ELFCLASS64)
		return truncated;
	if (eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return "built for another processor; libgreen is x86-64";
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return "not a program (an object or core file)";
	if (eh->e_phnum == 0 || eh->e_phnum > PHDRS_MAX || eh->e_phentsize != sizeof(Elf64_Phdr))
		return truncated;
	return NULL;
}

static const Elf64_Phdr *segment(const struct image *im, uint32_t type)
{
	for (size_t i = 0; i < im->phnum; i++)
		if (im->ph[i].p_type == type)
			return &im->ph[i];
	return NULL;
}

static const char *read_interp(const struct image *im, struct elf *elf)
{
	const Elf64_Phdr *ph = segment(im, PT_INTERP);

	if (!ph)
		return NULL;
	if (ph->p_filesz < 2 || ph->p_filesz > PATH_MAX || !read_at(im, ph->p_offset, elf->interp, ph->p_filesz) ||
	    elf->interp[ph->p_filesz - 1] != '\0')
		return truncated;
	return NULL;
}

static bool offset_of(const struct image *im, uint64_t address, uint64_t *offset)
{
	for (size_t i = 0; i < im->phnum; i++) {
		const Elf64_Phdr *ph = &im->ph[i];
		if (ph->p_type == PT_LOAD && address >= ph->p_vaddr && address - ph->p_vaddr < ph->p_filesz) {
			*offset = ph->p_offset + (address - ph->p_vaddr);
			return true;
		}
	}
	return false;
}

/* GCC's name and clang's. */
static bool is_asan(const char *soname)
{
	return strncmp(soname, "libasan.so", 10) == 0 || strncmp(soname, "libclang_rt.asan", 16) == 0;
}

static const char *read_dynamic(const struct image *im, struct elf *elf)
{
	const Elf64_Phdr *ph = segment(im, PT_DYNAMIC);
	uint64_t address = 0, strings = 0;
	Elf64_Dyn *dyn;
	size_t n = 0;

	if (!ph)
		return NULL;
	size_t room = ph->p_filesz / sizeof(*dyn) < DYNS_MAX ? ph->p_filesz / sizeof(*dyn) : DYNS_MAX;
	dyn = calloc(room + 1, sizeof(*dyn));
	if (!dyn || !read_at(im, ph->p_offset, dyn, room * sizeof(*dyn))) {
		free(dyn);
		return truncated;
	}
	for (; n < room && dyn[n].d_tag != DT_NULL; n++)
		if (dyn[n].d_tag == DT_STRTAB)
			address = dyn[n].d_un.d_ptr;
	for (size_t i = 0; offset_of(im, address, &strings) && i < n; i++) {
		char name[128];
		if (dyn[i].d_tag == DT_SONAME)
			string_at(im, strings + dyn[i].d_un.d_val, elf->soname, sizeof(elf->soname));
		if (dyn[i].d_tag == DT_NEEDED && string_at(im, strings + dyn[i].d_un.d_val, name, sizeof(name)) &&
		    is_asan(name))
			memcpy(elf->asan, name, sizeof(name));
	}
	free(dyn);
	return NULL;
}

static const char *read_image(struct image *im, struct elf *elf)
{
	Elf64_Ehdr eh;
	struct stat st;
	const char *why;

	if (fstat(im->fd, &st))
		return "cannot be read";
	im->size = (uint64_t)st.st_size;
	if (!read_at(im, 0, &eh, sizeof(eh))) {
		/* A 32-bit header is shorter: say that rather than "truncated". */
		memset(&eh, 0, sizeof(eh));
		if (!read_at(im, 0, &eh, sizeof(Elf32_Ehdr)))
			return truncated;
	}
	why = check_header(&eh);
	if (why)
		return why;
	im->phnum = eh.e_phnum;
	if (!read_at(im, eh.e_phoff, im->ph, im->phnum * sizeof(im->ph[0])))
		return truncated;
	for (size_t i = 0; i < im->phnum; i++)
		if (im->ph[i].p_type == PT_LOAD && !inside(im, im->ph[i].p_offset, im->ph[i].p_filesz))
			return truncated;
	why = read_interp(im, elf);
	return why ? why : read_dynamic(im, elf);
}

const char *elf_read(int fd, struct elf *elf)
{
	struct image *im = calloc(1, sizeof(*im));
	const char *why = "out of memory";

	memset(elf, 0, sizeof(*elf));
	if (im) {
		im->fd = fd;
		why = read_image(im, elf);
		free(im);
	}
	return why;
}
