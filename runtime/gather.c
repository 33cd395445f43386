/* Several hubs: spread or gathered, whichever does more. */
#include "gather.h"

#include "carrier.h"
#include "mem.h"

#define WINDOW (4 * NSEC_PER_MSEC)  /* between two looks, at least */
#define SETTLE (30 * NSEC_PER_MSEC) /* after a turn, while threads are on the move: nothing counts */
#define TRIAL (100 * NSEC_PER_MSEC)
#define STEADY (100 * NSEC_PER_MSEC) /* before the next trial, at first; four times as long after each that failed */
#define STEADY_MOST (6 * NSEC_PER_SEC)
#define FADE (200 * NSEC_PER_MSEC) /* what is older counts half */

/* Threads that hubs push to each other, on average: where they do that more seldom each has its own work, and they are
 * left alone. */
#define PUSHES_APART (200 * 1000)
#define CALLS_APART (500 * 1000) /* more seldom, and there is nothing to compare */
#define WORTH_PERCENT 125        /* what is to get done where more CPUs are used for it */

struct pace {
	nsec_t time;
	uint64_t calls, pushes, windows, pressed; /* pressed: windows at whose end somebody was ready */
};

_Atomic bool gather_is_on;

static struct {
	nsec_t at;              /* the last look */
	uint64_t calls, pushes; /* until then */
	nsec_t since, steady;   /* the last turn, and when the next trial may come after it */
	bool trial;
	struct pace spread, together;
} judged = {.steady = STEADY};

static uint64_t per_second(const struct pace *p)
{
	return p->calls * NSEC_PER_SEC / (p->time + 1);
}

static bool together_is_better(void)
{
	return per_second(&judged.spread) < per_second(&judged.together) * WORTH_PERCENT / 100;
}

static bool anybody_ready(void)
{
	for (int i = 0; i < hub_count; i++)
		if (run_queue_length(&hubs[i]->run))
			return true;
	return false;
}

static void fade(struct pace *p)
{
	p->time /= 2;
	p->calls /= 2;
	p->pushes /= 2;
	p->windows /= 2;
	p->pressed /= 2;
}

static void count_window(struct pace *p, nsec_t time, uint64_t calls, uint64_t pushes)
{
	if (p->time > FADE)
		fade(p);
	p->time += time;
	p->calls += calls;
	p->pushes += pushes;
	p->windows++;
	p->pressed += anybody_ready();
}

/* Where one hub has time to spare there is nothing to be gained from another. */
static bool worth_a_trial(const struct pace *p)
{
	if ((nsec_t)p->calls * CALLS_APART < p->time)
		return false;
	return gathered() ? p->pressed * 2 > p->windows : (nsec_t)p->pushes * PUSHES_APART > p->time;
}

static void turn(nsec_t now)
{
	atomic_store_explicit(&gather_is_on, !gathered(), memory_order_relaxed);
	judged.since = now;
}

static void begin_trial(nsec_t now)
{
	judged.trial = true;
	turn(now);
	*(gathered() ? &judged.together : &judged.spread) = (struct pace){0};
}

static void end_trial(nsec_t now)
{
	judged.trial = false;
	judged.since = now;
	if (together_is_better() == gathered()) {
		judged.steady = STEADY;
		return;
	}
	judged.steady = judged.steady * 4 < STEADY_MOST ? judged.steady * 4 : STEADY_MOST;
	turn(now);
}

void gather_judge(nsec_t now)
{
	uint64_t calls = 0, pushes = 0;
	nsec_t time = now - judged.at;
	struct pace *p = gathered() ? &judged.together : &judged.spread;
	if (time < WINDOW)
		return;
	if (!judged.at)
		judged.since = now;
	nsec_t stood = now - judged.since;
	for (int i = 0; i < hub_count; i++) {
		calls += atomic_load_explicit(&hubs[i]->calls, memory_order_relaxed);
		pushes += atomic_load_explicit(&hubs[i]->pushes, memory_order_relaxed);
	}
	if (stood > SETTLE && time < FADE) /* all were asleep in between */
		count_window(p, time, calls - judged.calls, pushes - judged.pushes);
	judged.at = now;
	judged.calls = calls;
	judged.pushes = pushes;
	if (judged.trial && stood > SETTLE + TRIAL)
		end_trial(now);
	else if (!judged.trial && stood > judged.steady && worth_a_trial(p))
		begin_trial(now);
}

/* The turns of a lock are futex's: they are what there is more of where threads get into each other's way. */
void gather_count(uint64_t nr)
{
	struct hub *h = carrier_self()->hub;
	if (h && nr != SYS_futex)
		atomic_store_explicit(
		    &h->calls, atomic_load_explicit(&h->calls, memory_order_relaxed) + 1, memory_order_relaxed);
}

void gather_reset(void)
{
	atomic_store(&gather_is_on, false);
	memset(&judged, 0, sizeof(judged));
	judged.steady = STEADY;
}
