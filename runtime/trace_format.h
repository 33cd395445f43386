/*
 * What a traced program and `green trace` share: one piece of memory, a memfd that cannot shrink (memfd_create(2),
 * F_SEAL_SHRINK). The program writes records into rings and its threads' present state into slots; the tool writes
 * what it wants, how far it has read, and which stacks it knows.
 *
 * A ring has one process's records, in the order of their ends. What does not fit is counted and lost: the program
 * never waits for the tool. All times are nanoseconds of CLOCK_MONOTONIC.
 *
 * The tool trusts nothing that it reads here. The program believes the tool: who may write here might as well use
 * ptrace(2).
 */
#ifndef GREEN_TRACE_FORMAT_H
#define GREEN_TRACE_FORMAT_H

#include <stdatomic.h>
#include <stdint.h>

#define TRACE_MAGIC 0x65636172546e6747ULL
#define TRACE_VERSION 1
#define TRACE_MEMFD "libgreen"       /* its name: what `green trace -p` looks for among the program's descriptors */
#define TRACE_VARIABLE "GREEN_TRACE" /* of the environment: the path of the memory of the tool that started us */

#define TRACE_RINGS 64
#define TRACE_RING_BYTES (2U << 20) /* a power of two */
#define TRACE_SLOTS 16384
#define TRACE_STACKS 16384
#define TRACE_STACK_WORDS 60
#define TRACE_SNAPSHOT 16384 /* bytes of a stack at most */
#define TRACE_CALLS 512
#define TRACE_RECORD_MOST 32768

struct trace_control {
	/* By who makes the memory. */
	uint64_t magic;
	uint32_t version;
	char release[20]; /* GREEN_VERSION of the tool that makes it, or of the library that does */

	/* By the tool. */
	/* 0: nothing is wanted; else a number, another one each time that tracing is to begin anew. A program that
	 * takes the tool for dead stores 0 if the memory is its own, and begins again when the tool beats and this is
	 * not 0. */
	_Alignas(64) _Atomic uint32_t on;
	_Atomic uint32_t native;  /* the program is to keep its kernel threads */
	_Atomic uint32_t capture; /* bytes of a string or buffer that are wanted; 0: no memory, nor paths */
	_Atomic uint32_t stacks;  /* whether stacks are */
	_Atomic uint64_t slower;  /* no calls that took less */
	_Atomic uint64_t beat;    /* when the tool was last seen alive */
	_Atomic uint64_t calls[TRACE_CALLS / 64]; /* bit by number: those that are wanted */

	/* By the program. */
	_Alignas(64) _Atomic uint32_t answered; /* the `on` that it has seen */
	_Atomic uint32_t monitor_asleep;        /* futex word, shared: 1 = its monitor sleeps, 0 and a wake rouse it */
	_Atomic uint32_t stack_numbers;         /* numbers of stacks that were given out, to all processes: 1, 2, ... */
	_Atomic uint32_t processes;             /* serial numbers of processes that were given out: 1, 2, ... */
	_Atomic uint64_t no_ring;               /* records lost because there was no ring left */
	_Atomic uint64_t no_slot;               /* threads without a slot */
};

/* Before its bytes, in a page of its own. Records do not run over the ring's end. */
struct trace_ring {
	_Atomic uint32_t owner; /* serial of the process that writes; 0: free. The tool frees those of the dead */
	_Atomic uint32_t pid;
	_Alignas(64) _Atomic uint64_t head; /* bytes written so far */
	_Atomic uint64_t lost;              /* records that did not fit */
	_Alignas(64) _Atomic uint64_t tail; /* bytes read so far, by the tool */
};

enum trace_type {
	TRACE_PAD,     /* up to the ring's end */
	TRACE_PROCESS, /* a process begins to write */
	TRACE_MAP,     /* it has mapped code */
	TRACE_NAME,    /* a thread is called so */
	TRACE_END,     /* a thread has ended */
	TRACE_STACK,   /* a stack that the tool does not know yet */
	TRACE_ENTER,   /* a call that may not return has begun (execve, exit, exit_group): struct trace_call */
	TRACE_CALL,    /* a call has ended */
	TRACE_SAMPLE,  /* the monitor has found a thread in the program for long */
	TRACE_RUN,     /* and this is how long it was there */
};

/* Each record begins so, at a multiple of 8 bytes. */
struct trace_record {
	uint16_t size; /* of all of it, a multiple of 8 */
	uint16_t type;
	uint32_t tid;
};

struct trace_process {
	struct trace_record h;
	uint32_t pid, parent, serial; /* as its /proc shows them; parent: if that was traced, else 0 */
	uint32_t hubs;                /* 0: native */
	uint64_t at;
	char path[]; /* of the program */
};

/* The file's bytes from `offset` on are at start..end. */
struct trace_map {
	struct trace_record h;
	uint64_t at, start, end, offset;
	char path[];
};

struct trace_name {
	struct trace_record h;
	uint64_t at;
	char name[16];
};

