/* What the files of trace_*.c share. */
#ifndef GREEN_TRACE_INTERNAL_H
#define GREEN_TRACE_INTERNAL_H

#include "trace.h"
#include "trace_format.h"
#include "trace_self.h"

/* trace.c */
extern struct trace_control *trace_control;
extern void *trace_memory;            /* all of it, NULL: it is not mapped */
extern _Atomic uint32_t trace_serial; /* of this process in it; another one when tracing begins anew */
extern uint32_t trace_pid;            /* as the tool sees it */
uint64_t trace_wanted(unsigned nr);   /* not 0: its calls are */

/*
 * trace_ring.c. A record is written in place, under the ring's lock:
 *
 *	struct trace_writer w;
 *	struct trace_call *c = trace_write(&w, most, type, tid);
 *	if (c) { ...; trace_written(&w, size); }
 *
 * Between the two: nothing that can park, or fault for good.
 */
struct trace_writer {
	unsigned index;
	ksigset_t mask; /* the thread's own, in --native */
	uint64_t head;
	struct trace_record *record;
};
void *trace_write(struct trace_writer *w, size_t most, enum trace_type type, int tid);
void trace_written(struct trace_writer *w, size_t size);
bool trace_ring_roomy(void); /* for what can wait */
bool trace_ring_held(void);  /* the caller has one */
bool trace_ring_there(void); /* for the caller: one may have become free */
void trace_rings_begin(void);
void trace_rings_end(void); /* nobody writes any more */
void trace_rings_reset_in_child(void);

/* The calling thread's own notes: a green thread's, or in --native the kernel thread's. */
struct trace_self *trace_me(void);

enum { DID_PARK = 1, DID_HAND_OFF = 2, DID_LOSE_HUB = 4, DID_CALL_ALONE = 8 };

/* trace.c: for each call of a native program. */
bool trace_native_goes_on(void);   /* is it to be told? */
void trace_native_look(nsec_t at); /* now: has the tool ended, or is it gone? */

/* trace_call.c: what green threads and the kernel's have in common. */
void trace_begin(const struct regs *r, int tid, const char *name);
void trace_end(const struct regs *r, long result, bool own_kernel_thread);
void trace_name_tell(int tid, const char name[16]);
void trace_end_tell(int tid);
void trace_name_is(int tid, const char name[16], struct trace_slot *s);
uint32_t trace_owner_of(const uint32_t *lock, uint32_t val, bool is_pi); /* 0: nobody, as far as can be known */

/* trace_parked.c */
void trace_parked_tell(void);
void trace_parked_look_again(void);

/* trace_slot.c */
struct trace_slot *trace_slot_claim(int tid, const char name[16]);
struct trace_slot *trace_slot_take(const struct trace_self *its, int tid, const char name[16]); /* given, or claimed */
struct trace_slot *trace_slot_find(int tid);
void trace_slots_begin(bool shared);
void trace_slot_enters(struct trace_slot *s, const struct trace_self *of, const struct regs *r);
void trace_slot_leaves(struct trace_slot *s, const struct trace_self *of);

/* trace_stack.c: the stack of a thread with this TLS base as it was at the call; 0: it is not known. */
uint32_t trace_stack_of(const struct regs *r, uint64_t thread_pointer, int tid);
/* As it is; top: where the stack ends, 0: not known. */
uint32_t trace_stack_send(const struct trace_stack *registers, int tid, uint64_t top);
void trace_stacks_begin(void);

/* trace_capture.c: behind `at`, up to `end`; where it ends. */
uint8_t *trace_capture(uint8_t *at, const uint8_t *end, const struct regs *r, long result);

/* trace_maps.c */
void trace_maps_tell(void); /* all there are */
bool trace_is_code(uint64_t address);
void trace_maps_reset_in_child(void);

uint64_t trace_thread_pointer(void); /* of the calling thread */

/* The program's memory, whoever's threads it has and who asks: the monitor too. How much could be read. */
size_t trace_peek(void *dst, const void *src, size_t n);

#endif
