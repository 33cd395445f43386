#!/usr/bin/python3
# timeout: 300
"""green trace: what it says of programs whose faults are known.

    tests/real/trace.py [BUILD] [--full] [faults|counts|ends|attach|native|errors ...]
"""

import collections
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both
import namespaces

SCRATCH = tempfile.TemporaryDirectory(prefix="green-trace.")
TOLERANCE = 0.05
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60}


class Trace:
    """One finished `green trace`: code, out, err (the program's), report (the trace's), events with --json."""

    def __init__(self, options, program, timeout=60, while_running=None):
        self.path = os.path.join(SCRATCH.name, f"trace.{time.monotonic_ns()}")
        argv = [both.GREEN, "trace", "-o", self.path, *options] + (["--", *program] if program else [])
        child = subprocess.Popen(argv, env=both.clean(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        try:
            if while_running:
                while_running(child, self)
            self.out, self.err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            self.out, self.err = child.communicate()
            both.fail(f"green trace {options} {program}: hangs")
        self.code = child.returncode
        self.report = self.so_far()
        if "--json" in options:
            self.events = [json.loads(line) for line in self.report.splitlines()]

    def so_far(self):
        try:
            with open(self.path, errors="surrogateescape") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def of(self, kind, **what):
        return [e for e in self.events if e["type"] == kind and all(e.get(k) == v for k, v in what.items())]

    def __str__(self):
        return f"  code {self.code}\n  out: {self.out[-1000:]!r}\n  err: {self.err[-1000:]!r}\n{self.report[:5000]}"


def lines_with(source, mark):
    with open(os.path.join(both.HERE, source)) as f:
        return [number for number, text in enumerate(f, 1) if mark in text]


def rows(report):
    """The summary's rows, in order: verdict, count, total, max (seconds), what, where."""
    found, heads = [], None
    for line in report.splitlines():
        if line.startswith("verdict "):
            names = re.findall(r"\S+", line)
            heads = {name: (m.start(), m.end()) for name, m in zip(names, re.finditer(r"\S+", line))}
        elif heads and line and not line.startswith(" "):
            cells = re.split(r" {2,}", line)
            times = re.findall(r"([\d.]+) (ns|us|ms|s|min)\b", line)
            if len(times) >= 4:
                seconds = [float(n) * SECONDS[unit] for n, unit in times]
                found.append({"verdict": cells[0], "count": int(cells[1].split()[0]), "total": seconds[0], "max": seconds[3],
                              "line": line})
        elif heads and not line:
            break
    return found


def lookups_fail(scratch):
    """A name server that never answers."""
    namespaces.bind_over("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n", scratch)
    namespaces.bind_over("/etc/nsswitch.conf", "hosts: files dns\n", scratch)
    namespaces.loopback_up()
    dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dead.bind(("127.0.0.1", 53))
    return dead


VERDICTS = {"compute": "computed", "flock": "handed off", "lookup": "parked", "mutex": "parked", "inline": "rescued"}


def faults():
    """Each of five planted faults is at its line, with its verdict and its time, on top of the summary."""
    program = both.compiled("trace_faults.c")
    trace = Trace(["-c"], [program, SCRATCH.name, "3"])
    clocks = dict((name, float(took)) for name, _, took in (line.split() for line in trace.out.splitlines()))
    if trace.code or set(clocks) != set(VERDICTS):
        both.fail(f"faults: it does not run\n{trace}")
        return
    found = rows(trace.report)
    for name, verdict in VERDICTS.items():
        places = [f"trace_faults.c:{n} " for n in lines_with("trace_faults.c", f"FAULT {name}")]
        at = [(i, r) for i, r in enumerate(found) if any(p in r["line"] for p in places) and r["verdict"] == verdict]
        if not at:
            both.fail(f"faults: {name} is not there as {verdict}\n{trace}")
            continue
        total = sum(r["total"] for _, r in at)
        off = total / clocks[name] - 1
        print(f"{name}: row {at[0][0] + 1}, {verdict}, {total:.3f} s of {clocks[name]:.3f} s", flush=True)
        if at[0][0] >= len(VERDICTS):
            both.fail(f"faults: {name} is not on top\n{trace}")
        if abs(off) > TOLERANCE:
            both.fail(f"faults: {name} took {clocks[name]:.3f} s, the trace says {total:.3f}\n{trace}")
    holder = lines_with("trace_faults.c", "HOLDS mutex")[0]
    if not re.search(rf"held by .*trace_faults\.c:{holder}\b", trace.report):
        both.fail(f"faults: who holds the mutex is not said\n{trace}")
    last = trace.report.splitlines()[-1]
    if not re.match(r"Look first at trace_faults\.c:\d+", last):
        both.fail(f"faults: no last sentence: {last}")
    print(last, flush=True)


STRACE_LINE = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)(.*?)(?:<([\d.]+)>)?$")


def strace_counts(program):
    """Calls between the marks, natively: how many, and seconds in all."""
    log = os.path.join(SCRATCH.name, "strace")
    subprocess.run(["strace", "-f", "-T", "-o", log, program], env=both.clean(), check=True, stdout=subprocess.DEVNULL)
    count, seconds, marks = collections.Counter(), collections.Counter(), 0
    with open(log, errors="replace") as f:
        for line in f:
            m = STRACE_LINE.match(line.rstrip())
            if not m or "<unfinished" in line:
                continue
            if m.group(1) == "getpgid":
                marks += 1
            elif marks == 1 and m.group(3):
                count[m.group(1)] += 1
                seconds[m.group(1)] += float(m.group(3))
    return count, seconds


def green_counts(program):
    trace = Trace(["--json"], [program])
    calls = sorted(trace.of("call", state="ended"), key=lambda e: e["end"])
    count, seconds, marks = collections.Counter(), collections.Counter(), 0
    for e in calls:
        if e["name"] == "getpgid":
            marks += 1
        elif marks == 1:
            count[e["name"]] += 1
            seconds[e["name"]] += e["duration"] / 1e9
    return count, seconds, trace


# How often threads meet at a futex is a matter of chance; with the time of sleeps each call takes a good part of a second.
BY_CHANCE = {"futex"}
TAKES_TIME = {"clock_nanosleep", "poll"}


def counts():
    """As many calls of each kind as strace sees of the same program, natively, and the same times."""
    if subprocess.run(["strace", "true"], capture_output=True).returncode:
        print("strace does not run here: counts are not compared")
        return
    program = both.compiled("trace_counts.c")
    native, native_seconds = strace_counts(program)
    green, green_seconds, trace = green_counts(program)
    for name in sorted(set(native) | set(green) - BY_CHANCE):
        print(f"{name}: strace {native[name]}, {native_seconds[name]:.3f} s; green trace {green[name]}, "
              f"{green_seconds[name]:.3f} s", flush=True)
        if name not in BY_CHANCE and native[name] != green[name]:
            both.fail(f"counts: {name}: strace counts {native[name]}, green trace {green[name]}")
        if name in TAKES_TIME and abs(green_seconds[name] / native_seconds[name] - 1) > 0.01:
            both.fail(f"counts: {name}: strace {native_seconds[name]:.4f} s, green trace {green_seconds[name]:.4f} s")
    if not native or len(native) < 12:
        both.fail(f"counts: strace's log was not understood: {native}")
    lost = trace.of("end")[0]["lost"]
    if any(lost.values()):
        both.fail(f"counts: lost {lost}")


def ended(trace, status, life, **what):
    if trace.code != status:
        both.fail(f"ends: code {trace.code}, not {status}\n{trace}")
    if not trace.of("life", what=life, **what):
        both.fail(f"ends: no {life} {what}\n{trace}")


def parked_line(trace, state="unfinished", name="read"):
    line = lines_with("trace_ends.c", "PARKED")[0]
    for e in trace.of("call", state=state, name=name):
        if any(p["line"] == line for p in e["stack"] or []):
            return
    both.fail(f"ends: the parked {name} is not shown where it is\n{trace}")


def ends():
    """However a program ends, the report comes, and says so; so with its children and those it becomes."""
    program = both.compiled("trace_ends.c")
    trace = Trace(["--json"], [program, "exit"])
    ended(trace, 7, "exits", code=7)
    parked_line(trace)
    trace = Trace(["--json"], [program, "fault"])
    ended(trace, 128 + signal.SIGSEGV, "killed", signal=int(signal.SIGSEGV))
    parked_line(trace)
    trace = Trace(["--json"], [program, "abort"])
    ended(trace, 128 + signal.SIGABRT, "killed", signal=int(signal.SIGABRT))

    trace = Trace(["--json"], [program, "fork"])
    ended(trace, 7, "exits", code=7)
    ended(trace, 7, "exits", code=3)
    main, child = trace.of("life", what="begins")
    if child["parent"] != main["pid"] or not trace.of("call", name="write", pid=child["pid"]):
        both.fail(f"ends: the child is not seen\n{trace}")
    trace = Trace(["--json"], [program, "exec"])
    ended(trace, 7, "execs")
    ended(trace, 7, "exits", code=7)
    if len(trace.of("life", what="exits")) != 1 or not trace.of("call", name="execve"):
        both.fail(f"ends: the exec is not seen as one\n{trace}")

    def kill(child, trace):
        child.stdout.readline()
        while '"pause"' not in trace.so_far() and '"name":"write"' not in trace.so_far():
            time.sleep(0.01)
        pid = next(json.loads(line)["pid"] for line in trace.so_far().splitlines() if '"begins"' in line)
        os.kill(pid, signal.SIGKILL)

    trace = Trace(["--json"], [program, "waits"], while_running=kill)
    ended(trace, 128 + signal.SIGKILL, "killed", signal=int(signal.SIGKILL))
    parked_line(trace)
    print("ends: exit, SIGSEGV, SIGABRT, SIGKILL, fork, exec", flush=True)
    deadlock(program)


def deadlock(program):
    """Is told while the program hangs, with both threads' lines."""

    def wait_and_kill(child, trace):
        deadline = time.monotonic() + 20
        while "DEADLOCK" not in trace.so_far() and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)

    trace = Trace([], [program, "deadlock"], while_running=wait_and_kill)
    for side in "back", "forth":
        if f"trace_ends.c:{lines_with('trace_ends.c', 'DEADLOCK ' + side)[0]} in locks_{side}" not in trace.report:
            both.fail(f"deadlock: not told where\n{trace}")
    hung = subprocess.Popen([program, "deadlock"], env=both.environment("green"), stdin=subprocess.DEVNULL)
    try:
        while not all_asleep(hung.pid):
            time.sleep(0.01)
        trace = Trace(["-p", str(hung.pid)], None, while_running=wait_and_kill)
    finally:
        hung.kill()
        hung.wait()
    for side in "back", "forth":
        if f"trace_ends.c:{lines_with('trace_ends.c', 'DEADLOCK ' + side)[0]} in locks_{side}" not in trace.report:
            both.fail(f"deadlock: not told of a program that hangs already\n{trace}")
    print("deadlock: told, with both stacks, of a program that hangs already, too", flush=True)


