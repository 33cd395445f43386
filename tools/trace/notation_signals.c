/* Arguments of calls on signals. */
#include <signal.h>
#include <string.h>

#include "tools/trace/notation.h"

enum { SIGNALS = 64, FIRST_REALTIME = 32 }; /* the kernel's, not the C library's */

static const char *const names[FIRST_REALTIME + 1] = {NULL, "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE",
    "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
    "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS", "RTMIN"};

static void short_name_print(FILE *out, int signal)
{
	if (signal <= FIRST_REALTIME)
		fputs(names[signal], out);
	else
		fprintf(out, "RT_%d", signal - FIRST_REALTIME);
}

void signal_print(FILE *out, int signal)
{
	if (signal <= 0 || signal > SIGNALS) {
		fprintf(out, "%d", signal);
		return;
	}
	fputs("SIG", out);
	short_name_print(out, signal);
}

void signal_arg(FILE *out, const struct argument *a)
{
	signal_print(out, (int)a->word);
}
PLAIN_TYPE(signal, signal_arg);

/* If most signals are in it, those are shown that are not. */
static void sigset_print(FILE *out, const uint8_t *bytes)
{
	uint64_t set;

	memcpy(&set, bytes, sizeof(set));
	bool most = __builtin_popcountll(set) >= SIGNALS * 2 / 3;
	const char *separator = "";
	fputs(most ? "~[" : "[", out);
	for (int signal = 1; signal <= SIGNALS; signal++) {
		bool in = set >> (signal - 1) & 1;
		if (in == most)
			continue;
		fputs(separator, out);
		short_name_print(out, signal);
		separator = " ";
	}
	fputc(']', out);
}

STRUCT_TYPE(sigset, sigset_print, 8);
STRUCT_OUT_TYPE(sigset_out, sigset_print, 8);

/* The kernel's struct sigaction, which is not the C library's. */
struct kernel_sigaction {
	uint64_t handler, flags, restorer, mask;
};

#define KERNEL_SA_RESTORER 0x4000000

FLAG_SET(action, "SA_???", {KERNEL_SA_RESTORER, "SA_RESTORER"}, {SA_ONSTACK, "SA_ONSTACK"}, {SA_RESTART, "SA_RESTART"},
    FLAG(SA_INTERRUPT), {SA_NODEFER, "SA_NODEFER"}, {SA_RESETHAND, "SA_RESETHAND"}, FLAG(SA_SIGINFO),
    FLAG(SA_NOCLDSTOP), FLAG(SA_NOCLDWAIT), {0x400, "SA_UNSUPPORTED"}, {0x800, "SA_EXPOSE_TAGBITS"});

static void handler_print(FILE *out, uint64_t handler)
{
	static const char *const special[] = {"SIG_DFL", "SIG_IGN"};

	if (handler < 2)
		fputs(special[handler], out);
	else
		address_print(out, handler);
}

static void sigaction_print(FILE *out, const uint8_t *bytes)
{
	struct kernel_sigaction action;

	memcpy(&action, bytes, sizeof(action));
	fputs("{sa_handler=", out);
	handler_print(out, action.handler);
	fputs(", sa_mask=", out);
	sigset_print(out, (const uint8_t *)&action.mask);
	fputs(", sa_flags=", out);
	flags_print(out, &action_set, action.flags);
	if (action.flags & KERNEL_SA_RESTORER) {
		fputs(", sa_restorer=", out);
		address_print(out, action.restorer);
	}
	fputc('}', out);
}

STRUCT_TYPE(sigaction, sigaction_print, sizeof(struct kernel_sigaction));
STRUCT_OUT_TYPE(sigaction_out, sigaction_print, sizeof(struct kernel_sigaction));

FLAG_SET(stack, "SS_???", {0x80000000, "SS_AUTODISARM"}, FLAG(SS_ONSTACK), FLAG(SS_DISABLE));

static void sigaltstack_print(FILE *out, const uint8_t *bytes)
{
	stack_t stack;

	memcpy(&stack, bytes, sizeof(stack));
	fputs("{ss_sp=", out);
	address_print(out, (uint64_t)stack.ss_sp);
	fputs(", ss_flags=", out);
	flags_print(out, &stack_set, (uint32_t)stack.ss_flags);
	fprintf(out, ", ss_size=%zu}", stack.ss_size);
}

STRUCT_TYPE(sigaltstack, sigaltstack_print, sizeof(stack_t));
STRUCT_OUT_TYPE(sigaltstack_out, sigaltstack_print, sizeof(stack_t));

