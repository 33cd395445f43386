/* Tables: columns as wide as need be. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/report.h"
#include "tools/trace/text.h"

/* Characters, of UTF-8. */
static int width(const char *s)
{
	int n = 0;
	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

char **cells_row(struct cells *t)
{
	if (t->rows == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->cells = must_have(realloc(t->cells, t->room * t->columns * sizeof(char *)));
		t->notes = must_have(realloc(t->notes, t->room * sizeof(char *)));
	}
	t->notes[t->rows] = NULL;
	return memset(&t->cells[t->rows++ * t->columns], 0, t->columns * sizeof(char *));
}

char *cell_number(uint64_t n)
{
	char text[24];
	snprintf(text, sizeof(text), "%" PRIu64, n);
	return must_have(strdup(text));
}

static const char *cell(const struct cells *t, size_t row, size_t column)
{
	const char *text = t->cells[row * t->columns + column];
	return text ? text : "";
}

/* 0: it is empty. */
static int column_width(const struct cells *t, size_t column)
{
	int most = 0;

	for (size_t row = 0; row < t->rows; row++) {
		int n = width(cell(t, row, column));
		most = n > most ? n : most;
	}
	int head = width(t->heads[column]);
	return most && head > most ? head : most;
}

static void print_cell(FILE *out, const char *text, int columns, bool left, bool last)
{
	int blanks = columns - width(text);

	if (!left)
		fprintf(out, "%*s", blanks, "");
	fputs(text, out);
	if (left && !last)
		fprintf(out, "%*s", blanks, "");
	fputs(last ? "\n" : "  ", out);
}

static size_t last_column(const struct cells *t, const int *widths)
{
	size_t last = t->columns - 1;

	while (last && !widths[last])
		last--;
	return last;
}

void cells_print(FILE *out, struct cells *t)
{
	int *widths = must_have(calloc(t->columns, sizeof(*widths)));

	for (size_t i = 0; i < t->columns; i++)
		widths[i] = column_width(t, i);
	size_t last = last_column(t, widths);
	for (size_t row = 0; row <= t->rows; row++) {
		for (size_t i = 0; i <= last; i++)
			if (widths[i])
				print_cell(
				    out, row ? cell(t, row - 1, i) : t->heads[i], widths[i], t->left[i], i == last);
		if (row && t->notes[row - 1])
			fputs(t->notes[row - 1], out);
	}
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	for (size_t i = 0; i < t->rows; i++)
		free(t->notes[i]);
	free(t->cells);
	free(t->notes);
	free(widths);
}
