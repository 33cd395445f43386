/*
 * Putting the patches into the text of libc.so.6 and ld.so, and taking them out.
 *
 * Text is never writable and executable at once: while it is written, nothing of libc can run, so there are only raw
 * system calls here, copies of our own, and no signals. A policy may forbid to make memory executable again
 * (MemoryDenyWriteExecute=, SELinux's execmod). The stubs meet it first, while nothing has been touched; where it
 * stops only file mappings, the text's old bytes come back as anonymous memory, which the stubs have proved allowed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/sys_x86_64.h"
#include "shim/image.h"
#include "shim/sites.h"

#define PAGE 4096ul
/* Stubs lie this near to the text: displacements of moved instructions then reach every segment of the library. */
#define NEAR_MAX (1ul << 30)
#define STUB_ALIGN 16
#define MMAP_MIN 65536ul
#define ALL_SIGNALS (~(ksigset_t)0)

#define NO_LIBC __attribute__((noinline, no_sanitize("address", "undefined")))

static uintptr_t page_down(uintptr_t p)
{
	return p & ~(PAGE - 1);
}

static uintptr_t page_up(uintptr_t p)
{
	return page_down(p + PAGE - 1);
}

/* Not a loop: the compiler would call libc's memcpy. */
static inline void copy(uintptr_t to, uintptr_t from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* One write into text. */
struct poke {
	uintptr_t to;
	const uint8_t *from;
	size_t len;
};

NO_LIBC static long restore_as_anonymous(const struct text *t, const struct poke *undo, size_t n)
{
	uintptr_t lo = page_down(t->lo);
	size_t len = page_up(t->hi) - lo;
	long spare = sys(SYS_mmap, 0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long err;

	if (spare < 0)
		return spare;
	copy((uintptr_t)spare, lo, len);
	for (size_t i = 0; i < n; i++)
		copy((uintptr_t)spare + (undo[i].to - lo), (uintptr_t)undo[i].from, undo[i].len);
	err = sys(SYS_mprotect, spare, len, PROT_READ | PROT_EXEC);
	if (!err)
		err = sys(SYS_mremap, spare, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, lo);
	return err < 0 ? err : 0;
}

/* Write into one library's text; on failure it holds `undo` again. */
NO_LIBC static long text_write(const struct text *t, const struct poke *pokes, const struct poke *undo, size_t n)
{
	static const char dead[] = "green: libc's text cannot be made executable again\n";
	uintptr_t lo = page_down(t->lo);
	size_t len = page_up(t->hi) - lo;
	ksigset_t all = ALL_SIGNALS, old;
	long err;

	sys(SYS_rt_sigprocmask, 0 /* SIG_BLOCK */, &all, &old, sizeof(all));
	err = sys(SYS_mprotect, lo, len, PROT_READ | PROT_WRITE);
	if (!err) {
		for (size_t i = 0; i < n; i++)
			copy(pokes[i].to, (uintptr_t)pokes[i].from, pokes[i].len);
		err = sys(SYS_mprotect, lo, len, PROT_READ | PROT_EXEC);
		if (err && restore_as_anonymous(t, undo, n)) {
			sys(SYS_write, 2, dead, sizeof(dead) - 1);
			sys(SYS_exit_group, 127);
		}
	}
	sys(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &old, 0, sizeof(old));
	return err;
}

static size_t distance(const struct text *t, uintptr_t lo, uintptr_t hi)
{
	uintptr_t from = lo < t->lo ? lo : t->lo;
	uintptr_t to = hi > t->hi ? hi : t->hi;

	return to - from;
}

/* The free place nearest to the text, below it for preference: above may be a stack that grows, or the heap. */
static uintptr_t gap_near(const struct text *t, size_t size)
{
	FILE *f = fopen("/proc/self/maps", "re");
	uintptr_t end = MMAP_MIN;
	uintptr_t best = 0;
	char line[512];
	bool whole = true;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		bool begins = whole;
		unsigned long lo, hi;

		whole = strchr(line, '\n') != NULL;
		if (!begins || sscanf(line, "%lx-%lx", &lo, &hi) != 2)
			continue;
		if (lo >= end && lo - end >= size) {
			if (lo <= t->lo)
				best = lo - size;
			else if (!best || distance(t, best, best + size) > NEAR_MAX)
				best = end;
			if (best > t->hi)
				break;
		}
		end = hi;
	}
	fclose(f);
	return best && distance(t, best, best + size) <= NEAR_MAX ? best : 0;
}

/* Stubs are mapped where they will run, after one word that holds the entry. */
static long stubs_map(struct text *t, size_t size)
{
	uintptr_t at;
	long p;

	size = page_up(size);
	at = gap_near(t, size);
	if (!at)
		return -ENOMEM;
	p = sys(SYS_mmap, at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p < 0)
		return p;
	if ((uintptr_t)p != at) { /* Linux before 4.17 takes the address for a hint */
		sys(SYS_munmap, p, size);
		return -ENOMEM;
	}
	t->stubs = at;
	t->stubs_size = size;
	return 0;
}

static bool is_in(const struct text *t, const struct site *site)
{
	return site->insn >= t->lo && site->insn < t->hi;
}

static void stubs_unmap(struct sites *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->text); i++) {
		if (s->text[i].stubs)
			sys(SYS_munmap, s->text[i].stubs, s->text[i].stubs_size);
		s->text[i].stubs = 0;
	}
	for (size_t i = 0; i < s->n; i++)
		s->v[i].again = s->v[i].resume = 0;
	free(s->by_resume);
	s->by_resume = NULL;
	s->n_patched = 0;
}