ONE_OF_SET(code, "SI_???", FLAG(SI_USER), {SI_KERNEL, "SI_KERNEL"}, FLAG(SI_QUEUE), FLAG(SI_TIMER), FLAG(SI_MESGQ),
    FLAG(SI_ASYNCIO), FLAG(SI_SIGIO), FLAG(SI_TKILL), FLAG(SI_ASYNCNL), FLAG(SI_DETHREAD));
ONE_OF_SET(child, "CLD_???", FLAG(CLD_EXITED), FLAG(CLD_KILLED), FLAG(CLD_DUMPED), FLAG(CLD_TRAPPED), FLAG(CLD_STOPPED),
    FLAG(CLD_CONTINUED));

static void code_print(FILE *out, const siginfo_t *info)
{
	const char *name = flag_name(&code_set, (uint64_t)(int64_t)info->si_code);

	if (!name && info->si_signo == SIGCHLD)
		name = flag_name(&child_set, (uint32_t)info->si_code);
	if (name)
		fputs(name, out);
	else
		fprintf(out, "%#x", (unsigned)info->si_code);
}

static void value_print(FILE *out, const siginfo_t *info)
{
	fprintf(out, ", si_int=%d, si_ptr=", info->si_value.sival_int);
	address_print(out, (uint64_t)info->si_value.sival_ptr);
}

static void child_print(FILE *out, const siginfo_t *info)
{
	fprintf(out, ", si_pid=%d, si_uid=%u, si_status=", info->si_pid, info->si_uid);
	if (info->si_code == CLD_EXITED)
		fprintf(out, "%d", info->si_status);
	else
		signal_print(out, info->si_status);
	fputs(", si_utime=", out);
	ticks_print(out, info->si_utime);
	fputs(", si_stime=", out);
	ticks_print(out, info->si_stime);
}

static void fields_print(FILE *out, const siginfo_t *info)
{
	if (info->si_signo == SIGCHLD && info->si_code > 0 && info->si_code <= CLD_CONTINUED) {
		child_print(out, info);
	} else if (info->si_code == SI_TIMER) {
		fprintf(out, ", si_timerid=%#x, si_overrun=%d", (unsigned)info->si_timerid, info->si_overrun);
		value_print(out, info);
	} else if (info->si_code <= 0) {
		fprintf(out, ", si_pid=%d, si_uid=%u", info->si_pid, info->si_uid);
		if (info->si_code == SI_QUEUE)
			value_print(out, info);
	}
}

static void siginfo_print(FILE *out, const uint8_t *bytes)
{
	siginfo_t info;

	memcpy(&info, bytes, sizeof(info));
	if (!info.si_signo) { /* waitid with WNOHANG found nobody */
		fputs("{}", out);
		return;
	}
	fputs("{si_signo=", out);
	signal_print(out, info.si_signo);
	fputs(", si_code=", out);
	code_print(out, &info);
	if (info.si_errno)
		fprintf(out, ", si_errno=%d", info.si_errno);
	fields_print(out, &info);
	fputc('}', out);
}

STRUCT_TYPE(siginfo, siginfo_print, sizeof(siginfo_t));
STRUCT_OUT_TYPE(siginfo_out, siginfo_print, sizeof(siginfo_t));

ONE_OF_SET(notify, "SIGEV_???", FLAG(SIGEV_SIGNAL), FLAG(SIGEV_NONE), FLAG(SIGEV_THREAD), FLAG(SIGEV_THREAD_ID));

static void sigevent_print(FILE *out, const uint8_t *bytes)
{
	struct sigevent e;

	memcpy(&e, bytes, sizeof(e));
	fputc('{', out);
	if (e.sigev_notify != SIGEV_NONE) {
		fprintf(out, "sigev_value={sival_int=%d, sival_ptr=", e.sigev_value.sival_int);
		address_print(out, (uint64_t)e.sigev_value.sival_ptr);
		fputs("}, ", out);
	}
	fputs("sigev_signo=", out);
	signal_print(out, e.sigev_signo);
	fputs(", sigev_notify=", out);
	flags_print(out, &notify_set, (uint32_t)e.sigev_notify);
	if (e.sigev_notify == SIGEV_THREAD_ID)
		fprintf(out, ", sigev_notify_thread_id=%d", e._sigev_un._tid);
	fputc('}', out);
}
STRUCT_TYPE(sigevent, sigevent_print, sizeof(struct sigevent));
