/* Arguments of calls on memory and on the locks in it: mmap, mremap, futex. */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tools/trace/notation.h"

enum { HUGE_SHIFT = 26, HUGE_MASK = 0x3f };

ONE_OF_SET(sharing, "MAP_???", {0, "MAP_FILE"}, FLAG(MAP_SHARED), FLAG(MAP_PRIVATE), FLAG(MAP_SHARED_VALIDATE));
FLAG_SET(map, "MAP_???", FLAG(MAP_FIXED), FLAG(MAP_ANONYMOUS), FLAG(MAP_32BIT), FLAG(MAP_NORESERVE), FLAG(MAP_POPULATE),
    FLAG(MAP_NONBLOCK), FLAG(MAP_GROWSDOWN), FLAG(MAP_DENYWRITE), FLAG(MAP_EXECUTABLE), FLAG(MAP_LOCKED),
    FLAG(MAP_STACK), FLAG(MAP_HUGETLB), FLAG(MAP_SYNC), FLAG(MAP_FIXED_NOREPLACE));

/* The size of huge pages, as a power of two. */
static void huge_print(FILE *out, uint32_t value, const char *shift)
{
	uint32_t huge = value >> HUGE_SHIFT & HUGE_MASK;

	if (huge)
		fprintf(out, "|%u<<%s", huge, shift);
}

static void map_flags_arg(FILE *out, const struct argument *a)
{
	uint32_t value = (uint32_t)a->word;

	flags_print(out, &sharing_set, value & MAP_TYPE);
	flags_append(out, &map_set, value & ~(MAP_TYPE | (uint32_t)HUGE_MASK << HUGE_SHIFT));
	huge_print(out, value, "MAP_HUGE_SHIFT");
}
PLAIN_TYPE(map_flags, map_flags_arg);

FLAG_SET(memfd, "MFD_???", FLAG(MFD_CLOEXEC), FLAG(MFD_ALLOW_SEALING), FLAG(MFD_HUGETLB));

static void memfd_flags_arg(FILE *out, const struct argument *a)
{
	uint32_t value = (uint32_t)a->word;

	flags_print(out, &memfd_set, value & ~((uint32_t)HUGE_MASK << HUGE_SHIFT));
	huge_print(out, value, "MFD_HUGE_SHIFT");
}
PLAIN_TYPE(memfd_flags, memfd_flags_arg);

static bool mremap_moves(const struct argument *a)
{
	return (a->call->args[3] & (MREMAP_MAYMOVE | MREMAP_FIXED)) == (MREMAP_MAYMOVE | MREMAP_FIXED);
}
const struct arg_type type_mremap_to = {address_arg, {0}, {0}, false, mremap_moves};

enum { POLICY_FLAGS = 0xe000 };
FLAG_SET(policy_flag, "MPOL_???", {0x8000, "MPOL_F_STATIC_NODES"}, {0x4000, "MPOL_F_RELATIVE_NODES"},
    {0x2000, "MPOL_F_NUMA_BALANCING"});
ONE_OF_SET(policy, "MPOL_???", {0, "MPOL_DEFAULT"}, {1, "MPOL_PREFERRED"}, {2, "MPOL_BIND"}, {3, "MPOL_INTERLEAVE"},
    {4, "MPOL_LOCAL"}, {5, "MPOL_PREFERRED_MANY"});

static void mempolicy_arg(FILE *out, const struct argument *a)
{
	uint32_t value = (uint32_t)a->word;

	flags_print(out, &policy_set, value & ~(uint32_t)POLICY_FLAGS);
	flags_append(out, &policy_flag_set, value & POLICY_FLAGS);
}
PLAIN_TYPE(mempolicy, mempolicy_arg);

/* What each operation takes besides the address and its value. */
enum { TAKES_TIMEOUT = 1, TAKES_COUNT = 2, TAKES_SECOND = 4, TAKES_THIRD = 8, TAKES_BITS = 16, NO_VALUE = 32 };

static const struct futex_operation {
	const char *name;
	unsigned takes;
} operations[] = {
    {"FUTEX_WAIT", TAKES_TIMEOUT},
    {"FUTEX_WAKE", 0},
    {"FUTEX_FD", 0},
    {"FUTEX_REQUEUE", TAKES_COUNT | TAKES_SECOND},
    {"FUTEX_CMP_REQUEUE", TAKES_COUNT | TAKES_SECOND | TAKES_THIRD},
    {"FUTEX_WAKE_OP", TAKES_COUNT | TAKES_SECOND | TAKES_THIRD},
    {"FUTEX_LOCK_PI", NO_VALUE | TAKES_TIMEOUT},
    {"FUTEX_UNLOCK_PI", NO_VALUE},
    {"FUTEX_TRYLOCK_PI", NO_VALUE},
    {"FUTEX_WAIT_BITSET", TAKES_TIMEOUT | TAKES_BITS},
    {"FUTEX_WAKE_BITSET", TAKES_BITS},
    {"FUTEX_WAIT_REQUEUE_PI", TAKES_TIMEOUT | TAKES_SECOND},
    {"FUTEX_CMP_REQUEUE_PI", TAKES_COUNT | TAKES_SECOND | TAKES_THIRD},
    {"FUTEX_LOCK_PI2", NO_VALUE | TAKES_TIMEOUT},
};

