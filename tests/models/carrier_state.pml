/* The carrier's state word: one hub, its owner, the monitor that steals it, eager handoff, spare carriers, rejoin. */
#include "prim.h"

#define THREADS 2
#define CARRIERS 3 /* the owner and one for each thread that may be hubless; whoever finds no spare waits for one */
#define CALLS(t) (1 + (t)) /* system calls, before thread 0 computes for ever and thread 1 exits */

/* states of the word */
mtype = { RUNTIME, USER, STOLEN, HUBLESS };

/* a thread is a number; thread t stands in the queue if bit t is set (the queue's order is any order) */
#define bit(t) (1 << (t))

/* the carriers */
mtype state[CARRIERS];
byte seq[CARRIERS];	    /* with the state in one atomic word */
byte hub[CARRIERS] = NOBODY; /* the hub it owns, HUB or NOBODY: written by the owner, and by the giver to a spare */
bool given[CARRIERS];	    /* a spare's futex word */
byte spares;		    /* the spare list: bits */

/* the hub */
byte queue;		    /* inbound stack and run queue in one: bits */

/* ghosts */
byte owner = NOBODY;
byte runner[THREADS] = NOBODY; /* the carrier on which the thread's context is live */
byte calls[THREADS];
bool inside[THREADS];	       /* the thread rejoins in the middle of a call, and goes on with it */
bool gone[THREADS];
byte watched = NOBODY;	       /* the monitor is between its ticks, and this carrier ... */
bool moved;		       /* ... has entered the runtime since the first */

#define HUB 0
#define MONITOR 100

/* What only the hub's owner may touch. */
#define owned() assert(owner == me && hub[me] == HUB)

/* A spare comes off the list and gets the hub. The caller owned the hub (a thief owns it since its CAS). */
inline give_hub(spare)
{
	assert(h == HUB);
	atomic {
		spares != 0 ->
		if
		:: spares & bit(0) -> spare = 0
		:: else -> if :: spares & bit(1) -> spare = 1 :: else -> spare = 2 fi
		fi;
		spares = spares & ~bit(spare)
	};
	hub[spare] = h;
	/* the spare's futex word */
	atomic { owner = NOBODY; given[spare] = 1; spare = 0; h = NOBODY }
}

