/* A hub that goes to sleep in its epoll against pushers and the signal handler, and the monitor's own sleep. */
#include "prim.h"

#define HUBS 2
#define PUSHES 2

bool inbound[HUBS];  /* not empty */
bool sigflag;	    /* a process-directed signal waits for a hub */
bool polling[HUBS];
bool eventfd[HUBS];
bool asleep;	    /* the monitor's futex word */
bool active_hub[HUBS];

/* ghosts */
bool in_epoll[HUBS], in_futex;
bool hogging[HUBS];

/* On x86 a store may wait in the store buffer while later loads go ahead; a locked instruction drains it. */
#ifdef BUG_POLLING_PLAIN_STORE
bool buffered[HUBS];
#define store_polling(h) buffered[h] = 1
#define drain(h) atomic { buffered[h] -> polling[h] = 1; buffered[h] = 0 }
#define clear_polling(h) atomic { buffered[h] = 0; polling[h] = 0 }
#else
#define store_polling(h) polling[h] = 1
#define clear_polling(h) polling[h] = 0
#endif

inline wake_hub(h)
{
	xchg(was, polling[h], 0);
	if
	:: was -> eventfd[h] = 1
	:: else
	fi;
	was = 0
}

proctype hub(byte me)
{
	bool was;

	do
	:: true ->
		/* run what is there */
		inbound[me] = 0;
		sigflag = 0;
		/* a thread computes for ever: the monitor must be awake to rescue the hub */
		if
		:: atomic { me == 0 && active_hub[me] -> hogging[me] = 1 }; break
		:: skip
		fi;
		/* go idle */
		active_hub[me] = 0;
		store_polling(me);
		if
#ifndef BUG_NO_RECHECK
		:: inbound[me] || sigflag -> skip
#endif
		:: else ->
			atomic { in_epoll[me] = 1 };
end_epoll:
			atomic { eventfd[me] -> eventfd[me] = 0; in_epoll[me] = 0 }
		fi;
		clear_polling(me);
		/* leave idle: the store must be visible before `asleep` is read */
#ifdef BUG_ACTIVE_AFTER_LOOK
		xchg(was, asleep, 0);
		active_hub[me] = 1;
#else
		active_hub[me] = 1;
		xchg(was, asleep, 0);
#endif
		if
		:: was -> in_futex = 0
		:: else
		fi;
		was = 0
	od
}

#ifdef BUG_POLLING_PLAIN_STORE
active proctype store_buffer()
{
end:
	do
	:: drain(0)
	:: drain(1)
	od
}
#endif

active proctype pusher()
{
	bool was;
	byte sent;

	do
	:: sent < PUSHES ->
		sent++;
		if
		:: true ->
#ifdef BUG_LOOK_BEFORE_PUSH
			xchg(was, polling[0], 0);
			inbound[0] = 1;
			if
			:: was -> eventfd[0] = 1
			:: else
			fi;
			was = 0
#else
			inbound[0] = 1;
			wake_hub(0)
#endif
		:: true -> inbound[1] = 1; wake_hub(1)
		fi
	:: break
	od
}

/* The handler may interrupt any carrier at any point, that of a polling hub included. */
active proctype handler()
{
	bool was;

	sigflag = 1;
	wake_hub(1)
}

proctype monitor()
{
	do
	:: true ->
		/* it ticks while a hub is active */
end_ticking:
		!active_hub[0] && !active_hub[1];
		asleep = 1;
		if
#ifndef BUG_MONITOR_NO_RECHECK
		:: active_hub[0] || active_hub[1] -> asleep = 0
#endif
		:: else ->
			/* FUTEX_WAIT looks at the word under the kernel's lock */
			atomic {
				if
				:: asleep -> in_futex = 1
				:: else
				fi
			};
end_asleep:
			!in_futex
		fi
	od
}

init
{
	atomic { active_hub[0] = 1; active_hub[1] = 1; run hub(0); run hub(1); run monitor() }
}

active proctype judge()
{
	timeout;
	assert(!(in_epoll[0] && inbound[0]));
	assert(!(in_epoll[1] && (inbound[1] || sigflag)));
	assert(!((hogging[0] || hogging[1]) && in_futex))
}