enum { FUTEX_WAKE_OP_NUMBER = 5, FUTEX_PRIVATE = 128, FUTEX_REALTIME = 256 };

static const struct futex_operation *futex_operation(const struct argument *a)
{
	uint32_t number = (uint32_t)a->call->args[1] & ~(uint32_t)(FUTEX_PRIVATE | FUTEX_REALTIME);
	return number < sizeof(operations) / sizeof(operations[0]) ? &operations[number] : NULL;
}

static bool futex_takes(const struct argument *a, unsigned what)
{
	const struct futex_operation *operation = futex_operation(a);
	return !operation || operation->takes & what;
}

static void futex_operation_arg(FILE *out, const struct argument *a)
{
	const struct futex_operation *operation = futex_operation(a);

	if (operation)
		fprintf(out, "%s%s%s", operation->name, a->word & FUTEX_PRIVATE ? "_PRIVATE" : "",
		    a->word & FUTEX_REALTIME ? "|FUTEX_CLOCK_REALTIME" : "");
	else
		fprintf(out, "%#x /* FUTEX_??? */", (uint32_t)a->word);
}

static void futex_number_arg(FILE *out, const struct argument *a)
{
	fprintf(out, "%u", (uint32_t)a->word);
}

static void futex_timeout_arg(FILE *out, const struct argument *a)
{
	if (futex_operation(a) && futex_takes(a, TAKES_COUNT))
		futex_number_arg(out, a);
	else
		struct_arg(out, a);
}

/* Fields of 4, 4, 12 and 12 bits. */
static void wake_op_print(FILE *out, uint32_t word)
{
	static const char *const ops[] = {"SET", "ADD", "OR", "ANDN", "XOR"};
	static const char *const compares[] = {"EQ", "NE", "LT", "LE", "GT", "GE"};
	uint32_t op = word >> 28 & 7, compare = word >> 24 & 0xf;

	if (op >= sizeof(ops) / sizeof(ops[0]) || compare >= sizeof(compares) / sizeof(compares[0])) {
		fprintf(out, "%#x", word);
		return;
	}
	fprintf(out, "FUTEX_OP_%s<<28|%s%#x<<12|FUTEX_OP_CMP_%s<<24|%#x", ops[op],
	    word >> 31 ? "FUTEX_OP_OPARG_SHIFT<<28|" : "", word >> 12 & 0xfff, compares[compare], word & 0xfff);
}

static void futex_third_arg(FILE *out, const struct argument *a)
{
	uint32_t word = (uint32_t)a->word;

	if (!futex_operation(a))
		fprintf(out, "%#lx", a->word);
	else if (futex_takes(a, TAKES_BITS) && word == UINT32_MAX)
		fputs("FUTEX_BITSET_MATCH_ANY", out);
	else if (futex_takes(a, TAKES_BITS))
		fprintf(out, "%#x", word);
	else if (futex_operation(a) == &operations[FUTEX_WAKE_OP_NUMBER])
		wake_op_print(out, word);
	else
		futex_number_arg(out, a);
}

static bool futex_has_value(const struct argument *a)
{
	return !futex_operation(a) || !futex_takes(a, NO_VALUE);
}

static bool futex_has_timeout(const struct argument *a)
{
	return futex_takes(a, TAKES_TIMEOUT | TAKES_COUNT);
}

static bool futex_has_second(const struct argument *a)
{
	return futex_takes(a, TAKES_SECOND);
}

static bool futex_has_third(const struct argument *a)
{
	return futex_takes(a, TAKES_THIRD | TAKES_BITS);
}

PLAIN_TYPE(futex_operation, futex_operation_arg);
const struct arg_type type_futex_value = {futex_number_arg, {0}, {0}, false, futex_has_value};
const struct arg_type type_futex_timeout = {
    futex_timeout_arg, {0}, {sizeof(struct timespec), timespec_print}, false, futex_has_timeout};
const struct arg_type type_futex_second = {address_arg, {0}, {0}, false, futex_has_second};
const struct arg_type type_futex_third = {futex_third_arg, {0}, {0}, false, futex_has_third};
