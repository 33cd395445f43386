# make              build/libgreen.so and build/green
# make demo         uWSGI and Flask three ways: native threads, gevent, libgreen
# make test         everything that is tested, native and green
# make install      PREFIX=/usr/local, DESTDIR=
# make help         the other targets

VERSION := 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

# Debian packages. PACKAGE=COMMAND: not wanted where COMMAND is there already, from whatever source.
PACKAGES := gcc g++ make binutils libc6-dev libuv1-dev libzydis-dev libunwind-dev libelf-dev libdw-dev
# the demo
PACKAGES += uwsgi uwsgi-plugin-python3 uwsgi-plugin-gevent-python3 python3 python3-flask python3-gevent
PACKAGES += apache2-utils procps
# the tests
PACKAGES += libcriterion-dev spin=spin gdb=gdb strace=strace git=git rsync=rsync nodejs=node default-jdk-headless=javac \
	libjemalloc2 util-linux dpkg-dev=dpkg-source libpython3.11-testsuite libaio-dev libgomp1
# make lint, make format
LINT_PACKAGES := clang-format=clang-format clang-tidy=clang-tidy cppcheck=cppcheck shellcheck=shellcheck

CFLAGS ?= -O2 -g
CXXFLAGS ?= -O2 -g
WARN := -Wall -Wextra $(if $(filter true,$(CI)),-Werror)
CPPFLAGS += -I. -D_GNU_SOURCE -DGREEN_VERSION='"$(VERSION)"' -MMD -MP
STD := -std=gnu11

# What is preloaded. Text must unwind at any instruction, and TLS must not call __tls_get_addr.
PIC := -fPIC -fvisibility=hidden -ftls-model=initial-exec -fasynchronous-unwind-tables -fno-strict-aliasing \
	-fno-stack-protector
