#!/usr/bin/python3
# timeout: 240
"""A Python program with threading, queue, socket and subprocess prints the same natively and green."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

for i in range(20 if both.FULL else 3):
    if not both.same(f"python {i + 1}", [both.PYTHON, "-I", os.path.join(both.HERE, "python_program.txt")], timeout=60):
        break
both.finish()
