/* Virtual signals: masks and what of them is real, pending queues, the order of taking, who is chosen. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "runtime/signal_core.h"
#include "tests/unit/green.h"

#define RT 40 /* a realtime signal */
#define RECORDED_MOST (RECORDED - RECORDED_DEPTH + 1)
#define SA_RESTORER_ 0x04000000

/* The pieces, with threads made by hand beside the main one. */

static struct thread extra[3];
static struct thread *me;

static void began(void)
{
	green_begin();
	carrier_enter(carrier_self()); /* these tests call the runtime's own functions */
	me = thread_self();
	signal_set_mask(me, 0);
	for (int sig = 1; sig <= SIGNALS; sig++)
		actions[sig].handler = 2; /* never called */
}

static void begin_with(int n)
{
	for (int i = 0; i < n; i++) {
		extra[i].hub = me->hub;
		list_add_tail(&threads, &extra[i].all);
		signal_thread_born(&extra[i]);
	}
}

TestSuite(masks, .init = began, .timeout = 10);
TestSuite(pending, .init = began, .timeout = 10);
TestSuite(choice, .init = began, .timeout = 10);

static ksigset_t kernel_blocks(void)
{
	ksigset_t set;
	carrier_sync_mask(carrier_self());
	sys(SYS_rt_sigprocmask, 0, 0, &set, 8);
	return set;
}

/* Really blocked is what everybody blocks. */
Test(masks, what_all_block_is_real)
{
	ksigset_t usr1 = SIGBIT(SIGUSR1), usr2 = SIGBIT(SIGUSR2);
	begin_with(2);
	cr_assert_eq(kernel_blocks(), 0);
	signal_set_mask(me, usr1 | usr2);
	signal_set_mask(&extra[0], usr1);
	cr_assert_eq(kernel_blocks(), 0);
	signal_set_mask(&extra[1], usr1);
	cr_assert_eq(kernel_blocks(), usr1);
	signal_set_mask(&extra[0], usr1 | usr2);
	signal_set_mask(&extra[1], usr1 | usr2);
	cr_assert_eq(kernel_blocks(), usr1 | usr2);
	signal_set_mask(&extra[1], usr2);
	cr_assert_eq(kernel_blocks(), usr2);
}

Test(masks, births_and_deaths_count)
{
	ksigset_t usr1 = SIGBIT(SIGUSR1);
	signal_set_mask(me, usr1);
	cr_assert_eq(real_mask, usr1);
	begin_with(1);
	cr_assert_eq(real_mask, 0, "the newcomer does not block it");
	extra[1].sig.mask = usr1; /* born with a mask, as threads are */
	signal_thread_born(&extra[1]);
	signal_thread_gone(&extra[0]);
	cr_assert_eq(real_mask, usr1, "the one that did not is gone");
	signal_set_mask(&extra[1], 0);
	cr_assert_eq(real_mask, 0);
	signal_thread_gone(&extra[1]);
	cr_assert_eq(real_mask, usr1);
}

Test(masks, some_are_never_blocked)
{
	signal_set_mask(me, ~0UL);
	cr_assert_eq(me->sig.mask, ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP)));
	const ksigset_t standard = (1UL << 31) - 1;
	cr_assert_eq(real_mask, standard & ~(never_blocked | UNBLOCKABLE), "realtime ones with a handler wait with us");
	for (int sig = 32; sig <= SIGNALS; sig++) {
		actions[sig].handler = (uint64_t)SIG_DFL;
		signal_real_bit(sig);
	}
	cr_assert_eq(real_mask, ~(never_blocked | UNBLOCKABLE));
	signal_set_mask(me, 0);
	cr_assert_eq(real_mask, 0);
}

/* For the length of one call. */
Test(masks, temporary)
{
	ksigset_t usr1 = SIGBIT(SIGUSR1), usr2 = SIGBIT(SIGUSR2);
	signal_set_mask(me, usr1);
	cr_assert_eq(signal_set_temporary_mask(me, &usr2, 4), -EINVAL);
	cr_assert_eq(signal_set_temporary_mask(me, (void *)16, 8), -EFAULT);
	cr_assert_eq(signal_set_temporary_mask(me, NULL, 4), 0);
	cr_assert(me->sig.mask == usr1 && !me->sig.restore_mask);
	cr_assert_eq(signal_set_temporary_mask(me, &usr2, 8), 0);
	cr_assert_eq(me->sig.mask, usr2);
	signal_mask_call_done(me, true);
	cr_assert(me->sig.mask == usr2 && me->sig.saved_mask == usr1, "the handler's frame takes it along");
	signal_mask_call_done(me, false);
	cr_assert(me->sig.mask == usr1 && !me->sig.restore_mask);
	signal_set_mask(me, 0);
	signal_mask_call_done(me, false);
	cr_assert_eq(me->sig.mask, 0, "once");
}

