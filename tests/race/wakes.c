/*
 * Parking with deadlines on several hubs, woken by each other, from outside and by time, while threads are stolen,
 * taken to the first hub or follow who wakes them: never in two queues, none forgotten, no reason of an earlier wait.
 */
#include "tests/race/race.h"

#define HUBS 3
#define RACERS 12
#define OUTSIDE 2

static struct one {
	struct racer racer;
	struct spin lock; /* as a futex's bucket's: held by who wakes until he is done */
	bool waits;
	_Atomic bool runs;
	uint64_t waited, timed_out;
} ones[RACERS];

static void wake_one(uint64_t r)
{
	struct one *o = &ones[r % RACERS];
	if (r / 16 % 8 == 0) { /* a signal does not ask */
		thread_wake(&o->racer.thread, WAKE_SIGNAL);
		return;
	}
	spin_lock(&o->lock);
	if (o->waits) {
		o->waits = false;
		if (thread_claim(&o->racer.thread, WAKE_EVENT)) { /* as futex.c's waiter_wake */
			balance_wakes(&o->racer.thread);
			thread_go_on(&o->racer.thread);
		}
	}
	spin_unlock(&o->lock);
}

static void goes_on(struct one *o)
{
	check(!atomic_exchange(&o->runs, true), "%d runs twice", o->racer.id);
	check(carrier_self()->hub == o->racer.thread.hub, "%d is not on its hub", o->racer.id);
	check(carrier_current() == &o->racer.thread, "%d is not who runs", o->racer.id);
}

/* Until it is woken or the deadline has passed. */
static void wait(struct one *o, nsec_t deadline)
{
	struct thread *t = &o->racer.thread;
	bool waits = true;
	thread_prepare(t);
	spin_lock(&o->lock);
	o->waits = true;
	spin_unlock(&o->lock);
	while (waits) {
		atomic_store(&o->runs, false);
		uint32_t why = thread_park(t, deadline);
		goes_on(o);
		check(!deadline_pending(&t->deadline), "%d has a deadline", o->racer.id);
		check(!(why & WAKE_TIMEOUT) || clock_now() >= deadline, "%d: another wait's deadline", o->racer.id);
		spin_lock(&o->lock);
		waits = o->waits;
		check(!waits || why, "%d was woken by nobody", o->racer.id);
		check(!waits || !(why & WAKE_EVENT), "%d: another wait's event", o->racer.id);
		check(waits || atomic_load(&t->wake) & WAKE_EVENT, "%d has lost an event", o->racer.id);
		if (waits && clock_now() >= deadline) {
			o->waits = waits = false;
			o->timed_out++;
		} else if (waits) {
			thread_prepare(t);
		}
		spin_unlock(&o->lock);
	}
	o->waited++;
}

static void rounds(struct racer *racer)
{
	struct one *o = container_of(racer, struct one, racer);
	goes_on(o);
	while (race_goes_on()) {
		uint64_t r = race_random(&racer->random);
		for (int i = 0; i < (int)(r % 4); i++)
			wake_one(race_random(&racer->random));
		for (uint64_t work = r / 8 % 16 ? 0 : r / 128 % 4096; work; work--)
			cpu_relax();
		if (r / 4 % 2)
			wait(o, r / 16384 % 4 ? clock_now() + (nsec_t)(r / 65536 % 100000) : NEVER);
		else {
			atomic_store(&o->runs, false);
			thread_yield(&racer->thread);
			goes_on(o);
		}
	}
	atomic_store(&o->runs, false);
}

static void *outside(void *arg)
{
	uint64_t random = race_random_begin((int)(intptr_t)arg);
	struct carrier c;
	race_carrier_init(&c, NULL);
	for (;;) {
		uint64_t r = race_random(&random);
		wake_one(r / 64);
		if (r % 32 == 0)
			usleep(r / 4096 % 64);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct carrier c;
	pthread_t p[OUTSIDE];
	uint64_t waited = 0, timed_out = 0;
	race_begin(argc, argv);
	race_carrier_init(&c, NULL);
	race_hubs(HUBS);
	for (int i = 0; i < RACERS; i++)
		race_start(&ones[i].racer, i, i % HUBS, rounds);
	race_outside(p, OUTSIDE, RACERS, outside);
	race_monitor_begin();
	race_end(RACERS, NULL);
	for (int i = 0; i < RACERS; i++) {
		waited += ones[i].waited;
		timed_out += ones[i].timed_out;
	}
	printf("%llu waits, %llu until their deadline, %llu stolen\n", (unsigned long long)waited,
	    (unsigned long long)timed_out, (unsigned long long)stats.steals);
	check(waited && timed_out, "nothing was tried");
	return 0;
}
