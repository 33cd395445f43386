/* What is noted of each thread while it is traced. */
#ifndef GREEN_TRACE_SELF_H
#define GREEN_TRACE_SELF_H

#include "base.h"

struct trace_slot;

struct trace_self {
	uint32_t serial; /* of the trace that the rest is about */
	int tid;
	struct trace_slot *slot; /* NULL: there was none left */
	/* By the monitor when tracing began, for the first call to take. Under threads_lock. */
	struct trace_slot *given;
	nsec_t start; /* of the call that it is in, */
	bool in_call;
	bool unwanted; /* ... of which nothing is to be told, */
	bool shown;    /* ... and which the slot shows */
	uint8_t did;
	uint8_t trapped;
	uint16_t nr, symbol;
	uint32_t invocation, stack;
	uint64_t caller;
	uint16_t waiting;
	nsec_t held;
	uint32_t owner, owner_stack;
	nsec_t left; /* the last call ended then */
};

#endif
