/* A run queue: its owner pushes and takes, more than the ring holds at times; thieves steal. Each is taken once. */
#define RACE_NO_SWITCH
#include "tests/race/race.h"

#define THREADS 1000 /* several rings */
#define THIEVES 3

static struct run_queue queue = {.thieves = true};
static struct thread threads_made[THREADS];
static uint32_t turns[THREADS];          /* plain: whoever takes a thread is alone with it */
static _Atomic uint32_t queued[THREADS]; /* relaxed: it is the queue that orders */
static _Atomic bool over;
static _Atomic uint64_t stolen;

/* Back to the owner, as balance.c's thieves do not: theirs are other hubs. */
static _Atomic uint32_t idle_next[THREADS];
static _Atomic uint64_t idle; /* a stack of those in nobody's queue: index + 1, under a count against ABA */

static void give(struct thread *t)
{
	uint64_t i = (uint64_t)(t - threads_made), top = atomic_load(&idle);
	do
		atomic_store(&idle_next[i], (uint32_t)top);
	while (!atomic_compare_exchange_weak(&idle, &top, ((top >> 32) + 1) << 32 | (i + 1)));
}

static struct thread *get(void)
{
	uint64_t top = atomic_load(&idle), below;
	do {
		if (!(uint32_t)top)
			return NULL;
		below = atomic_load(&idle_next[(uint32_t)top - 1]);
	} while (!atomic_compare_exchange_weak(&idle, &top, ((top >> 32) + 1) << 32 | below));
	return &threads_made[(uint32_t)top - 1];
}

static void taken(struct thread *t)
{
	size_t i = (size_t)(t - threads_made);
	check(i < THREADS, "no thread of ours");
	check(atomic_exchange_explicit(&queued[i], 0, memory_order_relaxed) == 1, "thread %zu was taken twice", i);
	turns[i]++;
	t->next = NULL;
	give(t);
}

static void *thief(void *arg)
{
	uint64_t random = race_random_begin((int)(intptr_t)arg);
	struct thread *batch[RUN_RING];
	while (!atomic_load(&over)) {
		uint32_t n = run_queue_steal(&queue, batch);
		check(n <= RUN_RING, "%u at once", n);
		for (uint32_t i = 0; i < n; i++)
			taken(batch[i]);
		atomic_fetch_add_explicit(&stolen, n, memory_order_relaxed);
		for (uint64_t rest = race_random(&random) % 512; rest; rest--)
			cpu_relax();
	}
	return NULL;
}

static uint64_t push_some(uint64_t most)
{
	struct thread *t;
	uint64_t n = 0;
	for (; n < most && (t = get()); n++) {
		turns[t - threads_made]++;
		atomic_store_explicit(&queued[t - threads_made], 1, memory_order_relaxed);
		run_queue_push(&queue, t);
	}
	return n;
}

static uint64_t pop_some(uint64_t most)
{
	struct thread *t;
	uint64_t n = 0;
	for (; n < most; n++) {
		run_queue_first(&queue);
		if (!(t = run_queue_pop(&queue)))
			break;
		taken(t);
	}
	return n;
}

int main(int argc, char **argv)
{
	pthread_t p[THIEVES];
	uint64_t pushed = 0, popped = 0, sum = 0, most = 0;
	race_begin(argc, argv);
	uint64_t random = race_random_begin(0);
	for (int i = 0; i < THREADS; i++)
		give(&threads_made[i]);
	for (int i = 0; i < THIEVES; i++)
		check(!pthread_create(&p[i], NULL, thief, (void *)(intptr_t)(i + 1)), "no thief");
	while (race_goes_on()) {
		uint64_t r = race_random(&random);
		pushed += push_some(r % 16 ? r / 16 % 8 : THREADS);
		most = queue.behind > most ? queue.behind : most;
		popped += pop_some(r % 64 ? r / 1024 % 8 : THREADS);
	}
	atomic_store(&over, true);
	for (int i = 0; i < THIEVES; i++)
		pthread_join(p[i], NULL);
	popped += pop_some(THREADS);
	check(run_queue_length(&queue) == 0, "%u are left", run_queue_length(&queue));
	for (int i = 0; i < THREADS; i++) {
		check(!queued[i], "thread %d was lost", i);
		sum += turns[i];
	}
	check(pushed == popped + stolen && sum == 2 * pushed, "a wrong count");
	printf("%llu pushed, %llu stolen, %llu behind the ring at most\n", (unsigned long long)pushed,
	    (unsigned long long)stolen, (unsigned long long)most);
	check(stolen && popped && most, "nothing was tried");
	return 0;
}
