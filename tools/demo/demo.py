#!/usr/bin/python3
"""The same Flask application under uWSGI three ways: native threads, gevent, and the first command again under libgreen.

Each way is loaded by ab in turn; then comes the table. With --rounds the ways alternate, and the table has medians.
"""
import argparse
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
KERNEL_STACK = 16 << 10  # THREAD_SIZE of Linux on x86-64
TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20

NAMES = {"native": "native threads", "gevent": "gevent", "libgreen": "libgreen"}
# Column, how its value is printed.
COLUMNS = [
    ("requests/s", "{:.0f}"),
    ("p50 ms", "{:.0f}"),
    ("p99 ms", "{:.0f}"),
    ("failed", "{:.0f}"),
    ("kernel threads", "{:.0f}"),
    ("CPU s", "{:.2f}"),
    ("memory MiB", "{:.1f}"),
    ("of the kernel MiB", "{:.1f}"),
]


class Trouble(Exception):
    """Ends the demo with one line (and a log's end)."""


def server_command(way, port, options):
    uwsgi = ["uwsgi", "--plugin", "python3,gevent_python3" if way == "gevent" else "python3",
             "--wsgi-file", os.path.join(HERE, "app.py"), "--callable", "app", "--need-app",
             "--http-socket", f"127.0.0.1:{port}", "--listen", str(options.listen), "--disable-logging", "--master"]
    if way == "gevent":
        return uwsgi + ["--gevent", str(options.c), "--gevent-monkey-patch"]
    uwsgi += ["--threads", str(options.c)]
    if way == "libgreen":
        return [os.path.join(options.build, "green"), "run", "--stats", "--"] + uwsgi
    return uwsgi


def pinned(command, cpu):
    return command if cpu is None else ["taskset", "-c", str(cpu)] + command


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:  # it ended meanwhile
        return ""


def field(text, name):
    found = re.search(rf"^{name}:\s*(\d+)", text, re.M)
    return int(found.group(1)) if found else 0


