"""glibc's own tests of threads, signals, timers and the system's calls, from Debian's source package: those that can be
built out of glibc's tree and run with the system's libc.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess

import debian_source

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE, VERSION = "glibc", None
AREAS = ["nptl", "sysdeps/pthread", "sysdeps/unix", "sysdeps/unix/sysv/linux", "rt", "signal", "io", "socket", "posix",
         "stdlib", "misc", "time", "stdio-common", "libio"]
PROGRAM = re.compile(r"(tst|test|bug)-[^/]*\.c$")

CC = ["cc", "-std=gnu11", "-O1", "-g", "-w", "-D_GNU_SOURCE", "-include", os.path.join(HERE, "glibc_compat.h")]
LIBS = ["-lm", "-lanl", "-lresolv", "-lutil", "-lrt", "-ldl", "-rdynamic"]

# Of the support library: what is a program of its own, or a template that others include.
NO_SUPPORT = re.compile(r"(tst-.*|.*container.*|test-run.*|links-.*|resolv_test.*|test-driver|.*_main)\.c$")
# Internal headers that stand on their own; the rest of include/ would replace the system's.
HEADERS = {
    "array_length.h": "include/array_length.h", "intprops.h": "include/intprops.h",
    "scratch_buffer.h": "include/scratch_buffer.h", "stackinfo.h": "sysdeps/x86_64/stackinfo.h",
    "malloc": "malloc", "support": "support", "test-skeleton.c": "test-skeleton.c",
}
DIAGNOSTICS = """#define DIAG_PUSH_NEEDS_COMMENT
#define DIAG_POP_NEEDS_COMMENT
#define DIAG_IGNORE_NEEDS_COMMENT(version, option)
#define DIAG_IGNORE_O2_NEEDS_COMMENT(version, option)
#define DIAG_IGNORE_O3_NEEDS_COMMENT(version, option)
#define DIAG_IGNORE_Os_NEEDS_COMMENT(version, option)
"""

VERDICTS = {"0": "PASS", "1": "FAIL", "77": "UNSUPPORTED"}


def make_includes(tree, to):
    """What the tests include of glibc's tree, without the headers that belong to building libc itself."""
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    for name, source in HEADERS.items():
        os.symlink(os.path.join(tree, source), os.path.join(to, name))
    for name, text in (("config.h", ""), ("libc-diag.h", DIAGNOSTICS)):
        with open(os.path.join(to, name), "w") as f:
            f.write(text)


def make_support(tree, includes, to):
    """The support library: those of its files that can be compiled, as a static library."""
    os.makedirs(to, exist_ok=True)
    library = os.path.join(to, "libsupport.a")
    if os.path.exists(library):
        return library
    folder = os.path.join(tree, "support")

    def compile_one(name):
        out = os.path.join(to, name[:-2] + ".o")
        command = CC + [f"-I{includes}", f"-I{folder}", "-c", os.path.join(folder, name), "-o", out]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return out if done.returncode == 0 else None

    sources = [n for n in os.listdir(folder)
               if n.endswith(".c") and (n == "support_test_main.c" or not NO_SUPPORT.match(n))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = [o for o in pool.map(compile_one, sources) if o]
    subprocess.run(["ar", "rcs", library + ".new"] + objects, check=True)
    os.rename(library + ".new", library)
    return library


class Test:
    """One program, by its path in the tree."""

    verdicts = VERDICTS

    def __init__(self, tree, where, source):
        self.name = os.path.splitext(source)[0]
        self.interface = os.path.dirname(source)
        self.source, self.tree, self.where = source, tree, where
        self.binary = os.path.join(where, "built", self.name.replace("/", "_"))

    def build(self, includes, library):
        """None, or what the compiler says. What could not be compiled is not tried again."""
        failed = self.binary + ".failed"
        if os.path.exists(self.binary):
            return None
        if os.path.exists(failed):
            with open(failed) as f:
                return f.read()
        folders = [f"-I{includes}", f"-I{self.interface}", "-Isysdeps/pthread", "-Inptl"]
        command = CC + folders + ["-o", self.binary + ".new", self.source, library] + LIBS
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.tree)
        if done.returncode:
            with open(failed, "wb") as f:
                f.write(done.stdout)
            return done.stdout.decode(errors="replace")
        os.rename(self.binary + ".new", self.binary)
        return None

    def program(self, published):
        return os.path.join(published, "built", os.path.basename(self.binary))

    def prepare(self, scratch, published):
        pass


def publish(where, to):
    shutil.copytree(os.path.join(where, "built"), os.path.join(to, "built"),
                    ignore=shutil.ignore_patterns("*.failed", "*.new"))


def tests(where):
    """All that can be built, sorted by name, and the names of those that cannot."""
    tree = debian_source.fetch(where, PACKAGE, VERSION)
    includes = os.path.join(where, "include")
    make_includes(tree, includes)
    library = make_support(tree, includes, os.path.join(where, "support"))
    os.makedirs(os.path.join(where, "built"), exist_ok=True)
    found = [Test(tree, where, os.path.join(area, name)) for area in AREAS
             for name in os.listdir(os.path.join(tree, area)) if PROGRAM.match(name)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(lambda t: t.build(includes, library), found))
    good = [t for t, answer in zip(found, answers) if answer is None]
    bad = [t for t, answer in zip(found, answers) if answer is not None]
    return sorted(good, key=lambda t: t.name), sorted(t.name for t in bad)
