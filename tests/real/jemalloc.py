#!/usr/bin/python3
# timeout: 240
"""A program with its own malloc: jemalloc linked, and jemalloc preloaded before and behind the library."""

import ctypes.util
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

jemalloc = ctypes.util.find_library("jemalloc")
if not jemalloc:
    both.skip("jemalloc is missing (libjemalloc2)")
linked = both.compiled("host_program.c", f"-Wl,--no-as-needed,-l:{jemalloc}", name="host_jemalloc")
plain = both.compiled("host_program.c")
both.same("jemalloc linked", [linked], may_run_native=True)
for order in [[jemalloc, both.LIB], [both.LIB, jemalloc]]:
    both.same("jemalloc preloaded " + ("first" if order[0] == jemalloc else "last"), [plain],
              ["env", "LD_PRELOAD=" + ":".join(order), plain], may_run_native=True)
both.finish()
