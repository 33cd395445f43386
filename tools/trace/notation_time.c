/* Arguments of calls on clocks and timers. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <utime.h>

#include "tools/trace/notation.h"

#define ERESTART_RESTARTBLOCK 516 /* the kernel's own */

ONE_OF_SET(clock, "CLOCK_???", FLAG(CLOCK_REALTIME), FLAG(CLOCK_MONOTONIC), FLAG(CLOCK_PROCESS_CPUTIME_ID),
    FLAG(CLOCK_THREAD_CPUTIME_ID), FLAG(CLOCK_MONOTONIC_RAW), FLAG(CLOCK_REALTIME_COARSE), FLAG(CLOCK_MONOTONIC_COARSE),
    FLAG(CLOCK_BOOTTIME), FLAG(CLOCK_REALTIME_ALARM), FLAG(CLOCK_BOOTTIME_ALARM), {10, "CLOCK_SGI_CYCLE"},
    FLAG(CLOCK_TAI));
ONE_OF_SET(cpu_clock, "CPUCLOCK_???", {0, "CPUCLOCK_PROF"}, {1, "CPUCLOCK_VIRT"}, {2, "CPUCLOCK_SCHED"});

/* The lowest bits of a clock that is somebody's own, above which is whose, inverted. */
enum { CLOCK_WHICH = 3, CLOCK_PER_THREAD = 4, CLOCK_OF_FD = 3, CLOCK_BITS = 3 };

static void own_clock_print(FILE *out, int clock)
{
	int whose = ~(clock >> CLOCK_BITS);

	if ((clock & (CLOCK_WHICH | CLOCK_PER_THREAD)) == CLOCK_OF_FD) {
		fprintf(out, "FD_TO_CLOCKID(%d)", whose);
		return;
	}
	fprintf(out, "MAKE_%s_CPUCLOCK(%d, ", clock & CLOCK_PER_THREAD ? "THREAD" : "PROCESS", whose);
	flags_print(out, &cpu_clock_set, (uint32_t)clock & CLOCK_WHICH);
	fputc(')', out);
}

static void clock_arg(FILE *out, const struct argument *a)
{
	if ((int)a->word < 0)
		own_clock_print(out, (int)a->word);
	else
		flags_print(out, &clock_set, (uint32_t)a->word);
}
PLAIN_TYPE(clock, clock_arg);

void timespec_print(FILE *out, const uint8_t *bytes)
{
	struct timespec t;

	memcpy(&t, bytes, sizeof(t));
	fprintf(out, "{tv_sec=%ld, tv_nsec=%ld}", t.tv_sec, t.tv_nsec);
}

void timeval_print(FILE *out, const uint8_t *bytes)
{
	struct timeval t;

	memcpy(&t, bytes, sizeof(t));
	fprintf(out, "{tv_sec=%ld, tv_usec=%ld}", t.tv_sec, t.tv_usec);
}

STRUCT_TYPE(timespec, timespec_print, sizeof(struct timespec));
STRUCT_OUT_TYPE(timespec_out, timespec_print, sizeof(struct timespec));
STRUCT_TYPE(timeval, timeval_print, sizeof(struct timeval));
STRUCT_OUT_TYPE(timeval_out, timeval_print, sizeof(struct timeval));

/* Written only when a signal came between, and then what is left of a span, not of a point in time. */
static void timespec_rest_arg(FILE *out, const struct argument *a)
{
	const struct call *c = a->call;
	const uint8_t *bytes = captured(c, a->index, 0, sizeof(struct timespec));
	bool interrupted = c->result == -EINTR || c->result == -ERESTART_RESTARTBLOCK;
	bool span = a->index == 1 || !(c->args[1] & TIMER_ABSTIME);

	if (bytes && interrupted && span && !c->unfinished)
		timespec_print(out, bytes);
	else
		address_print(out, a->word);
}
PLAIN_OUT_TYPE(timespec_rest, timespec_rest_arg);

static void itimerspec_print(FILE *out, const uint8_t *bytes)
{
	fputs("{it_interval=", out);
	timespec_print(out, bytes);
	fputs(", it_value=", out);
	timespec_print(out, bytes + sizeof(struct timespec));
	fputc('}', out);
}

STRUCT_TYPE(itimerspec, itimerspec_print, sizeof(struct itimerspec));
STRUCT_OUT_TYPE(itimerspec_out, itimerspec_print, sizeof(struct itimerspec));

static void itimerval_print(FILE *out, const uint8_t *bytes)
{
	fputs("{it_interval=", out);
	timeval_print(out, bytes);
	fputs(", it_value=", out);
	timeval_print(out, bytes + sizeof(struct timeval));
	fputc('}', out);
}

STRUCT_TYPE(itimerval, itimerval_print, sizeof(struct itimerval));
STRUCT_OUT_TYPE(itimerval_out, itimerval_print, sizeof(struct itimerval));

