/* The wake word: a thread that parks meets an event, a timeout and signals, and changes hubs in between. */
#include "prim.h"

#define EVENTS 2
#define SIGNALS 2
#define HUBS 2

/* the thread */
byte wake;	   /* PARKED | reasons */
bool on_cpu = 1;   /* its registers are still on a carrier */
bool pending;	   /* a signal is pending */
bool linked;	   /* on the wait list, under list_lock */
bool armed;	   /* on the deadline list, under deadline_lock */
bool dying;
byte hub;	   /* the carrier that runs it */

/* what it waits for */
bool list_lock, deadline_lock, registry_lock;
byte tokens;

/* the carriers */
byte ready[HUBS];      /* how often the thread stands in this run queue */
bool busy[HUBS];       /* the carrier runs the thread */

/* ghosts */
bool saved;	       /* the context is complete: the thread has left its stack */
bool freed;
bool parked;	       /* the thread does nothing until it is resumed */
byte got, waiting;

/* thread_wake(): every caller holds the lock of the list on which it found the thread. */
inline thread_wake(reason)
{
	assert(!freed);
	fetch_or(old, wake, reason);
	if
#ifdef BUG_PUSH_WHENEVER_PARKED
	:: old & PARKED ->
#else
	:: old == PARKED ->
#endif
		/* any hub: the thread may have been stolen meanwhile */
		atomic {
			assert(!freed);
			assert(ready[0] + ready[1] == 0);
			if
			:: ready[0]++
			:: ready[1]++
			fi
		}
	:: else
	fi;
	old = 0
}

#ifdef BUG_PREPARE_PLAIN_STORE
/* On x86 a plain store waits in the store buffer: later loads overtake it, a locked instruction does not. (A spin lock
 * taken between prepare and the look at `pending` would hide it; here the lists are the hub's own, unlocked.) */
bool buffered;
#define prepare() buffered = 1
#define drain() atomic { if :: buffered -> wake = 0; buffered = 0 :: else fi }

active proctype store_buffer()
{
end:
	do
	:: atomic { buffered -> wake = 0; buffered = 0 }
	od
}
#else
#define prepare() wake = 0
#define drain() skip
#endif

inline leave_lists()
{
	lock(list_lock);
	linked = 0;
	unlock(list_lock);
	lock(deadline_lock);
	armed = 0;
	unlock(deadline_lock)
}

inline park()
{
	drain();
#ifdef BUG_PARK_PLAIN_STORE
	old = wake;
	wake = wake | PARKED;
#else
	fetch_or(old, wake, PARKED);
#endif
	if
	:: old == 0 ->
		/* the thread is visible as parked, and still on its own stack */
		atomic { saved = 1; parked = 1; busy[hub] = 0 };
end_parked:
		!parked
	:: else
	fi;
	old = 0
}

proctype thread()
{
	byte old;
	bool early;

	do
	:: got == EVENTS -> break
	:: else ->
#ifdef BUG_PENDING_BEFORE_PREPARE
		early = pending;
#endif
		prepare();
		lock(deadline_lock);
		armed = 1;
		unlock(deadline_lock);
		atomic {
			list_lock == 0 ->
			linked = 1;
			waiting = tokens
		};
		if
#ifdef BUG_PENDING_BEFORE_PREPARE
		:: waiting == 0 && !early -> park()
#else
		:: waiting == 0 && !pending -> park()
#endif
		:: else
		fi;
#ifndef BUG_STAY_LINKED
		leave_lists();
#endif
		lock(list_lock);
		if
		:: tokens > 0 -> tokens--; got++
		:: else
		fi;
		unlock(list_lock);
		pending = 0
	od;
	/* thread exit: out of the table of threads, then off the stack; the successor frees it */
#ifndef BUG_EXIT_UNREGISTERED
	lock(registry_lock);
#endif
	dying = 1;
#ifndef BUG_EXIT_UNREGISTERED
	unlock(registry_lock);
#endif
	atomic { saved = 1; busy[hub] = 0 }
}

proctype carrier(byte me)
{
	if
	:: me == 0 -> goto running
	:: else
	fi;
end:
	do
	:: atomic { ready[me] > 0 -> ready[me]-- };
#ifndef BUG_NO_ON_CPU
		on_cpu == 0;
#endif
		atomic {
			assert(!freed);
			assert(saved);
			assert(!busy[0] && !busy[1]);
			on_cpu = 1;
			saved = 0;
			hub = me;
			busy[me] = 1;
			parked = 0
		};
running:
		!busy[me];
		/* the successor's first act, on its own stack */
		assert(!freed);
		if
		:: dying -> freed = 1; break
		:: else -> on_cpu = 0
		fi
	od
}

active proctype eventer()
{
	byte old, sent;

end:
	do
	:: sent < EVENTS ->
		lock(list_lock);
		tokens++;
		if
		:: linked -> thread_wake(EVENT)
		:: else
		fi;
		unlock(list_lock);
		sent++
	:: break
	od
}

active proctype deadlines()
{
	byte old;

end:
	do
	:: armed ->
		lock(deadline_lock);
		if
		:: armed -> armed = 0; thread_wake(TIMEOUT)
		:: else
		fi;
		unlock(deadline_lock);
		break
	:: break
	od
}

active proctype signaller()
{
	byte old, sent;

	do
	:: sent < SIGNALS ->
		lock(registry_lock);
		if
		:: !dying -> pending = 1; thread_wake(SIGNAL)
		:: else
		fi;
		unlock(registry_lock);
		sent++
	:: break
	od
}

init
{
	atomic { busy[0] = 1; run carrier(0); run carrier(1); run thread() }
}

/* Nothing can move any more: whoever sleeps now sleeps for ever. */
active proctype judge()
{
	timeout;
	assert(!(parked && (pending || tokens > 0)));
	assert(parked || freed)
}
