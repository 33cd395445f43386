/* The ELF files that processes have mapped: found, made sure of, opened once and shared. */
#include "tools/trace/image.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define VDSO "[vdso]"

static struct image *images;

const struct segment *image_segment(const struct image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->segment_count; i++)
		if (vaddr - image->segments[i].vaddr < image->segments[i].size)
			return &image->segments[i];
	return NULL;
}

const uint8_t *image_at(const struct image *image, uint64_t vaddr, size_t size)
{
	const struct segment *s = image_segment(image, vaddr);

	return s && s->size - (vaddr - s->vaddr) >= size ? image->bytes + s->offset + (vaddr - s->vaddr) : NULL;
}

size_t image_copy(const struct image *image, uint64_t vaddr, void *out, size_t size)
{
	for (; size; size--) {
		const uint8_t *from = image_at(image, vaddr, size);
		if (from) {
			memcpy(out, from, size);
			break;
		}
	}
	return size;
}

bool image_bias(const struct image *image, uint64_t start, uint64_t offset, uint64_t *bias)
{
	const uint64_t page = TRACE_PAGE - 1;

	for (size_t i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		/* The mapping has whole pages, the segment need not. */
		if (s->executable && offset >= (s->offset & ~page) && offset < s->offset + s->size) {
			*bias = start - (offset - s->offset + s->vaddr);
			return true;
		}
	}
	return false;
}

void image_close(struct image *image)
{
	if (!image || --image->users)
		return;
	for (struct image **i = &images; *i; i = &(*i)->next)
		if (*i == image) {
			*i = image->next;
			break;
		}
	symbols_free(image->symbols);
	if (image->fd >= 0) {
		munmap((void *)image->bytes, image->size);
		close(image->fd);
	}
	free(image->segments);
	free(image->path);
	free(image);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct image *find(const struct stat *st)
{
	for (struct image *i = images; i; i = i->next)
		if (same_file(&i->st, st))
			return i;
	return NULL;
}

/* Owned by one more, and known to all if it is new. */
static struct image *use(struct image *image)
{
	if (!image->users++) {
		image->next = images;
		images = image;
	}
	return image;
}

static void discard(struct image *image)
{
	if (!image->users) {
		image->users = 1;
		image_close(image);
	}
}

static struct image *image_new(const struct stat *st, int fd, const uint8_t *bytes, size_t size, const char *path)
{
	struct image *image = must(calloc(1, sizeof(*image)));

	*image = (struct image){.st = *st, .fd = fd, .bytes = bytes, .size = size, .path = must(strdup(path))};
	if (image_parse(image))
		return image;
	discard(image);
	return NULL;
}

/* Takes the descriptor. */
static struct image *from_file(int fd, const char *path)
{
	struct stat st;
	struct image *known;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr)) {
		close(fd);
		return NULL;
	}
	known = find(&st);
	if (known) {
		close(fd);
		return known;
	}
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		close(fd);
		return NULL;
	}
	return image_new(&st, fd, bytes, (size_t)st.st_size, path);
}

/* The kernel is the same for all: our own. */
static struct image *vdso(void)
{
	const struct stat none = {0};
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	struct image *known = find(&none);

	if (known || !header)
		return known;
	return image_new(
	    &none, -1, (const uint8_t *)header, header->e_shoff + header->e_shnum * header->e_shentsize, VDSO);
}

/* true: what the process has in memory is something else. Where it cannot be read nothing is known against the file. */
static bool contradicted(const struct image *image, int pid, uint64_t bias)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image->bytes;
	uint8_t there[TRACE_PAGE];
	size_t size = sizeof(*header) + header->e_phnum * sizeof(Elf64_Phdr);
	uint64_t at = bias + image->segments[0].vaddr;

	/* The linkers put the notes, with the build id, right behind the headers. */
	size = size + 256 < sizeof(there) ? size + 256 : sizeof(there);
	if (image->fd < 0 || pid <= 0 || image->segments[0].offset)
		return false;
	size = image->segments[0].size < size ? image->segments[0].size : size;

	struct iovec local = {there, size}, remote = {(void *)at, size};
	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size &&
	       memcmp(there, image->bytes, size) != 0;
}

static struct image *try(const char *open_path, const char *path, int pid, uint64_t start, uint64_t offset)
{
	uint64_t bias;
	struct stat st;

	/* To open a device might do something. */
	if (stat(open_path, &st) || !S_ISREG(st.st_mode))
		return NULL;
	int fd = open(open_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct image *image = fd < 0 ? NULL : from_file(fd, path);

	if (image && image_bias(image, start, offset, &bias) && !contradicted(image, pid, bias))
		return use(image);
	if (image)
		discard(image);
	return NULL;
}

struct image *image_open(int pid, uint64_t start, uint64_t end, uint64_t offset, const char *path)
{
	char mapped[64], below_root[PATH_MAX];
	struct image *image;

	if (strcmp(path, VDSO) == 0) {
		image = vdso();
		return image ? use(image) : NULL;
	}
	/* Only the privileged may, but this is the very file, were it deleted. */
	snprintf(mapped, sizeof(mapped), "/proc/%d/map_files/%lx-%lx", pid, start, end);
	image = try(mapped, path, pid, start, offset);
	if (image || *path != '/')
		return image;
	if (snprintf(below_root, sizeof(below_root), "/proc/%d/root%s", pid, path) < PATH_MAX)
		image = try(below_root, path, pid, start, offset);
	return image ? image : try(path, path, pid, start, offset);
}
