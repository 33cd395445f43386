/* Readiness of a descriptor: edges, the sequence number of its entry, exclusive waiters and the baton they pass. */
#include "prim.h"

#define READERS 2
#define WATCHER READERS /* the observer: poll() or epoll_wait() on the same descriptor */
#define MESSAGES 2

/* the kernel's side */
byte data;
bool edge;

/* the entry; a section under its lock is one atomic step here (nothing in it waits) */
byte seq;
byte drained; /* seq + 1 before a read that found the end; 0: there was none */
bool linked[READERS + 1];

byte wake[READERS + 1];

/* ghost: the thread sleeps */
bool asleep[READERS + 1];

/* thread_wake() and park() as proved by park.pml: an atomic word, one resumption. */
#define thread_wake(i, reason) wake[i] = wake[i] | (reason)

inline park(i)
{
	asleep[i] = 1;
end_parked:
	atomic { wake[i] != 0 -> asleep[i] = 0 }
}

/* Called with the lock held: any one of the exclusive waiters, if there is one. */
inline wake_one()
{
	if
	:: linked[0] -> thread_wake(0, EVENT)
	:: linked[1] -> thread_wake(1, EVENT)
	:: else
	fi
}

active [READERS] proctype reader()
{
	byte me = _pid;
	byte seen;
	bool got, ended, baton, leave;

	do
	:: leave -> break
	:: else ->
#ifndef BUG_SEQ_READ_LATE
		seen = seq;
#endif
		/* the call itself, which is not made where a short read has told already; there may be room for both
		 * messages, or for one */
		if
		:: drained == seen + 1
		:: else ->
			atomic {
				if
				:: data > 0 -> data--; got = 1
				:: data > 0 ->
					ended = data < 2;
					data = (ended -> 0 : data - 2);
					got = 1
				:: else
				fi
			};
			if
			:: ended ->
#ifdef BUG_DRAINED_SINCE
				drained = seq + 1
#else
				drained = seen + 1
#endif
			:: else
			fi;
			ended = 0
		fi;
#ifdef BUG_SEQ_READ_LATE
		seen = seq;
#endif
		if
		:: got ->
#ifndef BUG_NO_BATON_ON_SUCCESS
			if
			:: baton -> atomic { wake_one() }
			:: else
			fi;
#endif
			baton = 0;
			if
			:: leave = 1
			:: skip
			fi
		:: else ->
			/* the baton is spent: nothing was there when we looked */
			baton = 0;
			wake[me] = 0;
			atomic {
				if
#ifndef BUG_NO_SEQ
				:: seq != seen -> skip
#endif
				:: else -> linked[me] = 1
				fi;
				seen = 0
			};
			if
			:: linked[me] ->
				park(me);
#ifdef BUG_REASON_READ_BEFORE_UNLINK
				atomic { baton = (wake[me] & EVENT) != 0; leave = (wake[me] & TIMEOUT) != 0 };
#endif
				atomic {
					linked[me] = 0;
#ifndef BUG_REASON_READ_BEFORE_UNLINK
					baton = (wake[me] & EVENT) != 0;
					leave = (wake[me] & TIMEOUT) != 0;
#endif
					if
#ifndef BUG_NO_BATON_ON_LEAVE
					:: leave && baton -> wake_one()
#endif
					:: else
					fi
				}
			:: else
			fi
		fi;
		got = 0
	od
}

/* Watches until it has seen data once, takes nothing. */
active proctype watcher()
{
	byte seen;

	do
	:: seen = seq;
		if
		:: data > 0 -> break
		:: else ->
			wake[WATCHER] = 0;
			atomic {
				if
				:: seq != seen -> skip
				:: else -> linked[WATCHER] = 1
				fi;
				seen = 0
			};
			if
			:: linked[WATCHER] -> park(WATCHER); linked[WATCHER] = 0
			:: else
			fi
		fi
	od
}

active proctype poller()
{
end:
	do
	:: atomic {
		edge -> edge = 0;
		/* epoll looks again before it reports an edge */
		if
		:: data == 0 -> goto end
		:: else
		fi
	   };
		atomic {
			seq++;
			wake_one();
#ifndef BUG_OBSERVERS_LEFT_OUT
			if
			:: linked[WATCHER] -> thread_wake(WATCHER, EVENT)
			:: else
			fi
#endif
		}
	od
}

active proctype writer()
{
	byte sent;

	do
	:: sent < MESSAGES -> data++; edge = 1; sent++
	:: break
	od
}

/* A timeout or a signal, once, for any of the readers. */
active proctype interrupter()
{
	if
	:: atomic { linked[0] -> thread_wake(0, TIMEOUT) }
	:: atomic { linked[1] -> thread_wake(1, TIMEOUT) }
	:: skip
	fi
}

active proctype judge()
{
	timeout;
	assert(!(data > 0 && (asleep[0] || asleep[1] || asleep[WATCHER])));
}
