/* The inbound stack of a hub: many pushers, one owner that takes all, thieves on its run queue. */
#include "prim.h"

#define THREADS 3
#define ROUNDS 2 /* so often each thread is woken */

#define bit(t) (1 << (t))

/* links are thread numbers, NOBODY the end */
byte head = NOBODY;
byte next[THREADS] = NOBODY;

byte parked = 7; /* bits: may be woken, each once */
byte ready;	 /* the run queue: bits */
byte rounds[THREADS];

inline any(t, set)
{
	if
	:: (set) & bit(0) -> t = 0
	:: (set) & bit(1) -> t = 1
	:: (set) & bit(2) -> t = 2
	fi
}

active [2] proctype pusher()
{
	byte t, seen;
	bool done;

end:
	do
	:: atomic { parked != 0 -> any(t, parked); parked = parked & ~bit(t) };
		do
		:: seen = head;
			next[t] = seen;
#ifdef BUG_PUSH_WITHOUT_CAS
			head = t;
			break
#else
			atomic {
				if
				:: head == seen -> head = t; done = 1
				:: else
				fi
			};
			if
			:: done -> break
			:: else
			fi
#endif
		od;
		atomic { t = 0; seen = 0; done = 0 }
	od
}

active proctype owner()
{
	byte t = NOBODY, after = NOBODY;

end:
	do
#ifdef BUG_TAKE_WITHOUT_XCHG
	:: head != NOBODY -> t = head; head = NOBODY;
#else
	:: atomic { head != NOBODY -> t = head; head = NOBODY };
#endif
		do
		:: t == NOBODY -> break
		:: else ->
#ifndef BUG_LINK_READ_LATE
			/* before the thread is ready: it may be stolen, park and be pushed again at once */
			after = next[t];
#endif
			atomic { assert(!(ready & bit(t))); ready = ready | bit(t) };
#ifdef BUG_LINK_READ_LATE
			after = next[t];
#endif
			atomic { t = after; after = NOBODY }
		od
	od
}

/* Any carrier: takes a ready thread, which runs and parks again. */
active proctype thief()
{
	byte t;

end:
	do
	:: atomic {
		ready != 0 ->
		any(t, ready);
		ready = ready & ~bit(t);
		rounds[t]++;
		assert(!(parked & bit(t)));
		if
		:: rounds[t] < ROUNDS -> parked = parked | bit(t)
		:: else
		fi;
		t = 0
	   }
	od
}

active proctype judge()
{
	timeout;
	assert(rounds[0] == ROUNDS && rounds[1] == ROUNDS && rounds[2] == ROUNDS)
}
