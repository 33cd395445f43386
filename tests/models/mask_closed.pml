/* What the last thread blocks is blocked on every kernel thread before the call, or the handler's frame, is done. */
#include "prim.h"

#define CARRIERS 2
#define LOOKS 2 /* of each carrier at its mask */
#define ALL 3	/* two signals: each carrier is the one to close its own */

byte real;		/* real_mask; nothing is opened again */
byte km[CARRIERS];	/* kernel_mask: what the carrier believes */
bool changes[CARRIERS]; /* mask_changes */
byte closing[CARRIERS];
byte kernel[CARRIERS];	   /* what the kernel blocks */
bool in_handler[CARRIERS]; /* there it blocks everything, kicks too */
bool kick[CARRIERS];

/* carrier_closes(), in the kick's handler: its carrier does nothing meanwhile, and everything is blocked until its end */
active [CARRIERS] proctype kicks()
{
	byte me = _pid;

end:
	do
	:: atomic {
		kick[me] && !in_handler[me] ->
		kick[me] = 0;
		if
#ifndef BUG_TOO_EARLY
		:: changes[me] -> skip
#else
		:: false
#endif
		:: else ->
			km[me] = km[me] | closing[me];
			kernel[me] = kernel[me] | closing[me];
			closing[me] = 0
		fi
	   }
	od
}

/* mask_closed() */
inline close(sig)
{
	real = real | sig;
	if
	:: !changes[other] && (km[other] & sig)
	:: else ->
		closing[other] = closing[other] | sig;
		do
		:: !(closing[other] & sig) -> break
		:: (closing[other] & sig) && !kick[other] -> kick[other] = 1
		od
	fi;
	assert(kernel[other] & sig)
}

inline look()
{
#ifndef BUG_UNANNOUNCED
	changes[me] = 1;
#endif
	mask = real;
	km[me] = mask
}

proctype carrier(byte me)
{
	byte other = 1 - me;
	byte mask;
	byte n;
	bool closed;

	for (n : 1 .. LOOKS) {
		if
		:: /* carrier_sync_mask() */
			if
			:: real != km[me] ->
				look();
				kernel[me] = mask;
				changes[me] = 0
			:: else
			fi
		:: /* a handler's frame: signal_entry(), carrier_mask_in_handler(), push_frame(), carrier_mask_to_return() */
			atomic { in_handler[me] = 1; kernel[me] = ALL };
#ifndef BUG_HANDLER_OPEN
			km[me] = ALL;
#endif
			if
			:: !closed -> closed = 1; close(1 << me)
			:: true
			fi;
			look();
			changes[me] = 0;
			atomic { kernel[me] = mask; in_handler[me] = 0 }
		:: !closed -> /* rt_sigprocmask */
			closed = 1;
			close(1 << me)
		fi
	}
}

init {
	atomic {
		run carrier(0);
		run carrier(1)
	}
}