static void send(struct thread *t, int sig, int value)
{
	struct ksiginfo info = {.si_signo = sig, .si_code = SI_QUEUE, .rest[1] = (uint64_t)value};
	if (t)
		signal_send_thread(t, &info);
	else
		signal_send_process(&info);
}

/* The next of `set`, as sig * 1000 + value; 0: none. */
static int take(ksigset_t set)
{
	struct ksiginfo info;
	if (!signal_take(me, set, &info))
		return 0;
	return info.si_signo * 1000 + (int)info.rest[1];
}

Test(pending, standard_signals_coalesce)
{
	signal_set_mask(me, ~0UL);
	send(me, SIGUSR1, 1);
	send(me, SIGUSR1, 2);
	send(NULL, SIGUSR1, 3);
	send(NULL, SIGUSR1, 4);
	cr_assert_eq(take(SIGBIT(SIGUSR2)), 0);
	cr_assert_eq(take(~0UL), SIGUSR1 * 1000 + 1, "its own first");
	cr_assert_eq(take(~0UL), SIGUSR1 * 1000 + 3);
	cr_assert_eq(take(~0UL), 0);
	cr_assert(me->sig.pending == 0 && process_pending == 0 && !me->sig.queue.first);
	send(me, SIGUSR1, 5);
	cr_assert_eq(take(~0UL), SIGUSR1 * 1000 + 5);
}

Test(pending, realtime_signals_queue)
{
	signal_set_mask(me, ~0UL);
	for (int i = 0; i < 100; i++) {
		send(me, RT, i);
		send(me, RT + 1, i);
		send(NULL, RT, 500 + i);
	}
	for (int i = 0; i < 100; i++)
		cr_assert_eq(take(~0UL), RT * 1000 + i);
	for (int i = 0; i < 100; i++) {
		cr_assert(me->sig.pending & SIGBIT(RT + 1));
		cr_assert_eq(take(SIGBIT(RT + 1)), (RT + 1) * 1000 + i);
	}
	cr_assert_eq(me->sig.pending, 0);
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(process_pending, SIGBIT(RT));
		cr_assert_eq(take(~0UL), RT * 1000 + 500 + i);
	}
	cr_assert_eq(process_pending, 0);
}

