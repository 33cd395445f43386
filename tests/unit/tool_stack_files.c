/* Stacks of little programs that are compiled here: with debug information, without, with that of another file,
 * replaced, cut off, damaged. */
#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tool_stack.h"

static const char source[] = "#include \"tool_snapshot.h\"\n"
			     "static struct taken taken;\n"
			     "#define KEEP __attribute__((noinline))\n"
			     "#line 100 \"/src/little.c\"\n"
			     "KEEP void leaf(void) { TAKE(&taken); __asm__ volatile(\"\"); }\n"
			     "KEEP int middle(int n) {\n"
			     "	leaf();\n"
			     "	return n + 1;\n"
			     "}\n"
			     "static inline __attribute__((always_inline)) int inlined(int n) {\n"
			     "	return middle(n) + 1;\n"
			     "}\n"
			     "KEEP int outer(int n) {\n"
			     "	return inlined(n) + 1;\n"
			     "}\n"
			     "int main(int argc, char **argv) {\n"
			     "	static char maps[65536];\n"
			     "	int r = outer(argc);\n"
			     "	FILE *f = fopen(\"/proc/self/maps\", \"r\");\n"
			     "	size_t n = fread(maps, 1, sizeof(maps), f);\n"
			     "	fwrite(&taken, sizeof(taken), 1, stdout);\n"
			     "	fwrite(maps, 1, n, stdout);\n"
			     "	fflush(stdout);\n"
			     "	if (argc > 1) getchar();\n"
			     "	return r == 0 || !argv;\n"
			     "}\n";

static char directory[] = "/tmp/tool_stack.XXXXXX";

