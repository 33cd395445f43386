/* fcntl(2), ioctl(2), prctl(2) and arch_prctl(2): what their arguments are depends on the command. */
#include <fcntl.h>
#include <linux/ioctl.h>
#include <string.h>
#include <sys/prctl.h>

#include "tools/trace/notation.h"

ONE_OF_SET(lock_type, "F_???", FLAG(F_RDLCK), FLAG(F_WRLCK), FLAG(F_UNLCK));
FLAG_SET(seal, "F_SEAL_???", FLAG(F_SEAL_SEAL), FLAG(F_SEAL_SHRINK), FLAG(F_SEAL_GROW), FLAG(F_SEAL_WRITE),
    FLAG(F_SEAL_FUTURE_WRITE));
FLAG_SET(fd_flag, "FD_???", FLAG(FD_CLOEXEC));
ONE_OF_SET(owner, "F_OWNER_???", FLAG(F_OWNER_TID), FLAG(F_OWNER_PID), FLAG(F_OWNER_PGRP));

static void lock_print(FILE *out, const uint8_t *bytes, bool asked)
{
	struct flock lock;

	memcpy(&lock, bytes, sizeof(lock));
	fputs("{l_type=", out);
	flags_print(out, &lock_type_set, (uint16_t)lock.l_type);
	fputs(", l_whence=", out);
	flags_print(out, &type_whence.set, (uint16_t)lock.l_whence);
	fprintf(out, ", l_start=%ld, l_len=%ld", lock.l_start, lock.l_len);
	if (asked)
		fprintf(out, ", l_pid=%d", lock.l_pid);
	fputc('}', out);
}

static void lock_arg(FILE *out, const struct argument *a)
{
	int command = (int)a->call->args[1];
	bool asks = command == F_GETLK || command == F_OFD_GETLK;
	const uint8_t *bytes = captured(a->call, a->index, 0, sizeof(struct flock));

	if (bytes && (!asks || succeeded(a->call)))
		lock_print(out, bytes, asks);
	else
		address_print(out, a->word);
}

static void owner_arg(FILE *out, const struct argument *a)
{
	const uint8_t *bytes = captured(a->call, a->index, 0, sizeof(struct f_owner_ex));
	struct f_owner_ex owner;

	if (!bytes || ((int)a->call->args[1] == F_GETOWN_EX && !succeeded(a->call))) {
		address_print(out, a->word);
		return;
	}
	memcpy(&owner, bytes, sizeof(owner));
	fputs("{type=", out);
	flags_print(out, &owner_set, (uint32_t)owner.type);
	fprintf(out, ", pid=%d}", owner.pid);
}

static void descriptor_flags_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &fd_flag_set, a->word);
}

static void status_flags_arg(FILE *out, const struct argument *a)
{
	open_flags_print(out, (uint32_t)a->word);
}

static void seals_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &seal_set, (uint32_t)a->word);
}

static void lease_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &lock_type_set, (uint32_t)a->word);
}

/* NULL: the command takes no argument. */
static const struct command {
	int command;
	void (*print)(FILE *out, const struct argument *a);
} fcntl_commands[] = {
    {F_DUPFD, int_arg},
    {F_DUPFD_CLOEXEC, int_arg},
    {F_GETFD, NULL},
    {F_SETFD, descriptor_flags_arg},
    {F_GETFL, NULL},
    {F_SETFL, status_flags_arg},
    {F_GETLK, lock_arg},
    {F_SETLK, lock_arg},
    {F_SETLKW, lock_arg},
    {F_OFD_GETLK, lock_arg},
    {F_OFD_SETLK, lock_arg},
    {F_OFD_SETLKW, lock_arg},
    {F_SETOWN, int_arg},
    {F_GETOWN, NULL},
    {F_SETOWN_EX, owner_arg},
    {F_GETOWN_EX, owner_arg},
    {F_SETSIG, signal_arg},
    {F_GETSIG, NULL},
    {F_SETLEASE, lease_arg},
    {F_GETLEASE, NULL},
    {F_SETPIPE_SZ, int_arg},
    {F_GETPIPE_SZ, NULL},
    {F_ADD_SEALS, seals_arg},
    {F_GET_SEALS, NULL},
};

