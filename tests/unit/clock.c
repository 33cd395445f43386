/* Time: conversions, saturation, deadlines of other clocks. */
#include <criterion/criterion.h>

#include "runtime/clock.h"

static nsec_t ns(int64_t sec, int64_t nsec)
{
	struct ktimespec ts = {sec, nsec};
	return timespec_to_nsec(&ts);
}

static bool valid(int64_t sec, int64_t nsec)
{
	struct ktimespec ts = {sec, nsec};
	return timespec_valid(&ts);
}

Test(clock, timespecs)
{
	cr_assert_eq(ns(0, 0), 0);
	cr_assert_eq(ns(1, 2), 1000000002);
	cr_assert(valid(0, 999999999));
	cr_assert(!valid(0, 1000000000));
	cr_assert(!valid(0, -1));
	cr_assert(!valid(-1, 0));
	cr_assert(valid(INT64_MAX, 0));
	struct ktimespec ts = nsec_to_timespec(3000000004);
	cr_assert(ts.sec == 3 && ts.nsec == 4);
}

Test(clock, saturates)
{
	cr_assert_eq(ns(INT64_MAX, 999999999), NEVER);
	cr_assert_eq(ns(NEVER / NSEC_PER_SEC, 999999999), NEVER);
	cr_assert_eq(ns(NEVER / NSEC_PER_SEC - 1, 999999999), (NEVER / NSEC_PER_SEC) * NSEC_PER_SEC - 1);
	clock_init();
	cr_assert_eq(deadline_after(NEVER), NEVER);
	cr_assert_eq(deadline_after(NEVER - 1), NEVER);
	cr_assert_eq(deadline_at(CLOCK_REALTIME, NEVER), NEVER);
	cr_assert(deadline_at(CLOCK_REALTIME, NEVER - 1) > NEVER / 2);
}

static nsec_t libc_now(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* With the vDSO, and before it is found by the system call. */
Test(clock, the_kernels_time)
{
	const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI};
	for (int found = 0; found < 2; found++) {
		for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
			nsec_t before = libc_now(ids[i]), now = clock_read(ids[i]), after = libc_now(ids[i]);
			cr_assert(before <= now && now <= after, "clock %d", ids[i]);
		}
		clock_init();
	}
}

/* A deadline is never before the time it stands for. */
Test(clock, never_early)
{
	clock_init();
	cr_assert_eq(deadline_at(CLOCK_MONOTONIC, 12345), 12345);
	cr_assert_eq(deadline_at(CLOCK_REALTIME, clock_read(CLOCK_REALTIME) - 5), 0, "in the past");
	cr_assert_eq(deadline_at(CLOCK_REALTIME, 0), 0);
	for (int i = 0; i < 2000; i++) {
		nsec_t before = clock_now(), d = deadline_after(1000), after = clock_now();
		cr_assert(d >= before + 1000 && d <= after + 1000);
		/* The clocks' distance is at most real - mono. */
		nsec_t mono = clock_now(), real = clock_read(CLOCK_REALTIME), when = real + NSEC_PER_SEC;
		d = deadline_at(CLOCK_REALTIME, when);
		cr_assert(d >= when - (real - mono), "%lld ns early", (long long)(when - (real - mono) - d));
		cr_assert(d <= clock_now() + NSEC_PER_SEC);
	}
}
