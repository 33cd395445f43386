/* Finding a site by the address behind it: used in signal handlers and on green threads, so no libc. */
#include "shim/sites.h"

const struct site *site_by_resume(const struct sites *s, uintptr_t resume)
{
	size_t lo = 0, hi = s->n_patched;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->by_resume[mid]->resume == resume)
			return s->by_resume[mid];
		if (s->by_resume[mid]->resume < resume)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct site *site_by_after(const struct sites *s, uintptr_t after)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].insn + 2 == after)
			return &s->v[mid];
		if (s->v[mid].insn + 2 < after)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