static const struct command *fcntl_command(int command)
{
	for (size_t i = 0; i < sizeof(fcntl_commands) / sizeof(fcntl_commands[0]); i++)
		if (fcntl_commands[i].command == command)
			return &fcntl_commands[i];
	return NULL;
}

static void fcntl_arg(FILE *out, const struct argument *a)
{
	const struct command *c = fcntl_command((int)a->call->args[1]);
	(c ? c->print : hex_arg)(out, a);
}

static bool fcntl_takes_arg(const struct argument *a)
{
	const struct command *c = fcntl_command((int)a->call->args[1]);
	return !c || c->print;
}

const struct arg_type type_fcntl_arg = {fcntl_arg, {0}, {0}, false, fcntl_takes_arg};

void fcntl_result_print(FILE *out, const struct call *c)
{
	static const struct {
		int command;
		const char *what;
		const struct flag_set *set;
	} flags[] = {
	    {F_GETFD, "flags ", &fd_flag_set},
	    {F_GET_SEALS, "seals ", &seal_set},
	    {F_GETLEASE, "", &lock_type_set},
	};
	int command = (int)c->args[1];

	bool hex = command == F_GETFL || command == F_GETFD || command == F_GET_SEALS;

	fprintf(out, hex ? "%#lx" : "%ld", c->result);
	if (command == F_GETFL) {
		fputs(" (flags ", out);
		open_flags_print(out, (uint32_t)c->result);
		fputc(')', out);
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].command == command && (c->result || command == F_GETLEASE)) {
			fprintf(out, " (%s", flags[i].what);
			flags_print(out, flags[i].set, (uint64_t)c->result);
			fputc(')', out);
		}
}

ONE_OF_SET(ioctl, "", {0x5401, "TCGETS"}, {0x5402, "TCSETS"}, {0x5403, "TCSETSW"}, {0x5404, "TCSETSF"},
    {0x5409, "TCSBRK"}, {0x540a, "TCXONC"}, {0x540b, "TCFLSH"}, {0x540c, "TIOCEXCL"}, {0x540d, "TIOCNXCL"},
    {0x540e, "TIOCSCTTY"}, {0x540f, "TIOCGPGRP"}, {0x5410, "TIOCSPGRP"}, {0x5411, "TIOCOUTQ"}, {0x5412, "TIOCSTI"},
    {0x5413, "TIOCGWINSZ"}, {0x5414, "TIOCSWINSZ"}, {0x5415, "TIOCMGET"}, {0x541b, "FIONREAD"}, {0x5421, "FIONBIO"},
    {0x5422, "TIOCNOTTY"}, {0x5423, "TIOCSETD"}, {0x5424, "TIOCGETD"}, {0x5425, "TCSBRKP"}, {0x5429, "TIOCGSID"},
    {0x5450, "FIONCLEX"}, {0x5451, "FIOCLEX"}, {0x5452, "FIOASYNC"}, {0x5460, "FIOQSIZE"}, {0x80045430, "TIOCGPTN"},
    {0x40045431, "TIOCSPTLCK"}, {0x5441, "TIOCGPTPEER"}, {0x8901, "FIOSETOWN"}, {0x8902, "SIOCSPGRP"},
    {0x8903, "FIOGETOWN"}, {0x8904, "SIOCGPGRP"}, {0x8905, "SIOCATMARK"}, {0x8910, "SIOCGIFNAME"},
    {0x8912, "SIOCGIFCONF"}, {0x8913, "SIOCGIFFLAGS"}, {0x8915, "SIOCGIFADDR"}, {0x8919, "SIOCGIFBRDADDR"},
    {0x891b, "SIOCGIFNETMASK"}, {0x8921, "SIOCGIFMTU"}, {0x8927, "SIOCGIFHWADDR"}, {0x8933, "SIOCGIFINDEX"},
    {0x40049409, "FICLONE"}, {0xc020660b, "FS_IOC_FIEMAP"}, {0x80086601, "FS_IOC_GETFLAGS"},
    {0x40086602, "FS_IOC_SETFLAGS"}, {1, "FIBMAP"}, {2, "FIGETBSZ"});

