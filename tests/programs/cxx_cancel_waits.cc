/* Cancellation and pthread_exit in C++ in each kind of wait: every frame's destructor runs once, innermost first, catch
 * (...) that throws on sees it, and what the destructors do themselves (locks, waits, threads, exceptions) works. */
// threads
#include "test.h"
#include <atomic>
#include <condition_variable>
#include <cxxabi.h>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/select.h>
#include <thread>
#include <vector>

static int fds[2], pair_fds[2], epfd;
static sem_t never;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static std::mutex cxx_lock;
static std::condition_variable cxx_cond;
static pthread_t forever;
static pid_t child;

struct State {
	std::atomic<int> there{0}, destroyed{0}, caught{0}, depth{0};
};

/* A destructor that is busy: it blocks, throws and catches, makes a thread. */
struct Guard {
	State &state;
	int depth;
	std::string text;
	Guard(State &s, int d) : state(s), depth(d), text(100, 'g')
	{
	}
	~Guard()
	{
		CHECK_EQ(state.depth, depth);
		state.depth--;
		state.destroyed++;
		if (depth == 2) {
			try {
				sched_yield();
				throw std::runtime_error(text);
			} catch (const std::exception &e) {
				CHECK(text == e.what());
			}
		}
		if (depth == 3) {
			std::thread t([] { sleep_us(10); });
			t.join();
		}
	}
};

struct Held {
	pthread_mutex_t *mutex;
	Held(pthread_mutex_t *m) : mutex(m)
	{
		PT(pthread_mutex_lock(mutex));
	}
	~Held()
	{
		PT(pthread_mutex_unlock(mutex));
	}
};

using Wait = void (*)();
static const struct {
	const char *name;
	Wait wait;
} waits[] = {
    {"read",
	[] {
		char c;
		(void)!read(fds[0], &c, 1);
	}},
    {"recv",
	[] {
		char c;
		recv(pair_fds[0], &c, 1, 0);
	}},
    {"poll",
	[] {
		struct pollfd p = {fds[0], POLLIN, 0};
		poll(&p, 1, -1);
	}},
    {"select",
	[] {
		fd_set s;
		FD_ZERO(&s);
		FD_SET(fds[0], &s);
		select(fds[0] + 1, &s, nullptr, nullptr, nullptr);
	}},
    {"epoll_wait",
	[] {
		struct epoll_event e;
		epoll_wait(epfd, &e, 1, -1);
	}},
    {"sleep", [] { sleep(1000); }},
    {"pause", [] { pause(); }},
    {"sem_wait", [] { sem_wait(&never); }},
    {"pthread_cond_wait",
	[] {
		Held held(&lock);
		for (;;)
			pthread_cond_wait(&cond, &lock);
	}},
    {"join", [] { pthread_join(forever, nullptr); }},
    {"waitpid", [] { waitpid(child, nullptr, 0); }},
    {"sigwait",
	[] {
		sigset_t set = one_signal(SIGUSR2);
		int sig;
		sigwait(&set, &sig);
	}},
    {"testcancel",
	[] {
		for (;;) {
			pthread_testcancel();
			sched_yield();
		}
	}},
    {"pthread_exit", [] { pthread_exit(PTHREAD_CANCELED); }},
};

struct Job {
	Wait wait;
	State state;
};

static __attribute__((noinline)) void nest(Job *j, int depth)
{
	j->state.depth = depth;
	Guard guard(j->state, depth);
	if (depth < 4) {
		try {
			nest(j, depth + 1);
		} catch (...) {
			j->state.caught++;
			throw;
		}
		return;
	}
	j->state.there = 1;
	j->wait();
}

static void *runs(void *arg)
{
	Job *j = static_cast<Job *>(arg);

	try {
		nest(j, 1);
	} catch (abi::__forced_unwind &) {
		CHECK_EQ(j->state.depth, 0);
		j->state.caught += 10;
		throw;
	}
	return nullptr;
}

int main()
{
	struct epoll_event e = {};

	SYS(pipe(fds));
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_fds));
	SYS(sem_init(&never, 0, 0));
	epfd = (int)SYS(epoll_create1(0));
	e.events = EPOLLIN;
	SYS(epoll_ctl(epfd, EPOLL_CTL_ADD, fds[0], &e));
	block_signal(SIGUSR2);
	child = (pid_t)SYS(fork());
	if (child == 0)
		for (;;)
			pause();
	forever = start(
	    [](void *arg) -> void * {
		    for (;;)
			    pause();
		    return arg;
	    },
	    nullptr);
	for (const auto &w : waits) {
		for (int round = 0; round < 20; round++) {
			std::vector<std::unique_ptr<Job>> jobs;
			std::vector<pthread_t> threads;

			for (int i = 0; i < 5; i++) {
				/* One of them joins `forever`: two at once are an error. */
				if (i > 0 && !strcmp(w.name, "join"))
					break;
				jobs.push_back(std::make_unique<Job>());
				jobs.back()->wait = w.wait;
				threads.push_back(start(runs, jobs.back().get()));
			}
			if (round % 2)
				for (auto &j : jobs)
					WAIT_UNTIL(j->state.there);
			if (round % 4 == 3)
				sleep_us(500);
			for (size_t i = 0; i < threads.size(); i++) {
				if (!strcmp(w.name, "pthread_exit"))
					WAIT_UNTIL(jobs[i]->state.there);
				else
					PT(pthread_cancel(threads[i]));
				CHECK(join(threads[i]) == PTHREAD_CANCELED);
				if (!jobs[i]->state.there)
					continue; /* canceled before it came so far */
				CHECK_EQ(jobs[i]->state.destroyed, 4);
				CHECK_EQ(jobs[i]->state.caught, 13);
			}
			PT(pthread_mutex_trylock(&lock));
			PT(pthread_mutex_unlock(&lock));
		}
		printf("%s\n", w.name);
		fflush(stdout);
	}
	SYS(kill(child, SIGKILL));
	printf("child: %s\n", reap(child));
	return 0;
}
