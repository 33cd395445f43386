/* std::mutex of each kind, std::condition_variable with and without predicates, lock guards over several mutexes. */
// threads
// cflags: -std=gnu++17
#include "test.h"
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static std::mutex plain, left, right;
static std::recursive_mutex recursive;
static std::timed_mutex timed;
static std::condition_variable cond;
static std::condition_variable_any cond_any;
static long count;
static int turn;

static void contend(int id)
{
	for (int i = 0; i < 200; i++) {
		{
			std::lock_guard<std::mutex> hold(plain);
			count++;
		}
		if (id % 2) {
			std::scoped_lock both(left, right);
			count += 0;
		} else {
			std::scoped_lock both(right, left);
			count += 0;
		}
		std::lock_guard<std::recursive_mutex> one(recursive);
		std::lock_guard<std::recursive_mutex> two(recursive);
	}
}

static void take_turns(int id)
{
	std::unique_lock<std::mutex> hold(plain);
	for (int i = 0; i < 1000; i++) {
		cond.wait(hold, [&] { return turn == id; });
		turn = !id;
		cond.notify_all();
	}
}

int main()
{
	std::vector<std::thread> t;

	for (int i = 0; i < 20; i++)
		t.emplace_back(contend, i);
	t.emplace_back(take_turns, 0);
	t.emplace_back(take_turns, 1);
	for (auto &one : t)
		one.join();
	printf("count %ld\n", count);

	std::unique_lock<std::mutex> hold(plain);
	for (auto wait : {300us, 1000us, 5000us}) {
		auto began = Clock::now();
		CHECK(!cond.wait_for(hold, wait, [] { return false; }));
		CHECK(Clock::now() - began >= wait);
		auto until = std::chrono::system_clock::now() + wait;
		CHECK(!cond.wait_until(hold, until, [] { return false; }));
		CHECK(std::chrono::system_clock::now() >= until);
	}
	timed.lock();
	std::thread([] {
		auto began = Clock::now();
		CHECK(!timed.try_lock());
		CHECK(!timed.try_lock_for(3ms));
		CHECK(Clock::now() - began >= 3ms);
	}).join();
	timed.unlock();
	std::unique_lock<std::timed_mutex> any(timed);
	bool ready = false;
	std::thread notifier([&] {
		std::lock_guard<std::timed_mutex> held(timed);
		ready = true;
		cond_any.notify_one();
	});
	CHECK(cond_any.wait_for(any, 30s, [&] { return ready; }));
	any.unlock();
	notifier.join();
	puts("waited");
	return 0;
}
