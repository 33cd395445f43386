/*
 * green trace: what the tool's inner parts give each other.
 *
 *	memory.c     the memory that is shared with the program
 *	launch.c     starts a program with it
 *	attach.c     finds it in a program that runs
 *	loop.c       polls it until all is over
 *	watch.c      meanwhile says that the tool lives, and takes its signals
 *	reader.c     rings -> records
 *	processes.c  who writes them
 *	threads.c    and which threads these have
 *	numbers.c    the stacks' numbers
 *	same.c       stacks that have been looked up
 *	known.c      the table of known stacks
 *	queue.c      records of several rings, in the order of time
 *	events.c     records -> events -> sinks
 *	cut_files.c  files that shrink while they are read
 *	prepare.c    files that will be looked into
 *	slots.c      what each thread does just now
 *	arguments.c  -e and times on the command line
 */
#ifndef GREEN_TRACE_TOOL_H
#define GREEN_TRACE_TOOL_H

#include "tools/trace/trace.h"

#define MILLISECOND 1000000ULL
#define SECOND 1000000000ULL

uint64_t now(void); /* CLOCK_MONOTONIC, in nanoseconds */

/* What the user wants to see. */
struct wanted {
	int pid; /* attached: this one alone writes, whatever it calls itself in its PID namespace */
	uint64_t calls[TRACE_CALLS / 64];
	uint32_t capture;
	bool stacks, native;
	uint64_t slower;
	const char *threads; /* patterns; NULL: all */
};

static inline bool call_wanted(const uint64_t calls[TRACE_CALLS / 64], unsigned nr)
{
	return nr >= TRACE_CALLS || (calls[nr / 64] >> nr % 64 & 1);
}

/* memory.c */
struct memory {
	int fd;
	bool on;
	uint64_t beat; /* the last one */
	void *base;
	struct trace_control *control; /* its first page */
};
void memory_make(struct memory *m);
const char *memory_map(struct memory *m, int fd); /* what is wrong with it; NULL: nothing */
bool memory_lock(struct memory *m);               /* false: another tool reads it */
void memory_start(struct memory *m, const struct wanted *w);
void memory_stop(struct memory *m);
bool memory_answered(struct memory *m); /* the program has seen the last start or stop */
/* For how long the tool gave no sign of life, if that was so long that the program takes it for dead; else 0. */
uint64_t memory_silence(struct memory *m, uint64_t at);
void memory_beat(struct memory *m, uint64_t at, bool anew); /* it lives. anew: the program is to begin again */
void memory_free_rings(struct memory *m);                   /* of a tool that has ended in the middle */
void memory_give_back(struct memory *m);                    /* all of it but the control page */

/* launch.c, attach.c */
struct target {
	int pid, pidfd;
	bool child;       /* of the tool */
	const char *path; /* of its program then */
	bool over;
	int status; /* of a child, as of wait(2) */
};
/* The program, or die()'s. */
void target_find(struct target *t, const char *name);
/* It is made, with `memory` in its environment, and begins when it is launched. */
void target_fork(struct target *t, const struct memory *m, char **argv);
void target_launch(struct target *t);
/* Its memory is mapped, and nobody else reads it. */
void target_attach(struct target *t, struct memory *m, int pid);
/* Waits until the program has answered; dies if it does not. */
void target_wait_for_start(struct target *t, struct memory *m);

/* loop.c */
/* The program may have been made before: it is to find none of this. */
void loop_prepare(struct memory *m);
void loop_run(struct memory *m, struct target *t, FILE *const out[2]);

/* watch.c */
int watch_start(struct memory *m); /* the descriptor that is readable when there is a signal */
int watch_signal(void);            /* the next one that was sent to the tool; 0: none */
void watch_answers_no_more(void);  /* nobody will ask: the next signal ends the tool */

/* reader.c */
struct reader {
	void *base;
	/* The reader owns the record until it returns. */
	void (*take)(uint32_t serial, int pid, const struct trace_record *record);
	bool (*gone)(uint32_t serial); /* its rings are free once they are read */
	struct losses losses;
	uint64_t no_ring, no_slot; /* the program's counters at the beginning */
	uint64_t lost[TRACE_RINGS];
	_Alignas(8) uint8_t record[TRACE_RECORD_MOST];
};
void reader_start(struct reader *r, void *base);
size_t reader_pass(struct reader *r); /* the most bytes that stood in one ring */
struct losses reader_losses(const struct reader *r);

