/* Futex queues over two buckets: wait, wake, requeue, timeouts; a wake that is counted must reach a waiter. */
#include "prim.h"

#define WAITERS 2

bool word;		/* the user's futex word, key 0; its waiters expect 0 */

bool bucket_lock[2];	/* key k hashes to bucket k */

/* a waiter: `bucket` and `linked` change under the lock of its bucket */
byte bucket[WAITERS];
bool linked[WAITERS];
byte wake[WAITERS];

/* ghosts */
bool asleep[WAITERS], freed[WAITERS], requeued[WAITERS];
bool changed;		/* the word was changed and WAKE(all) is through */
byte given, taken;	/* wakes counted by wakers, waits that returned 0 */

/* thread_wake() as proved by park.pml: only the word and its one resumption are kept here */
inline thread_wake(i, reason)
{
	assert(!freed[i]);
	wake[i] = wake[i] | reason
}

/* Under the lock of bucket b: dequeue and wake all that wait there. */
inline wake_all(b)
{
	i = 0;
	do
	:: i < WAITERS ->
		if
		:: linked[i] && bucket[i] == b ->
			linked[i] = 0;
			given++;
			thread_wake(i, EVENT)
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

active [WAITERS] proctype waiter()
{
	byte me = _pid;
	byte b;

	wake[me] = 0;
#ifdef BUG_VALUE_READ_UNLOCKED
	b = word;
	lock(bucket_lock[0]);
	if
	:: b != 0 -> unlock(bucket_lock[0]); goto out
	:: else -> b = 0
	fi;
#else
	lock(bucket_lock[0]);
	if
	:: word != 0 -> unlock(bucket_lock[0]); goto out /* EAGAIN */
	:: else
	fi;
#endif
	bucket[me] = 0;
	linked[me] = 1;
	unlock(bucket_lock[0]);

park:
	asleep[me] = 1;
end_parked:
	atomic { wake[me] != 0 -> asleep[me] = 0 };

#ifdef BUG_LINKED_READ_UNLOCKED
	if
	:: !linked[me] -> taken++; goto out
	:: else
	fi;
#endif
#ifdef ALT_FAST_PATH
	/* EVENT in the word: the waker is through with us, the lock can be spared */
	if
	:: wake[me] & EVENT -> taken++; goto out
	:: else
	fi;
#endif
	/* unlink, wherever a requeue has put us meanwhile */
	do
	:: true ->
		b = bucket[me];
		lock(bucket_lock[b]);
		if
#ifndef BUG_BUCKET_NOT_READ_AGAIN
		:: bucket[me] != b -> unlock(bucket_lock[b])
#endif
		:: else -> break
		fi
	od;
	/* a stale wake (its signal is gone, its deadline was another's): park again without ever leaving the queue, or a
	 * WAKE in between finds nobody */
	if
	:: linked[me] && !(wake[me] & TIMEOUT) ->
#ifdef BUG_QUEUED_AGAIN
		linked[me] = 0;
		unlock(bucket_lock[b]);
		wake[me] = 0;
		lock(bucket_lock[b]);
		linked[me] = 1;
#else
		wake[me] = 0;
#endif
		unlock(bucket_lock[b]);
		b = 0;
		goto park
	:: else
	fi;
#ifdef BUG_TIMEOUT_WINS
	if
	:: wake[me] & TIMEOUT -> linked[me] = 0 /* ETIMEDOUT, whatever else happened */
	:: else -> taken++
	fi;
#else
	if
	:: linked[me] -> assert(bucket[me] == b && bucket_lock[b]); linked[me] = 0 /* ETIMEDOUT */
	:: else -> taken++ /* 0 */
	fi;
#endif
	unlock(bucket_lock[b]);
out:
	freed[me] = 1
}

/* The user's side of a wake: change the word, then FUTEX_WAKE. */
active proctype waker()
{
	byte i;

	word = 1;
	lock(bucket_lock[0]);
	wake_all(0);
	changed = 1;
	unlock(bucket_lock[0])
}

/* FUTEX_CMP_REQUEUE from key `from` to key `to`; both locks, in the order of their addresses. */
proctype requeuer(byte from, to)
{
	byte i;

#ifdef BUG_LOCK_ORDER
	lock(bucket_lock[from]);
	lock(bucket_lock[to]);
#else
	lock(bucket_lock[0]);
	lock(bucket_lock[1]);
#endif
	i = 0;
	do
	:: i < WAITERS ->
		if
		:: linked[i] && bucket[i] == from ->
			assert(!freed[i]);
			bucket[i] = to;
			requeued[i] = 1
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	unlock(bucket_lock[1]);
	unlock(bucket_lock[0])
}

/* Deadlines: the hub that fires them holds the lock of its deadline list; a waiter cancels its own before it goes on,
 * so that it cannot be freed in between (park.pml). */
active proctype deadlines()
{
	if
	:: atomic { asleep[0] -> thread_wake(0, TIMEOUT) }
	:: atomic { asleep[0] -> thread_wake(0, SIGNAL) }
	:: skip
	fi;
	if
	:: atomic { asleep[1] -> thread_wake(1, TIMEOUT) }
	:: skip
	fi
}

init
{
	atomic { run requeuer(0, 1); run requeuer(1, 0) }
}

active proctype judge()
{
	byte i;

	timeout;
	/* no lock is left, nobody sleeps with a reason to run, and none sleeps off a list */
	assert(!bucket_lock[0] && !bucket_lock[1]);
	assert(!asleep[0] || linked[0]);
	assert(!asleep[1] || linked[1]);
	assert(given == taken);
	/* a waiter that nobody moved was seen by the WAKE, or saw the new value */
	assert(!(changed && asleep[0] && !requeued[0]));
	assert(!(changed && asleep[1] && !requeued[1]));
	/* one who still sleeps was moved away before the WAKE, and a WAKE of both keys gets him */
	wake_all(0);
	wake_all(1);
	timeout;
	assert(freed[0] && freed[1]);
	assert(given == taken)
}