/* Faults, then by number, whatever came first. */
Test(pending, order)
{
	signal_set_mask(me, ~0UL);
	const int sent[] = {RT, SIGUSR2, SIGCHLD, SIGHUP, SIGSEGV, 64, SIGTERM, SIGBUS};
	const int want[] = {SIGBUS, SIGSEGV, SIGHUP, SIGUSR2, SIGTERM, SIGCHLD, RT, 64};
	for (size_t i = 0; i < ARRAY_LEN(sent); i++)
		send(me, sent[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		cr_assert_eq(take(~0UL), want[i] * 1000, "%zu", i);
}

Test(pending, work_says_that_something_is_not_blocked)
{
	signal_set_mask(me, SIGBIT(SIGUSR1));
	send(me, SIGUSR1, 0);
	cr_assert(!signal_pending(&me->sig));
	signal_set_mask(me, 0);
	cr_assert(signal_pending(&me->sig));
	signal_set_mask(me, SIGBIT(SIGUSR1));
	cr_assert(!signal_pending(&me->sig));
	send(me, SIGUSR2, 0);
	cr_assert(signal_pending(&me->sig));
	cr_assert_eq(take(~me->sig.mask), SIGUSR2 * 1000);
	cr_assert(!signal_pending(&me->sig));
}

Test(pending, ignored_signals)
{
	actions[SIGUSR1].handler = (uint64_t)SIG_IGN;
	actions[SIGCHLD].handler = (uint64_t)SIG_DFL;
	actions[SIGTERM].handler = (uint64_t)SIG_DFL;
	cr_assert(
	    signal_ignored(SIGUSR1) && signal_ignored(SIGCHLD) && !signal_ignored(SIGTERM) && !signal_ignored(SIGUSR2));
	send(me, SIGUSR1, 0);
	send(me, SIGCHLD, 0);
	cr_assert_eq(me->sig.pending, 0);
	signal_set_mask(me, SIGBIT(SIGUSR1) | SIGBIT(SIGCHLD));
	send(me, SIGUSR1, 0);
	send(me, SIGCHLD, 0);
	cr_assert_eq(me->sig.pending, SIGBIT(SIGUSR1) | SIGBIT(SIGCHLD), "a blocked one stays: it may be waited for");
	send(NULL, RT, 1);
	send(NULL, RT, 2);
	signals_discard(SIGBIT(SIGUSR1) | SIGBIT(RT));
	cr_assert_eq(take(~0UL), SIGCHLD * 1000);
	cr_assert_eq(take(~0UL), 0);
	cr_assert(!me->sig.queue.first);
}

Test(pending, the_dead_take_nothing)
{
	begin_with(1);
	signal_set_mask(&extra[0], ~0UL);
	send(&extra[0], RT, 1);
	cr_assert_not_null(extra[0].sig.queue.first);
	signal_thread_gone(&extra[0]);
	cr_assert_null(extra[0].sig.queue.first);
	send(&extra[0], RT, 1);
	cr_assert_null(extra[0].sig.queue.first);
}

/* Who takes what is sent to the process: one that waits for it, the main thread, any that does not block it. */
static int chosen(void)
{
	if (signal_pending(&me->sig))
		return -1;
	for (int i = 0; i < 3; i++)
		if (atomic_load(&extra[i].sig.work))
			return i;
	return -2;
}

static void clear(void)
{
	struct ksiginfo info;
	while (signal_take(me, ~0UL, &info))
		;
	for (int i = 0; i < 3; i++)
		extra[i].sig.work = 0;
}

Test(choice, of_a_thread)
{
	begin_with(3);
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), -1, "the main thread");
	list_del(&me->all);
	list_add_tail(&threads, &me->all);
	clear();
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), -1, "wherever it stands");
	clear();
	signal_set_mask(me, SIGBIT(SIGUSR1));
	signal_set_mask(&extra[0], SIGBIT(SIGUSR1));
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), 1, "one that does not block it");
	clear();
	signal_set_mask(&extra[2], ~0UL);
	extra[2].sig.waiting = SIGBIT(SIGUSR1);
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), 2, "one that waits for it");
	clear();
	extra[2].sig.waiting = 0;
	signal_set_mask(&extra[1], ~0UL);
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), -2, "nobody");
	signal_set_mask(&extra[0], 0);
	cr_assert_eq(chosen(), 0, "who stops blocking it");
}

/* It was one thread's to take, who blocks it now, or goes: another's. */
Test(choice, passes_on)
{
	begin_with(2);
	signal_set_mask(me, ~0UL);
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), 0);
	signal_set_mask(&extra[0], ~0UL);
	cr_assert_eq(chosen(), 1);
	list_del(&extra[1].all);
	list_add_tail(&threads, &extra[1].all);
	signal_set_mask(&extra[0], SIGBIT(SIGUSR2));
	extra[0].sig.work = 0;
	signal_thread_gone(&extra[1]);
	cr_assert(extra[0].sig.work, "the one that is left");
}

/* Gone, but not yet out of the list of all threads. */
Test(choice, not_of_one_that_is_gone)
{
	begin_with(2);
	signal_set_mask(me, ~0UL);
	signal_thread_gone(&extra[0]);
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), 1);
}

/* What was for it to take is another's, and not its own again. */
Test(choice, passes_on_when_it_goes)
{
	begin_with(2);
	signal_set_mask(me, ~0UL);
	send(NULL, SIGUSR1, 0);
	cr_assert_eq(chosen(), 0);
	extra[0].sig.work = 0;
	signal_thread_gone(&extra[0]);
	cr_assert_eq(chosen(), 1);
}

Test(choice, wakes_a_parked_thread)
{
	begin_with(1);
	struct thread *t = &extra[0];
	signal_set_mask(t, SIGBIT(SIGUSR2));
	t->wake = WAKE_PARKED;
	send(t, SIGUSR2, 0);
	cr_assert_eq(run_queue_length(&me->hub->run), 0, "blocked");
	send(t, SIGUSR1, 0);
	cr_assert_eq(run_queue_length(&me->hub->run), 1);
	cr_assert_eq(t->wake, WAKE_PARKED | WAKE_SIGNAL);
}

