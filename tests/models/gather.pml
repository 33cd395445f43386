/*
 * Who wakes a thread takes it along to another hub, while its own hub, in whose heap its deadline is, may find just
 * then that its time has come.
 */
#include "prim.h"

#define HUBS 2
#define ROUNDS 3
#define NONE 255

/* the thread */
byte wake;
bool on_cpu = 1;
byte hub = 1;	     /* t->hub: all are to go to hub 0 */
byte round;

/* the hubs */
byte armed = NONE;   /* in whose heap its deadline is */
bool heap_lock[HUBS];
byte ready[HUBS];

/* ghosts */
bool parked, done;
byte fired;	     /* the round whose deadline passed, + 1 */
byte runs_on = 1;
bool expiring[HUBS]; /* its carrier is in expire() */

inline push(where)
{
	atomic {
		assert(ready[0] + ready[1] == 0);
		ready[where]++
	}
}

inline remove(where)
{
	lock(heap_lock[where]);
	assert(armed == NONE || armed == where);
	armed = NONE;
	unlock(heap_lock[where])
}

/* hub_forget_deadline(): within its hub. */
inline forget_deadline(where)
{
	if
	:: armed != NONE -> remove(where)
	:: else
	fi
}

proctype thread()
{
	byte old;

	do
	:: round == ROUNDS -> break
	:: else ->
		wake = 0;
		lock(heap_lock[hub]);
		armed = hub;
		unlock(heap_lock[hub]);
		fetch_or(old, wake, PARKED);
		if
		:: old == 0 ->
			parked = 1;
end_parked:
			!parked
		:: else
		fi;
		old = 0;
		forget_deadline(hub);
		/* what was before this wait does not end it */
		assert(!(wake & TIMEOUT) || fired == round + 1);
		round++
	od;
	done = 1;
	parked = 1
}

proctype carrier(byte me)
{
	if
	:: me == 1 -> goto running
	:: else
	fi;
end:
	do
	:: atomic { ready[me] > 0 && !expiring[me] -> ready[me]--; runs_on = me };
		on_cpu == 0;
		assert(hub == me);
		atomic { on_cpu = 1; parked = 0 };
running:
		parked;
		atomic { on_cpu = 0; runs_on = NONE };
		if
		:: done -> break
		:: else
		fi
	od
}

/* hub_ready(), gathered: by who found it parked. */
inline go_on()
{
	to = hub;
	if
	:: on_cpu == 0 ->
#ifdef BUG_LOOK_UNLOCKED
		forget_deadline(hub);
#else
#ifndef BUG_LEAVE_DEADLINE
		remove(hub);
#endif
#endif
		to = 0;
		hub = 0
	:: else
	fi;
	push(to)
}

/* expire(), in the scheduler of a hub. */
proctype expire(byte me)
{
	byte old, to;

end:
	do
	:: atomic { armed == me && runs_on != me -> expiring[me] = 1 };
		old = 0;
		lock(heap_lock[me]);
		if
		:: armed == me ->
			armed = NONE;
			fired = round + 1;
#ifdef BUG_WAKE_UNLOCKED
			unlock(heap_lock[me]);
			fetch_or(old, wake, TIMEOUT)
#else
			fetch_or(old, wake, TIMEOUT);
			unlock(heap_lock[me])
#endif
		:: else ->
			unlock(heap_lock[me])
		fi;
		if
		:: old == PARKED -> go_on()
		:: else
		fi;
		expiring[me] = 0
	:: done -> break
	od
}

active [2] proctype waker()
{
	byte old, to;

end:
	do
	:: !done ->
		fetch_or(old, wake, EVENT);
		if
		:: old == PARKED -> go_on()
		:: else
		fi;
		old = 0
	:: done -> break
	od
}

init
{
	atomic { run carrier(0); run carrier(1); run thread(); run expire(0); run expire(1) }
}

/* Nothing can move any more. */
active proctype judge()
{
	timeout;
	assert(done)
}
