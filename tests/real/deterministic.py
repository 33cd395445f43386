#!/usr/bin/python3
"""With --deterministic the order of switches is the same in each run; without, and natively, it is not."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

RUNS = 20

program = both.compiled("deterministic.c")


def orders(argv):
    """How often each order came."""
    found = {}
    for _ in range(RUNS):
        run = both.Run(argv, "native")
        if run.code != 0 or run.said:
            both.fail(f"it does not run\n{run}")
        found[run.out] = found.get(run.out, 0) + 1
    return found


native = orders([program])
green = orders([both.GREEN, "run", "--deterministic", "--", program])
print(f"of {RUNS} runs: {len(native)} orders natively, {len(green)} with --deterministic")
if len(native) == 1:
    both.fail("the test would not see another order")
if len(green) != 1:
    both.fail(f"not deterministic: {green}")
both.finish()
