/* Starting the runtime on a process's only thread. */
#include "runtime.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include "alone.h"
#include "calls.h"
#include "loop.h"
#include "monitor.h"
#include "proc_reader.h"
#include "signal_core.h"
#include "stats.h"
#include "trap.h"

struct runtime_hooks runtime_hooks;
int runtime_pid;
bool have_fsgsbase;

static uintptr_t rseq_area;
static bool monitored, with_reader;

#ifndef SYS_rseq
#define SYS_rseq 334
#endif
#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE 2
#endif

uintptr_t runtime_rseq_area(void)
{
	struct thread *t = carrier_current();
	/* glibc keeps its area at a fixed distance from the thread pointer. */
	return rseq_area ? t->ctx.fs + rseq_area : 0;
}

static uint64_t thread_pointer(void)
{
	uint64_t fs;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	return fs;
}

void runtime_prepare(void)
{
	have_fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE;
	set_gs(&native_carrier);
}

/* The kernel would go on writing the CPU's number into the main thread's area from this kernel thread, whoever runs. */
static void leave_rseq(struct thread *t)
{
	if (rseq_area)
		sys(SYS_rseq, t->ctx.fs + rseq_area, 32, 1 /* RSEQ_FLAG_UNREGISTER */, 0x53053053 /* RSEQ_SIG */);
}

#define CARRIERS_AT_FIRST 1024 /* most, until they are seen to be too few */

static int start_hub(void)
{
	struct hub *h = hub_new(0);
	return h ? loop_open(h) : -EMFILE;
}

int runtime_start(const struct runtime_options *opt)
{
	runtime_pid = (int)sys(SYS_getpid);
	monitor_runs = false; /* a parent's may */
	stats_begin();
	max_carriers_grows = opt->max_carriers == 0;
	max_carriers = max_carriers_grows ? CARRIERS_AT_FIRST : opt->max_carriers;
	alone_after = opt->alone_after;
	monitored = opt->monitored;
	with_reader = opt->reader;
	rseq_area = opt->rseq_offset;
	trap_on = opt->trap;
	clock_init();
	int err = start_hub();
	if (err)
		return err;
	struct thread *t = thread_adopt_main(runtime_pid);
	if (!t)
		return -ENOMEM;
	t->ctx.fs = thread_pointer();
	leave_rseq(t);
	signals_start(t);
	err = carrier_adopt_main(hubs[0], t);
	if (err)
		return err;
	for (int sig = 1; sig <= SIGNALS; sig++)
		if (kernel_action_differs(sig))
			kernel_action_set(sig);
	return 0;
}

/* Arming failed: the process is native, as if we had never been. */
void runtime_abandon(void)
{
	struct thread *t = carrier_current();
	if (t)
		signals_restore_kernel(t);
	trap_on = false;
	set_gs(&native_carrier);
	if (monitor_runs)
		return; /* it looks at the hubs */
	pollers_reset(true);
	hubs_reset();
}

void runtime_scheduler_next(void)
{
	carrier_current()->wants_scheduler = true;
}

/* What glibc told the kernel about the main thread long ago. Its tid word lies in its descriptor where every thread's
 * does: as far from the thread pointer as the scheduler's. */
static void learn_main_thread(struct thread *main, struct thread *other)
{
	size_t len;
	main->cleartid = (uint32_t *)(main->ctx.fs + ((uint64_t)other->cleartid - other->ctx.fs));
	sys(SYS_get_robust_list, 0, &main->robust, &len);
}

int runtime_finish_start(void)
{
	hubs[0]->scheduler = scheduler_born;
	learn_main_thread(carrier_current(), scheduler_born);
	int err = monitored ? monitor_start() : 0;
	if (!err && with_reader)
		proc_reader_start();
	return err;
}

/* A hub takes a carrier, and two descriptors: the program is to have most of them. */
static int hubs_at_most(void)
{
	struct rlimit64 files = {1024, 1024};
	sys(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &files);
	/* fd_high_floor() has 48 numbers for all of the runtime's own when the limit is 1024 or less. */
	uint64_t most = files.rlim_cur / 64 < max_carriers / 2 ? files.rlim_cur / 64 : max_carriers / 2;
	return most < MAX_HUBS ? (int)most : MAX_HUBS;
}

bool runtime_hub_prepare(void)
{
	if (hub_count >= hubs_at_most() || !hub_new(hub_count))
		return false;
	scheduler_born = NULL;
	runtime_scheduler_next();
	return true;
}

bool runtime_hub_begin(void)
{
	struct hub *h = hubs[hub_count - 1];
	struct carrier *c = scheduler_born ? spare_take() : NULL;
	if (!c) {
		carrier_current()->wants_scheduler = false;
		hub_drop(h);
		return false;
	}
	h->scheduler = scheduler_born;
	h->scheduler->hub = h;
	hubs[0]->run.thieves = h->run.thieves = true;
	monitor_hub_begins();
	spare_give(c, h);
	/* glibc's start_thread is to be behind its scheduler: whom that wakes (nptl_setxid waits for threads that are
	 * being made) it wakes in the kernel. */
	while (!atomic_load(&h->looks))
		sys(SYS_sched_yield);
	return true;
}

bool runtime_take_signal(uint64_t set)
{
	struct ktimespec zero = {0};
	struct ksiginfo info;
	if (sys(SYS_rt_sigtimedwait, &set, &info, &zero, 8) <= 0)
		return false;
	signal_send_thread(carrier_current(), &info);
	return true;
}

void runtime_scheduler_main(void)
{
	struct carrier *c = carrier_self();
	hub_scheduler(c->hub);
}
