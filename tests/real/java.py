#!/usr/bin/python3
# timeout: 240
"""A Java program with threads, sockets and processes prints the same natively and under the library."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

if not shutil.which("java"):
    both.skip("java is missing (default-jre-headless)")
if not shutil.which("javac") and "jdk.compiler" not in subprocess.run(["java", "--list-modules"], capture_output=True,
                                                                     text=True, env=both.clean()).stdout:
    both.skip("java cannot compile (default-jdk-headless)")
source = os.path.join(both.HERE, "JavaProgram.java")
with tempfile.TemporaryDirectory() as scratch:
    # Compiled once, natively; then the class is what runs both ways.
    command = ["java", source]
    if shutil.which("javac"):
        subprocess.run(["javac", "-d", scratch, source], check=True, env=both.clean())
        command = ["java", "-cp", scratch, "JavaProgram"]
    for i in range(10 if both.FULL else 2):
        if not both.same(f"java {i + 1}", command, may_run_native=True, timeout=100):
            break
both.finish()
