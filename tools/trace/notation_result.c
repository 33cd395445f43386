/* What a call returned, as strace(1) writes it. */
#include <string.h>
#include <sys/syscall.h>

#include "tools/trace/notation.h"

/* The kernel's own codes: a handler came between, and the call may begin again. */
static const struct restart {
	int code;
	const char *text;
} restarts[] = {
    {512, "ERESTARTSYS (To be restarted if SA_RESTART is set)"},
    {513, "ERESTARTNOINTR (To be restarted)"},
    {514, "ERESTARTNOHAND (To be restarted if no handler)"},
    {516, "ERESTART_RESTARTBLOCK (Interrupted by signal)"},
};

static void error_print(FILE *out, int error)
{
	for (size_t i = 0; i < sizeof(restarts) / sizeof(restarts[0]); i++)
		if (restarts[i].code == error) {
			fprintf(out, "= ? %s", restarts[i].text);
			return;
		}
	const char *name = strerrorname_np(error);
	if (name)
		fprintf(out, "= -1 %s (%s)", name, strerrordesc_np(error));
	else
		fprintf(out, "= -1 ERRNO_%d (Unknown error %d)", error, error);
}

static void address_result_print(FILE *out, const struct call *c)
{
	fprintf(out, "%#lx", (uint64_t)c->result);
}

static void octal_result_print(FILE *out, const struct call *c)
{
	fprintf(out, "%#03o", (unsigned)c->result);
}

/* How many were ready; nobody in time? */
static bool ready_print(FILE *out, const struct call *c)
{
	fprintf(out, c->result ? "%ld" : "%ld (Timeout)", c->result);
	return c->result;
}

static void poll_print(FILE *out, const struct call *c)
{
	if (ready_print(out, c))
		poll_result_print(out, c, c->nr == SYS_ppoll);
}

static void select_print(FILE *out, const struct call *c)
{
	if (ready_print(out, c))
		select_result_print(out, c, c->nr == SYS_pselect6);
}

static void signal_result_print(FILE *out, const struct call *c)
{
	fprintf(out, "%ld", c->result);
	if (!c->result)
		return;
	fputs(" (", out);
	signal_print(out, (int)c->result);
	fputc(')', out);
}

static void policy_result_print(FILE *out, const struct call *c)
{
	fprintf(out, "%ld (", c->result);
	sched_policy_print(out, (uint32_t)c->result);
	fputc(')', out);
}

static void personality_result_print(FILE *out, const struct call *c)
{
	fprintf(out, "%#lx (", c->result);
	personality_print(out, (uint32_t)c->result);
	fputc(')', out);
}

static void ioprio_result_print(FILE *out, const struct call *c)
{
	fprintf(out, "%ld (", c->result);
	ioprio_print(out, (uint32_t)c->result);
	fputc(')', out);
}

static void date_result_print(FILE *out, const struct call *c)
{
	time_result_print(out, c->result);
}

/* Where a number says too little. */
static void (*const results[TRACE_CALLS])(FILE *out, const struct call *c) = {
    [SYS_mmap] = address_result_print,
    [SYS_brk] = address_result_print,
    [SYS_mremap] = address_result_print,
    [SYS_shmat] = address_result_print,
    [SYS_umask] = octal_result_print,
    [SYS_poll] = poll_print,
    [SYS_ppoll] = poll_print,
    [SYS_select] = select_print,
    [SYS_pselect6] = select_print,
    [SYS_fcntl] = fcntl_result_print,
    [SYS_rt_sigtimedwait] = signal_result_print,
    [SYS_sched_getscheduler] = policy_result_print,
    [SYS_personality] = personality_result_print,
    [SYS_ioprio_get] = ioprio_result_print,
    [SYS_time] = date_result_print,
};

void call_print_result(FILE *out, const struct call *c)
{
	if (c->begins || c->unfinished) { /* not yet, or never */
		fputs("= ?", out);
	} else if (c->result < 0 && c->result > -4096) {
		error_print(out, (int)-c->result);
	} else {
		fputs("= ", out);
		if (c->nr < TRACE_CALLS && results[c->nr])
			results[c->nr](out, c);
		else
			fprintf(out, "%ld", c->result);
	}
}