struct trace_end {
	struct trace_record h;
	uint64_t at;
};

/* Registers, and the stack from sp on. `incomplete`: ip and sp alone are right. */
struct trace_stack {
	struct trace_record h;
	uint32_t stack; /* its number in other records, those of other processes too (trace_known) */
	uint32_t key;   /* for struct trace_known */
	uint32_t bytes, incomplete;
	uint64_t ip, sp, bp, bx, r12, r13, r14, r15;
	uint8_t memory[];
};

/* ns: who keeps the hub in a call for less is not said to have held it: where others have the CPU a call takes as long.
 * The monitor looks each 4 ms. */
#define TRACE_HELD_LONG 5000000ULL

/* What became of a call. */
enum trace_verdict {
	TRACE_DONE,       /* it was answered at once */
	TRACE_PARKED,     /* its thread parked: others ran */
	TRACE_HANDED_OFF, /* the hub was given away before it blocked in the kernel */
	TRACE_HELD,       /* it kept the hub, for `held` ns: nobody else of that hub could run */
	TRACE_RESCUED,    /* it kept the hub for `held` ns, until the monitor gave it away */
	TRACE_KERNEL,     /* the thread has a kernel thread of its own (bound, excluded, --native) */
	TRACE_VERDICTS
};

enum trace_flags {
	TRACE_NOT_COVERED = 1, /* the runtime knows nothing of this call, and left it to the kernel */
	TRACE_TRAPPED = 2,     /* it was made past libc (--trap) */
};

#define TRACE_NO_SYMBOL 0xffff

struct trace_call {
	struct trace_record h;
	uint64_t start, end;
	int64_t result; /* negative errno; the kernel's restart codes (-512 ...) where a handler came between */
	uint64_t args[6];
	uint16_t nr;
	uint8_t verdict, flags;
	uint16_t symbol;     /* enum symbol of the libc function that the program called, or TRACE_NO_SYMBOL */
	uint16_t waiting;    /* threads of the hub that were ready when it was held */
	uint32_t invocation; /* the same in all calls of one invocation of that function by this thread */
	uint32_t stack;      /* 0: not known */
	uint64_t caller;     /* of that function: a return address; if the stack has it not, the function has ended */
	uint64_t held;
	uint32_t owner, owner_stack; /* futex: who held the lock, 0: not known, and where it was */
	uint8_t captured[];          /* struct trace_capture, one after the other */
};

/* Memory that an argument points to, at the end of the call (TRACE_ENTER: at its begin). */
struct trace_capture {
	uint8_t arg;   /* 0..5 */
	uint8_t part;  /* of several pieces: runtime/trace_calls.def */
	uint16_t size; /* of what follows; the next capture begins at a multiple of 8 */
	uint32_t of;   /* how much there was */
	uint8_t bytes[];
};

/* In the program all the time since `since`. nr: the call in which it sleeps past libc, -1: it computes. */
struct trace_sample {
	struct trace_record h;
	uint64_t at, since;
	uint64_t args[6];
	int32_t nr;
	uint32_t stack, waiting, pad;
};

struct trace_run {
	struct trace_record h;
	uint64_t start, end;
	uint64_t rescued_at; /* the hub was taken from it then; 0: it was not */
	uint64_t sampled_at; /* of the TRACE_SAMPLE that came before; 0: there was none */
	uint64_t cpu;        /* time that it had a CPU since then */
	uint32_t waiting;
	uint32_t alone; /* it had no hub: on a kernel thread of its own it held up nobody */
};

/* A thread's present state. Under a sequence lock: odd while it is being written. */
enum trace_state { TRACE_IN_PROGRAM, TRACE_IN_CALL, TRACE_IS_PARKED };

struct trace_slot {
	_Alignas(64) _Atomic uint32_t owner; /* serial of the process; 0: free */
	_Atomic uint32_t sequence;
	uint32_t tid;
	_Atomic uint32_t state;
	char name[16];
	uint64_t since; /* the call began, or the last one ended */
	uint64_t args[6];
	uint16_t nr, symbol;
	uint32_t stack, invocation;
	_Atomic uint32_t lock_owner; /* parked for a lock's word: who held it, else 0 */
	uint64_t lock;               /* parked for a futex without a time limit: its address, else 0 */
};

/*
 * A stack that the tool has unwound, so that the program needs not send it again: wherever `count` words lie at these
 * distances from the stack pointer (in words), it is the same. Written by the tool; found by key, from bucket
 * key % TRACE_STACKS on, at most TRACE_STACK_PROBES further.
 */
#define TRACE_STACK_PROBES 8
struct trace_known {
	_Atomic uint32_t key; /* 0: free; stored last */
	uint32_t stack;
	uint32_t count;
	uint32_t pad;
	uint64_t value[TRACE_STACK_WORDS];
	uint16_t distance[TRACE_STACK_WORDS];
};

