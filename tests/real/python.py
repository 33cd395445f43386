#!/usr/bin/python3
# timeout: 600
"""Python programs with threading, queue, socket, subprocess, signal and asyncio print the same natively and green."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

PROGRAMS = {"program": 3, "threads": 1, "signals": 2, "ends": 1}

for name, times in PROGRAMS.items():
    for i in range(20 if both.FULL else times):
        argv = [both.PYTHON, "-I", os.path.join(both.HERE, f"python_{name}.txt")]
        if not both.same(f"python {name} {i + 1}", argv, timeout=60):
            break
both.finish()
