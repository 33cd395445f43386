/* std::thread: ids, moves, arguments; this_thread::sleep_for and sleep_until are never early; atomics and yields. */
// threads
#include "test.h"
#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static void sleeps(std::chrono::microseconds wait)
{
	auto began = Clock::now();
	std::this_thread::sleep_for(wait);
	CHECK(Clock::now() - began >= wait);
	auto until = std::chrono::system_clock::now() + wait;
	std::this_thread::sleep_until(until);
	CHECK(std::chrono::system_clock::now() >= until);
}

int main()
{
	const int threads = 100;
	std::vector<std::thread> t;
	std::vector<std::thread::id> ids(threads);
	std::atomic<int> here{0};

	for (int i = 0; i < threads; i++)
		t.emplace_back(
		    [&, i](std::string text) {
			    ids[i] = std::this_thread::get_id();
			    CHECK(text == "number " + std::to_string(i));
			    here++;
			    while (here < threads)
				    std::this_thread::yield();
			    sleeps(std::chrono::microseconds(i * 50));
		    },
		    "number " + std::to_string(i));
	for (int i = 0; i < threads; i++)
		CHECK(t[i].get_id() != std::this_thread::get_id());
	std::thread moved = std::move(t[0]);
	CHECK(!t[0].joinable() && moved.joinable());
	moved.join();
	for (int i = 1; i < threads; i++)
		t[i].join();
	printf("%zu ids\n", std::set<std::thread::id>(ids.begin(), ids.end()).size());
	CHECK(std::thread::hardware_concurrency() >= 1);
	try {
		moved.join();
	} catch (const std::system_error &e) {
		printf("joined twice: %d\n", e.code() == std::errc::invalid_argument);
	}
	return 0;
}