/* The layout. */
#define TRACE_PAGE 4096UL
#define TRACE_RING_STRIDE (TRACE_PAGE + TRACE_RING_BYTES)
#define TRACE_RINGS_AT TRACE_PAGE
#define TRACE_SLOTS_AT (TRACE_RINGS_AT + TRACE_RINGS * TRACE_RING_STRIDE)
#define TRACE_STACKS_AT (TRACE_SLOTS_AT + TRACE_SLOTS * sizeof(struct trace_slot))
#define TRACE_BYTES ((TRACE_STACKS_AT + TRACE_STACKS * sizeof(struct trace_known) + TRACE_PAGE - 1) & ~(TRACE_PAGE - 1))

_Static_assert(sizeof(struct trace_control) <= TRACE_PAGE, "the control page");
_Static_assert(sizeof(struct trace_ring) <= TRACE_PAGE, "a ring's page");
_Static_assert(sizeof(struct trace_slot) == 128, "slots in whole cache lines");
_Static_assert(sizeof(struct trace_call) % 8 == 0 && sizeof(struct trace_stack) % 8 == 0, "records");

static inline struct trace_ring *trace_ring_at(void *base, unsigned i)
{
	return (struct trace_ring *)((char *)base + TRACE_RINGS_AT + i * TRACE_RING_STRIDE);
}

static inline uint8_t *trace_ring_bytes(struct trace_ring *ring)
{
	return (uint8_t *)ring + TRACE_PAGE;
}

static inline struct trace_slot *trace_slot_at(void *base, unsigned i)
{
	return (struct trace_slot *)((char *)base + TRACE_SLOTS_AT) + i;
}

static inline struct trace_known *trace_known_at(void *base, unsigned i)
{
	return (struct trace_known *)((char *)base + TRACE_STACKS_AT) + i;
}

/*
 * Which memory is captured for an argument. In runtime/trace_calls.def, CALL(name, groups, ARG(type, capture), ...).
 * The pieces are numbered (trace_capture.part) from 0; where nothing else is said there is one.
 */
enum trace_capture_kind {
	CAPTURE_NO_,
	CAPTURE_STRING_,    /* up to the NUL */
	CAPTURE_PATH_,      /* likewise, whatever is wanted of other strings: a path that is cut names no file */
	CAPTURE_BYTES_,     /* as many as argument `from` says */
	CAPTURE_RESULT_,    /* as many as the result says, times `size` */
	CAPTURE_STRUCT_,    /* `size`; whole, or not at all */
	CAPTURE_ARRAY_,     /* as many as argument `from` says, times `size` */
	CAPTURE_LENGTH_AT_, /* as many bytes as the int says that argument `from` points to: a socket address */
	CAPTURE_IOVEC_,     /* struct iovec, as many as argument `from` says: part 0; and what the first four of
			       them point to, parts 1 to 4, of which an input's no more than the result in all (size 1: a
			       call that fills them) */
	CAPTURE_MESSAGE_,   /* struct msghdr: part 0; parts 1 to 4 as above; part 5 its address, part 6 its vector,
			       part 7 its control data */
	CAPTURE_STRINGS_,   /* pointers up to a NULL: their strings, parts 0 to 15, and as part 16 how many
			       there are, a uint32_t */
};

struct trace_arg {
	uint8_t kind, from;
	uint16_t size;
};

#define CAPTURE_NO                \
	{                         \
		CAPTURE_NO_, 0, 0 \
	}
#define CAPTURE_STRING                \
	{                             \
		CAPTURE_STRING_, 0, 1 \
	}
#define CAPTURE_PATH                \
	{                           \
		CAPTURE_PATH_, 0, 1 \
	}
#define CAPTURE_BYTES(arg)             \
	{                              \
		CAPTURE_BYTES_, arg, 1 \
	}
#define CAPTURE_RESULT(each)             \
	{                                \
		CAPTURE_RESULT_, 0, each \
	}
#define CAPTURE_STRUCT(bytes)             \
	{                                 \
		CAPTURE_STRUCT_, 0, bytes \
	}
#define CAPTURE_ARRAY(arg, each)          \
	{                                 \
		CAPTURE_ARRAY_, arg, each \
	}
#define CAPTURE_LENGTH_AT(arg)             \
	{                                  \
		CAPTURE_LENGTH_AT_, arg, 1 \
	}
#define CAPTURE_IOVEC_OUT(arg)         \
	{                              \
		CAPTURE_IOVEC_, arg, 0 \
	} /* the program gives the bytes */
#define CAPTURE_IOVEC_IN(arg)          \
	{                              \
		CAPTURE_IOVEC_, arg, 1 \
	} /* the kernel does */
#define CAPTURE_MESSAGE_OUT            \
	{                              \
		CAPTURE_MESSAGE_, 0, 0 \
	}
#define CAPTURE_MESSAGE_IN             \
	{                              \
		CAPTURE_MESSAGE_, 0, 1 \
	}
#define CAPTURE_STRINGS                \
	{                              \
		CAPTURE_STRINGS_, 0, 8 \
	}

#endif
