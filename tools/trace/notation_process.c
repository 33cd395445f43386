/* Arguments of calls on processes: execve, clone, wait, limits, scheduling. */
#include <linux/sched.h>
#include <linux/types.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "tools/trace/notation.h"

/* The parts of captured strings: runtime/trace_format.h. */
enum { STRINGS_MOST = 16, STRINGS_COUNT = 16 };

static void argv_arg(FILE *out, const struct argument *a)
{
	const uint8_t *bytes = captured(a->call, a->index, STRINGS_COUNT, sizeof(uint32_t));
	const struct capture *c;
	uint32_t count, i;

	if (!bytes) {
		address_print(out, a->word);
		return;
	}
	memcpy(&count, bytes, sizeof(count));
	fputc('[', out);
	for (i = 0; i < count && i < STRINGS_MOST && (c = capture_of(a->call, a->index, i)); i++) {
		fputs(i ? ", " : "", out);
		short_text_print(out, c);
	}
	if (count > i)
		fputs(i ? ", ..." : "...", out);
	fputc(']', out);
}

static void envp_arg(FILE *out, const struct argument *a)
{
	const uint8_t *bytes = captured(a->call, a->index, STRINGS_COUNT, sizeof(uint32_t));
	uint32_t count;

	address_print(out, a->word);
	if (!bytes)
		return;
	memcpy(&count, bytes, sizeof(count));
	fprintf(out, " /* %u var%s */", count, count == 1 ? "" : "s");
}

PLAIN_TYPE(argv, argv_arg);
PLAIN_TYPE(envp, envp_arg);

FLAG_SET(clone, "CLONE_???", FLAG(CLONE_VM), FLAG(CLONE_FS), FLAG(CLONE_FILES), FLAG(CLONE_SIGHAND), FLAG(CLONE_PIDFD),
    FLAG(CLONE_PTRACE), FLAG(CLONE_VFORK), FLAG(CLONE_PARENT), FLAG(CLONE_THREAD), FLAG(CLONE_NEWNS),
    FLAG(CLONE_SYSVSEM), FLAG(CLONE_SETTLS), FLAG(CLONE_PARENT_SETTID), FLAG(CLONE_CHILD_CLEARTID),
    FLAG(CLONE_DETACHED), FLAG(CLONE_UNTRACED), FLAG(CLONE_CHILD_SETTID), FLAG(CLONE_NEWCGROUP), FLAG(CLONE_NEWUTS),
    FLAG(CLONE_NEWIPC), FLAG(CLONE_NEWUSER), FLAG(CLONE_NEWPID), FLAG(CLONE_NEWNET), FLAG(CLONE_IO),
    FLAG(CLONE_CLEAR_SIGHAND), FLAG(CLONE_INTO_CGROUP), FLAG(CLONE_NEWTIME));

/* The signal of the child's end is in the lowest byte. */
static void clone_flags_print(FILE *out, uint64_t value)
{
	uint64_t flags = value & ~(uint64_t)CSIGNAL;
	int signal = (int)(value & CSIGNAL);

	if (flags)
		flags_print(out, &clone_set, flags);
	if (flags && signal)
		fputc('|', out);
	if (signal || !flags)
		signal_print(out, signal);
}

static void tid_print(FILE *out, const struct call *c, unsigned arg)
{
	const uint8_t *bytes = captured(c, arg, 0, sizeof(int));
	int tid;

	if (!bytes || !succeeded(c)) {
		address_print(out, c->args[arg]);
		return;
	}
	memcpy(&tid, bytes, sizeof(tid));
	fprintf(out, "[%d]", tid);
}