/* The date, as strace has it: nothing where there is none, and not at the beginning of time. */
static void date_print(FILE *out, int64_t seconds, long fraction, int digits)
{
	char text[64], zone[16];
	time_t t = (time_t)seconds;
	struct tm tm;

	if ((!seconds && !fraction) || fraction < 0 || !localtime_r(&t, &tm))
		return;
	if (!strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) || !strftime(zone, sizeof(zone), "%z", &tm))
		return;
	if (fraction)
		fprintf(out, " /* %s.%0*ld%s */", text, digits, fraction, zone);
	else
		fprintf(out, " /* %s%s */", text, zone);
}

static void file_time_print(FILE *out, const uint8_t *bytes)
{
	struct timespec t;

	memcpy(&t, bytes, sizeof(t));
	if (t.tv_nsec == UTIME_NOW || t.tv_nsec == UTIME_OMIT) {
		fputs(t.tv_nsec == UTIME_NOW ? "UTIME_NOW" : "UTIME_OMIT", out);
		return;
	}
	timespec_print(out, bytes);
	date_print(out, t.tv_sec, t.tv_nsec < 1000000000 ? t.tv_nsec : -1, 9);
}

static void file_timeval_print(FILE *out, const uint8_t *bytes)
{
	struct timeval t;

	memcpy(&t, bytes, sizeof(t));
	timeval_print(out, bytes);
	date_print(out, t.tv_sec, t.tv_usec < 1000000 ? t.tv_usec : -1, 6);
}

static void pair_print(FILE *out, const uint8_t *bytes, size_t size, void (*print)(FILE *, const uint8_t *))
{
	fputc('[', out);
	print(out, bytes);
	fputs(", ", out);
	print(out, bytes + size);
	fputc(']', out);
}

static void timespec_pair_print(FILE *out, const uint8_t *bytes)
{
	pair_print(out, bytes, sizeof(struct timespec), file_time_print);
}

static void timeval_pair_print(FILE *out, const uint8_t *bytes)
{
	pair_print(out, bytes, sizeof(struct timeval), file_timeval_print);
}

static void utimbuf_print(FILE *out, const uint8_t *bytes)
{
	struct utimbuf t;

	memcpy(&t, bytes, sizeof(t));
	fprintf(out, "{actime=%ld", t.actime);
	date_print(out, t.actime, 0, 0);
	fprintf(out, ", modtime=%ld", t.modtime);
	date_print(out, t.modtime, 0, 0);
	fputc('}', out);
}

STRUCT_TYPE(timespec_pair, timespec_pair_print, 2 * sizeof(struct timespec));
STRUCT_TYPE(timeval_pair, timeval_pair_print, 2 * sizeof(struct timeval));
STRUCT_TYPE(utimbuf, utimbuf_print, sizeof(struct utimbuf));

static void time_print(FILE *out, const uint8_t *bytes)
{
	int64_t t;

	memcpy(&t, bytes, sizeof(t));
	fprintf(out, "[%ld", t);
	date_print(out, t, 0, 0);
	fputc(']', out);
}
STRUCT_OUT_TYPE(time_out, time_print, sizeof(int64_t));

void time_result_print(FILE *out, int64_t result)
{
	fprintf(out, "%ld", result);
	if (!result)
		return;
	struct tm tm;
	time_t t = (time_t)result;
	char text[64];
	if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S%z", &tm))
		fprintf(out, " (%s)", text);
}

static void timezone_print(FILE *out, const uint8_t *bytes)
{
	struct timezone zone;

	memcpy(&zone, bytes, sizeof(zone));
	fprintf(out, "{tz_minuteswest=%d, tz_dsttime=%d}", zone.tz_minuteswest, zone.tz_dsttime);
}

STRUCT_TYPE(timezone, timezone_print, sizeof(struct timezone));
STRUCT_OUT_TYPE(timezone_out, timezone_print, sizeof(struct timezone));

/* Of 1/100 s: the kernel's USER_HZ on all x86 machines. */
void ticks_print(FILE *out, long ticks)
{
	fprintf(out, "%ld", ticks);
	if (ticks > 0)
		fprintf(out, " /* %ld.%02ld s */", ticks / 100, ticks % 100);
}

static void tms_print(FILE *out, const uint8_t *bytes)
{
	struct tms t;

	memcpy(&t, bytes, sizeof(t));
	fputs("{tms_utime=", out);
	ticks_print(out, t.tms_utime);
	fputs(", tms_stime=", out);
	ticks_print(out, t.tms_stime);
	fputs(", tms_cutime=", out);
	ticks_print(out, t.tms_cutime);
	fputs(", tms_cstime=", out);
	ticks_print(out, t.tms_cstime);
	fputc('}', out);
}
STRUCT_OUT_TYPE(tms_out, tms_print, sizeof(struct tms));
