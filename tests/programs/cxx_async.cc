/* std::async, promise, future, packaged_task and call_once: values, exceptions, timeouts that are never early. */
// threads
#include "test.h"
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

static std::once_flag once;
static int once_runs;

int main()
{
	std::vector<std::future<int>> futures;
	int sum = 0;

	for (int i = 0; i < 200; i++)
		futures.push_back(std::async(std::launch::async, [i] {
			std::call_once(once, [] { once_runs++; });
			sleep_us(500);
			if (i % 50 == 49)
				throw std::runtime_error("async");
			return i;
		}));
	for (auto &f : futures) {
		try {
			sum += f.get();
		} catch (const std::runtime_error &e) {
			sum += 10000;
		}
	}
	printf("sum %d, once %d\n", sum, once_runs);

	std::promise<std::string> promise;
	auto future = promise.get_future();
	auto began = Clock::now();
	CHECK(future.wait_for(10ms) == std::future_status::timeout);
	CHECK(Clock::now() - began >= 10ms);
	CHECK(future.wait_until(began) == std::future_status::timeout);
	std::thread setter([&] { promise.set_value("value"); });
	CHECK(future.wait_for(30s) == std::future_status::ready);
	printf("promise %s\n", future.get().c_str());
	setter.join();

	std::packaged_task<int(int)> task([](int x) { return x * x; });
	auto result = task.get_future();
	std::thread runner(std::move(task), 12);
	printf("task %d\n", result.get());
	runner.join();

	std::future<int> broken;
	{
		std::promise<int> dropped;
		broken = dropped.get_future();
	}
	try {
		broken.get();
	} catch (const std::future_error &e) {
		printf("broken promise %d\n", e.code() == std::future_errc::broken_promise);
	}
	auto shared = std::async(std::launch::async, [] { return 5; }).share();
	std::vector<std::thread> readers;
	std::atomic<int> total{0};
	for (int i = 0; i < 30; i++)
		readers.emplace_back([&, shared] { total += shared.get(); });
	for (auto &r : readers)
		r.join();
	printf("shared %d\n", total.load());
	return 0;
}
