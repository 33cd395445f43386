#!/usr/bin/python3
# timeout: 240
"""Programs built with sanitizers, through `green run` (ASan insists on being first in LD_PRELOAD)."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

for name in ["address", "undefined"]:
    program = both.compiled("host_program.c", f"-fsanitize={name}", "-fno-sanitize-recover=all", name=f"host_{name}")
    both.same(f"-fsanitize={name}", [program], [both.GREEN, "run", "--", program], may_run_native=True, timeout=100)
both.finish()
