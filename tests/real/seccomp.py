#!/usr/bin/python3
# timeout: 240
"""Programs that sandbox themselves with seccomp work under the library, or run natively with its one line."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

program = both.compiled("host_program.c")
for sandbox in ["", "no-exec", "denied", "enosys", "late"]:
    both.same(f"seccomp {sandbox or 'none'}", [program] + ([sandbox] if sandbox else []), may_run_native=bool(sandbox))
both.finish()
