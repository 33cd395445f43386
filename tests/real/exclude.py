#!/usr/bin/python3
"""--exclude: threads that stay kernel threads, by the library that makes them or whose function they are, however it
came into the program; programs of which every thread, or every second, is one."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

SHARED = ["-shared", "-fPIC"]
# Of tests/programs: what threads share and do to each other. With --full all that make threads.
PROGRAMS = """barrier cancel_kinds cancel_race cond_ping_pong cond_queue cond_timed cxx_async cxx_cancel_waits cxx_mutex_cond
    epoll_modes epoll_shared exec_from_thread exit_from_thread fd_two_readers fork_busy fork_in_thread futex_calls futex_pi
    keys mutex_robust mutex_timed_race mutex_types pipe_producers pipe_ring poll_many robust_lists rwlock rwlock_timed
    sem_ping_pong signal_contexts signal_matrix signal_sigwait signal_states stdio_locks thread_names thread_scheduling
    threads_join_chain threads_main_exits threads_timed_join wait_many""".split()

host = both.compiled("exclude_host.c")
library = both.compiled("exclude_library.c", *SHARED, name="libexclude.so.1.2")
cxx = both.compiled("exclude_library.cc", *SHARED, "-lstdc++", name="libexclude_cxx.so")
every_other = both.compiled("every_other.c", *SHARED, name="every_other.so")

OWN = ["the program's own", "the program's own of C11", "the program's own again"]
LIBRARYS = ["a library's", "a library's, of the program's function", "a library's of C11",
            "the library's, made by the program"]
CXX = ["a library's std::thread", "a library's std::thread of the program's function", "a library's std::async"]


def kinds(run):
    return dict(line.rsplit(": ", 1) for line in run.out.splitlines())


def stated(run, word):
    """A total of --stats; 0 when it is not said."""
    found = re.search(rf"{word} (\d+)", " ".join(run.said))
    return int(found.group(1)) if found else 0


def by_library(patterns, *excluded):
    run = both.Run([both.GREEN, "run", "--stats", f"--exclude={patterns}", host, library, cxx], "native")
    expected = {name: "kernel" if name in excluded else "green" for name in OWN + LIBRARYS + CXX}
    total = len(excluded) + (OWN[0] in excluded)  # by its name, and then so is the main thread
    if run.code or run.err or kinds(run) != expected or stated(run, "threads excluded") != total:
        both.fail(f"--exclude={patterns}: excluded should be {excluded}\n{run}")
    else:
        print(f"ok   --exclude={patterns}: {len(excluded)} of {len(expected)}")


both.same("the host itself", [host, library, cxx], green_argv=[host, library, cxx])
by_library("nothing*")
by_library("libexclude.so", *LIBRARYS)
by_library("libexclude.so.1", )
by_library("libexclude.so.1*", *LIBRARYS)
by_library("libexclude_cxx.so", *CXX)
by_library("*/real/libexclude.so*", *LIBRARYS)
by_library("libexclude*", *LIBRARYS, *CXX)
by_library("nothing,libexclude_cxx.so,libexclude.so", *LIBRARYS, *CXX)
by_library("libstdc++.so", *CXX)
by_library("exclude_host", *OWN, *LIBRARYS, *CXX)
by_library("*", *OWN, *LIBRARYS, *CXX)

# What is wrong is said, and the program is run as without.
for wrong, why in ("", "an empty pattern"), ("a,,b", "an empty pattern"), ("[a", "a [ without its ]"), ("x" * 5000, "longer"):
    run = both.Run([host], "green", env={"GREEN_EXCLUDE": wrong})
    if run.code or len(run.said) != 1 or why not in run.said[0] or set(kinds(run).values()) != {"green"}:
        both.fail(f"GREEN_EXCLUDE={wrong[:20]}: {why}\n{run}")


def mixed(name, env, excluded_at_least):
    """A test program, natively and with some of its threads excluded."""
    program = os.path.join(both.BUILD, "programs", name)
    native = both.Run([program], "native")
    if native.code == 77:
        return
    run = both.Run([program], "native", env={"GREEN_STATS": "1", **env})
    said = [line for line in run.said if "stats:" not in line]
    if run.code != native.code or run.out != native.out or said or stated(run, "threads excluded") < excluded_at_least:
        both.fail(f"{name} with {env['GREEN_EXCLUDE']}\nnative\n{native}\ngreen\n{run}")
    else:
        print(f"ok   {name} with {env['GREEN_EXCLUDE']}: {stated(run, 'threads excluded')} excluded", flush=True)


for name in PROGRAMS:
    mixed(name, {"GREEN_EXCLUDE": "every_other.so", "LD_PRELOAD": f"{every_other}:{both.LIB}"}, 1)
    if both.FULL:
        mixed(name, {"GREEN_EXCLUDE": "*", "LD_PRELOAD": both.LIB}, 1)

# Threads of an interpreter, all of them.
script = """
import threading, queue, time
q, done = queue.Queue(), []
def work():
    while (n := q.get()) is not None:
        done.append(n)
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]
[q.put(n) for n in range(2000)]
[q.put(None) for _ in threads]
[t.join(5) for t in threads]
print(sorted(done) == list(range(2000)))
"""
for patterns in "*", "python3*":
    both.same(f"python3 with {patterns}", [both.PYTHON, "-c", script],
              green_argv=[both.GREEN, "run", f"--exclude={patterns}", both.PYTHON, "-c", script])

both.finish()
