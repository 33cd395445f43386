#!/usr/bin/python3
# timeout: 900
"""gdb, strace, and SIGSTOP with SIGCONT, several times in a row each (20 with --full), on a busy process: every answer
stays right, nothing stays stopped, and it ends as it should. Between two of them the server must have gone on.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

TIMES = {"gdb": 3, "strace": 3, "stop": 20}
program = both.compiled("attach_server.c")


def quiet(argv, seconds):
    """Run to its end; True if that was a good one, by itself and in time."""
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return child.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return False


def gdb(pid):
    return quiet(["gdb", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-p", str(pid), "-ex", "backtrace"], 120)


def strace(pid):
    """It is interrupted when it says that it has attached. Before, it is not ready to leave properly: it dies of the
    signal while it still tries out ptrace on a child of its own, which stays behind."""
    child = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(pid)], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    attached = any(" attached" in line for line in child.stderr)
    time.sleep(0.05)
    child.send_signal(signal.SIGINT)  # detaches
    try:
        child.communicate(timeout=120)
        return attached
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return False


def stop(pid):
    os.kill(pid, signal.SIGSTOP)
    give_up = time.monotonic() + 30
    while state(pid) != "T":
        if time.monotonic() > give_up:
            return False
        time.sleep(0.001)
    os.kill(pid, signal.SIGCONT)
    return True


def left_stopped(pid):
    """SIGCONT is on its way when stop() returns."""
    give_up = time.monotonic() + 10
    while state(pid) in "Tt":
        if time.monotonic() > give_up:
            os.kill(pid, signal.SIGCONT)
            return True
        time.sleep(0.001)
    return False


def state(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rpartition(")")[2].split()[0]


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def goes_on(pid):
    before, give_up = cpu_ticks(pid), time.monotonic() + 30
    while cpu_ticks(pid) <= before:
        if time.monotonic() > give_up:
            return False
        time.sleep(0.005)
    return True


def disturb(way, how, name):
    server = subprocess.Popen([program], env=both.environment(way), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    problem = None
    if server.stdout.readline() != "ready\n":
        problem = "it does not begin"
    rounds = 20 if both.FULL else TIMES[name]
    for i in range(rounds):
        if problem:
            break
        if not how(server.pid):
            problem = f"time {i + 1}: {name} fails or does not end"
        elif server.poll() is not None:
            problem = f"time {i + 1}: it has ended"
        elif left_stopped(server.pid):
            problem = f"time {i + 1}: it is left stopped"
        elif not goes_on(server.pid):
            problem = f"time {i + 1}: it does not go on"
    server.send_signal(signal.SIGTERM)
    try:
        out, err = server.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        server.kill()
        out, err = server.communicate()
        problem = problem or "it does not end"
    lost = 0 if name != "strace" else rounds  # attach_server.c
    told = re.fullmatch(r"exchanges \d+, lost (\d+)\n", out)
    if problem or server.returncode != 0 or not told or int(told[1]) > lost:
        both.fail(f"{name}, {way}: {problem or ''} code {server.returncode}, {out!r} {err[-500:]!r}")
    else:
        print(f"ok   {name}, {way}: {out.strip()}", flush=True)


for name, how in [("gdb", gdb), ("strace", strace), ("stop", stop)]:
    if name != "stop" and not shutil.which(name):
        print(f"left out: no {name}")
        continue
    for way in both.WAYS:
        disturb(way, how, name)
both.finish()
