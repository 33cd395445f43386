/* When the wait for a child returns, its SIGCHLD has been sent to a thread. */
#include "prim.h"

bool zombie, pending; /* the child's end; its signal, in the kernel */
bool sent;

/* A carrier that has the signal open: the first hub's, or one from which that was stolen. */
bool open = 1, in_handler, ring, closing, kick;
bit taking;

/* The carrier that waits; it may have it open, too. */
bool own_open, own_ring;

active proctype child()
{
	pending = 1;
#ifndef BUG_ZOMBIE_FIRST /* the kernel's order, on which all of this rests */
	zombie = 1
#else
	skip
#endif
}

#ifdef BUG_ZOMBIE_FIRST
active proctype reaped_early()
{
	zombie = 1
}
#endif

/* signals_drain() */
inline drain()
{
#ifndef BUG_UNLOCKED
	lock(taking);
#endif
	if
	:: ring ->
		ring = 0;
		sent = 1
	:: else
	fi;
#ifndef BUG_UNLOCKED
	unlock(taking)
#else
	skip
#endif
}

/* The carrier's handler, and itself when it looks at what that recorded. */
active proctype handler()
{
end:
	do
	:: atomic { pending && open -> pending = 0; in_handler = 1 }
		ring = 1;
		in_handler = 0
	:: atomic { kick -> kick = 0; open = 0; closing = 0 }
	:: drain()
	od
}

active proctype own_handler()
{
end:
	do
	:: atomic { pending && own_open -> pending = 0; own_ring = 1 }
	od
}

/* signals_settle() */
active proctype waits()
{
	bool got;

	if
	:: own_open = 1
	:: skip
	fi;
	zombie;
#ifndef BUG_KERNEL_LAST
	xchg(got, pending, 0);
#endif
#ifndef BUG_NO_AWAIT
	if
	:: open ->
		closing = 1;
		do
		:: !closing -> break
		:: closing && !kick -> kick = 1
		:: !in_handler -> break /* seen asleep in the kernel */
		od
	:: else
	fi;
#endif
	drain();
#ifdef BUG_KERNEL_LAST
	xchg(got, pending, 0);
#endif
	if
	:: got -> sent = 1
	:: else
	fi;
	if /* signals_look() */
	:: own_ring -> sent = 1
	:: else
	fi;
	assert(sent)
}