static void ioctl_request_arg(FILE *out, const struct argument *a)
{
	static const char *const directions[] = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};
	uint32_t request = (uint32_t)a->word;
	const char *name = flag_name(&ioctl_set, request);

	if (name)
		fputs(name, out);
	else
		fprintf(out, "_IOC(%s, %#x, %#x, %#x)", directions[_IOC_DIR(request)], _IOC_TYPE(request),
		    _IOC_NR(request), _IOC_SIZE(request));
}

PLAIN_TYPE(ioctl_request, ioctl_request_arg);
PLAIN_TYPE(ioctl_arg, hex_arg);

ONE_OF_SET(dumpable, "SUID_DUMP_???", {0, "SUID_DUMP_DISABLE"}, {1, "SUID_DUMP_USER"}, {2, "SUID_DUMP_ROOT"});

static void dumpable_arg(FILE *out, const struct argument *a)
{
	flags_print(out, &dumpable_set, a->word);
}

static void thread_name_arg(FILE *out, const struct argument *a)
{
	const struct capture *c = capture_of(a->call, a->index, 0);
	bool written = (int)a->call->args[0] == PR_GET_NAME;

	if (c && (!written || succeeded(a->call)))
		text_print(out, c);
	else
		hex_arg(out, a);
}

/* How many arguments an option of prctl takes besides, and what the first one is. */
static const struct prctl_option {
	int option, count;
	void (*print)(FILE *out, const struct argument *a);
} prctl_options[] = {
    {PR_SET_PDEATHSIG, 1, signal_arg},
    {PR_GET_PDEATHSIG, 1, hex_arg},
    {PR_GET_DUMPABLE, 0, NULL},
    {PR_SET_DUMPABLE, 1, dumpable_arg},
    {PR_GET_KEEPCAPS, 0, NULL},
    {PR_SET_KEEPCAPS, 1, ulong_arg},
    {PR_GET_TIMING, 0, NULL},
    {PR_SET_NAME, 1, thread_name_arg},
    {PR_GET_NAME, 1, thread_name_arg},
    {PR_GET_SECCOMP, 0, NULL},
    {PR_SET_TIMERSLACK, 1, ulong_arg},
    {PR_GET_TIMERSLACK, 0, NULL},
    {PR_SET_CHILD_SUBREAPER, 1, ulong_arg},
    {PR_GET_CHILD_SUBREAPER, 1, hex_arg},
    {PR_SET_NO_NEW_PRIVS, 4, ulong_arg},
    {PR_SET_PTRACER, 1, ulong_arg},
};

static const struct prctl_option *prctl_option(const struct argument *a)
{
	for (size_t i = 0; i < sizeof(prctl_options) / sizeof(prctl_options[0]); i++)
		if (prctl_options[i].option == (int)a->call->args[0])
			return &prctl_options[i];
	return NULL;
}

static bool prctl_takes_arg(const struct argument *a)
{
	const struct prctl_option *option = prctl_option(a);
	return !option || (int)a->index <= option->count;
}

static void prctl_arg(FILE *out, const struct argument *a)
{
	const struct prctl_option *option = prctl_option(a);
	(option && a->index == 1 ? option->print : hex_arg)(out, a);
}

const struct arg_type type_prctl_arg = {prctl_arg, {0}, {0}, false, prctl_takes_arg};

enum { ARCH_GETS_FS = 0x1003, ARCH_GETS_GS = 0x1004 };

static void arch_prctl_arg(FILE *out, const struct argument *a)
{
	int code = (int)a->call->args[0];
	const uint8_t *bytes = captured(a->call, a->index, 0, 8);
	uint64_t value;

	if (bytes && succeeded(a->call) && (code == ARCH_GETS_FS || code == ARCH_GETS_GS)) {
		memcpy(&value, bytes, sizeof(value));
		fprintf(out, "[%#lx]", value);
	} else {
		hex_arg(out, a);
	}
}
PLAIN_TYPE(arch_prctl_arg, arch_prctl_arg);