# What may run on a green thread's stack: no SSE register (the program's are not saved), no call into libc that the
# compiler thought of itself (memcpy from a loop, __*_chk).
GREEN_STACK := $(wildcard runtime/*.c) shim/lookup.c shim/trap.c
GREEN_STACK_FLAGS := -mgeneral-regs-only -fno-tree-loop-distribute-patterns -fcf-protection=none -U_FORTIFY_SOURCE

LDFLAGS_SO := -shared -Wl,-z,defs -Wl,-z,initfirst -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,--version-script=shim/libgreen.map -Wl,-soname,libgreen.so

# Sanitizer builds (make asan) link what is otherwise opened when arming: ASan refuses RTLD_DEEPBIND.
ifdef SANITIZE
SAN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer -DGREEN_SANITIZE
UNIT_LIBS := -luv -lZydis
# Frames on a green thread's stack come to no end that ASan sees (it is switched away from, left by a jump), and what
# they have poisoned would be taken for an error of whoever comes there next: no red zones around their locals.
SAN_STACK := --param asan-stack=0
# gcc says that TSan does not understand the fences: they order what is atomic, and no data hang on them.
ifeq ($(SANITIZE),thread)
WARN += -Wno-tsan
endif
endif

LIB_SRC := $(wildcard runtime/*.c runtime/*.S shim/*.c shim/*.S)
LIB_OBJ := $(LIB_SRC:%=$(BUILD)/obj/%.o)
TOOL_OBJ := $(patsubst %,$(BUILD)/obj/%.o,$(wildcard tools/*.c tools/trace/*.c))
TOOL_LIB_OBJ := $(BUILD)/obj/runtime/patterns.c.o
# What reads stacks and symbols.
TOOL_LIBS := -lunwind-x86_64 -lunwind -ldw -lelf
PROGRAMS := $(patsubst tests/programs/%,$(BUILD)/programs/%,$(basename $(wildcard tests/programs/*.c tests/programs/*.cc)))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*.c))
RACES := $(patsubst tests/race/%.c,$(BUILD)/race/%,$(wildcard tests/race/*.c))

# As many compilers as CPUs, unless the user said.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all programs unit races race_programs deps demo test real models parity bench soak fuzz fuzz_programs asan tsan lint format \
	check-format install clean help
.DELETE_ON_ERROR:

all: $(BUILD)/libgreen.so $(BUILD)/green

# A preload's dependencies come into every program: libc alone is allowed.
$(BUILD)/libgreen.so: $(LIB_OBJ) shim/libgreen.map
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS_SO) $(LDFLAGS) -o $@ $(LIB_OBJ)
	@! readelf -d $@ | grep NEEDED | grep -v -e '\[libc\.so\.6\]' -e '\[ld-linux-x86-64\.so\.2\]' || \
		{ echo "$@: must need nothing but libc" >&2; exit 1; }

$(BUILD)/green: $(TOOL_OBJ) $(TOOL_LIB_OBJ)
	$(CC) $(CFLAGS) $(SAN) $(LDFLAGS) -o $@ $^ $(TOOL_LIBS)

$(BUILD)/obj/%.c.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(SAN) $(WARN) $(FLAGS) -c -o $@ $<

$(BUILD)/obj/%.S.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(LIB_OBJ): FLAGS = $(PIC) $(if $(filter $(GREEN_STACK),$<),$(GREEN_STACK_FLAGS) $(SAN_STACK))
$(TOOL_OBJ): FLAGS = -DGREEN_LIBDIR='"$(LIBDIR)"'

# tests/programs: one file, one program. Its first lines may say `// cflags: ...` and `// libs: ...`.
said = $$(sed -n '1,20s,^// $(1): *,,p' $<)

programs: $(PROGRAMS)

$(BUILD)/programs/%: tests/programs/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(SAN) $(WARN) -pthread $(call said,cflags) -o $@ $< $(call said,libs) -Wl,--as-needed -lm

$(BUILD)/programs/%: tests/programs/%.cc Makefile
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) $(WARN) -pthread $(call said,cflags) -o $@ $< $(call said,libs) -Wl,--as-needed -lm

# tests/unit: one file, one Criterion program, with what it uses of the library. libc comes before the archive, so that
# a test's own read() is libc's and not the symbol door's.
unit: $(UNITS)

$(BUILD)/unit/libgreen.a: $(LIB_OBJ)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/unit/libgreen.a Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(SAN) $(SAN_STACK) $(WARN) $(call said,cflags) -o $@ $< \
		-lcriterion $(UNIT_LIBS) -lc $(BUILD)/unit/libgreen.a $(call said,libs)

# tests/unit/tool_*.c: of the tool's parts, and with what these use. TESTS_UNIT: some compile programs of their own.
$(BUILD)/unit/libtools.a: $(filter-out %/green.c.o,$(TOOL_OBJ)) $(TOOL_LIB_OBJ)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/unit/tool_%: tests/unit/tool_%.c $(BUILD)/unit/libtools.a Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CPPFLAGS) -DTESTS_UNIT='"$(abspath tests/unit)"' $(CFLAGS) $(SAN) $(WARN) $(call said,cflags) \
		-o $@ $< -lcriterion $(BUILD)/unit/libtools.a $(TOOL_LIBS) $(call said,libs)

# tests/race: one file, one program. Always under ThreadSanitizer, and so is what it uses of the library.
races:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SANITIZE=thread race_programs

# What race.h tells the sanitizer of, or delays.
RACE_WRAPS := context_switch thread_claim thread_go_on

race_programs: $(RACES)

$(BUILD)/race/%: tests/race/%.c $(BUILD)/unit/libgreen.a Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(SAN) $(WARN) $(call said,cflags) -o $@ $< \
		$(RACE_WRAPS:%=-Wl,--wrap=%) $(UNIT_LIBS) -lc $(BUILD)/unit/libgreen.a

# tests/fuzz: what reads a traced program's memory, which is not to be trusted; FUZZ_SEED repeats a run.
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))
FUZZ_SECONDS ?= 60

fuzz_programs: $(FUZZERS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/unit/libtools.a Makefile
	@mkdir -p $(@D)
	$(CC) $(STD) $(CPPFLAGS) $(CFLAGS) $(SAN) $(WARN) -o $@ $< $(BUILD)/unit/libtools.a $(TOOL_LIBS)

fuzz:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SANITIZE=address,undefined fuzz_programs
	@for f in $(FUZZERS:$(BUILD)/%=$(BUILD)/asan/%); do $$f $(FUZZ_SECONDS) $(FUZZ_SEED) || exit 1; done

tsan: races
	@python3 tests/run --build $(BUILD) race

# No leaks: LeakSanitizer does not see what is reached from memory that the runtime maps itself.
asan:
	$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined unit
	@failed=0; for t in $(UNITS:$(BUILD)/%=$(BUILD)/asan/%); do \
		ASAN_OPTIONS=detect_leaks=0 $$t || failed=1; done; exit $$failed

demo: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@/usr/bin/python3 tools/demo/demo.py --build $(BUILD) $(DEMO_ARGS)

test: deps
	@$(MAKE) --no-print-directory $(JOBS) all programs unit races
	@python3 tests/run --build $(BUILD) $(TEST_ARGS)

real: all programs
	@python3 tests/run --build $(BUILD) real

# The whole of the conformance suites; a part of the first is in `make test`. What was stopped goes on.
SUITES ?= posixtestsuite glibc
parity: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@for suite in $(SUITES); do \
		echo "$$suite:"; \
		tests/parity/run --suite $$suite --build $(BUILD) $(PARITY_ARGS) || failed=1; \
	done; exit $${failed:-0}

# The programs it needs are built by tests/bench/run.
bench: all
	@python3 tests/bench/run --build $(BUILD) $(BENCH_ARGS)

# Half an hour, or SOAK_ARGS='--minutes 480'.
soak: all programs
	@tests/soak/run --build $(BUILD) $(SOAK_ARGS)

models:
	@tests/models/run $(MODELS)

# Silent when nothing is missing. A command that stands for a package may come from elsewhere.
deps:
	@missing=; \
	have=" $$(dpkg-query -W -f '$${Package}:$${db:Status-Status} ' $(foreach p,$(PACKAGES),$(firstword $(subst =, ,$(p)))) \
		2>/dev/null | tr '\n' ' ')"; \
	for p in $(PACKAGES); do \
		case "$$have" in *" $${p%%=*}:installed "*) continue;; esac; \
		case $$p in *=*) command -v "$${p#*=}" >/dev/null && continue;; esac; \
		missing="$$missing $${p%%=*}"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	command -v apt-get >/dev/null || { echo "make deps: no apt-get; install what Debian calls$$missing" >&2; exit 1; }; \
	[ "$$(id -u)" = 0 ] || { echo "make deps: only root can run: apt-get install$$missing" >&2; exit 1; }; \
	echo "installing$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -qq update && apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $$missing

C_FILES = $(wildcard runtime/*.[ch] shim/*.[ch] tools/*.[ch] tools/trace/*.[ch] tests/unit/*.[ch] tests/race/*.[ch] tests/programs/*.[ch] \
	tests/programs/*.cc tests/bench/*.[ch] tests/real/*.[ch] tests/fuzz/*.c)

LINT_C = $(filter-out tests/%,$(filter %.c,$(C_FILES)))
LINT_FLAGS = $(STD) -I. -D_GNU_SOURCE -DGREEN_VERSION=\"\" -DGREEN_LIBDIR=\"\"

lint:
	@$(MAKE) --no-print-directory deps PACKAGES="$(LINT_PACKAGES)"
	printf '%s\n' $(LINT_C) | xargs -n 4 -P $$(nproc) sh -c 'clang-tidy --quiet "$$@" -- $(LINT_FLAGS) 2>/dev/null' clang-tidy
	cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability,performance \
		--suppress=missingInclude -D__x86_64__ --std=c11 $(filter-out -std=%,$(LINT_FLAGS)) $(LINT_C)
	shellcheck --severity=warning $(shell grep -rlE '^#!/bin/(ba)?sh' .ci tests tools)

format:
	clang-format -i $(C_FILES)

check-format:
	@$(MAKE) --no-print-directory deps PACKAGES="$(LINT_PACKAGES)"
	@clang-format --dry-run -Werror $(C_FILES)

install: all
	install -D -m 755 $(BUILD)/libgreen.so $(DESTDIR)$(LIBDIR)/libgreen.so
	install -D -m 755 $(BUILD)/green $(DESTDIR)$(BINDIR)/green
	install -D -m 644 tools/green.1 $(DESTDIR)$(MANDIR)/man1/green.1
	install -D -m 644 tools/green-trace.1 $(DESTDIR)$(MANDIR)/man1/green-trace.1
	install -D -m 644 tools/libgreen.7 $(DESTDIR)$(MANDIR)/man7/libgreen.7
	install -D -m 644 tools/green.bash $(DESTDIR)$(COMPLETIONDIR)/green

clean:
	rm -rf $(BUILD)

help:
	@echo "make [all]              $(BUILD)/libgreen.so and $(BUILD)/green (BUILD=dir for another place)"
	@echo "make demo               uWSGI and Flask three ways (DEMO_ARGS='--rounds 5')"
	@echo "make test               build and run all tests (TEST_ARGS for tests/run)"
	@echo "make real               the tests with real programs alone"
	@echo "make parity             conformance suites, native and green (SUITES=glibc PARITY_ARGS='-k pthread_')"
	@echo "make models             verify the models of tests/models with spin (MODELS='park futex')"
	@echo "make bench              measurements, native and green (BENCH_ARGS='--quick echo threads startup')"
	@echo "make soak               half an hour of everything at once (SOAK_ARGS='--minutes 480 --seed 7')"
	@echo "make fuzz               what reads a traced program's memory, under sanitizers (FUZZ_SECONDS=600 FUZZ_SEED=7)"
	@echo "make asan               unit tests under AddressSanitizer and UBSan"
	@echo "make tsan               race tests under ThreadSanitizer"
	@echo "make lint               clang-tidy, cppcheck, shellcheck"
	@echo "make format             clang-format in place; make check-format only says"
	@echo "make deps               install the Debian packages that are missing"
	@echo "make install            PREFIX=$(PREFIX) DESTDIR="
	@echo "make clean              remove $(BUILD)"

# Other people's sources, under parity/, have files of that name too.
-include $(shell find $(BUILD) -path $(BUILD)/parity -prune -o -name '*.d' -type f -print 2>/dev/null)
