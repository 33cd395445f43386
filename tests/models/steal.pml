/* Two hubs that steal ready threads from each other, direct switches, and on_cpu. */
#include "prim.h"

#define HUBS 2
#define THREADS 3
#define TURNS 2 /* a thread gives up the processor so often, then exits */

#define bit(t) (1 << (t))

/* A run queue; a section under its lock is one atomic step. Its order is any order. */
byte queue[HUBS];

bool on_cpu[THREADS]; /* the registers are still on a carrier: set by the resumer, cleared by the successor */
byte hub[THREADS];    /* where the thread ran last */
byte blocked;	      /* threads that wait for an event: bits */
byte turns[THREADS];

/* ghost: the carrier that executes the thread, or its last instructions on its own stack */
byte runner[THREADS] = NOBODY;

inline any(t, set)
{
	if
	:: (set) & bit(0) -> t = 0
	:: (set) & bit(1) -> t = 1
	:: (set) & bit(2) -> t = 2
	fi
}

inline resume(t)
{
	atomic {
		assert(runner[t] == NOBODY);
		runner[t] = me;
		on_cpu[t] = 1;
		hub[t] = me
	}
}

proctype carrier(byte me)
{
	byte t = NOBODY, next = NOBODY;

scheduler:
	/* the scheduler context: no thread's on_cpu is ours, so it may wait for another's */
end_idle:
	if
	:: atomic { queue[me] != 0 -> any(t, queue[me]); queue[me] = queue[me] & ~bit(t) }
	:: atomic { queue[me] == 0 && queue[1 - me] != 0 -> any(t, queue[1 - me]); queue[1 - me] = queue[1 - me] & ~bit(t) }
	fi;
#ifndef BUG_NO_ON_CPU
	!on_cpu[t];
#endif
	resume(t);

running:
	if
	:: turns[t] == TURNS ->
		/* exit: the scheduler buries it */
		atomic { turns[t]++; runner[t] = NOBODY; t = NOBODY };
		goto scheduler
	:: else -> turns[t]++
	fi;
	/* from here others may take the thread, which is still on its stack */
	if
	:: atomic { queue[me] = queue[me] | bit(t) } /* yield */
	:: atomic { blocked = blocked | bit(t) }     /* park */
	fi;
	/* switch: straight to the next of our own queue, or to the scheduler context */
	if
	:: atomic { queue[me] != 0 -> any(next, queue[me]); queue[me] = queue[me] & ~bit(next) }
#ifdef BUG_STEAL_ON_THREAD_STACK
	:: atomic {
		queue[me] == 0 && queue[1 - me] != 0 ->
		any(next, queue[1 - me]);
		queue[1 - me] = queue[1 - me] & ~bit(next)
	   };
		if
		:: next == t -> skip
		:: else -> !on_cpu[next]
		fi
	:: queue[me] == 0 && queue[1 - me] == 0 -> skip
#else
	:: queue[me] == 0 -> skip
#endif
	fi;
	if
	:: next == NOBODY ->
		runner[t] = NOBODY;
		on_cpu[t] = 0;
		t = NOBODY;
		goto scheduler
	:: next == t ->
		/* woken before it left: it goes on, and must not wait for its own on_cpu */
		hub[t] = me;
		next = NOBODY;
		goto running
	:: else ->
		/* in our own queue nobody is on another carrier: a direct switch need not wait */
		assert(!on_cpu[next]);
		runner[t] = NOBODY;
		resume(next);
		/* the successor's first act */
		on_cpu[t] = 0;
		atomic { t = next; next = NOBODY };
		goto running
	fi
}

active proctype waker()
{
	byte t;

end:
	do
	:: atomic {
		blocked != 0 ->
		any(t, blocked);
		blocked = blocked & ~bit(t);
#ifdef BUG_WAKE_ON_ANY_HUB
		if
		:: queue[0] = queue[0] | bit(t)
		:: queue[1] = queue[1] | bit(t)
		fi;
#else
		queue[hub[t]] = queue[hub[t]] | bit(t);
#endif
		t = 0
	   }
	od
}

init
{
	atomic { queue[0] = bit(0) | bit(1); queue[1] = bit(2); run carrier(0); run carrier(1) }
}

active proctype judge()
{
	timeout;
	assert(turns[0] > TURNS && turns[1] > TURNS && turns[2] > TURNS)
}
