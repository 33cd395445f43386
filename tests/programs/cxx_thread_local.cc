/* C++ thread_local: constructed once a thread at first use, destroyed in reverse order at its end, also at exit(). */
// threads
#include "test.h"
#include <atomic>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> alive{0}, made{0};
static thread_local std::string *order;

struct Counted {
	std::string name;
	explicit Counted(const char *n) : name(n)
	{
		alive++;
		made++;
	}
	~Counted()
	{
		alive--;
		sleep_us(50);
		if (order)
			*order += name;
	}
};

static thread_local std::vector<int> numbers(100, 3);

static void use(std::string *log)
{
	thread_local Counted a("a");
	order = log;
	numbers.push_back(1);
	sleep_us(100);
	thread_local Counted b("b");
	CHECK_EQ(numbers.size(), 101);
}

struct AtExit {
	~AtExit()
	{
		puts("main's thread_local destroyed");
	}
};
static thread_local AtExit at_exit;

int main()
{
	const int threads = 200;
	std::vector<std::string> logs(threads);
	std::vector<std::thread> t;

	for (int i = 0; i < threads; i++)
		t.emplace_back(use, &logs[i]);
	for (auto &one : t)
		one.join();
	for (auto &log : logs)
		CHECK(log == "ba");
	printf("made %d, alive %d, main has %zu numbers\n", made.load(), alive.load(), numbers.size());
	auto *address = &at_exit;
	CHECK(address != nullptr);
	return 0;
}
