/*
 * Opening a library that is ours alone.
 *
 * The loader keeps one copy per soname: a dlopen("libuv.so.1") of ours would hand us the program's own copy, whose
 * allocator we are about to replace, or hand ours to the program later. So the file is copied into a memfd and its
 * DT_SONAME changed on the way. RTLD_DEEPBIND then makes the copy prefer its own symbols to those of a program that
 * exports the same names (node exports uv_*).
 */
#include "shim/private.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef GREEN_SANITIZE /* the sanitizers refuse DEEPBIND */
#define FLAGS (RTLD_NOW | RTLD_LOCAL)
#else
#define FLAGS (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

static const char *name_of(void *handle)
{
	struct link_map *map;
	return dlinfo(handle, RTLD_DI_LINKMAP, &map) ? "" : map->l_name;
}

/*
 * A debugger opens what the loader's list says that a library's file is: of a memfd that would be a descriptor of its
 * own, and gdb was seen to wait there for ever. The original has the same symbols; with one slash more it is not taken
 * for the copy when the program opens it.
 */
static void name_as(void *handle, const char *original)
{
	struct link_map *map;
	char *name = NULL;
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && asprintf(&name, "/%s", original) > 0)
		map->l_name = name;
}

/* Where in the file the first letter of the soname stands; 0 if that cannot be told. */
static size_t soname_offset(const char *image, size_t size)
{
	const Elf64_Ehdr *eh = (const void *)image;
	if (size < sizeof(*eh) || eh->e_phoff + eh->e_phnum * sizeof(Elf64_Phdr) > size)
		return 0;
	const Elf64_Phdr *ph = (const void *)(image + eh->e_phoff), *dynamic = NULL;
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			dynamic = &ph[i];
	if (!dynamic || dynamic->p_offset + dynamic->p_filesz > size)
		return 0;
	const Elf64_Dyn *d = (const void *)(image + dynamic->p_offset);
	size_t n = dynamic->p_filesz / sizeof(*d);
	uint64_t strings = 0, soname = 0;
	for (size_t i = 0; i < n && d[i].d_tag != DT_NULL; i++) {
		if (d[i].d_tag == DT_STRTAB)
			strings = d[i].d_un.d_ptr;
		else if (d[i].d_tag == DT_SONAME)
			soname = d[i].d_un.d_val;
	}
	for (int i = 0; soname && i < eh->e_phnum; i++) {
		uint64_t at = strings + soname - ph[i].p_vaddr;
		if (ph[i].p_type == PT_LOAD && strings >= ph[i].p_vaddr && at < ph[i].p_filesz &&
		    ph[i].p_offset + at < size)
			return ph[i].p_offset + at;
	}
	return 0;
}

static int copy_renamed(int file)
{
	struct stat st;
	if (fstat(file, &st))
		return -1;
	char *image = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	if (image == MAP_FAILED)
		return -1;
	size_t at = soname_offset(image, (size_t)st.st_size);
	int fd = at ? memfd_create("libgreen-private", MFD_CLOEXEC) : -1;
	if (fd >= 0) {
		image[at] = '@';
		if (write(fd, image, (size_t)st.st_size) != st.st_size) {
			close(fd);
			fd = -1;
		}
	}
	munmap(image, (size_t)st.st_size);
	return fd;
}

static int no_fork_handler(void)
{
	return 0;
}

/* What is loaded is made read-only again (PT_GNU_RELRO) after its relocation. */
static void set_slot(const struct link_map *map, uintptr_t *slot, uintptr_t value)
{
	const Elf64_Ehdr *eh = (const void *)map->l_addr;
	const Elf64_Phdr *ph = (const void *)(map->l_addr + eh->e_phoff);
	uintptr_t page = (uintptr_t)slot & ~(uintptr_t)4095;
	bool sealed = false;
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_GNU_RELRO)
			sealed |= (uintptr_t)slot - map->l_addr - ph[i].p_vaddr < ph[i].p_memsz;
	if (sealed && mprotect((void *)page, 4096, PROT_READ | PROT_WRITE))
		return;
	*slot = value;
	if (sealed)
		mprotect((void *)page, 4096, PROT_READ);
}

/*
 * Its fork handlers would run in each of the program's children, where nothing of ours is left: libuv's makes a pipe,
 * and aborts the child that has no descriptors for it.
 */
static void refuse_fork_handlers(void *handle)
{
	struct link_map *map;
	const Elf64_Sym *symbols = NULL;
	const Elf64_Rela *rela = NULL;
	const char *strings = NULL;
	size_t n = 0;
	if (dlinfo(handle, RTLD_DI_LINKMAP, &map))
		return;
	for (const Elf64_Dyn *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_STRTAB)
			strings = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_JMPREL)
			rela = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_PLTRELSZ)
			n = d->d_un.d_val / sizeof(*rela);
	}
	for (size_t i = 0; rela && symbols && strings && i < n; i++) {
		const char *name = strings + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;
		if (!strcmp(name, "__register_atfork"))
			set_slot(map, (uintptr_t *)(map->l_addr + rela[i].r_offset), (uintptr_t)no_fork_handler);
	}
}

void *private_dlopen(const char *name)
{
	char path[64];
	/* DEEPBIND here too: the destructor of libuv calls uv_library_shutdown, and not node's is meant. */
	void *shared = dlopen(name, FLAGS), *handle = NULL;
	if (!shared)
		return NULL;
	int file = open(name_of(shared), O_RDONLY | O_CLOEXEC), fd = file < 0 ? -1 : copy_renamed(file);
	if (fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		handle = dlopen(path, FLAGS);
		close(fd);
		if (handle)
			refuse_fork_handlers(handle);
	}
	if (handle)
		name_as(handle, name_of(shared));
	if (file >= 0)
		close(file);
	dlclose(shared);
	return handle;
}
