#!/usr/bin/python3
# timeout: 240
"""node with worker threads, net, fs, dns and child processes prints the same natively and under the library."""

import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

if not shutil.which("node"):
    both.skip("node is missing (nodejs)")
for i in range(10 if both.FULL else 2):
    if not both.same(f"node {i + 1}", ["node", os.path.join(both.HERE, "node_program.js")], may_run_native=True):
        break
both.finish()