/* processes.c: one for each serial number. */
struct traced {
	struct process *process;
	uint32_t serial;
	int pidfd;  /* -1: none to be had */
	bool begun; /* its TRACE_PROCESS has come */
	uint64_t begun_at;
	bool anew;            /* it was traced already, under another serial number */
	bool execs;           /* it was another program before */
	uint64_t dying_since; /* it looks dead since then; 0: it does not */
	bool gone;            /* it has ended, or executed another program */
	bool exits;           /* it has called exit_group */
	int code;             /* ... with this */
	uint32_t maps;
	char *no_path; /* the process's path before `begun` */
	struct standing *standing;
	size_t count, room;
	bool complete; /* nobody is missing in `standing` */
	struct traced *next_hash;
	struct traced **link; /* to it, among those that are not `gone` */
	struct traced *next;
};
struct traced *traced_find(uint32_t serial);
struct traced *traced_get(uint32_t serial, int pid); /* NULL: too many */
struct traced *traced_first(void);                   /* of those that are not gone, by ->next */
struct traced *traced_of_pid(int pid);               /* likewise */
void traced_set_gone(struct traced *t);
void traced_set_path(struct traced *t, const char *path);
/* Waits for fd, fd2 or the end of a process, which is told to `dead`; -1: no such descriptor. Is there something on fd?
 */
bool processes_wait(int fd, int fd2, int timeout, void (*dead)(struct traced *t));
char process_state(int pid);      /* as in proc(5); X: there is none, ?: it cannot be known now */
void processes_raise_limit(void); /* of files: each process needs one */
unsigned processes_left_out(void);
void processes_free(void);

/* threads.c */
struct sample {
	uint64_t since;
	uint64_t args[6];
	int nr;
	uint32_t stack;
	unsigned waiting;
};
struct seen {
	struct thread thread; /* the first member: &seen->thread is the seen */
	uint32_t serial;
	bool unwanted;         /* by its name */
	struct sample *sample; /* the last one, if its TRACE_RUN has not come yet */
	struct seen *next, *next_ended;
};
void threads_wanted(const char *patterns);
struct seen *thread_get(struct traced *t, int tid);     /* NULL: too many */
struct seen *thread_of_past(struct traced *t, int tid); /* it may have ended meanwhile */
void thread_rename(struct seen *s, const char *name);
void thread_end(struct seen *s); /* the next one with this tid is another thread */
void threads_end_of(const struct traced *t);
unsigned threads_left_out(void);
void threads_free(void);

/* numbers.c */
void stack_take(struct traced *t, const struct trace_stack *record);
void stacks_make(bool all); /* those of the pass before the last one: what is mapped was read since; or all */
const struct stack *stack_of(uint32_t number);
unsigned stacks_left_out(void);
void stacks_start(void *base);
void stacks_free(void);

/* same.c */
enum { FRAMES_MOST = 256 };
/* NULL: there are too many. frames, n: as from unwind(). */
const struct stack *stack_same(struct traced *t, const struct snapshot *s, const struct frame *frames, size_t n);
void same_free(void);
extern size_t same_bytes_most; /* of memory for all of them */

/* known.c: false: there is no room, or too little is known of it. */
bool known_publish(
    void *base, uint32_t key, uint32_t number, const struct snapshot *s, const struct frame *frames, size_t count);

/* queue.c */
struct item {
	uint64_t at, order;
	struct traced *traced;
	_Alignas(8) struct trace_record record; /* and the rest of it */
};
/* Types of items that no ring has: told by the tool itself. */
enum { ITEM_GONE = 0x100, ITEM_EXECS, ITEM_ANEW };
void queue_put(struct traced *t, uint64_t at, const struct trace_record *record);
void queue_deliver(uint64_t until, void (*deliver)(const struct item *item));
size_t queue_bytes(void);
void queue_free(void);

/* events.c */
void events_start(void *base, const struct wanted *w, const struct sink *const sinks[], size_t n);
void events_take(uint32_t serial, int pid, const struct trace_record *record);
bool events_gone(uint32_t serial);
void events_dead(struct traced *t);
void events_status(int pid, int status); /* how the tool's child has ended */
/* What ended before the last pass but one began, `before`; UINT64_MAX: all. */
void events_deliver(uint64_t before);
void events_unfinished(struct traced *t, const struct trace_slot *slot, uint64_t at);
void events_end(const char *path, const struct losses *l); /* path: of the tool's child */
bool events_seen(void);                                    /* of any process */
void events_free(void);
/* At `at` the tool comes back after `silence` ns: the processes begin anew, each under another serial number. By the
 * thread that watches. */
void events_interrupted(uint64_t at, uint64_t silence);
unsigned events_tell_interruptions(void); /* how many; those that are new are told */

/* slots.c */
void slots_start(void *base);
void slots_look(void *base, uint64_t at);
void slots_of_living(void *base, uint64_t at);                 /* what they do */
void slots_of_dead(void *base, struct traced *t, uint64_t at); /* what they did; and then they are free */

/* prepare.c: what will be looked up is opened before it is needed in a hurry. */
void prepare_for_program(const char *path);
void prepare_for_process(int pid);

/* cut_files.c: mapped files may be cut off from now on. */
void cut_files_start(void);

/* functions.c: of libc, by the numbers of shim/symbols.def; NULL: no such number. */
const char *function_name(unsigned symbol);
const char *function_group(unsigned symbol);

/* arguments.c: what is wrong, NULL: nothing. */
const char *calls_parse(const char *text, uint64_t calls[TRACE_CALLS / 64], const char **at);
bool time_parse(const char *text, uint64_t *ns);

#endif
