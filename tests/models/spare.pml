/* Who waits for a spare carrier: handed on in turn, and never forgotten while one is there. */
#include "prim.h"

#define WAITERS 2
#define PUTS 1

/* under spare_lock */
byte spares;
chan queue = [WAITERS] of { byte }; /* spare_waiters */

bool woken[WAITERS], signalled[WAITERS];
bool parked[WAITERS]; /* ghost */

inline wake_first()
{
	if
	:: nempty(queue) -> queue ? first; woken[first] = 1
	:: empty(queue)
	fi;
	first = 0
}

/* handoff(), spare_await() */
proctype waiter(byte me)
{
	byte first;

	do
	:: signalled[me] ->
#ifndef BUG_CALL_DROPPED
		atomic { wake_first() };
#endif
		break
	:: else ->
		/* spare_take */
		if
		:: atomic { spares > 0 -> spares--; break }
		:: atomic {
			spares == 0 ->
			woken[me] = 0;
			queue ! me
		}
		fi;
		parked[me] = 1;
end_parked:
		woken[me] || signalled[me];
		atomic {
			parked[me] = 0;
			if
			:: queue ?? [eval(me)] -> queue ?? eval(me)
			:: !(queue ?? [eval(me)])
			fi
		}
	od
}

/* spare_put() */
proctype putter()
{
	byte first;
	byte n;

	for (n : 1 .. PUTS) {
#ifdef BUG_WAKE_BEFORE_PUT
		atomic { wake_first() };
		atomic { spares++ }
#else
		atomic { spares++; wake_first() }
#endif
	}
}

proctype signaller()
{
	signalled[0] = 1
}

active proctype judge()
{
	byte i;

	timeout;
	for (i : 0 .. WAITERS - 1) {
		assert(!(parked[i] && spares > 0))
	}
}

init {
	atomic {
		run waiter(0);
		run waiter(1);
		run putter();
		run signaller()
	}
}