Test(pending, ring_of_a_carrier)
{
	struct carrier *c = carrier_self();
	struct ksiginfo info = {0};
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RECORDED_MOST; i++) {
			info.si_signo = i;
			cr_assert_eq(carrier_recorded_full(c), i >= RECORDED - RECORDED_SPARE);
			carrier_recorded_push(c, &info);
		}
		carrier_recorded_push(c, &info); /* dropped */
		for (int i = 0; i < RECORDED_MOST; i++) {
			cr_assert(carrier_recorded_any(c));
			cr_assert(carrier_recorded_pop(c, &info));
			cr_assert_eq(info.si_signo, i);
		}
		cr_assert(!carrier_recorded_any(c));
		cr_assert(!carrier_recorded_pop(c, &info));
	}
}

/* A push, instruction by instruction: another one, of a handler's, comes after the given number of them. */

#define EFLAGS_TF 0x100
void signal_restorer(void);

static struct carrier *pushes_to;
static int steps, pushes_after;

static void on_step(int sig)
{
	struct ksiginfo info = {.si_signo = sig};
	if (++steps == pushes_after)
		carrier_recorded_push(pushes_to, &info);
}

static void step(bool on)
{
	uint64_t flags = __builtin_ia32_readeflags_u64();
	__builtin_ia32_writeeflags_u64(on ? flags | EFLAGS_TF : flags & ~EFLAGS_TF);
}

Test(pending, ring_takes_a_push_within_a_push)
{
	struct ksiginfo outer = {.si_signo = SIGUSR1}, got[3];
	struct kaction a = {.handler = (uint64_t)on_step, .flags = SA_RESTORER_, .restorer = (uint64_t)signal_restorer};
	pushes_to = carrier_self();
	cr_assert_eq(sys(SYS_rt_sigaction, SIGTRAP, &a, 0, 8), 0);
	for (pushes_after = 1;; pushes_after++) {
		steps = 0;
		step(true);
		carrier_recorded_push(pushes_to, &outer);
		step(false);
		int n = 0;
		while (n < 3 && carrier_recorded_pop(pushes_to, &got[n]))
			n++;
		if (steps < pushes_after)
			break;
		cr_assert_eq(n, 2, "%d after instruction %d", n, pushes_after);
		cr_assert_eq(
		    got[0].si_signo + got[1].si_signo, SIGUSR1 + SIGTRAP, "after instruction %d", pushes_after);
	}
	cr_assert_gt(pushes_after, 20, "stepped over %d instructions", pushes_after);
}

/* Delivery, through the door: a handler on the thread's own stack, the mask while it runs, the way back. */

void signals_restorer(void);
__asm__(".text\n.globl signals_restorer\nsignals_restorer:\n\tmov $15, %eax\n\tlea 1f(%rip), %rcx\n\tjmp "
	"green_entry\n1:\n\tud2");

static int ran[16], runs;
static ksigset_t mask_inside;
static uintptr_t stack_inside;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	char here;
	(void)context;
	stack_inside = (uintptr_t)&here;
	ran[runs++] = info->si_signo == sig ? sig : -1;
	green(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_inside, 8);
}

static void handle(int sig, uint64_t flags)
{
	struct kaction a = {.handler = (uint64_t)on_signal,
	    .flags = flags | SA_SIGINFO | 0x04000000 /* SA_RESTORER */,
	    .restorer = (uint64_t)signals_restorer,
	    .mask = SIGBIT(SIGHUP)};
	cr_assert_eq(green(SYS_rt_sigaction, sig, &a, NULL, 8), 0);
}

static int send_self(int sig)
{
	return (int)green(SYS_tgkill, getpid(), green(SYS_gettid), sig);
}

Test(delivery, handler_mask_and_return, .init = green_begin, .timeout = 10)
{
	ksigset_t usr1 = SIGBIT(SIGUSR1), now;
	char here;
	handle(SIGUSR1, 0);
	handle(SIGUSR2, SA_NODEFER | SA_RESETHAND);
	cr_assert_eq(send_self(SIGUSR1), 0);
	cr_assert(runs == 1 && ran[0] == SIGUSR1);
	cr_assert_eq(mask_inside, usr1 | SIGBIT(SIGHUP));
	cr_assert((uintptr_t)&here - stack_inside < 65536, "on the stack that the thread stands on");
	green(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &now, 8);
	cr_assert_eq(now, 0);
	green(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, NULL, 8);
	send_self(SIGUSR1);
	cr_assert_eq(runs, 1);
	send_self(SIGUSR2);
	cr_assert_eq(mask_inside, usr1 | SIGBIT(SIGHUP), "SA_NODEFER");
	cr_assert_eq(actions[SIGUSR2].handler, (uint64_t)SIG_DFL, "SA_RESETHAND");
	green(SYS_rt_sigprocmask, SIG_UNBLOCK, &usr1, NULL, 8);
	cr_assert(runs == 3 && ran[2] == SIGUSR1, "as soon as it is unblocked");
	cr_assert_eq(send_self(0), 0);
	cr_assert_eq(send_self(65), -EINVAL);
	cr_assert_eq(green(SYS_tgkill, getpid(), (1 << 22) + 4000, SIGUSR1), -ESRCH);
}