/* All of its arguments, in the order in which strace has them. */
static void clone_arg(FILE *out, const struct argument *a)
{
	const uint64_t *args = a->call->args;
	uint64_t flags = args[0];

	fputs("child_stack=", out);
	address_print(out, args[1]);
	fputs(", flags=", out);
	clone_flags_print(out, (uint32_t)flags);
	if (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD)) {
		fputs(", parent_tid=", out);
		tid_print(out, a->call, 2);
	}
	if (flags & CLONE_SETTLS)
		fprintf(out, ", tls=%#lx", args[4]);
	if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) {
		fputs(", child_tidptr=", out);
		address_print(out, args[3]);
	}
}
PLAIN_TYPE(clone, clone_arg);

static void pointer_print(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, ", %s=", name);
	address_print(out, value);
}

static void clone_args_print(FILE *out, const uint8_t *bytes)
{
	struct clone_args c;

	memcpy(&c, bytes, sizeof(c));
	fputs("{flags=", out);
	flags_print(out, &clone_set, c.flags);
	if (c.flags & CLONE_PIDFD)
		pointer_print(out, "pidfd", c.pidfd);
	if (c.flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
		pointer_print(out, "child_tid", c.child_tid);
	if (c.flags & CLONE_PARENT_SETTID)
		pointer_print(out, "parent_tid", c.parent_tid);
	fputs(", exit_signal=", out);
	signal_print(out, (int)c.exit_signal);
	pointer_print(out, "stack", c.stack);
	fprintf(out, ", stack_size=%#lx", (unsigned long)c.stack_size);
	if (c.flags & CLONE_SETTLS)
		fprintf(out, ", tls=%#lx", (unsigned long)c.tls);
	if (c.set_tid || c.set_tid_size) {
		pointer_print(out, "set_tid", c.set_tid);
		fprintf(out, ", set_tid_size=%lu", (unsigned long)c.set_tid_size);
	}
	if (c.flags & CLONE_INTO_CGROUP)
		fprintf(out, ", cgroup=%lu", (unsigned long)c.cgroup);
	fputc('}', out);
}

/* What lies behind the structure's older and shorter versions is none of it. The parent's copy of the child's id is
 * the result. */
static void clone3_arg(FILE *out, const struct argument *a)
{
	const uint8_t *bytes = captured(a->call, a->index, 0, sizeof(struct clone_args));
	struct clone_args c = {0};
	uint64_t size = a->call->args[1];

	if (!bytes || size < CLONE_ARGS_SIZE_VER0) {
		address_print(out, a->word);
		return;
	}
	memcpy(&c, bytes, size < sizeof(c) ? size : sizeof(c));
	clone_args_print(out, (const uint8_t *)&c);
	if (succeeded(a->call) && c.flags & CLONE_PARENT_SETTID)
		fprintf(out, " => {parent_tid=[%ld]}", a->call->result);
}
const struct arg_type type_clone3_args = {clone3_arg, {0}, {sizeof(struct clone_args), clone_args_print}, false, NULL};

static void wait_status_print(FILE *out, const uint8_t *bytes)
{
	int status;

	memcpy(&status, bytes, sizeof(status));
	if (WIFEXITED(status)) {
		fprintf(out, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d", WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		fputs("[{WIFSIGNALED(s) && WTERMSIG(s) == ", out);
		signal_print(out, WTERMSIG(status));
		fputs(WCOREDUMP(status) ? " && WCOREDUMP(s)" : "", out);
	} else if (WIFSTOPPED(status)) {
		fputs("[{WIFSTOPPED(s) && WSTOPSIG(s) == ", out);
		signal_print(out, WSTOPSIG(status) & ~0x80);
		fputs(WSTOPSIG(status) & 0x80 ? " | 0x80" : "", out);
	} else if (WIFCONTINUED(status)) {
		fputs("[{WIFCONTINUED(s)", out);
	} else {
		fprintf(out, "[%#x]", (unsigned)status);
		return;
	}
	fputs("}]", out);
}

/* Nobody was found: nothing was written. */
static void waited_arg(FILE *out, const struct argument *a)
{
	if (a->call->result)
		struct_arg(out, a);
	else
		address_print(out, a->word);
}
const struct arg_type type_wait_status_out = {waited_arg, {0}, {sizeof(int), wait_status_print}, true, NULL};

static void rusage_print(FILE *out, const uint8_t *bytes)
{
	fputs("{ru_utime=", out);
	timeval_print(out, bytes);
	fputs(", ru_stime=", out);
	timeval_print(out, bytes + sizeof(struct timeval));
	fputs(", ...}", out);
}

STRUCT_OUT_TYPE(rusage_out, rusage_print, sizeof(struct rusage));
const struct arg_type type_rusage_waited = {waited_arg, {0}, {sizeof(struct rusage), rusage_print}, true, NULL};

static void limit_print(FILE *out, uint64_t value)
{
	if (value == UINT64_MAX)
		fputs("RLIM64_INFINITY", out);
	else if (value > 1024 && value % 1024 == 0)
		fprintf(out, "%lu*1024", value / 1024);
	else
		fprintf(out, "%lu", value);
}

static void rlimit_print(FILE *out, const uint8_t *bytes)
{
	uint64_t limits[2];

	memcpy(limits, bytes, sizeof(limits));
	fputs("{rlim_cur=", out);
	limit_print(out, limits[0]);
	fputs(", rlim_max=", out);
	limit_print(out, limits[1]);
	fputc('}', out);
}

STRUCT_TYPE(rlimit, rlimit_print, sizeof(struct rlimit));
STRUCT_OUT_TYPE(rlimit_out, rlimit_print, sizeof(struct rlimit));

static void utsname_print(FILE *out, const uint8_t *bytes)
{
	struct utsname u;

	memcpy(&u, bytes, sizeof(u));
	fputs("{sysname=", out);
	string_print(out, (uint8_t *)u.sysname, strnlen(u.sysname, sizeof(u.sysname)), false);
	fputs(", nodename=", out);
	string_print(out, (uint8_t *)u.nodename, strnlen(u.nodename, sizeof(u.nodename)), false);
	fputs(", ...}", out);
}
STRUCT_OUT_TYPE(utsname_out, utsname_print, sizeof(struct utsname));

static void unsigned_at_print(FILE *out, const uint8_t *bytes)
{
	unsigned number;

	memcpy(&number, bytes, sizeof(number));
	fprintf(out, "[%u]", number);
}

static void word_at_print(FILE *out, const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	fprintf(out, "[%#lx]", word);
}

static void long_at_print(FILE *out, const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	fprintf(out, "[%lu]", word);
}

STRUCT_OUT_TYPE(int_at_out, number_at_print, sizeof(int));
STRUCT_OUT_TYPE(uint_at_out, unsigned_at_print, sizeof(int));
STRUCT_OUT_TYPE(id_out, number_at_print, sizeof(int));
STRUCT_TYPE(sched_param, number_at_print, sizeof(int));
STRUCT_OUT_TYPE(sched_param_out, number_at_print, sizeof(int));
STRUCT_OUT_TYPE(word_out, word_at_print, 8);
STRUCT_OUT_TYPE(number_out, long_at_print, 8);

static void id_print(FILE *out, const uint8_t *bytes)
{
	int id;

	memcpy(&id, bytes, sizeof(id));
	if (id == -1)
		fputs("-1", out);
	else
		fprintf(out, "%u", (unsigned)id);
}

ARRAY_TYPE(id_array, id_print, sizeof(int));
ARRAY_OUT_TYPE(id_array_out, id_print, sizeof(int));

ONE_OF_SET(policy, "SCHED_???", {0, "SCHED_OTHER"}, {1, "SCHED_FIFO"}, {2, "SCHED_RR"}, {3, "SCHED_BATCH"},
    {4, "SCHED_ISO"}, {5, "SCHED_IDLE"}, {6, "SCHED_DEADLINE"});

void sched_policy_print(FILE *out, uint32_t value)
{
	const uint32_t beside = 0x40000000;

	flags_print(out, &policy_set, value & ~beside);
	if (value & beside)
		fputs("|SCHED_RESET_ON_FORK", out);
}

static void sched_policy_arg(FILE *out, const struct argument *a)
{
	sched_policy_print(out, (uint32_t)a->word);
}
PLAIN_TYPE(sched_policy, sched_policy_arg);

ONE_OF_SET(class, "IOPRIO_CLASS_???", {0, "IOPRIO_CLASS_NONE"}, {1, "IOPRIO_CLASS_RT"}, {2, "IOPRIO_CLASS_BE"},
    {3, "IOPRIO_CLASS_IDLE"});

void ioprio_print(FILE *out, uint32_t value)
{
	fputs("IOPRIO_PRIO_VALUE(", out);
	flags_print(out, &class_set, value >> 13);
	fprintf(out, ", %u)", value & 0x1fff);
}

static void ioprio_arg(FILE *out, const struct argument *a)
{
	ioprio_print(out, (uint32_t)a->word);
}
PLAIN_TYPE(ioprio, ioprio_arg);

FLAG_SET(persona, "PER_???", {0x20000, "UNAME26"}, {0x40000, "ADDR_NO_RANDOMIZE"}, {0x80000, "FDPIC_FUNCPTRS"},
    {0x100000, "MMAP_PAGE_ZERO"}, {0x200000, "ADDR_COMPAT_LAYOUT"}, {0x400000, "READ_IMPLIES_EXEC"},
    {0x800000, "ADDR_LIMIT_32BIT"}, {0x1000000, "SHORT_INODE"}, {0x2000000, "WHOLE_SECONDS"},
    {0x4000000, "STICKY_TIMEOUTS"}, {0x8000000, "ADDR_LIMIT_3GB"});
ONE_OF_SET(persona_type, "PER_???", {0, "PER_LINUX"}, {6, "PER_BSD"}, {8, "PER_LINUX32"}, {12, "PER_RISCOS"},
    {15, "PER_OSF4"}, {16, "PER_HPUX"});

void personality_print(FILE *out, uint32_t value)
{
	flags_print(out, &persona_type_set, value & 0xff);
	flags_append(out, &persona_set, value & ~0xffU);
}

/* All ones only asks. */
static void personality_arg(FILE *out, const struct argument *a)
{
	if ((uint32_t)a->word == UINT32_MAX)
		fputs("0xffffffff", out);
	else
		personality_print(out, (uint32_t)a->word);
}
PLAIN_TYPE(personality, personality_arg);

enum { COMPARES_FILE = 0, COMPARES_EPOLL = 7 }; /* KCMP_FILE, KCMP_EPOLL_TFD */

static bool compares_by_index(const struct argument *a)
{
	uint32_t type = (uint32_t)a->call->args[2];
	return type == COMPARES_FILE || type == COMPARES_EPOLL;
}
const struct arg_type type_kcmp_index = {int_arg, {0}, {0}, false, compares_by_index};

/* Only MEMBARRIER_CMD_FLAG_CPU names a CPU. */
static bool names_cpu(const struct argument *a)
{
	return a->call->args[1] & 1;
}
const struct arg_type type_membarrier_cpu = {int_arg, {0}, {0}, false, names_cpu};

static void cpu_set_print(FILE *out, const struct capture *c)
{
	const char *separator = "";

	fputc('[', out);
	for (size_t cpu = 0; cpu < 8 * c->size; cpu++)
		if (c->bytes[cpu / 8] >> (cpu % 8) & 1) {
			fprintf(out, "%s%zu", separator, cpu);
			separator = " ";
		}
	fputc(']', out);
}

static void cpu_set_arg(FILE *out, const struct argument *a)
{
	const struct capture *c = capture_of(a->call, a->index, 0);

	if (c && (!a->type->out || succeeded(a->call)))
		cpu_set_print(out, c);
	else
		address_print(out, a->word);
}

PLAIN_TYPE(cpu_set, cpu_set_arg);
PLAIN_OUT_TYPE(cpu_set_out, cpu_set_arg);
