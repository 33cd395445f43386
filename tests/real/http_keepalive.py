#!/usr/bin/python3
# timeout: 900
"""Python's ThreadingHTTPServer under ab -k -c 200 -n 5000, again and again: every run completes, none failed.

A lost wake-up shows itself here first. 5 runs; 50 with --full.
"""

import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

REQUESTS = 5000


def number(pattern, text):
    found = re.search(pattern, text)
    return float(found.group(1)) if found else None


def load(port):
    """Requests per second, or what went wrong."""
    try:
        done = subprocess.run(["ab", "-q", "-k", "-s", "20", "-c", "200", "-n", str(REQUESTS),
                               f"http://127.0.0.1:{port}/"], env=both.clean(), capture_output=True, text=True,
                              timeout=60)
    except subprocess.TimeoutExpired:
        return None, "hangs"
    complete = number(r"Complete requests: +(\d+)", done.stdout)
    failed = number(r"Failed requests: +(\d+)", done.stdout)
    if done.returncode or complete != REQUESTS or failed or number(r"Non-2xx responses: +(\d+)", done.stdout):
        said = done.stderr.strip()[-300:]
        return None, f"ab ends with {done.returncode}: {complete} complete, {failed} failed; {said}"
    return number(r"Requests per second: +([\d.]+)", done.stdout), None


def serve(way, runs):
    server = subprocess.Popen([both.PYTHON, "-I", os.path.join(both.HERE, "http_server.txt")],
                              env=both.environment(way), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        port, rates = server.stdout.readline().strip(), []
        for i in range(runs):
            rate, problem = load(port)
            if problem:
                both.fail(f"{way}, run {i + 1} of {runs}: {problem}; the server "
                          + ("lives" if server.poll() is None else f"ended with {server.returncode}"))
                return
            rates.append(rate)
        print(f"{way}: {len(rates)} runs, {sorted(rates)[len(rates) // 2]:.0f} requests/s", flush=True)
    finally:
        server.kill()
        server.wait()


if not shutil.which("ab"):
    both.skip("ab is missing (apache2-utils)")
serve("native", 1)
serve("green", 50 if both.FULL else 5)
both.finish()