static char *in_directory(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", directory, name);
	return path;
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char command[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	cr_assert(system(command) == 0, "%s", command);
}

/* tool_snapshot.h lies beside this file; the test may run elsewhere. */
static void compile(const char *name, const char *compiler, const char *flags)
{
	run("%s %s -fno-optimize-sibling-calls -I" TESTS_UNIT " -o %s %s", compiler, flags, in_directory(name),
	    in_directory("little.c"));
}

static void set_up(void)
{
	cr_assert(mkdtemp(directory));
	FILE *f = fopen(in_directory("little.c"), "w");
	fputs(source, f);
	fclose(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void tear_down(void)
{
	nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(files, .init = set_up, .fini = tear_down);

/* A program that has run, or waits for its stdin. */
struct child {
	struct taken taken;
	char maps[65536];
};

static void read_child(struct child *c, FILE *out)
{
	cr_assert(fread(&c->taken, sizeof(c->taken), 1, out) == 1);
	c->maps[fread(c->maps, 1, sizeof(c->maps) - 1, out)] = '\0';
}

static void run_child(struct child *c, const char *name)
{
	FILE *out = popen(in_directory(name), "r");

	read_child(c, out);
	cr_assert(pclose(out) == 0);
}

/* Of a process that is gone. */
static struct process *process_of(struct child *c)
{
	struct process *p = process_new(0, 1, "little");
	FILE *maps = fmemopen(c->maps, strlen(c->maps), "r");

	map_all(p, maps);
	fclose(maps);
	return p;
}

static struct stack *stack_of_child(struct process *p, const struct child *c, size_t *n)
{
	static struct frame frames[FRAMES_MOST];
	struct snapshot s = snapshot_of(&c->taken);

	return stack_of(p, &s, frames, n);
}

static void expect(const struct stack *s, size_t i, const char *function, int line, bool inlined)
{
	cr_assert(i < s->count && s->places[i].function, "place %zu in%s", i, text_of(s));
	const struct place *p = &s->places[i];

	cr_assert_str_eq(p->function, function, "place %zu in%s", i, text_of(s));
	cr_assert_str_eq(p->file, "little.c");
	cr_assert(p->line == line, "%s at line %d, not %d", function, p->line, line);
	cr_assert(p->inlined == inlined);
}

static void expect_all(const struct stack *s)
{
	expect(s, 0, "leaf", 100, false);
	expect(s, 1, "middle", 102, false);
	expect(s, 2, "inlined", 106, true);
	expect(s, 3, "outer", 109, false);
	expect(s, 4, "main", 113, false);
	cr_assert(s->whole, "%s", text_of(s));
	cr_assert(s->site == 0);
}

static void expect_little(const char *name)
{
	static struct child c;
	size_t n;

	run_child(&c, name);
	struct process *p = process_of(&c);
	expect_all(stack_of_child(p, &c, &n));
	process_free(p);
}

Test(files, debug_information)
{
	static const char *const flags[] = {"-O1 -g", "-O2 -gdwarf-4", "-O2 -gdwarf-5 -gz", "-O1 -g -no-pie",
	    "-O1 -gdwarf-5 -gsplit-dwarf", "-O2 -g -fno-omit-frame-pointer", "-O1 -g -Wl,--no-eh-frame-hdr",
	    "-O1 -g -Wl,-z,noseparate-code", "-O1 -g -static-pie"};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		compile("little", "cc", flags[i]);
		expect_little("little");
	}
}

/* No call frame information: frame pointers are the way. */
Test(files, frame_pointers_alone)
{
	static struct child c;
	size_t n;

	compile("little", "cc", "-O1 -g -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables");
	run_child(&c, "little");
	struct process *p = process_of(&c);
	struct stack *s = stack_of_child(p, &c, &n);
	expect(s, 0, "leaf", 100, false);
	expect(s, 1, "middle", 102, false);
	expect(s, 2, "inlined", 106, true);
	expect(s, 3, "outer", 109, false);
	expect(s, 4, "main", 113, false);
	process_free(p);
}

static uint64_t address_in(const char *name, const char *symbol)
{
	char command[PATH_MAX + 16], line[256], word[128];
	uint64_t address = 0, found = 0;

	snprintf(command, sizeof(command), "nm %s", in_directory(name));
	FILE *nm = popen(command, "r");
	while (fgets(line, sizeof(line), nm))
		if (sscanf(line, "%" SCNx64 " %*s %127s", &address, word) == 2 && strcmp(word, symbol) == 0)
			found = address;
	pclose(nm);
	cr_assert(found, "%s has no %s", name, symbol);
	return found;
}

Test(files, stripped)
{
	static struct child c;
	char text[128];
	size_t n;

	compile("little", "cc", "-O1 -g");
	uint64_t leaf = address_in("little", "leaf"), middle = address_in("little", "middle");
	run("strip %s", in_directory("little"));
	run_child(&c, "little");
	struct process *p = process_of(&c);
	struct stack *s = stack_of_child(p, &c, &n);

	cr_assert(s->whole && s->count > 4, "%s", text_of(s));
	for (size_t i = 0; i < 4; i++)
		cr_assert(!s->places[i].function && !s->places[i].file, "%s", text_of(s));
	cr_assert(s->places[0].offset > leaf && s->places[0].offset < middle);
	cr_assert(s->places[1].offset > middle);
	place_text(&s->places[0], text, sizeof(text));
	cr_assert(strncmp(text, "little+0x", 9) == 0, "%s", text);
	process_free(p);
}

Test(files, symbols_alone)
{
	static const char *const flags[] = {"-O1", "-O1 -s -rdynamic"}; /* .symtab, .dynsym */
	static struct child c;
	size_t n;

	for (size_t i = 0; i < 2; i++) {
		compile("little", "cc", flags[i]);
		run_child(&c, "little");
		struct process *p = process_of(&c);
		struct stack *s = stack_of_child(p, &c, &n);

		cr_assert_str_eq(s->places[0].function, "leaf");
		cr_assert_str_eq(s->places[1].function, "middle");
		cr_assert_str_eq(s->places[2].function, "outer");
		cr_assert(!s->places[0].file && s->places[0].offset > 0 && s->places[0].offset < 256);
		process_free(p);
	}
}

Test(files, separate_debug_file)
{
	compile("little", "cc", "-O1 -g");
	run("cd %s && objcopy --only-keep-debug little little.debug && strip little &&"
	    " objcopy --add-gnu-debuglink=little.debug little",
	    directory);
	expect_little("little");
}

/* The files are opened when they are mapped: what comes in their place later is another one. */
Test(files, replaced)
{
	static struct child c;
	size_t n;

	compile("little", "cc", "-O1 -g");
	run_child(&c, "little");
	struct process *before = process_of(&c);
	run("cd %s && sed -i s/leaf/other/ little.c", directory);
	compile("new", "cc", "-O1 -g");
	run("mv %s %s", in_directory("new"), in_directory("little"));
	struct process *after = process_of(&c);

	expect_all(stack_of_child(before, &c, &n));
	struct stack *s = stack_of_child(after, &c, &n);
	cr_assert_str_eq(s->places[0].function, "other");
	process_free(after);
	expect_all(stack_of_child(before, &c, &n));

	/* At the same addresses, in the same process: dlclose, dlopen. */
	FILE *maps = fmemopen(c.maps, strlen(c.maps), "r");
	map_all(before, maps);
	fclose(maps);
	s = stack_of_child(before, &c, &n);
	cr_assert_str_eq(s->places[0].function, "other");
	process_free(before);
}

/* A process that still runs shows what it has mapped. */
Test(files, replaced_before_it_was_told)
{
	static struct child c;
	int in[2], out[2];
	size_t n;

	/* Not root, for a while: it may open the mapped file itself. */
	bool root = geteuid() == 0;
	cr_assert(!root || (chmod(directory, 0777) == 0 && setresuid(65534, 65534, 0) == 0));
	compile("little", "cc", "-O1 -g");
	cr_assert(pipe(in) == 0 && pipe(out) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		execl(in_directory("little"), "little", "wait", NULL);
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	FILE *f = fdopen(out[0], "r");
	cr_assert(fread(&c.taken, sizeof(c.taken), 1, f) == 1);
	struct process *right = process_new(pid, 1, "little"), *wrong = process_new(pid, 2, "little");
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	FILE *maps = fopen(path, "r");
	map_all(right, maps);
	run("cd %s && sed -i s/leaf/other/ little.c", directory);
	compile("new", "cc", "-O1 -g");
	run("mv %s %s", in_directory("new"), in_directory("little"));
	rewind(maps);
	char line[4096];
	while (fgets(line, sizeof(line), maps)) { /* as it was told before it was replaced */
		char *deleted = strstr(line, " (deleted)");
		if (deleted)
			*deleted = '\0';
		FILE *one = fmemopen(line, strlen(line), "r");
		map_all(wrong, one);
		fclose(one);
	}
	struct stack *s = stack_of_child(right, &c, &n);
	expect_all(s);
	s = stack_of_child(wrong, &c, &n);
	cr_assert_null(s->places[0].function, "%s", text_of(s));
	cr_assert_str_eq(s->places[0].module, "little");
	fclose(maps);
	close(in[1]);
	waitpid(pid, NULL, 0);
	process_free(right);
	process_free(wrong);
	cr_assert(!root || setresuid(0, 0, 0) == 0);
}

static void copy_to(const char *name, const uint8_t *bytes, size_t size)
{
	remove(in_directory(name)); /* another file, not the same one with other bytes */
	FILE *f = fopen(in_directory(name), "w");

	cr_assert(fwrite(bytes, 1, size, f) == size && fclose(f) == 0);
}

static uint8_t *file_bytes(const char *name, size_t *size)
{
	struct stat st;
	FILE *f = fopen(in_directory(name), "r");

	cr_assert(f && fstat(fileno(f), &st) == 0);
	uint8_t *bytes = malloc((size_t)st.st_size);
	*size = fread(bytes, 1, (size_t)st.st_size, f);
	fclose(f);
	return bytes;
}

/* Whatever comes out: at least the first frame, and no crash. */
static void try_file(const struct child *c)
{
	static struct child copy;
	size_t n;

	copy = *c;
	struct process *p = process_of(&copy);
	struct stack *s = stack_of_child(p, c, &n);
	cr_assert(n >= 1 && s->count >= 1);
	process_free(p);
}

Test(files, cut_off)
{
	static struct child c;
	size_t size;

	compile("little", "cc", "-O1 -g");
	run_child(&c, "little");
	uint8_t *bytes = file_bytes("little", &size);
	for (size_t n = 0; n < size; n += n < 1024 ? 16 : 509) {
		copy_to("little", bytes, n);
		try_file(&c);
	}
	copy_to("little", (const uint8_t *)"#!/bin/sh\n", 10);
	try_file(&c);
	free(bytes);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Where the sections are whose damage matters. */
static size_t section(const uint8_t *bytes, const char *name, size_t *size)
{
	const Elf64_Ehdr *h = (const Elf64_Ehdr *)bytes;
	const Elf64_Shdr *s = (const Elf64_Shdr *)(bytes + h->e_shoff);

	for (size_t i = 0; i < h->e_shnum; i++)
		if (strcmp((const char *)bytes + s[h->e_shstrndx].sh_offset + s[i].sh_name, name) == 0) {
			*size = s[i].sh_size;
			return s[i].sh_offset;
		}
	cr_assert(false, "no section %s", name);
	return 0;
}

static void damage(const char *what, size_t rounds)
{
	static struct child c;
	size_t size, part_size = sizeof(Elf64_Ehdr) + 13 * sizeof(Elf64_Phdr), part = 0;

	compile("little", "cc", "-O1 -g");
	run_child(&c, "little");
	uint8_t *whole = file_bytes("little", &size), *bytes = malloc(size);
	static struct child copy;
	size_t n;
	copy = c;
	struct process *holder = process_of(&copy); /* of libc: its symbols are read once */
	stack_of_child(holder, &c, &n);
	if (what)
		part = section(whole, what, &part_size);
	for (uint32_t seed = 0; seed < rounds; seed++) {
		uint32_t state = seed;
		size_t count = 1 + seed % 8;

		memcpy(bytes, whole, size);
		while (count--)
			bytes[part + next_random(&state) % part_size] = (uint8_t)next_random(&state);
		copy_to("little", bytes, size);
		try_file(&c);
	}
	process_free(holder);
	free(whole);
	free(bytes);
}

Test(files, damaged_headers)
{
	damage(NULL, 400);
}

Test(files, damaged_search_table)
{
	damage(".eh_frame_hdr", 400);
}

Test(files, damaged_frame_information)
{
	damage(".eh_frame", 2000);
}

/* The instructions of leaf()'s frame information. */
static uint8_t *instructions_of_leaf(uint8_t *bytes, uint64_t leaf, size_t *size)
{
	size_t section_size, at = section(bytes, ".eh_frame", &section_size), end = at + section_size;
	uint32_t length;
	int32_t distance;

	/* Offsets are addresses here: it is in the first segment. */
	for (; at + 17 < end; at += 4 + length) {
		memcpy(&length, bytes + at, 4);
		memcpy(&distance, bytes + at + 8, 4);
		if (at + 8 + (uint64_t)(int64_t)distance != leaf)
			continue;
		*size = length - 13;
		return bytes + at + 17;
	}
	cr_assert(false, "no frame information of leaf()");
	return NULL;
}

/* What would make libunwind run forever, or read beyond its tables. */
Test(files, hostile_frame_information, .timeout = 60)
{
	static const struct {
		const char *what;
		size_t size;
		uint8_t bytes[8];
	} programs[] = {
	    {"an expression that jumps to itself", 5, {0x0f, 3, 0x2f, 0xfd, 0xff}},
	    {"an expression that divides", 7, {0x0f, 4, 0x09, 0xff, 0x30, 0x1b}},
	    {"an expression longer than the program", 3, {0x0f, 0xff, 0x7f}},
	    {"a register in one that is none", 5, {0x09, 3, 0xff, 0xff, 0x7f}},
	    {"a register that is none", 2, {0x80 + 40, 1}},
	    {"a state that was not remembered", 1, {0x0b}},
	    {"an unknown instruction", 1, {0x3f}},
	};
	static struct child c, copy;
	size_t size, room, n;

	compile("little", "cc", "-O1 -g");
	run_child(&c, "little");
	uint64_t leaf = address_in("little", "leaf");
	uint8_t *bytes = file_bytes("little", &size);
	uint8_t *program = instructions_of_leaf(bytes, leaf, &room);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		cr_assert(programs[i].size <= room);
		memset(program, 0, room);
		memcpy(program, programs[i].bytes, programs[i].size);
		copy_to("little", bytes, size);
		copy = c;
		struct process *p = process_of(&copy);
		struct stack *s = stack_of_child(p, &c, &n);
		cr_assert(n == 1, "%s: %zu frames", programs[i].what, n);
		expect(s, 0, "leaf", 100, false);
		process_free(p);
	}
	free(bytes);
}

Test(files, damaged_symbols)
{
	damage(".symtab", 200);
	damage(".strtab", 100);
}

Test(files, damaged_debug_information)
{
	damage(".debug_info", 500);
	damage(".debug_abbrev", 500);
	damage(".debug_line", 500);
}

/* A process that has the file's code mapped where the file wants it. */
static struct process *mapped(const char *name)
{
	struct process *p = process_new(0, 1, "little");
	uint64_t page = address_in(name, "begin") & ~4095UL;

	process_map(p, page, page + 4096, page - 0x400000, in_directory(name));
	return p;
}

/* DIEs whose siblings are their own children: each would be looked at twice as often as the one around it. */
Test(files, siblings_that_are_children, .timeout = 20)
{
	FILE *f = fopen(in_directory("little.c"), "w");
	struct place places[4];

	fputs(".text\n.globl _start, begin\n_start:\nbegin: .skip 64, 0x90\nend:\n"
	      ".section .debug_abbrev\n.byte 1, 0x11, 1, 0x11, 1, 0x12, 7, 0, 0\n" /* unit: low_pc, high_pc */
	      ".byte 2, 0x39, 1, 1, 0x13, 0, 0\n"                                  /* namespace: sibling */
	      ".byte 0\n"
	      ".section .debug_info\nunit: .4byte stop - 1f\n1: .2byte 4\n.4byte 0\n.byte 8\n"
	      ".byte 1\n.8byte begin, end - begin\n",
	    f);
	for (int i = 0; i < 60; i++)
		fprintf(f, "n%d: .byte 2\n.4byte n%d - unit\n", i, i + 1);
	fputs("n60: .skip 62\nstop:\n", f);
	fclose(f);
	run("cc -x assembler %s -o %s -nostdlib -static -Wl,--build-id=none", in_directory("little.c"),
	    in_directory("little"));
	struct process *p = mapped("little");
	cr_assert(places_of(p, address_in("little", "begin") + 8, false, places, 4) == 1);
	cr_assert_str_eq(places[0].function, "begin");
	process_free(p);
}

/* Without a search table all of it is read, and what many refer to many times. */
Test(files, long_common_information, .timeout = 20)
{
	FILE *f = fopen(in_directory("little.c"), "w");
	struct snapshot s = {.incomplete = true};
	struct frame frames[2];
	bool whole;

	fputs(".text\n.globl _start, begin\n_start:\nbegin: .skip 64, 0x90\n"
	      ".section .eh_frame, \"a\", @progbits\n"
	      "common: .4byte 2f - 1f\n1: .4byte 0\n.byte 1, 0, 1, 0x78, 16\n.skip 1000003, 0x41\n2:\n"
	      ".rept 50000\n.4byte 20\n1: .4byte 1b - common\n.8byte begin + 4096, 1\n.endr\n",
	    f);
	fclose(f);
	run("cc -x assembler %s -o %s -nostdlib -static -Wl,--build-id=none -Wl,--no-eh-frame-hdr "
	    "-Wl,-z,noseparate-code",
	    in_directory("little.c"), in_directory("little"));
	struct process *p = mapped("little");
	s.ip = address_in("little", "begin") + 8;
	cr_assert(unwind(p, &s, frames, 2, &whole) == 1);
	process_free(p);
}

/* Nobody writes to it. */
Test(files, debug_file_that_is_a_fifo, .timeout = 20)
{
	static const char *const fifos[] = {"little.debug", ".debug/little.debug"};
	static struct child c;
	size_t n;

	for (size_t i = 0; i < 2; i++) {
		compile("little", "cc", "-O1 -g -Wl,--build-id=none");
		run("cd %s && objcopy --only-keep-debug little little.debug && objcopy --strip-debug"
		    " --add-gnu-debuglink=little.debug little && rm little.debug && mkdir -p .debug && mkfifo %s",
		    directory, fifos[i]);
		run_child(&c, "little");
		struct process *p = process_of(&c);
		struct stack *s = stack_of_child(p, &c, &n);
		cr_assert_str_eq(s->places[0].function, "leaf", "by its symbol");
		process_free(p);
		run("rm %s/%s", directory, fifos[i]);
	}
}

static const char cpp_source[] = "#include \"tool_snapshot.h\"\n"
				 "#include <algorithm>\n"
				 "#include <vector>\n"
				 "static struct taken taken;\n"
				 "namespace own {\n"
				 "struct order {\n"
				 "	int by;\n"
				 "	__attribute__((noinline)) bool operator()(int a, int b) const {\n"
				 "		TAKE(&taken); __asm__ volatile(\"\"); return a * by < b;\n"
				 "	}\n"
				 "};\n"
				 "}\n"
				 "int main() {\n"
				 "	static char maps[65536];\n"
				 "	std::vector<int> v{3, 1, 2};\n"
				 "#line 200 \"little.cc\"\n"
				 "	std::sort(v.begin(), v.end(), own::order{1});\n"
				 "	size_t n = fread(maps, 1, sizeof(maps), fopen(\"/proc/self/maps\", \"r\"));\n"
				 "	fwrite(&taken, sizeof(taken), 1, stdout);\n"
				 "	fwrite(maps, 1, n, stdout);\n"
				 "}\n";

Test(files, cpp)
{
	static struct child c;
	size_t n, i = 0;

	copy_to("little.c", (const uint8_t *)cpp_source, strlen(cpp_source));
	compile("little", "c++ -x c++", "-O1 -g");
	run_child(&c, "little");
	struct process *p = process_of(&c);
	struct stack *s = stack_of_child(p, &c, &n);

	cr_assert_str_eq(s->places[0].function, "own::order::operator()", "%s", text_of(s));
	cr_assert(s->site == 0);
	while (i < s->count && !(s->places[i].line == 200 && strcmp(s->places[i].function, "main") == 0))
		i++;
	cr_assert(i > 1 && i < s->count, "%s", text_of(s));
	cr_assert(strstr(s->places[i - 1].function, "std::sort"), "%s", text_of(s));
	process_free(p);
}
