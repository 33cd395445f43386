#!/usr/bin/python3
# timeout: 240
"""A program with its own libuv: the library's private copy and the program's do not meet."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

program = both.compiled("uv_program.c", "-luv")
for i in range(10 if both.FULL else 3):
    both.same(f"libuv {i + 1}", [program], may_run_native=True)
both.finish()
