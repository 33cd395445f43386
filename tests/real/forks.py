#!/usr/bin/python3
# timeout: 1800
"""Thousands of forks from a program with 100 busy threads: every child ends as it should, descriptors and memory flat."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

program = os.path.join(both.BUILD, "programs", "fork_busy")
if not os.access(program, os.X_OK):
    both.skip(f"not built: {program}")
forks = 10000 if both.FULL else 1000
both.same(f"{forks} forks", [program, str(forks)], timeout=850)
both.finish()
