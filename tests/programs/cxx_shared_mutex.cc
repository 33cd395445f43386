/* std::shared_mutex and shared_timed_mutex: readers share, writers are alone, timeouts are never early. */
// threads
// cflags: -std=gnu++17
#include "test.h"
#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static std::shared_mutex mutex;
static std::shared_timed_mutex timed;
static std::atomic<int> readers{0}, writers{0};
static long value;

static void run(int id)
{
	for (int i = 0; i < 300; i++) {
		if ((id + i) % 5 == 0) {
			std::unique_lock<std::shared_mutex> hold(mutex);
			CHECK(writers++ == 0 && readers == 0);
			value++;
			if (i % 20 == 0)
				sleep_us(10);
			writers--;
		} else {
			std::shared_lock<std::shared_mutex> hold(mutex);
			readers++;
			CHECK(writers == 0);
			if (i % 30 == 0)
				sleep_us(10);
			readers--;
		}
	}
}

int main()
{
	std::vector<std::thread> t;

	for (int i = 0; i < 20; i++)
		t.emplace_back(run, i);
	for (auto &one : t)
		one.join();
	printf("value %ld\n", value);
	timed.lock();
	std::thread([] {
		auto began = std::chrono::steady_clock::now();
		CHECK(!timed.try_lock_shared_for(3ms));
		CHECK(!timed.try_lock_for(3ms));
		CHECK(std::chrono::steady_clock::now() - began >= 6ms);
	}).join();
	timed.unlock();
	timed.lock_shared();
	std::thread([] {
		CHECK(timed.try_lock_shared_for(30s));
		timed.unlock_shared();
	}).join();
	timed.unlock_shared();
	puts("timed");
	return 0;
}