class Server:
    """uWSGI in a process group of its own."""

    def __init__(self, way, options, scratch):
        self.way, self.log = way, os.path.join(scratch, f"{way}.log")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        # The application must find Debian's packages, whatever Python the user has set up.
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "LD_PRELOAD")}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                pinned(server_command(way, self.port, options), options.server_cpu), env=env, cwd=scratch,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def wait_until_up(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(self.url, timeout=5) as answer:
                    answer.read()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Trouble(f"the server did not come up; its log ends:\n{self.log_end()}") from None
                time.sleep(0.05)

    def log_end(self):
        return "".join("    | " + line + "\n" for line in read(self.log).splitlines()[-15:])

    def said(self):
        """What the library printed."""
        return [line for line in read(self.log).splitlines() if line.startswith("libgreen: ")]

    def pids(self):
        """The master and what it forked: all that is in the group."""
        for entry in os.listdir("/proc"):
            if entry.isdigit() and self.stat(entry)[2:3] == [str(self.process.pid)]:
                yield entry

    @staticmethod
    def stat(pid):
        """/proc/PID/stat from the state on: the name before it may hold anything."""
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()

    def cpu_seconds(self):
        return sum(int(f[11]) + int(f[12]) for f in map(self.stat, self.pids()) if f) / TICK

    def threads(self):
        """Of the worker, which is the process with the most."""
        return max((field(read(f"/proc/{pid}/status"), "Threads") for pid in self.pids()), default=0)

    def memory(self):
        """Bytes of the processes (PSS), and of the kernel for them (stacks, page tables)."""
        own = kernel = 0
        for pid in self.pids():
            status = read(f"/proc/{pid}/status")
            own += field(read(f"/proc/{pid}/smaps_rollup"), "Pss") << 10
            kernel += field(status, "Threads") * KERNEL_STACK + (field(status, "VmPTE") << 10)
        return own, kernel

    def stop(self):
        """As an administrator would, so that the library's totals come; whatever remains is killed."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
                self.process.wait(10)
        except subprocess.TimeoutExpired:
            print(f"\n{NAMES[self.way]}: had to be killed", file=sys.stderr)
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()


def progress(text):
    print(text, end="", flush=True)


def run_ab(url, n, options, every=None):
    """ab's report. What it says of its progress goes to `every`."""
    command = ["ab", "-r", "-s", "60", "-c", str(min(options.c, n)), "-n", str(n), url]
    with subprocess.Popen(pinned(command, options.client_cpu), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as ab:
        try:
            report = []
            reader = threading.Thread(target=lambda: report.append(ab.stdout.read()))
            reader.start()
            complaints = []
            for line in ab.stderr:
                if line.startswith("Completed ") and every:
                    every(int(line.split()[1]))
                elif not line.startswith(("Completed ", "Finished ")):
                    complaints.append(line)
            reader.join()
        except BaseException:
            ab.kill()
            raise
    if ab.returncode != 0:
        raise Trouble(f"ab ended with {ab.returncode}: {''.join(complaints).strip() or report[0].strip()}")
    return report[0]


def parse_ab(report, n):
    def number(pattern, default=None):
        found = re.search(pattern, report, re.M)
        if not found and default is None:
            raise Trouble(f"ab's report cannot be read:\n{report}")
        return float(found.group(1)) if found else default

    complete = number(r"^Complete requests:\s+(\d+)")
    bad = number(r"^Failed requests:\s+(\d+)") + number(r"^Non-2xx responses:\s+(\d+)", 0)
    return {
        "requests/s": number(r"^Requests per second:\s+([\d.]+)"),
        "p50 ms": number(r"^\s+50%\s+(\d+)"),
        "p99 ms": number(r"^\s+99%\s+(\d+)"),
        "failed": bad + n - complete,
    }


def measure(way, options, scratch):
    """One way once: its values by column, and what the library said at its end."""
    server = Server(way, options, scratch)
    try:
        server.wait_until_up()
        progress(" up,")
        run_ab(server.url, options.c, options)
        progress(" warm,")
        for line in server.said():
            if "natively" in line:
                raise Trouble(f"no green threads, so nothing to measure: {line}")

        threads = 0
        done = threading.Event()

        def watch():
            nonlocal threads
            while not done.wait(0.25):
                threads = max(threads, server.threads())

        watcher = threading.Thread(target=watch)
        watcher.start()
        cpu = server.cpu_seconds()
        try:
            tenths = iter(range(1, 11))
            report = run_ab(server.url, options.n, options, lambda _: progress(f" {10 * next(tenths, 10)}%"))
        finally:
            cpu = server.cpu_seconds() - cpu
            done.set()
            watcher.join()
        own, kernel = server.memory()
        result = parse_ab(report, options.n)
        result.update({"kernel threads": threads, "CPU s": cpu, "memory MiB": own / MIB,
                       "of the kernel MiB": kernel / MIB})
    finally:
        server.stop()
    progress(f": {result['requests/s']:.0f} requests/s\n")
    return result, server.said()


def print_table(rows):
    lines = [[""] + [name for name, _ in COLUMNS]]
    for way, row in rows.items():
        lines.append([NAMES[way]] + [form.format(row[name]) for name, form in COLUMNS])
    widths = [max(map(len, column)) for column in zip(*lines)]
    print()
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(line[1:], widths[1:])]))
    ratios = []
    for other in "native", "gevent":
        if "libgreen" in rows and other in rows and rows[other]["requests/s"]:
            ratio = rows["libgreen"]["requests/s"] / rows[other]["requests/s"]
            cpu = rows["libgreen"]["CPU s"] / max(rows[other]["CPU s"], 0.01)
            ratios.append(f"libgreen to {NAMES[other]}: {ratio:.2f} times the requests per second, "
                          f"{cpu:.2f} of the CPU seconds")
    if ratios:
        print("\n" + "\n".join(ratios))
    print("\nCPU: user and system time of all server processes while ab ran. Memory: PSS of all server processes after\n"
          "the load; of the kernel: 16 KiB of stack for each kernel thread, and page tables.")


