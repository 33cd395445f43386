/* The headers of an ELF file, trusting nothing in them. */
#include "tools/trace/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MOST = 64 };

static bool inside(const struct image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->size && size <= image->size - offset;
}

static bool fit(const struct image *image, const Elf64_Ehdr *h)
{
	return image->size >= sizeof(*h) && memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 &&
	       h->e_ident[EI_CLASS] == ELFCLASS64 && h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_machine == EM_X86_64 &&
	       (h->e_type == ET_EXEC || h->e_type == ET_DYN) && h->e_phentsize == sizeof(Elf64_Phdr) &&
	       h->e_phnum <= SEGMENTS_MOST && inside(image, h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr));
}

static void add_segment(struct image *image, const Elf64_Phdr *p)
{
	if (p->p_filesz && inside(image, p->p_offset, p->p_filesz) && p->p_vaddr <= UINT64_MAX - p->p_filesz)
		image->segments[image->segment_count++] =
		    (struct segment){p->p_vaddr, p->p_offset, p->p_filesz, p->p_flags & PF_X};
}

/* Programs without PT_GNU_EH_FRAME have .eh_frame all the same, mostly. */
static void find_eh_frame(struct image *image, const Elf64_Ehdr *h)
{
	Elf64_Shdr names, section;

	if (h->e_shentsize != sizeof(section) || h->e_shstrndx >= h->e_shnum ||
	    !inside(image, h->e_shoff, h->e_shnum * sizeof(section)))
		return;
	const uint8_t *table = image->bytes + h->e_shoff;
	memcpy(&names, table + h->e_shstrndx * sizeof(names), sizeof(names));
	if (!inside(image, names.sh_offset, names.sh_size))
		return;
	for (size_t i = 0; i < h->e_shnum; i++) {
		memcpy(&section, table + i * sizeof(section), sizeof(section));
		if (section.sh_name < names.sh_size && names.sh_size - section.sh_name >= sizeof(".eh_frame") &&
		    strcmp((const char *)image->bytes + names.sh_offset + section.sh_name, ".eh_frame") == 0 &&
		    image_at(image, section.sh_addr, section.sh_size))
			image->eh_frame = (struct extent){section.sh_addr, section.sh_size};
	}
}

bool image_parse(struct image *image)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)image->bytes;
	Elf64_Phdr p;

	if (!fit(image, h))
		return false;
	image->segments = must(calloc(h->e_phnum + 1U, sizeof(*image->segments)));
	for (size_t i = 0; i < h->e_phnum; i++) {
		memcpy(&p, image->bytes + h->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD)
			add_segment(image, &p);
		else if (p.p_type == PT_GNU_EH_FRAME)
			image->eh_frame_hdr = (struct extent){p.p_vaddr, p.p_filesz};
	}
	if (!image->segment_count)
		return false;
	if (!image_at(image, image->eh_frame_hdr.vaddr, image->eh_frame_hdr.size))
		image->eh_frame_hdr.size = 0;
	find_eh_frame(image, h);
	return true;
}
