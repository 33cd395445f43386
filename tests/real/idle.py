#!/usr/bin/python3
"""A process whose threads all wait makes no system call: for two seconds none of its kernel threads is switched to."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

PATIENCE, QUIET = 20, 2


def switches(pid):
    """How often each kernel thread has given up the CPU of itself."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/status") as f:
            found[tid] = next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
    return found


program = both.compiled("idle.c")
process = subprocess.Popen([program], env=both.environment("green"), stdout=subprocess.PIPE, text=True)
try:
    if process.stdout.readline() != "idle\n":
        both.fail("it did not get idle")
        both.finish()
    end = time.monotonic() + PATIENCE
    quiet = False
    while not quiet and time.monotonic() < end:
        before = switches(process.pid)
        time.sleep(QUIET)
        quiet = before == switches(process.pid)
    print(f"{len(before)} kernel threads")
    if not quiet:
        both.fail(f"never quiet for {QUIET} s: {before}, {switches(process.pid)}")
    if len(before) > 100:
        both.fail("the threads are not green")
finally:
    process.kill()
    process.wait()
both.finish()
