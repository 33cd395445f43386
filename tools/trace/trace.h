/*
 * green trace: what its parts give each other.
 *
 *	reader.c     rings -> records, trusting nothing                           -> events.c
 *	events.c     records -> events: threads' names, stacks by their numbers   -> all sinks
 *	modules.c    which file's code lies where in a process
 *	unwind.c     a snapshot of a stack -> addresses (libunwind)
 *	symbols.c    addresses -> functions and source lines (elfutils)
 *	notation*.c  a call in strace(1)'s notation
 *	live.c       a line for each event
 *	report.c     the summary by call site
 *	json.c       an event a line, for programs
 *	folded.c     stacks and the time spent off the CPU, for flame graphs
 *	deadlock.c   threads that wait for each other
 *	main.c       options; attach.c, launch.c: how it gets at the program
 */
#ifndef GREEN_TRACE_H
#define GREEN_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/trace_format.h"

/* modules.c: one program that a process has executed. A fork's child begins with none: its own TRACE_MAP say all. */
struct process {
	int pid;
	uint32_t serial;
	bool native;
	char *path; /* of its program */
	struct modules *modules;
	struct process *next;
};

/* One mapped file. Never freed while the process is known: stacks point to it. */
struct module {
	char *path;
	const char *name;    /* the path's last part */
	uint64_t start, end; /* of its executable mapping */
	uint64_t offset;     /* in the file, of start */
	struct image *image; /* symbols.c: the file itself, opened at first use; shared by all who map it */
};

struct process *process_new(int pid, uint32_t serial, const char *path);
void process_free(struct process *p);
/* What lay at these addresses is not there any more. The file is looked for at once, below /proc/PID/root first: it may
 * be replaced or gone later. A file whose device, inode or build id is not that of the mapping is not used. */
void process_map(struct process *p, uint64_t start, uint64_t end, uint64_t offset, const char *path);
const struct module *process_module(struct process *p, uint64_t pc); /* NULL: none */

/* unwind.c */
struct snapshot {
	uint64_t ip, sp, bp, bx, r12, r13, r14, r15;
	bool incomplete; /* ip and sp alone are right */
	const uint8_t *memory;
	size_t bytes;
};

struct frame {
	uint64_t pc;
	/* Where the word lies that is pc, as a distance from snapshot.sp in bytes; UINT64_MAX: unknown (the first
	 * frame's, those behind a signal handler's frame). */
	uint64_t at;
};

/* frames[0].pc is snapshot.ip. How many, at least 1. `whole`: the stack's end was reached. */
size_t unwind(struct process *p, const struct snapshot *s, struct frame *frames, size_t most, bool *whole);

/* symbols.c */
struct place {
	const char *function; /* NULL: not known */
	const char *file;     /* the source, its last part; NULL: not known */
	const char *path;     /* the source, as the compiler had it; NULL: not known */
	int line;
	const char *module; /* its file's last part; NULL: no module lies there */
	uint64_t offset;    /* from the function's begin; from the module's, where no function is known */
	bool inlined;       /* into the next place */
};

/* The places that an address stands for: inlined functions, innermost first, the function proper last. At least one.
 * `call`: it is a return address, and the instruction before it is meant. The strings live as long as the process. */
size_t places_of(struct process *p, uint64_t pc, bool call, struct place *out, size_t most);

/* A stack, from the innermost frame. It lives as long as its process. */
struct stack {
	uint32_t id;  /* unique in this run of the tool, from 1 */
	size_t count; /* of places, inlined ones too */
	struct place *places;
	size_t site; /* the innermost place of the program's own: not in libc, the loader, libgreen, libstdc++; 0 if
			there is none */
	const uint64_t *pcs; /* of its frames */
	size_t frames;
	bool ours; /* a call of libgreen's own: natively there is none */
	bool whole;
};

/* stack.c: unwound and looked up. frames, count: what unwind() found, for the table of known stacks (known.c). */
struct stack *stack_make(
    struct process *p, const struct snapshot *s, struct frame frames[], size_t most, size_t *count);

/* "server.c:88 in handle_client", "handle_client+0x1f (server)", "server+0x1234", "0x7f...". Into buf; returns it. */
const char *place_text(const struct place *place, char *buf, size_t size);

/* Events. Everything in them lives until the sink returns, but for process, stacks and names, which live longer. */
struct thread {
	struct process *process;
	int tid;
	char name[17];
	uint32_t number; /* unique in this run of the tool, from 1 */
	bool ended;
};

struct capture {
	uint8_t arg, part;
	uint32_t of;          /* bytes that there were */
	size_t size;          /* bytes that are here */
	const uint8_t *bytes; /* not aligned */
};

#define CAPTURES_MOST 64

