#!/usr/bin/python3
# timeout: 300
"""green trace: what it says of programs whose faults are known.

    tests/real/trace.py [BUILD] [--full] [faults|counts|ends|attach|holders|silence|pauses|surroundings|stuck|taken|
                                             native|errors ...]
"""

import collections
import json
import os
import re
import resource
import select
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

    inside = ["unshare", "--pid", "--fork"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode == 0:
        trace = Trace(["--json"], [*inside, program, "exit"], timeout=20)
        if trace.code != 7 or any(life["pid"] == 1 for life in trace.of("life")):
            both.fail(f"ends: in a PID namespace of its own\n{trace}")
        ended(trace, 7, "exits", code=7, program=program)

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


def holds(how):
    """A running program whose threads all wait but one (trace_holders.c)."""
    program = both.compiled("trace_holders.c")
    child = subprocess.Popen([program, how], env=both.environment("green"), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    return child


def holders():
    """Who was in the program when a tool came is no part of a deadlock; who was rescued there or in a fork is told."""
    for how in "computes", "flock":
        child = holds(how)
        try:
            trace = Trace(["-p", str(child.pid)], None,
                          while_running=lambda tool, _: (time.sleep(1), tool.send_signal(signal.SIGTERM)))
        finally:
            child.kill()
            child.wait()
        if "DEADLOCK" in trace.report or trace.code:
            both.fail(f"holders: {how}: a deadlock is seen where one thread goes on\n{trace}")
    trace = Trace(["--json"], [both.compiled("trace_holders.c"), "alarm"])
    runs = [r for r in trace.of("run") if r["duration"] > 150e6]
    if trace.out != "1\n" or not runs or not runs[0]["rescued"] or runs[0]["alone"]:
        both.fail(f"holders: a rescue that a signal's handler found is not told: {runs}\n{trace}")
    trace = Trace(["--json"], [both.compiled("trace_holders.c"), "fork"])
    took = float(trace.out or 0) * 1e9
    calls = [c for c in trace.of("call") if c["name"] in ("clone", "fork") and c["duration"] > took / 2 and c["result"] > 0]
    if len(calls) != 1:
        both.fail(f"holders: the fork is not told\n{trace}")
    elif took > 6e6 and (calls[0]["verdict"] not in ("rescued", "held the hub") or not calls[0]["held"]):
        both.fail(f"holders: a fork of {took / 1e6:.1f} ms kept the hub, and that is not told: {calls}\n{trace}")
    print(f"holders: no deadlock with one who goes on; rescued after {runs and runs[0]['rescued']} ns, handler or not; "
          f"a fork of {took / 1e6:.1f} ms: {calls and calls[0]['verdict']}", flush=True)


def last_time(trace):
    times = [e["end"] for e in map(json.loads, trace.so_far().splitlines()[:-1]) if e["type"] == "call" and e["end"]]
    return max(times, default=0)


def stopped(seconds):
    """What is done to a tool while it runs: it is stopped for so long, and goes on reading."""

    def stop(tool, trace):
        deadline = time.monotonic() + 20
        while not last_time(trace) and time.monotonic() < deadline:
            time.sleep(0.02)
        tool.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        tool.send_signal(signal.SIGCONT)
        trace.continued = time.monotonic_ns()
        while last_time(trace) < trace.continued + 5e8 and time.monotonic() < deadline:
            time.sleep(0.02)
        tool.send_signal(signal.SIGTERM)

    return stop


def silence():
    """A tool that is stopped for a moment misses nothing; one that comes back after long goes on with the trace."""
    for seconds in 1.2, 3:
        for attached in True, False:
            child = holds("ticks") if attached else None
            what = ["-p", str(child.pid)] if attached else []
            try:
                trace = Trace(["--json", "-e", "trace=clock_nanosleep", *what],
                              None if attached else [both.compiled("trace_holders.c"), "ticks"],
                              while_running=stopped(seconds))
            finally:
                if child:
                    child.kill()
                    child.wait()
            anew = len(trace.of("life", what="begins"))
            print(f"silence: {'attached' if attached else 'started'}, stopped for {seconds} s: begun {anew} times", flush=True)
            if last_time(trace) < trace.continued + 5e8:
                both.fail(f"silence: {what}: nothing more is told after {seconds} s\n{trace}")
            if seconds < 2 and anew != 1:
                both.fail(f"silence: {what}: given up after {seconds} s\n{trace}")
            told = [trace.of("end")[0]["interruptions"], trace.err.count("the tool was stopped"), anew,
                    len(trace.of("life", what="execs") + trace.of("life", what="vanishes"))]
            if told != [seconds > 2, seconds > 2, 1, 0]:
                both.fail(f"silence: {what}: after {seconds} s it is told {told}\n{trace}")


class Unread:
    """A tool whose output goes into a pipe that is full until read() is called."""

    def __init__(self, what, err=subprocess.DEVNULL):
        self.out, end = os.pipe()
        self.tool = subprocess.Popen([both.GREEN, "trace", "--json", "-o", f"/dev/fd/{end}", *what], env=both.clean(),
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err, pass_fds=[end], text=True)
        os.close(end)

    def read_until(self, enough, seconds=30):
        events, rest, deadline = [], b"", time.monotonic() + seconds
        while time.monotonic() < deadline and not (events and enough(events[-1])):
            if not select.select([self.out], [], [], 1)[0]:
                continue
            *lines, rest = (rest + os.read(self.out, 1 << 16)).split(b"\n")
            events += map(json.loads, lines)
        return events


def pauses():
    """Output that nobody reads for long is no end of the trace; what it cost is counted."""
    unread = Unread(["--", both.compiled("trace_holders.c"), "ticks"])
    unread.tool.stdout.readline()
    time.sleep(4)
    since = time.monotonic_ns()
    try:
        events = unread.read_until(lambda e: e["type"] == "call" and e["end"] and e["start"] > since)
    finally:
        os.close(unread.out)
        code = interrupted(unread.tool, [signal.SIGTERM], 0)
    if code != 128 + signal.SIGTERM:
        both.fail(f"pauses: SIGTERM for the program ends with {code}")
    lives = [e["what"] for e in events if e["type"] == "life"]
    print(f"pauses: {len(events)} events, {lives}", flush=True)
    if lives != ["begins"] or events[-1].get("start", 0) < since:
        both.fail(f"pauses: after output that nobody read: {lives}, {events[-1]}")


def run(what, before=None, **more):
    return subprocess.run([both.GREEN, "trace", *what], env=both.clean(), stdin=subprocess.DEVNULL, preexec_fn=before,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30, **more)


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


def ignore_children():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def surroundings():
    """What the tool was started with changes neither it nor the program."""
    ends, log = both.compiled("trace_ends.c"), ["-o", os.path.join(SCRATCH.name, "log")]
    got = run([*log, ends, "exit"], ignore_children)
    if got.returncode != 7:
        both.fail(f"surroundings: SIGCHLD ignored: {got}")
    fields = ["grep", "-E", "^(SigIgn|SigBlk|Max open files)", "/proc/self/status", "/proc/self/limits"]
    plain = subprocess.run(fields, stdout=subprocess.PIPE, text=True, preexec_fn=ignore_children, check=True)
    got = run([*log, *fields], ignore_children)
    if got.stdout != plain.stdout:
        both.fail(f"surroundings: the program finds {got.stdout}, not {plain.stdout}")
    got = run([*log, "sh", "-c", f"{ends} exit; exit 3"])
    if got.returncode != 3 or got.stderr:
        both.fail(f"surroundings: a child of a program without threads: {got}")
    got = run([ends, "exit"], limit_files)
    if got.returncode != 125 or "ulimit -f" not in got.stderr:
        both.fail(f"surroundings: files limited: {got}")
    print("surroundings: SIGCHLD ignored, a shell's child, ulimit -f", flush=True)


def interrupted(tool, signals, apart):
    for number in signals:
        time.sleep(apart)
        tool.send_signal(number)
    try:
        return tool.wait(20)
    except subprocess.TimeoutExpired:
        tool.kill()
        tool.wait()
        return None


def stuck():
    """A tool that waits for a reader can be ended; one that cannot write ends itself."""
    fifo = os.path.join(SCRATCH.name, "fifo")
    os.mkfifo(fifo)
    tool = subprocess.Popen([both.GREEN, "trace", "-o", fifo, "true"], env=both.clean(), stdin=subprocess.DEVNULL)
    codes = [interrupted(tool, [signal.SIGINT], 1)]
    child = holds("ticks")
    try:
        unread = Unread(["-p", str(child.pid)])
        time.sleep(2)
        codes.append(interrupted(unread.tool, [signal.SIGTERM, signal.SIGTERM], 1))
        os.close(unread.out)
        codes.append(run(["-o", "/dev/full", "-p", str(child.pid)]).returncode)
        unread = Unread(["-p", str(child.pid)])
        os.close(unread.out)
        codes.append(unread.tool.wait(30))
        if child.poll() is not None:
            both.fail(f"stuck: the program has ended: {child.returncode}")
    finally:
        child.kill()
        child.wait()
    print(f"stuck: {codes}", flush=True)
    if codes != [-signal.SIGINT, -signal.SIGTERM, 125, 125]:
        both.fail(f"stuck: ended with {codes}")


def taken():
    """A program that a tool has started is that tool's."""
    tool = subprocess.Popen([both.GREEN, "trace", "--json", "-o", os.devnull, both.compiled("trace_holders.c"), "ticks"],
                            env=both.clean(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    tool.stdout.readline()
    with open(f"/proc/{tool.pid}/task/{tool.pid}/children") as f:
        got = run(["-p", f.read().strip()])
    tool.terminate()
    tool.wait()
    if got.returncode != 125 or "was started by `green trace`" not in got.stderr:
        both.fail(f"taken: {got}")
    print(got.stderr.strip(), flush=True)


def marks(trace):
    """Calls that trace_native.c makes to be found: each with the number of the process that makes it."""
    return [c for c in trace.of("call", name="getpgid")]


def native_run(how, *options, **more):
    trace = Trace(["--native", "--json", *options], [both.compiled("trace_native.c"), how], **more)
    lost = trace.of("end")[0]["lost"]
    if lost["damaged"] or lost["no_ring"] and how != "later":
        both.fail(f"native: {how}: lost {lost}")
    return trace


def native_killed(how, word):
    """... killed a while after it has said the word; trace.out is what it said before."""
    said = []

    def kill(tool, trace):
        for line in iter(tool.stdout.readline, word + "\n"):
            said.append(line)
        time.sleep(0.3)
        trace.killed = time.monotonic_ns()
        os.kill(json.loads(trace.so_far().splitlines()[0])["pid"], signal.SIGKILL)

    trace = native_run(how, while_running=kill)
    trace.out = "".join(said)
    return trace


def same_time(call, took):
    return 0.8 < call["duration"] / took < 1 + TOLERANCE


def handlers():
    """What a handler does in the middle of a call, or where it jumps to, changes nothing of what is told of that."""
    for options in [], ["-e", "trace=read"]:
        trace = native_run("restart", *options)
        reads = [c for c in trace.of("call", name="read", state="ended") if same_time(c, int(trace.out))]
        if len(reads) != 1 or len(marks(trace)) != (0 if options else 2):
            both.fail(f"native: a read of {int(trace.out)} ns in which handlers came is not told: {options}\n{trace}")
    trace = native_killed("hangs", "hangs")
    hung = trace.of("call", name="read", state="unfinished")
    if len(hung) != 1 or hung[0]["start"] > trace.killed - 5e8:
        both.fail(f"native: the read that goes on after handlers is not told: {hung}\n{trace}")
    trace = native_killed("jump", "computes")
    line = lines_with("trace_native.c", "STAYED IN")[0]
    reads = [c for c in trace.of("call", name="read") if any(p["line"] == line for p in c["stack"])]
    if len(reads) != 1 or not same_time(reads[0], int(trace.out)) or trace.of("call", state="unfinished"):
        both.fail(f"native: after handlers that jumped: {reads}, {trace.of('call', state='unfinished')}\n{trace}")
    print("native: handlers in the middle of calls", flush=True)


MAKE_CHILDREN = "clone", "clone3", "vfork"


def children():
    """Each is told with its result, once; those that share no memory are processes of their own from the first."""
    trace = native_killed("children", "computes")
    for way, pid in (line.split() for line in trace.out.splitlines()):
        made = [c for c in trace.of("call") if c["name"] in MAKE_CHILDREN and c["result"] == int(pid)]
        if len(made) != 1 or len([c for c in trace.of("call", name="wait4") if c["result"] == int(pid)]) != 1:
            both.fail(f"native: {way} that made {pid} is not told, or what follows\n{trace}")
    threads = [c for c in trace.of("call", function="pthread_create") if c["name"] in MAKE_CHILDREN]
    if len(threads) != 2 or marks(trace) or trace.of("call", state="unfinished"):
        both.fail(f"native: {len(threads)} threads are made, {len(marks(trace))} calls of children in our memory are told,"
                  f" or one had not ended\n{trace}")
    trace = native_run("copies")
    if [c["pid"] for c in marks(trace)] != [int(trace.out)]:
        both.fail(f"native: a thread of the child {trace.out.strip()} of clone is told as another's\n{trace}")
    trace = native_run("forks")
    foreign = [c for c in marks(trace) if c["args"][0] != c["pid"]]
    print(f"native: {int(trace.out)} children met a signal when they began, {len(foreign)} of {len(marks(trace))} calls"
          f" are another process's", flush=True)
    if foreign or not marks(trace):
        both.fail(f"native: calls of children are told as another process's: {foreign[:3]}")


def rings():
    """One process does not take all; who found none left gets one when there is one."""
    trace = native_run("many")
    if int(trace.out) not in [c["pid"] for c in marks(trace)]:
        both.fail(f"native: the child {trace.out.strip()} of a process with many threads is not seen\n{trace}")
    for options in [], ["--native"]:
        trace = Trace(["--json", *options], [both.compiled("trace_native.c"), "later"])
        calls = len(trace.of("call", name="getppid"))
        print(f"{options}: rings only later: {calls} of 5000 calls are told", flush=True)
        if calls < 3000 or not marks(trace)[-1]["stack"][-1]["module"] or len(trace.of("life", what="begins")) != 1:
            both.fail(f"{options}: rings only later: {calls} of 5000 calls are told\n{trace}")


def calls_of(pid):
    """What the kernel sees of the process for a while."""
    log = os.path.join(SCRATCH.name, "strace")
    strace = subprocess.Popen(["strace", "-f", "-o", log, "-p", str(pid)], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    strace.terminate()
    strace.wait()
    with open(log, errors="replace") as f:
        return collections.Counter(re.findall(r"^\d+ +(\w+)\(", f.read(), re.M))


class Watched:
    """A program that makes calls for long (trace_native.c), and its tool."""

    def __init__(self, how):
        program = both.compiled("trace_native.c")
        self.tool = subprocess.Popen([both.GREEN, "trace", "--native", "-o", "/dev/null", "--", program, how],
                                     env=both.clean(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.pids = []

    def next(self):
        pid, tid = map(int, self.tool.stdout.readline().split())
        self.pids.append(pid)
        return pid, tid

    def look(self, pid, watched):
        calls = calls_of(pid)
        if not calls["getppid"] or bool(calls["rt_sigprocmask"] + calls["process_vm_readv"]) != watched:
            both.fail(f"native: {'not ' if watched else ''}watched: {calls}")

    def end(self):
        for pid in {*self.pids, self.tool.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.tool.stdout.close()
        self.tool.wait()


def alone():
    """When the tool has ended, or is gone, the programs do nothing for it any more."""
    killed, ended, late = watched = [Watched(how) for how in ("family", "family", "late")]
    try:
        late.next()
        for w in killed, ended:
            w.next(), w.next()
        for pid in killed.pids:
            killed.look(pid, True)
        killed.tool.kill()
        late.tool.kill()
        os.kill(ended.pids[0], signal.SIGUSR1)
        time.sleep(0.5)
        ended.tool.send_signal(signal.SIGINT)
        ended.tool.wait(timeout=20)
        time.sleep(4)
        ended.look(ended.pids[1], False)
        for pid in killed.pids:
            killed.look(pid, False)
        os.kill(late.pids[0], signal.SIGUSR1)
        pid, tid = late.next()
        if not os.path.exists(f"/proc/{pid}/task/{tid}"):
            both.fail("native: without its tool the program's threads are not the kernel's")
        late.look(pid, False)
    finally:
        for w in watched:
            w.end()
    trace = native_run("calls", "-e", "trace=getppid", while_running=stopped(4))
    if last_time(trace) < trace.continued + 5e8 or len(trace.of("life", what="begins")) != 1:
        both.fail(f"native: nothing more is told after the tool was stopped\n{trace}")
    print("native: nothing is done for a tool that has ended or is gone", flush=True)


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
    handlers()
    children()
    rings()
    if subprocess.run(["strace", "true"], capture_output=True).returncode == 0:
        alone()


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


PARTS = {"faults": faults, "counts": counts, "ends": ends, "attach": attach, "holders": holders, "silence": silence, "pauses": pauses,
         "surroundings": surroundings, "stuck": stuck, "taken": taken, "native": native, "errors": errors}


def main():
    namespaces.enter()
    dead = lookups_fail(SCRATCH.name)
    for name in [a for a in both.ARGUMENTS if a in PARTS] or PARTS:
        PARTS[name]()
    dead.close()
    both.finish()


if __name__ == "__main__":
    main()
