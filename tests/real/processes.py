#!/usr/bin/python3
# timeout: 600
"""Python's subprocess, multiprocessing and os.fork at work in threads: the same natively and green."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

PROGRAM = os.path.join(both.HERE, "processes_program.txt")
PARTS = ["subprocess", "options", "fork", "spawn", "forkserver", "shared_fork", "os_fork", "executor", "signals"]
if both.FULL:
    PARTS += ["shared_spawn", "shared_forkserver"]

for i in range(10 if both.FULL else 1):
    for part in PARTS:
        both.same(f"{part} {i + 1}", [both.PYTHON, "-I", PROGRAM, part], timeout=120)
both.finish()
