/* What the subcommands of green(1) share. */
#ifndef GREEN_TOOLS_H
#define GREEN_TOOLS_H

#include <limits.h>
#include <stdbool.h>

/* Exit statuses, those of env(1). */
enum {
	EXIT_OURS = 125,      /* green itself could not do what it was asked */
	EXIT_UNUSABLE = 126,  /* the program is there but cannot be run this way */
	EXIT_NOT_FOUND = 127, /* no such program, or its interpreter is missing */
};

/* die.c: one line on stderr, after "green: ". */
_Noreturn void die(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void close_stdout(void); /* dies if what was printed did not get out */

/* run.c */
int run_main(int argc, char **argv);
void run_usage(void);

/* trace/main.c */
int trace_main(int argc, char **argv);
void trace_usage(void);

/* options.c: those of shim/options.def, as long options of which each is returned by getopt_long as a number from
 * LIBRARY_OPTION up. */
enum {
	LIBRARY_OPTIONS = 0
#define X(...) +1
#include "shim/options.def"
#undef X
	,
	LIBRARY_OPTION = 0x1000
};
struct option;
void library_options(struct option *out);               /* LIBRARY_OPTIONS of them */
void library_option_set(int option, const char *value); /* in the environment; dies if the value is wrong */
void library_options_usage(void);

/* program.c */
struct program {
	char path[PATH_MAX]; /* for execvp */
	char asan[128];      /* soname of ASan's runtime, which insists on coming first; "" mostly */
};
/* Looks the name up in PATH and makes sure that a library can be preloaded into it; dies with the reason if not. */
void program_find(struct program *p, const char *name);

/* library.c: libgreen.so is to be preloaded into it; dies if there is none. */
void library_preload(const struct program *p);

/* elf.c */
struct elf {
	char interp[PATH_MAX]; /* "" for a static program or a library */
	char soname[128];
	char asan[128];
};
/* Reads what matters of an x86-64 ELF file, trusting nothing in it; the reason why it is unfit, or NULL. */
const char *elf_read(int fd, struct elf *elf);

#endif
