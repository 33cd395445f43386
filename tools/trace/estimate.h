/* estimate.c: what would become of a native program's calls on green threads. */
#ifndef GREEN_TRACE_ESTIMATE_H
#define GREEN_TRACE_ESTIMATE_H

#include "tools/trace/trace.h"

/* What the runtime's policy is, by runtime/calls.c. */
enum policy {
	POLICY_KERNEL, /* it knows nothing of the call */
	POLICY_PARKS,
	POLICY_HANDS_OFF,
	POLICY_TRANSFERS, /* of a file: handed off; of all else: it parks */
	POLICY_FILES,     /* a few of them wait, and are handed off */
	POLICY_ANSWERS,   /* it does not wait */
};

enum policy estimate_policy(unsigned nr);

enum fate { FATE_NO_WAIT, FATE_PARKS, FATE_HANDED_OFF, FATE_KERNEL, FATES };

enum fate estimate_call(const struct call *c);
void estimate_threads(size_t count); /* of one process, at one moment */

/* What the calls so far come to. */
struct estimate {
	uint64_t total[FATES];
	size_t threads; /* at once, at most; 0: not known */
	size_t blocked; /* of them at once, at most, in calls that would be handed off */
};
struct estimate estimate_get(void);
uint64_t estimate_waiting(void); /* ns, in all */
void estimate_print(FILE *out);

#endif
