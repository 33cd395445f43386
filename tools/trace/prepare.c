/*
 * The first look into a file's debug information takes up to a tenth of a second, in which a busy program's rings run
 * over: it is done before they are written. The images stay open for the process that is traced.
 */
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/trace/tool.h"

enum { FILES_MOST = 64, PLACES = 8 };

static struct process *prepared;

static void look_into(uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	struct place places[PLACES];

	process_map(prepared, start, end, offset, path);
	places_of(prepared, start + (end - start) / 2, false, places, PLACES);
}

static int look_into_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (!strstr(info->dlpi_name, "/libc.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t start = (info->dlpi_addr + ph->p_vaddr) & ~4095UL;
		if (ph->p_type == PT_LOAD && ph->p_flags & PF_X)
			look_into(
			    start, (start + ph->p_memsz + 4095) & ~4095UL, ph->p_offset & ~4095UL, info->dlpi_name);
	}
	return 1;
}

/* Where it will lie does not matter: far from all that the tool itself has there. */
static void look_into_program(const char *path)
{
	const uint64_t anywhere = 1UL << 46;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 || elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	GElf_Phdr ph;

	for (int i = 0; elf && gelf_getphdr(elf, i, &ph); i++)
		if (ph.p_type == PT_LOAD && ph.p_flags & PF_X)
			look_into(anywhere + (ph.p_vaddr & ~4095UL),
			    anywhere + ((ph.p_vaddr + ph.p_memsz + 4095) & ~4095UL), ph.p_offset & ~4095UL, path);
	elf_end(elf);
	if (fd >= 0)
		close(fd);
}

void prepare_for_program(const char *path)
{
	prepared = process_new(getpid(), 0, path);
	if (!prepared)
		return;
	dl_iterate_phdr(look_into_libc, NULL);
	look_into_program(path);
}

void prepare_for_process(int pid)
{
	char maps[32], line[PATH_MAX + 128], path[PATH_MAX];
	unsigned long start, end, offset;
	char perms[5];

	snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
	FILE *f = fopen(maps, "re");
	prepared = f ? process_new(pid, 0, "") : NULL;
	for (int files = 0; prepared && files < FILES_MOST && fgets(line, sizeof(line), f);) {
		line[strcspn(line, "\n")] = '\0';
		const char *at = strchr(line, '/');
		if (!at || sscanf(line, "%lx-%lx %4s %lx", &start, &end, perms, &offset) != 4 || perms[2] != 'x')
			continue;
		snprintf(path, sizeof(path), "%s", at);
		look_into(start, end, offset, path);
		files++;
	}
	if (f)
		fclose(f);
}
