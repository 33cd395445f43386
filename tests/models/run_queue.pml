/* A hub's run queue: a ring whose owner pushes at the tail and takes at the head, as thieves do, half of it at a time. */
#include "prim.h"

#define THREADS 4
#define RING 2

#define bit(t) (1 << (t))

byte head, tail;	/* never taken modulo */
byte ring[RING] = NOBODY;

byte got;		/* bits: threads that somebody took */

inline took(t)
{
	assert(t != NOBODY);
	assert(!(got & bit(t)));
	got = got | bit(t)
}

active proctype owner()
{
	byte next = 0, h, t;
	bool done;

end:
	do
	:: next < THREADS && tail - head < RING ->
#ifdef BUG_TAIL_FIRST
		tail = tail + 1;
		ring[(tail - 1) % RING] = next;
#else
		ring[tail % RING] = next;
		tail = tail + 1;
#endif
		next++
	:: head != tail ->
		h = head;
		if
		:: h == tail -> skip /* stolen in between */
		:: else ->
			t = ring[h % RING];
#ifdef BUG_OWNER_TAKES_WITHOUT_CAS
			done = 1;
			head = h + 1;
#else
			atomic {
				done = (head == h);
				if
				:: done -> head = h + 1
				:: else
				fi
			};
#endif
			if
			:: done -> took(t)
			:: else
			fi
		fi;
		atomic { h = 0; t = 0; done = 0 }
	od
}

active [2] proctype thief()
{
	byte h, n, i;
	byte batch[RING];
	bool done;

end:
	do
	:: head != tail ->
		h = head;
		n = tail - h;
		if
		:: n > RING -> n = 0 /* head has moved since: a tail of later */
		:: else -> n = n - n / 2
		fi;
		i = 0;
		do
		:: i < n -> batch[i] = ring[(h + i) % RING]; i++
		:: else -> break
		od;
#ifdef BUG_RING_READ_LATE
		i = 0;
#endif
		atomic {
			done = (n > 0 && head == h);
			if
			:: done -> head = h + n
			:: else
			fi
		};
		i = 0;
		do
		:: done && i < n ->
#ifdef BUG_RING_READ_LATE
			batch[i] = ring[(h + i) % RING];
#endif
			took(batch[i]);
			i++
		:: else -> break
		od;
		atomic { h = 0; n = 0; i = 0; batch[0] = 0; batch[1] = 0; done = 0 }
	od
}

active proctype judge()
{
	timeout;
	assert(head == tail && got == bit(THREADS) - 1)
}