Test(delivery, alternate_stack, .init = green_begin, .timeout = 10)
{
	static char alt[65536];
	struct kaltstack ss = {(uint64_t)alt, 0, sizeof(alt)}, small = {(uint64_t)alt, 0, 100};
	cr_assert_eq(green(SYS_sigaltstack, &small, NULL), -ENOMEM);
	cr_assert_eq(green(SYS_sigaltstack, &ss, NULL), 0);
	handle(SIGUSR1, SA_ONSTACK);
	send_self(SIGUSR1);
	cr_assert(stack_inside - (uintptr_t)alt < sizeof(alt));
	handle(SIGUSR1, 0);
	send_self(SIGUSR1);
	cr_assert(stack_inside - (uintptr_t)alt >= sizeof(alt));
	cr_assert_eq(runs, 2);
}

static int ep;
static ksigset_t mask_after;

static void wait_with_a_mask(void *arg)
{
	struct epoll_event ev;
	ksigset_t usr1 = SIGBIT(SIGUSR1), none = 0;
	(void)arg;
	green(SYS_rt_sigprocmask, SIG_SETMASK, &usr1, NULL, 8);
	green(SYS_epoll_pwait, ep, &ev, 1, 50, &none, 8);
	green(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_after, 8);
}

/* A signal ends the wait, but is ignored before the thread looks at it: no handler's frame brings the mask back. */
Test(delivery, mask_of_a_wait_that_no_handler_ends, .init = green_begin, .timeout = 10)
{
	struct green_thread g;
	int p[2];
	struct epoll_event ev = {.events = EPOLLIN};
	cr_assert_eq(pipe(p), 0);
	ep = epoll_create1(0);
	cr_assert_eq(green(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &ev), 0);
	handle(SIGUSR1, 0);
	green_start(&g, wait_with_a_mask, NULL);
	green_settle();
	cr_assert_eq(green(SYS_tgkill, getpid(), g.tid, SIGUSR1), 0);
	struct kaction ignore = {.handler = (uint64_t)SIG_IGN};
	cr_assert_eq(green(SYS_rt_sigaction, SIGUSR1, &ignore, NULL, 8), 0);
	green_join(&g);
	cr_assert_eq(runs, 0);
	cr_assert_eq(mask_after, SIGBIT(SIGUSR1));
}

Test(delivery, sigtimedwait, .init = green_begin, .timeout = 10)
{
	ksigset_t set = SIGBIT(SIGUSR1) | SIGBIT(RT);
	struct ktimespec ts = {0, 15 * MSEC}, zero = {0, 0};
	struct ksiginfo info;
	green(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
	cr_assert_eq(green(SYS_rt_sigtimedwait, &set, &info, &zero, 8), -EAGAIN);
	nsec_t start = clock_now();
	cr_assert_eq(green(SYS_rt_sigtimedwait, &set, &info, &ts, 8), -EAGAIN);
	cr_assert_geq(clock_now() - start, 15 * MSEC);
	send_self(SIGUSR1);
	cr_assert_eq(green(SYS_rt_sigtimedwait, &set, &info, &ts, 8), SIGUSR1);
	cr_assert_eq(info.si_signo, SIGUSR1);
	cr_assert_eq(green(SYS_rt_sigtimedwait, &set, &info, &ts, 4), -EINVAL);
}

/* The default action ends the process by that signal. */
Test(delivery, default_action, .init = green_begin, .timeout = 10)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		runtime_pid = getpid();
		carrier_self()->tid = gettid();
		thread_self()->tid = gettid();
		send_self(SIGTERM);
		_exit(1);
	}
	waitpid(child, &status, 0);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%x", (unsigned)status);
}
