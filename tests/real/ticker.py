#!/usr/bin/python3
# timeout: 300
"""A 1 ms ticker beside CPU hogs, a held flock and FIFO opens goes on.

2 s each, and only a stop that no busy machine explains is a failure; with --full 10 s, and at most 100 ms.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

LIMIT_MS = 100 if both.FULL else 1500
CASES = [["hogs", "1"], ["hogs", "2"], ["hogs", "4"], ["flock"], ["fifo", "3"]]

program = both.compiled("ticker.c")
seconds = 10 if both.FULL else 2
for case in CASES:
    for way in both.WAYS:
        run = both.Run([program, str(seconds), *case], way, timeout=seconds + 30)
        name = f"{' '.join(case)}, {way}"
        if run.code != 0:
            both.fail(f"{name}:\n{run}")
            continue
        print(f"{name}: {run.out.strip()}", flush=True)
        if way == "green" and float(run.out.split()[-2]) > LIMIT_MS:
            both.fail(f"{name}: more than {LIMIT_MS} ms")
both.finish()
