/* A signal for a thread that leaves the runtime: for the program's own code, or into a system call that blocks. */
#include "prim.h"

#define SIGNALS 2

/* where the target is; COMPUTE and BLOCKED are left by a signal only */
mtype = { INSIDE, LEAVING, LOOK, TAIL, CODE, COMPUTE, NATIVE, CHECK, AT_SYSCALL, IN_SYSCALL, BLOCKED, AFTER };
mtype rip = INSIDE;

/* what the target says of itself, as other carriers see it */
bool user;	/* the carrier's state word is USER */
bool in_native;

bool pending;
bool kick;	/* the kernel has a signal for the target's carrier */

/* x86: plain stores wait in a buffer, in their order; a locked instruction of the same carrier, or membarrier() by the
 * sender, drains it. The carrier's own handler sees them at once (it looks at the same registers and buffer). */
mtype = { SET_USER, SET_NATIVE };
chan buffer = [2] of { mtype };
#define drained (len(buffer) == 0)

active proctype store_buffer()
{
end:
	do
	:: atomic { buffer ? SET_USER -> user = 1 }
	:: atomic { buffer ? SET_NATIVE -> in_native = 1 }
	od
}

/* One instruction of the target a step; the handler may run between any two. */
active proctype target()
{
end:
	do
	:: atomic { rip == INSIDE ->
		if
		:: pending -> pending = 0 /* delivered */
		:: else ->
			if
			:: rip = LEAVING
			:: rip = NATIVE
			fi
		fi }

	/* the end of a call */
	:: atomic { rip == LEAVING ->
#ifdef ALT_LOCKED_STORES
		user = 1;
#else
		buffer ! SET_USER;
#endif
		rip = LOOK }
#ifdef BUG_NO_SECOND_LOOK
	:: atomic { rip == LOOK -> rip = TAIL }
#else
	:: atomic { rip == LOOK && !pending -> rip = TAIL }
	:: atomic { rip == LOOK && pending && drained -> user = 0; rip = INSIDE }
#endif
	:: atomic { rip == TAIL -> rip = CODE }
	:: atomic { rip == CODE && drained ->
		if
		:: user = 0; rip = INSIDE /* the next call: its CAS is a locked instruction */
		:: rip = COMPUTE
		fi }
	:: atomic { rip == CODE && !drained -> rip = COMPUTE }

	/* a native call; the window is CHECK and AT_SYSCALL */
	:: atomic { rip == NATIVE ->
#ifndef BUG_NATIVE_SET_LATE
#ifdef ALT_LOCKED_STORES
		in_native = 1;
#else
		buffer ! SET_NATIVE;
#endif
#endif
		rip = CHECK }
	:: atomic { rip == CHECK && !pending -> rip = AT_SYSCALL }
	:: atomic { rip == CHECK && pending && drained -> in_native = 0; rip = INSIDE }
	:: atomic { rip == AT_SYSCALL ->
#ifdef BUG_NATIVE_SET_LATE
		buffer ! SET_NATIVE;
#endif
		rip = IN_SYSCALL }
	:: atomic { rip == IN_SYSCALL ->
		if
		:: rip = AFTER
		:: rip = BLOCKED
		fi }
	:: atomic { rip == AFTER && drained -> in_native = 0; rip = INSIDE }
	od
}

/* The handler on the target's carrier, with a signal just arrived or a kick. */
inline handle()
{
	if
#ifndef BUG_NO_WINDOW
	:: rip == CHECK || rip == AT_SYSCALL -> rip = CHECK
#endif
	:: rip == IN_SYSCALL || rip == BLOCKED ->
		if
		:: rip = AFTER /* EINTR */
#ifndef BUG_NO_WINDOW
		:: rip = CHECK /* SA_RESTART: the kernel puts rip on the `syscall`, which is in the window */
#else
		:: rip = AT_SYSCALL
#endif
		fi
#ifdef BUG_DELIVER_BY_RIP
	/* "the rip is in the runtime, so it will look": not in the tail */
	:: rip == CODE || rip == COMPUTE -> pending = 0; rip = CODE
#else
	/* the word is USER: deliver at once, wherever the rip is */
	:: rip == LOOK || rip == TAIL -> pending = 0
	:: rip == CODE || rip == COMPUTE -> pending = 0; rip = CODE
#endif
	:: else
	fi
}

/* The kernel: a kick from another carrier, or a signal for the process that hits this carrier. */
active proctype kernel()
{
	byte arrived;

end:
	do
	:: atomic { kick -> kick = 0; handle() }
	:: atomic { arrived < SIGNALS -> arrived++; pending = 1; handle() }
	:: atomic { arrived < SIGNALS -> arrived = SIGNALS }
	od
}

/* pthread_kill() from another carrier. */
active proctype sender()
{
	byte sent;
	bool look;

	do
	:: sent < SIGNALS ->
#ifdef BUG_LOOK_BEFORE_PENDING
		look = user || in_native;
		pending = 1;
#else
		pending = 1;
#ifndef ALT_LOCKED_STORES
#ifndef BUG_NO_MEMBARRIER
		drained;
#endif
#endif
		look = user || in_native;
#endif
		if
		:: look -> kick = 1
		:: else
		fi;
		look = 0;
		sent++
	:: break
	od
}

active proctype judge()
{
	timeout;
	assert(!pending)
}