def raise_file_limit(needed):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))
    except (ValueError, OSError):
        raise Trouble(f"{needed} open files are needed, `ulimit -Hn` allows {hard}; try -c {hard // 2}") from None


def others_share():
    """How much of the CPUs' time others take now, before anything of ours runs."""
    def busy_and_all():
        times = [int(t) for t in read("/proc/stat").splitlines()[0].split()[1:9]]
        return sum(times) - times[3] - times[4], sum(times)  # without idle and iowait

    first = busy_and_all()
    time.sleep(1)
    last = busy_and_all()
    return (last[0] - first[0]) / max(last[1] - first[1], 1)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("-n", type=int, default=20000, help="requests (20000)")
    parser.add_argument("-c", type=int, default=1000, help="at once; also the server's threads (1000)")
    parser.add_argument("--rounds", type=int, default=1, help="alternating rounds, medians in the table (1)")
    parser.add_argument("--ways", default=",".join(NAMES), help="which (native,gevent,libgreen)")
    parser.add_argument("--pin", choices=["split", "none"], default="none",
                        help="split: server on the first CPU, ab on the second; none: as the scheduler likes (none)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="where libgreen was built (build)")
    options = parser.parse_args()
    options.ways = options.ways.split(",")
    options.build = os.path.abspath(options.build)
    if not set(options.ways) <= set(NAMES) or min(options.n, options.c, options.rounds) < 1 or options.n < options.c:
        parser.error("unknown way, or numbers that make no sense")
    return options


def prepare(options):
    """Checks what the demo stands on, and says what it will do."""
    for tool in "uwsgi", "ab", "taskset":
        if not shutil.which(tool):
            raise Trouble(f"{tool} is not installed: see `make deps`")
    for built in "green", "libgreen.so":
        if "libgreen" in options.ways and not os.path.exists(os.path.join(options.build, built)):
            raise Trouble(f"{options.build}/{built} is not built: see `make`")
    raise_file_limit(2 * options.c + 200)

    allowed = int(read("/proc/sys/net/core/somaxconn") or 128)
    options.listen = min(4096, allowed)
    if options.listen < 4096:
        print(f"net.core.somaxconn is {allowed}: --listen {options.listen} instead of 4096")

    share = others_share()
    if share > 0.1:
        print(f"others use {100 * share:.0f}% of the CPUs: the figures will be noisy")

    cpus = sorted(os.sched_getaffinity(0))
    options.server_cpu = options.client_cpu = None
    if options.pin == "split" and len(cpus) > 1:
        options.server_cpu, options.client_cpu = cpus[:2]
    print(f"{len(cpus)} CPUs, " + (f"server on CPU {options.server_cpu}, ab on CPU {options.client_cpu}"
                                   if options.server_cpu is not None else "nothing pinned"))
    print(f"load: ab -c {options.c} -n {options.n}; each request sleeps 0.1 s in the application")
    for way in options.ways:
        print(f"{NAMES[way]}: {shlex.join(server_command(way, 'PORT', options))}")
    print()


def main():
    options = parse_options()
    for end in signal.SIGTERM, signal.SIGHUP:
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    results = {way: [] for way in options.ways}
    said = []
    try:
        prepare(options)
        with tempfile.TemporaryDirectory(prefix="green-demo.") as scratch:
            for number in range(1, options.rounds + 1):
                for way in options.ways:
                    round_of = f"round {number} of {options.rounds}, " if options.rounds > 1 else ""
                    progress(f"{round_of}{NAMES[way]}: starting,")
                    result, lines = measure(way, options, scratch)
                    results[way].append(result)
                    said = lines or said
    except Trouble as trouble:
        print(f"\ndemo: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 128 + signal.SIGINT

    print_table({way: {name: statistics.median(r[name] for r in rows) for name, _ in COLUMNS}
                 for way, rows in results.items()})
    if said:
        print("\n" + "\n".join(said))
    return 1 if any(r["failed"] for rows in results.values() for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
