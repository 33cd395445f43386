/* The symbol door: exports with libc's names that note who called what, and go on to libc's own function. */
#ifndef GREEN_SYMBOLS_H
#define GREEN_SYMBOLS_H

#include <stdint.h>

enum symbol {
#define SYMBOL(name, group, arms) SYMBOL_##name,
#define VERSION(name, tag, at, version, group, arms) SYMBOL_##name##_##tag,
#define CLOCK(name) SYMBOL_##name,
#include "shim/symbols.def"
#undef SYMBOL
#undef VERSION
#undef CLOCK
	SYMBOLS
};

/*
 * The last call of this thread that came through the symbol door; caller is NULL before the first. The door cannot know
 * when the call has ended, because it jumps to libc's function. A site asks instead: as long as the call lasts,
 * *frame == caller (the word is its return address) and the stack pointer is below frame. stdio and locks do not pass
 * the door, so a note that fails this belongs to an earlier call. A signal handler's calls overwrite the note, also
 * between its fields: who runs one saves it.
 */
struct note {
	const void *caller; /* return address: in the calling function, after the call */
	const void *const *frame;
	uint32_t symbol; /* enum symbol */
	uint32_t count;  /* of this thread's calls through the door: tells one from the next */
};

extern __thread struct note note __attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * Called, while not NULL, when a function is entered that makes a thread in libc, before libc's function runs: by the
 * thread that called it, on its stack, as an ordinary C function. It must tolerate a call by several threads at once
 * and by its own use of such functions. Its errno and its notes are put back. routine: what the new thread is to run,
 * NULL where the call does not say.
 */
extern void (*symbol_arm_hook)(uint32_t symbol, const void *routine);

/* While not 0, the runtime is asked before a mutex is locked that may be shared with another process (call_lock). */
extern uint32_t symbol_lock_watch;

const char *symbol_name(uint32_t symbol);
const char *symbol_group(uint32_t symbol);

/* libc's function, or that of a library which stands in front of libc too. Never NULL: see symbols.c. */
void *symbol_real(uint32_t symbol);

/* Fill the table at once, so that nothing is looked up later. No locks, no allocation, keeps errno. */
void symbols_resolve_all(void);

/*
 * The definition of a function in the libraries behind this one, as dlsym(RTLD_NEXT) would find it. version: glibc's
 * name, or NULL for the default version. NULL if there is none.
 */
void *next_function(const char *name, const char *version);

#endif