struct call {
	struct thread *thread;
	uint64_t start, end;
	int64_t result;
	uint64_t args[6];
	unsigned nr;
	enum trace_verdict verdict;
	unsigned flags;
	const char *function; /* of libc, that the program called: "getaddrinfo"; NULL: not known */
	const char *group;    /* of that function, shim/symbols.def */
	uint32_t invocation;
	unsigned waiting;
	uint64_t held;
	const struct stack *stack; /* NULL: not known */
	struct thread *owner;      /* of the lock; NULL: not known */
	const struct stack *owner_stack;
	bool begins; /* TRACE_ENTER: it may not return; an exec's has no end if the next event is the new program's */
	bool unfinished; /* the process ended meanwhile: end and result are not known */
	const struct capture *captures;
	size_t capture_count;
};

/* A stay in the program. */
struct run {
	struct thread *thread;
	uint64_t start, end;
	uint64_t rescued_at; /* 0: it was not */
	unsigned waiting;
	int nr; /* it slept in this call, made past libc; -1: it computed */
	uint64_t args[6];
	const struct stack *stack; /* where the monitor found it; NULL: it did not look */
	bool alone;                /* on a kernel thread of its own: nobody waited for it */
	bool starved;              /* it had no CPU for most of the time since it was found: it is no more than ready */
};

/* How a process came and went. */
struct life {
	enum { LIFE_BEGINS, LIFE_EXECS, LIFE_EXITS, LIFE_KILLED, LIFE_VANISHES } what;
	struct process *process;
	int parent; /* LIFE_BEGINS: its pid */
	int code;   /* LIFE_EXITS: the code; LIFE_KILLED: the signal */
	bool core;
	uint64_t at;
};

/* Threads that wait for each other, or for nobody. */
struct waiter {
	struct thread *thread;
	uint64_t lock;
	struct thread *owner; /* NULL: not known */
	const struct stack *stack;
};

struct deadlock {
	struct process *process;
	uint64_t at;
	bool ring; /* each waits for a lock that the next one holds, the last for the first's; else: all threads wait */
	struct waiter *waiters;
	size_t count;
};

/* deadlock.c: how all threads of a process stand, at one look (events.c, some fifty times a second). A deadlock is told
 * to the sinks by events_deadlock(), once. */
struct standing {
	struct thread *thread;
	enum trace_state state;
	uint64_t since; /* unchanged as long as the call is the same */
	int nr;         /* TRACE_IN_PROGRAM: -1 */
	const struct stack *stack;
	uint64_t lock;        /* 0: what it waits for is no futex, or has a time limit */
	struct thread *owner; /* of that lock; NULL: not known */
};

void deadlock_look(struct process *p, const struct standing *threads, size_t count, bool complete, uint64_t now);
void events_deadlock(const struct deadlock *d);

/* What was lost since the beginning. */
struct losses {
	uint64_t records, no_ring, no_slot, damaged;
	unsigned interruptions; /* times that the tool was stopped for so long that nobody wrote */
};

/* Each sink takes what it wants; NULL: it does not. */
struct sink {
	void (*call)(const struct call *c);
	void (*run)(const struct run *r);
	void (*life)(const struct life *l);
	void (*deadlock)(const struct deadlock *d);
	void (*end)(const struct losses *l, uint64_t begin, uint64_t end); /* all is over */
};

extern const struct sink live_sink, report_sink, json_sink, folded_sink;

/* Options that the sinks look at. */
struct trace_options {
	FILE *out;    /* live lines, summary, JSON */
	FILE *folded; /* NULL: not wanted */
	bool summary; /* -c: no live lines */
	bool json;
	bool native;
	unsigned string_size; /* -s: bytes of a string that are shown */
	uint64_t slower;      /* no live lines for what took less */
	uint64_t begin;       /* CLOCK_MONOTONIC, when the trace began */
	int64_t to_realtime;  /* to be added for CLOCK_REALTIME */
};
extern struct trace_options trace_options;

/* notation.c */
const char *call_name(unsigned nr); /* "openat"; "syscall_0x1c9" */
int call_number(const char *name);  /* -1: there is no such call */
/* The classes of strace -e trace=%CLASS: desc, file, network, process, signal, ipc, memory, sleep, sync, ... false: no
 * such class. */
bool call_class(const char *name, uint64_t calls[TRACE_CALLS / 64]);
/* `openat(AT_FDCWD, "/etc/hosts", O_RDONLY|O_CLOEXEC)`, without its result. */
void call_print(FILE *out, const struct call *c);
void call_print_args(FILE *out, int nr, const uint64_t args[6]); /* where no memory was captured */
/* `= 3`, `= -1 ENOENT (No such file or directory)`, `= ?`. */
void call_print_result(FILE *out, const struct call *c);
void signal_print(FILE *out, int signal);                                /* "SIGSEGV", "SIGRTMIN" */
void string_print(FILE *out, const uint8_t *bytes, size_t n, bool more); /* "...", quoted and escaped as strace does */

static inline const char *verdict_name(enum trace_verdict v)
{
	static const char *const names[] = {[TRACE_DONE] = "done",
	    [TRACE_PARKED] = "parked",
	    [TRACE_HANDED_OFF] = "handed off",
	    [TRACE_HELD] = "held the hub",
	    [TRACE_RESCUED] = "rescued",
	    [TRACE_KERNEL] = "kernel thread"};
	return v < TRACE_VERDICTS ? names[v] : "?";
}

#endif
