/* A snapshot of the calling thread: for tests, and for the little programs that they compile and run. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SNAPSHOT_MOST 16384

struct taken {
	uint64_t ip, sp, bp, bx, r12, r13, r14, r15, bytes;
	uint8_t memory[SNAPSHOT_MOST];
};

static uint64_t stack_end(uint64_t sp)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[4096];
	uint64_t found = sp;

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && start <= sp && sp < end)
			found = end;
	if (maps)
		fclose(maps);
	return found;
}

/* Of the very function that it stands in. */
#define TAKE(t)                                                                                                \
	do {                                                                                                   \
		__asm__ volatile("lea (%%rip), %%rax; mov %%rax, (%0); mov %%rsp, 8(%0); mov %%rbp, 16(%0);"   \
				 "mov %%rbx, 24(%0); mov %%r12, 32(%0); mov %%r13, 40(%0); mov %%r14, 48(%0);" \
				 "mov %%r15, 56(%0)" ::"r"(t)                                                  \
				 : "rax", "memory");                                                           \
		copy_stack(t);                                                                                 \
	} while (0)

/* Not memcpy: ASan would look at what it copies. */
__attribute__((unused, noinline, no_sanitize_address, optimize("no-tree-loop-distribute-patterns"))) static void
copy_stack(struct taken *t)
{
	uint64_t bytes = stack_end(t->sp) - t->sp;

	t->bytes = bytes < SNAPSHOT_MOST ? bytes : SNAPSHOT_MOST;
	for (uint64_t i = 0; i < t->bytes; i++)
		t->memory[i] = ((const volatile uint8_t *)t->sp)[i];
}
