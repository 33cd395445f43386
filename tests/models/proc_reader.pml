/* One word on which the asker and the reader of /proc both sleep, each for the other's value. */
#include "prim.h"

#define ASKERS 2
#define READS 2

bit asking; /* spin lock */
bit asked;  /* the futex word */

byte request = NOBODY, answer = NOBODY;
byte done;

/* The futex: who sleeps on the word, as the kernel has it. */
bool asleep[ASKERS + 1];
#define READER ASKERS

/* Not to sleep if the word has changed is the kernel's, under its bucket's lock. */
inline await(me, value)
{
	do
	:: asked == value -> break
	:: else ->
		if
#ifdef BUG_SLEEPS_UNASKED
		:: atomic { true -> asleep[me] = 1 }
#else
		:: atomic { asked != value -> asleep[me] = 1 }
		:: atomic { asked == value }
#endif
		fi;
end_asleep:
		!asleep[me]
	od
}

/* FUTEX_WAKE of one: any of those who sleep. */
inline wake_one()
{
	atomic {
		if
		:: asleep[0] -> asleep[0] = 0
		:: asleep[1] -> asleep[1] = 0
		:: asleep[READER] -> asleep[READER] = 0
		:: !asleep[0] && !asleep[1] && !asleep[READER]
		fi
	}
}

inline hand_over(to)
{
#ifdef BUG_WAKE_FIRST
	wake_one();
	asked = to
#else
	asked = to;
	wake_one()
#endif
}

proctype asker(byte me)
{
	byte n;

	for (n : 1 .. READS) {
#ifndef BUG_UNLOCKED
		lock(asking);
#endif
		request = me;
		hand_over(1);
		await(me, 0);
		assert(answer == me);
#ifndef BUG_UNLOCKED
		unlock(asking)
#endif
	}
	done++
}

active proctype reader()
{
end:
	do
	:: await(READER, 1);
		answer = request;
		hand_over(0)
	od
}

active proctype judge()
{
	timeout;
	assert(done == ASKERS)
}

init {
	atomic {
		run asker(0);
		run asker(1)
	}
}
