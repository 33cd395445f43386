/* The symbol door's table: names, and libc's functions behind them. The exports are in symbols_x86_64.S. */
#include "shim/symbols.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

enum arms { ARMS_never, ARMS_always, ARMS_event, ARMS_mutex };

static const struct {
	const char *name;
	const char *group;
	const char *version; /* NULL: the default one */
	const char *at;
	enum arms arms;
} table[] = {
#define SYMBOL(name, group, arms) {#name, #group, NULL, "", ARMS_##arms},
#define VERSION(name, tag, at, version, group, arms) {#name, #group, version, at, ARMS_##arms},
#define CLOCK(name) SYMBOL(name, clock, never)
#include "shim/symbols.def"
#undef SYMBOL
#undef VERSION
#undef CLOCK
};

__thread struct note note;
void (*symbol_arm_hook)(uint32_t symbol, const void *routine);
uint32_t symbol_lock_watch;

/* symbols_x86_64.S counts on it. */
_Static_assert(offsetof(struct note, caller) == 0, "NOTE_CALLER");
_Static_assert(offsetof(struct note, frame) == 8, "NOTE_FRAME");
_Static_assert(offsetof(struct note, symbol) == 16, "NOTE_SYMBOL");
_Static_assert(offsetof(struct note, count) == 20, "NOTE_COUNT");

/* Where the exports jump to; at first to code that calls symbol_resolve. By enum symbol. */
extern void *symbol_slots[SYMBOLS];

/* For symbols_x86_64.S: where the call goes on. */
void *symbol_resolve(uint32_t symbol);
void *symbol_arm(uint32_t symbol, const void *second, const void *third);

/*
 * Stands for a function that this libc lacks, such as epoll_pwait2 before glibc 2.35. A program that asks for it by
 * dlsym or by a weak reference finds our export, and is then told as by an old kernel: what such a program must bear.
 */
static long not_there(void)
{
	errno = ENOSYS;
	return -1;
}

/*
 * Not dlsym(RTLD_NEXT): it takes the loader's lock, in what may be a signal handler, and it discards the message that
 * the program's next dlerror() should give.
 */
void *symbol_resolve(uint32_t symbol)
{
	void *f = next_function(table[symbol].name, table[symbol].version);

	/* A glibc that is older than the default version of the one that we were made for. */
	if (!f && table[symbol].at[0] && table[symbol].at[1])
		f = next_function(table[symbol].name, NULL);
	if (!f)
		f = (void *)not_there;
	__atomic_store_n(&symbol_slots[symbol], f, __ATOMIC_RELEASE);
	return f;
}

static const void *routine_of(uint32_t symbol, const void *second, const void *third)
{
	return symbol == SYMBOL_pthread_create ? third : symbol == SYMBOL_thrd_create ? second : NULL;
}

/* second, third: the call's own arguments. A sigevent is the program's, and libc reads it before it makes a thread. */
void *symbol_arm(uint32_t symbol, const void *second, const void *third)
{
	void (*hook)(uint32_t, const void *) = __atomic_load_n(&symbol_arm_hook, __ATOMIC_ACQUIRE);
	const struct sigevent *event = table[symbol].arms == ARMS_event ? second : NULL;

	if (hook && (table[symbol].arms == ARMS_always || (event && event->sigev_notify == SIGEV_THREAD))) {
		struct note before = note;
		int saved = errno;

		hook(symbol, routine_of(symbol, second, third));
		errno = saved;
		note = before;
	}
	return symbol_slots[symbol];
}

void *symbol_real(uint32_t symbol)
{
	return symbol_resolve(symbol);
}

void symbols_resolve_all(void)
{
	for (uint32_t i = 0; i < SYMBOLS; i++)
		symbol_resolve(i);
}

const char *symbol_name(uint32_t symbol)
{
	return table[symbol].name;
}

const char *symbol_group(uint32_t symbol)
{
	return table[symbol].group;
}
