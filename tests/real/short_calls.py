#!/usr/bin/python3
"""Calls that might block, but do not, pay for no handoff; those that nobody can try do."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both


def handoffs(run):
    found = re.search(r"handoffs (\d+)", " ".join(run.said))
    return int(found.group(1)) if found else -1


program = both.compiled("short_calls.c", "-lrt")
native = both.Run([program], "native")
for arguments, fine in ([], lambda n: n == 0), (["fsync"], lambda n: n >= 1000):
    run = both.Run([both.GREEN, "run", "--stats", "--", program, *arguments], "native")
    print(f"{' '.join(arguments) or 'short calls'}: {handoffs(run)} handoffs", flush=True)
    if run.code != native.code or run.out != native.out:
        both.fail(f"it ends otherwise\n{run}")
    elif not fine(handoffs(run)):
        both.fail(f"handoffs {handoffs(run)}\n{run}")
both.finish()
