/*
 * Who waits for a descriptor looks it up by its number again for each try, while another hub's thread closes the number
 * and a third one gets it for another file.
 */
#include "prim.h"

#define NUMBER 0 /* the program's */
#define KEPT 1	 /* a hidden duplicate, which the close makes for those who wait */
#define TRIES 3

/* which file a number means */
#define OLD 1
#define NEW 2
byte file[2] = OLD;

/* the waiter's node; `number` changes under the entry's lock, a section under which is one atomic step */
bool linked;
byte number = NUMBER;
bool in_try;

bool closed;

/* On x86 the plain store of in_try may wait in the store buffer while `number` is read. */
#ifdef BUG_PLAIN_STORE
bool buffered;
#define try_begins() buffered = 1
#define try_ends() atomic { buffered = 0; in_try = 0 }
#else
#define try_begins() in_try = 1
#define try_ends() in_try = 0
#endif

active proctype waiter()
{
	byte n, tries;

	linked = 1; /* parked on the old file: an edge wakes it */
	do
	:: tries < TRIES ->
		try_begins();
#ifdef BUG_UNLINKED_TRY
		atomic { linked = 0 };
#endif
		n = number;
		/* the system call */
		assert(file[n] == OLD);
		try_ends();
		atomic { linked = 1 }; /* back into the list, under the lock */
		tries++
	:: tries > 0 -> break
	od;
	atomic { linked = 0 }
}

#ifdef BUG_PLAIN_STORE
active proctype store_buffer()
{
end:
	do
	:: atomic { buffered -> in_try = 1; buffered = 0 }
	od
}
#endif

active proctype closer()
{
	bool waited;

end:
	linked;
	atomic {
		waited = linked;
		if
		:: waited -> file[KEPT] = OLD; number = KEPT
		:: else
		fi
	};
#ifndef BUG_NOT_AWAITED
	if
	:: waited -> !linked || !in_try
	:: else
	fi;
#endif
	file[NUMBER] = 0;
	file[NUMBER] = NEW;
	closed = 1
}