proctype carrier(byte me)
{
	byte t = NOBODY, spare, h = NOBODY;

	if
	:: me == 0 -> goto schedule
	:: else
	fi;

become_spare:
#ifdef BUG_CLEAR_FUTEX_LATE
	atomic { spares = spares | bit(me) };
	given[me] = 0;
#else
	given[me] = 0;
	atomic { spares = spares | bit(me) };
#endif
end_spare:
	given[me];
	atomic { assert(owner == NOBODY); owner = me; state[me] = RUNTIME };

schedule:
	/* the hub's scheduler context */
end_idle:
	atomic {
		queue != 0 -> owned();
		if
		:: queue & bit(0) -> t = 0
		:: queue & bit(1) -> t = 1
		fi;
		queue = queue & ~bit(t);
		assert(runner[t] == NOBODY);
		runner[t] = me
	};

	if
	:: inside[t] -> inside[t] = 0; goto with_hub
	:: else
	fi;

leave_dispatch:
	/* the exit of dispatch() */
	if
#ifdef BUG_USER_WHILE_HUBLESS
	:: state[me] != RUNTIME -> atomic { state[me] = USER; seq[me]++ }
#else
	:: state[me] != RUNTIME -> skip
#endif
	:: else ->
		owned();
#ifdef BUG_SEQ_NOT_BUMPED
		state[me] = USER
#else
		atomic { state[me] = USER; seq[me]++ }
#endif
	fi;

	/* the program's own code */
	if
	:: calls[t] == CALLS(t) && t == 0 ->
end_computing:
		false
	:: else
	fi;

	/* the entry of dispatch(): one CAS, which fails only if the monitor was here */
#ifdef BUG_ENTRY_WITHOUT_CAS
	if
	:: state[me] == USER -> atomic { state[me] = RUNTIME; moved = (moved || watched == me) }; goto with_hub
	:: else -> goto without_hub
	fi;
#else
	if
	:: atomic { state[me] == USER -> state[me] = RUNTIME; moved = (moved || watched == me) }; goto with_hub
	:: state[me] != USER -> goto without_hub
	fi;
#endif

with_hub:
	owned();
	if
	:: calls[t] == CALLS(t) ->
		/* exit */
		atomic { gone[t] = 1; runner[t] = NOBODY; t = NOBODY };
		goto schedule
	:: else -> calls[t]++
	fi;
	if
	:: true ->
		/* a call answered at once */
		goto leave_dispatch
	:: true ->
		/* a yield: the successor clears on_cpu, here the scheduler */
		atomic { owned(); runner[t] = NOBODY; queue = queue | bit(t); t = NOBODY };
		goto schedule
	:: true ->
		/* a call known to block: the hub goes first, the word is never USER until the rejoin */
		state[me] = HUBLESS;
		h = hub[me];
		hub[me] = NOBODY;
		give_hub(spare);
		goto rejoin
	fi;

without_hub:
	assert(owner != me);
	hub[me] = NOBODY;
	if
	:: calls[t] < CALLS(t) ->
		/* a call that needs no hub (mmap, ...) may go on without */
		calls[t]++;
		goto leave_dispatch
	:: inside[t] = 1
	fi;

rejoin:
#ifdef BUG_PUSH_BEFORE_SWITCH
	atomic { queue = queue | bit(t) };
	runner[t] = NOBODY;
	t = NOBODY;
#else
	/* first onto the carrier's idle context ... */
	runner[t] = NOBODY;
	/* ... then, from there, the thread to the inbound stack (hub_sleep.pml: it wakes the hub) */
	atomic { queue = queue | bit(t); t = NOBODY };
#endif
	goto become_spare
}

#ifndef BUG_NO_MONITOR
active proctype monitor()
{
	byte c, spare, h = NOBODY;
	byte seen;

end:
	do
	:: atomic {
		/* first tick: a carrier in USER, and work for its hub */
		queue != 0 && (state[0] == USER || state[1] == USER || state[2] == USER) ->
		if
		:: state[0] == USER -> c = 0
		:: state[1] == USER -> c = 1
		:: state[2] == USER -> c = 2
		fi;
		seen = seq[c];
		watched = c;
		moved = 0
	   };
#ifndef BUG_HUB_READ_AFTER_STEAL
		/* before the CAS, which proves it: after, the carrier may already be hubless, a spare, another hub's owner */
		h = hub[c];
#endif
		/* second tick */
		if
#ifdef BUG_STEAL_WITHOUT_CAS
		:: state[c] == USER && seq[c] == seen ->
			state[c] = STOLEN;
			atomic { owner = MONITOR };
#else
		:: atomic {
			state[c] == USER && seq[c] == seen ->
			state[c] = STOLEN;
			/* whoever is USER has the hub */
			assert(owner == c);
			assert(!moved);
			owner = MONITOR
		   };
#endif
#ifdef BUG_HUB_READ_AFTER_STEAL
			h = hub[c];
#endif
			give_hub(spare)
#ifdef BUG_HUB_CLEARED_BY_MONITOR
			; hub[c] = NOBODY
#endif
		:: else
		fi;
		atomic { c = 0; seen = 0; watched = NOBODY; moved = 0; h = NOBODY }
	od
}
#endif

init
{
	atomic {
		state[0] = RUNTIME;
		state[1] = HUBLESS;
		state[2] = HUBLESS;
		owner = 0;
		hub[0] = HUB;
		queue = bit(0) | bit(1);
		run carrier(0);
		run carrier(1);
		run carrier(2)
	}
}

/* At the end: every thread but the one that computes is through, and a hub with work is never without an owner. */
active proctype judge()
{
	timeout;
	assert(gone[1]);
	assert(runner[0] != NOBODY && calls[0] == CALLS(0));
	assert(queue == 0)
}