def all_asleep(pid):
    """Nobody runs: the program has got to where it hangs."""
    states = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/stat") as f:
            states.append(f.read().rpartition(")")[2].split()[0])
    return len(states) > 1 and set(states) == {"S"}


class Exchanges:
    """The program of green threads to attach to: tests/real/attach_server.c is another one, this has a client within."""

    def __init__(self):
        program = both.compiled("trace_load.c")
        self.child = subprocess.Popen([program], env=both.environment("green"), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        self.child.stdout.readline()

    def end(self):
        out, _ = self.child.communicate(timeout=30)
        return [int(n) for n in out.split()]


def attach():
    """Attached and left again under load, time after time: no exchange fails."""
    times = 100 if both.FULL else 10
    load = Exchanges()
    seen = 0
    for i in range(times):
        def stop(child, trace):
            deadline = time.monotonic() + 20
            while "ask" not in trace.so_far() and time.monotonic() < deadline:
                time.sleep(0.005)
            child.send_signal(signal.SIGINT)

        trace = Trace(["-p", str(load.child.pid)], None, while_running=stop)
        shown = "trace_load.c" in trace.report
        seen += shown
        if trace.code or not shown:
            both.fail(f"attach {i}: it shows nothing\n{trace}")
            break
    done, failed = load.end()
    print(f"attached {seen} times; {done} exchanges, {failed} failed", flush=True)
    if failed or not done or load.child.returncode:
        both.fail(f"attach: {failed} exchanges of {done} failed, exit {load.child.returncode}")


def native():
    """The same report of a program that keeps its kernel threads, and what would change."""
    program = both.compiled("trace_faults.c")
    trace = Trace(["-c", "--native"], [program, SCRATCH.name, "2"])
    line = lines_with("trace_faults.c", "FAULT flock")[0]
    if trace.code or f"trace_faults.c:{line} in handle_flock" not in trace.report:
        both.fail(f"native: flock is not shown\n{trace}")
    if "On green threads:" not in trace.report:
        both.fail(f"native: nothing is said of what would change\n{trace}")
    print("\n".join(trace.report.splitlines()[-3:]), flush=True)


def errors():
    """Bad input gets one clear line and 125 or what `green run` gives."""
    for options, code, words in (
            (["-e", "trace=nosuchcall", "true"], 125, "nosuchcall"), (["--slower", "soon", "true"], 125, "soon"),
            (["-s", "x", "true"], 125, "x"), (["--frobnicate", "true"], 125, "frobnicate"), ([], 125, "program"),
            (["-p", "0"], 125, "0"), (["-p", "999999999"], 125, "999999999"), (["-p", str(os.getpid())], 125, "green"),
            (["-p", "1", "true"], 125, "program"), (["/nowhere/at/all"], 127, "not found"),
            (["-o", "/nowhere/at/all", "true"], 125, "/nowhere")):
        run = subprocess.run([both.GREEN, "trace", *options], env=both.clean(), capture_output=True, text=True, timeout=30)
        if run.returncode != code or words not in run.stderr or run.stderr.count("\n") != 1 or run.stdout:
            both.fail(f"errors: {options}: {run.returncode} {run.stderr!r}")
    run = subprocess.run([both.GREEN, "trace", "-c", "true"], env=both.clean(), capture_output=True, text=True, timeout=30)
    if run.returncode or "thread" not in run.stderr:
        both.fail(f"errors: a program without threads: {run.returncode} {run.stderr!r}")
    print("errors: each in a line", flush=True)


PARTS = {"faults": faults, "counts": counts, "ends": ends, "attach": attach, "native": native, "errors": errors}


def main():
    namespaces.enter()
    dead = lookups_fail(SCRATCH.name)
    for name in [a for a in both.ARGUMENTS if a in PARTS] or PARTS:
        PARTS[name]()
    dead.close()
    both.finish()


if __name__ == "__main__":
    main()
