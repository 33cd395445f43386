"""What the tests with real programs share: the same command natively and green, and whether both agree."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ARGUMENTS = [a for a in sys.argv[1:] if not a.startswith("-")]
FULL = "--full" in sys.argv[1:]
BUILD = os.path.abspath(ARGUMENTS[0] if ARGUMENTS else os.path.join(HERE, "..", "..", "build"))
LIB = os.path.join(BUILD, "libgreen.so")
GREEN = os.path.join(BUILD, "green")
PYTHON = "/usr/bin/python3"
WAYS = ["native", "green"]

failures = []


def skip(why):
    print(why, file=sys.stderr)
    sys.exit(77)


def fail(what):
    failures.append(what)
    print(f"FAIL {what}", flush=True)


def finish():
    for what in failures:  # once more, where a long output is cut
        print(f"FAIL {what.splitlines()[0]}")
    sys.exit(1 if failures else 0)


def clean(env=None):
    """The environment without what is under test, and without a Python that is not the system's."""
    kept = {k: v for k, v in os.environ.items()
            if k not in ("LD_PRELOAD", "PYTHONHOME", "PYTHONPATH") and not k.startswith("GREEN_")}
    return {**kept, **(env or {})}


def environment(way, env=None):
    env = clean(env)
    if way == "green":
        env["LD_PRELOAD"] = LIB + (":" + env["LD_PRELOAD"] if env.get("LD_PRELOAD") else "")
    return env


def compiled(source, *flags, name=None):
    """A program of this directory, built beside the others."""
    where = os.path.join(BUILD, "real")
    os.makedirs(where, exist_ok=True)
    path, target = os.path.join(HERE, source), os.path.join(where, name or os.path.splitext(source)[0])
    result = subprocess.run(["cc", "-O2", "-g", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-pthread", "-o", target, path,
                             *flags], capture_output=True, text=True)
    if result.returncode:
        print(result.stderr)
        sys.exit(f"cannot build {source}")
    return target


class Run:
    """One finished run: code (None: it had to be killed), out, err, and of err what the library said (said)."""

    def __init__(self, argv, way, timeout=60, env=None, **more):
        # Files, not pipes: a grandchild that hangs would keep a pipe open.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(argv, env=environment(way, env), stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     **more)
            try:
                self.code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                self.code = None
            self.out, self.err = text(out), text(err)
        lines = self.err.splitlines(keepends=True)
        self.said = [line for line in lines if line.startswith("libgreen: ")]
        self.err = "".join(line for line in lines if not line.startswith("libgreen: "))

    def __str__(self):
        return f"  code {self.code}\n  out: {self.out[-2000:]!r}\n  err: {self.err[-2000:]!r}\n  said: {self.said!r}"


def text(f):
    f.seek(0)
    return f.read().decode(errors="replace")


def same(name, argv, green_argv=None, may_run_native=False, compare_err=False, **more):
    """Run natively, then green: code and output must be the same. True when they are."""
    native = Run(argv, "native", **more)
    if native.code is None:
        fail(f"{name}: hangs natively\n{native}")
        return False
    if green_argv:
        green = Run(green_argv, "native", **more)
    else:
        green = Run(argv, "green", **more)
    problem = differs(native, green, may_run_native, compare_err)
    if problem:
        fail(f"{name}: {problem}\nnative\n{native}\ngreen\n{green}")
        return False
    print(f"ok   {name}{': ran natively: ' + green.said[0].strip() if green.said else ''}", flush=True)
    return True


def differs(native, green, may_run_native, compare_err):
    if green.code is None:
        return "hangs"
    if green.code != native.code:
        return "ends otherwise"
    if green.out != native.out:
        return "prints something else"
    if compare_err and green.err != native.err:
        return "says something else on stderr"
    if len(green.said) > (1 if may_run_native else 0):
        return "the library has too much to say"
    if green.said and "native" not in green.said[0]:
        return "the library's one line does not say that it runs natively"
    return None
