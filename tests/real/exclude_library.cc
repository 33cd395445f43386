/* A library in C++: its threads are made, and run, by functions of libstdc++. */
#include <future>
#include <thread>

typedef void *tell_fn(void *);

extern "C" void make_std_thread(tell_fn *tell)
{
	std::thread([tell] { tell(const_cast<char *>("a library's std::thread")); }).join();
	std::thread t(tell, const_cast<char *>("a library's std::thread of the program's function"));
	t.join();
}

extern "C" void make_std_async(tell_fn *tell)
{
	std::async(std::launch::async, [tell] { tell(const_cast<char *>("a library's std::async")); }).wait();
}
