/* What the tests of stacks share: from a snapshot and a list of mappings to places. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "tests/unit/tool_snapshot.h"
#include "tools/trace/trace.h"

enum { FRAMES_MOST = 128 };

static struct snapshot snapshot_of(const struct taken *t)
{
	return (struct snapshot){
	    t->ip, t->sp, t->bp, t->bx, t->r12, t->r13, t->r14, t->r15, false, t->memory, t->bytes};
}

/* Lines as of /proc/PID/maps. */
static void map_all(struct process *p, FILE *maps)
{
	unsigned long start, end, offset;
	char line[4096], path[4096], modes[5];

	while (fgets(line, sizeof(line), maps)) {
		*path = '\0';
		if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %4095[^\n]", &start, &end, modes, &offset, path) >= 4 &&
		    modes[2] == 'x' && *path)
			process_map(p, start, end, offset, path);
	}
}

static struct stack *stack_of(struct process *p, const struct snapshot *s, struct frame frames[FRAMES_MOST], size_t *n)
{
	return stack_make(p, s, frames, FRAMES_MOST, n);
}

static char *text_of(const struct stack *s)
{
	static char text[16384];
	char *end = text, place[512];

	*text = '\0';
	for (size_t i = 0; i < s->count && end < text + sizeof(text) - sizeof(place); i++)
		end += sprintf(end, "\n  %s", place_text(&s->places[i], place, sizeof(place)));
	return text;
}
