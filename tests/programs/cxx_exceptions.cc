/* Exceptions: thrown and caught in many threads at once, across frames that block, rethrown elsewhere, uncaught. */
// threads
#include "test.h"
#include <exception>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <vector>

static __attribute__((noinline)) void fall(int depth, int id)
{
	struct Guard {
		~Guard()
		{
			sched_yield();
		}
	} guard;

	if (depth == 0)
		throw std::runtime_error(std::to_string(id));
	sleep_us(1);
	fall(depth - 1, id);
}

static void work(int id)
{
	for (int i = 0; i < 50; i++) {
		try {
			try {
				fall(i % 10, id);
			} catch (const std::runtime_error &e) {
				/* Another thread's exceptions come and go while this one is being handled. */
				sleep_us(20);
				CHECK(std::stoi(e.what()) == id);
				CHECK(std::uncaught_exceptions() == 0);
				throw;
			}
		} catch (const std::exception &e) {
			CHECK(std::stoi(e.what()) == id);
		}
		try {
			throw i;
		} catch (int n) {
			CHECK(n == i);
		}
	}
}

static void carry_over()
{
	std::exception_ptr carried;
	std::thread t([&] {
		try {
			fall(3, 99);
		} catch (...) {
			carried = std::current_exception();
		}
	});
	t.join();
	try {
		std::rethrow_exception(carried);
	} catch (const std::runtime_error &e) {
		printf("carried over: %s\n", e.what());
	}
}

static void uncaught()
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		std::thread t([] { fall(1, 1); });
		t.join();
		_exit(0);
	}
	printf("uncaught: %s\n", reap(pid));
}

int main()
{
	std::vector<std::thread> t;

	for (int i = 0; i < 100; i++)
		t.emplace_back(work, i);
	for (auto &one : t)
		one.join();
	carry_over();
	fflush(stdout);
	uncaught();
	return 0;
}