static size_t stub_room(const struct site *site)
{
	return (site->stub + STUB_ALIGN - 1) & ~(size_t)(STUB_ALIGN - 1);
}

/* Everything that a patch needs, gathered before anything changes. */
struct plan {
	struct poke *pokes, *undo;
	uint8_t (*bytes)[SITE_BYTES_MAX];
	size_t n;
};

static void plan_free(struct plan *p)
{
	free(p->pokes);
	free(p->undo);
	free(p->bytes);
}

static bool plan_alloc(struct plan *p, size_t n)
{
	p->pokes = calloc(n + 1, sizeof(*p->pokes));
	p->undo = calloc(n + 1, sizeof(*p->undo));
	p->bytes = calloc(n + 1, sizeof(*p->bytes));
	return p->pokes && p->undo && p->bytes;
}

static bool stub_add(struct sites *s, struct plan *p, struct site *site, uintptr_t at, uintptr_t entry_word)
{
	uint8_t *bytes = p->bytes[p->n];

	if (!stub_write(site, s->moves, at, entry_word) || !stub_jump(site, at, bytes))
		return false;
	memcpy(site->saved, (const void *)site->start, site->len);
	p->pokes[p->n] = (struct poke){site->start, bytes, site->len};
	p->undo[p->n++] = (struct poke){site->start, site->saved, site->len};
	s->by_resume[s->n_patched++] = site;
	return true;
}

static int stubs_make(struct sites *s, struct text *t, struct plan *p, bool (*wanted)(const struct site *), void *entry)
{
	size_t size = STUB_ALIGN;
	uintptr_t at;
	long err;

	for (size_t i = 0; i < s->n; i++)
		if (is_in(t, &s->v[i]) && wanted(&s->v[i]))
			size += stub_room(&s->v[i]);
	if (size == STUB_ALIGN)
		return 0;
	err = stubs_map(t, size);
	if (err) {
		s->error = "no memory can be mapped near libc";
		return (int)err;
	}
	memcpy((void *)t->stubs, &entry, sizeof(entry));
	at = t->stubs + STUB_ALIGN;
	for (size_t i = 0; i < s->n; i++) {
		if (!is_in(t, &s->v[i]) || !wanted(&s->v[i]))
			continue;
		if (!stub_add(s, p, &s->v[i], at, t->stubs)) {
			s->error = "no memory can be mapped near enough to libc";
			return -ERANGE;
		}
		at += stub_room(&s->v[i]);
	}
	err = sys(SYS_mprotect, t->stubs, t->stubs_size, PROT_READ | PROT_EXEC);
	if (err)
		s->error = "new code is not allowed here (MemoryDenyWriteExecute, SELinux or the like)";
	return (int)err;
}

static int by_resume(const void *a, const void *b)
{
	uintptr_t x = (*(const struct site *const *)a)->resume;
	uintptr_t y = (*(const struct site *const *)b)->resume;

	return (x > y) - (x < y);
}

static int write_all(struct sites *s, const struct plan *p, const size_t first[])
{
	const size_t n = ARRAY_LEN(s->text);

	for (size_t i = 0; i < n; i++) {
		long err = text_write(&s->text[i], p->pokes + first[i], p->undo + first[i], first[i + 1] - first[i]);

		if (!err)
			continue;
		while (i-- > 0)
			text_write(&s->text[i], p->undo + first[i], p->undo + first[i], first[i + 1] - first[i]);
		s->error = "libc's text cannot be changed (MemoryDenyWriteExecute, SELinux or the like)";
		return (int)err;
	}
	return 0;
}

static int patch(struct sites *s, struct plan *p, bool (*wanted)(const struct site *), void *entry)
{
	size_t first[ARRAY_LEN(s->text) + 1] = {0};
	int err;

	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].form == FORM_NONE && wanted(&s->v[i])) {
			s->error = "a system call of libc stands where it cannot be patched";
			return -ENOTSUP;
		}
	}
	s->by_resume = calloc(s->n + 1, sizeof(struct site *));
	if (!s->by_resume || !plan_alloc(p, s->n)) {
		s->error = "out of memory";
		return -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_LEN(s->text); i++) {
		err = stubs_make(s, &s->text[i], p, wanted, entry);
		if (err)
			return err;
		first[i + 1] = p->n;
	}
	qsort(s->by_resume, s->n_patched, sizeof(*s->by_resume), by_resume);
	return write_all(s, p, first);
}

int sites_patch(struct sites *s, bool (*wanted)(const struct site *), void *entry)
{
	struct plan p = {0};
	int saved = errno;
	int err = patch(s, &p, wanted, entry);

	if (err)
		stubs_unmap(s);
	plan_free(&p);
	errno = saved;
	return err;
}

void sites_unpatch(struct sites *s)
{
	int saved = errno;
	struct poke *undo = calloc(s->n_patched + 1, sizeof(*undo));

	for (size_t i = 0; undo && i < ARRAY_LEN(s->text); i++) {
		size_t n = 0;

		for (size_t k = 0; k < s->n; k++)
			if (s->v[k].resume && is_in(&s->text[i], &s->v[k]))
				undo[n++] = (struct poke){s->v[k].start, s->v[k].saved, s->v[k].len};
		if (n)
			text_write(&s->text[i], undo, undo, n);
	}
	if (undo)
		stubs_unmap(s);
	free(undo);
	errno = saved;
}

void sites_free(struct sites *s)
{
	free(s->v);
	free(s->by_resume);
	free(s->moves);
	s->v = NULL;
	s->by_resume = NULL;
	s->moves = NULL;
	s->n = s->n_patched = 0;
}
