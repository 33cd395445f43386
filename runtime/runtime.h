/* How the door (shim/) starts the runtime and what it lends it. */
#ifndef GREEN_RUNTIME_H
#define GREEN_RUNTIME_H

#include "base.h"

struct thread;
struct regs;

/* A thread's last call that came by the symbol door. It is still under way as long as the word at `frame` is `caller`
 * and the stack pointer is below. */
struct noted_symbol {
	uintptr_t caller; /* 0: there was none */
	uintptr_t frame;
	uint32_t symbol, count;
};

struct runtime_hooks {
	/* Address at which the call that goes on at `resume` can be issued again, and where an unwinder finds it; 0 if
	 * it is no site of ours. */
	uintptr_t (*site_start)(uintptr_t resume);
	uintptr_t (*site_canonical)(uintptr_t ip); /* ip in a stub -> the address in libc it stands for */
	uintptr_t (*site_resume)(uintptr_t ip);    /* and back: where to go on for an address from a signal frame */
	bool (*is_raw)(uintptr_t resume);          /* the call was made by syscall(2) */
	bool (*in_trampoline)(uintptr_t ip);       /* in our text, but part of the program's own call */
	void (*last_thread_exit)(void);            /* libc's exit(0) */
	void (*abort)(void);                       /* libc's */
	void (*carrier_begins)(void);              /* on a new kernel thread that will run green threads; or NULL */
	bool (*trap_excepts)(uintptr_t ip);        /* a trapped call from there is the kernel's; NULL: there is none */
	void (*preempted)(void);                   /* as a handler: comes in at once, with the frame behind it */
	void (*forked)(void);                      /* in the child of a fork: dormant again */
	intptr_t noted_symbol;                     /* where that is, from a thread's TLS base; 0: nowhere */
};
extern struct runtime_hooks runtime_hooks;

struct runtime_options {
	uint32_t max_carriers; /* 0: as many as turn out to be needed */
	uint32_t alone_after;  /* alone.h */
	bool monitored;        /* who computes or blocks unseen is not to hold up the others */
	bool reader;           /* the monitor has one: close_range() may be called */
	bool trap;             /* carrier_begins turns Syscall User Dispatch on */
	uintptr_t rseq_offset; /* of glibc's area from the thread pointer, 0: it has none */
};

extern int runtime_pid;

/* On the main thread, the only kernel thread of the process: it becomes the first green thread. 0, or a negative errno
 * with everything undone. Afterwards: runtime_scheduler_next(), then a pthread_create whose thread calls
 * runtime_scheduler_main(). */
void runtime_prepare(void); /* before the first site is patched */
void runtime_abandon(void); /* after a failed start */
int runtime_start(const struct runtime_options *opt);
void runtime_exclude_next(bool yes); /* the next CLONE_THREAD of this thread makes a kernel thread */
void runtime_scheduler_next(void);   /* the next CLONE_THREAD of this thread makes a scheduler context */
_Noreturn void runtime_scheduler_main(void);
int runtime_finish_start(void); /* the scheduler exists: monitor */
/* One hub more: prepare, the same pthread_create, begin. Not the first has a libuv loop: nobody has a use for others'
 * yet. */
bool runtime_hub_prepare(void);
bool runtime_hub_begin(void);
bool runtime_take_signal(uint64_t set); /* one that the kernel holds for us goes to this thread; false: there is none */
uintptr_t runtime_rseq_area(void);

extern struct thread *scheduler_born;

/* process.c */
long process_clone_vm(struct thread *t, struct regs *r, unsigned long flags);

#endif
