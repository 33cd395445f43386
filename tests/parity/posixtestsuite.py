"""The Open POSIX Test Suite 1.5.2: its source from Debian's source package, since the binary package holds no tests,
built out of the tree.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess

import debian_source

PACKAGE, VERSION = "posixtestsuite", "1.5.2-8"
AREAS = ("conformance", "functional")

# As the suite's own Makefile and LDFLAGS, without -Werror: the warnings are the suite's business.
CC = ["-std=gnu99", "-O2", "-g", "-w", "-pthread", "-D_POSIX_C_SOURCE=200112L", "-D_GNU_SOURCE"]
LIBS = ["-lpthread", "-lrt", "-lm"]
# Sources that count on <aio.h> for more than it declares get this.
MORE = [word for header in ("fcntl.h", "signal.h", "sys/stat.h") for word in ("-include", header)]

VERDICTS = {"0": "PASS", "1": "FAIL", "2": "UNRESOLVED", "4": "UNSUPPORTED", "5": "UNTESTED"}


def adapted(text):
    """A source that asks for queues of 40 messages gets them no longer than an ordinary user may make them."""
    limit = 10  # fs.mqueue.msg_max, unless it was raised
    text = re.sub(r"(mq_maxmsg\s*(?:[=!<>]?=)\s*)BUFFER\b", rf"\g<1>{limit}", text)
    return re.sub(r"(#define\s+MAXMSG\s+)40\b", rf"\g<1>{limit}", text)


class Test:
    """One program of the suite, by its name: interface/number, or its path where it is of another kind."""

    verdicts = VERDICTS

    def __init__(self, tree, built, source):
        stem = os.path.splitext(source)[0]
        self.name = re.sub(r"^conformance/(interfaces/)?", "", stem)
        self.interface = os.path.dirname(self.name)
        self.source, self.tree, self.built = source, tree, built
        self.binary = os.path.join(built, stem + ".test")
        self.folder = os.path.dirname(os.path.join(tree, source))

    def build(self):
        """None, or what the compiler says."""
        if os.path.exists(self.binary):
            return None
        os.makedirs(os.path.dirname(self.binary), exist_ok=True)
        with open(os.path.join(self.tree, self.source), errors="surrogateescape") as f:
            text = f'#line 1 "{self.source}"\n' + adapted(f.read())
        return self.compile(text, []) and self.compile(text, MORE)

    def compile(self, text, more):
        includes = [f"-I{self.tree}/include", f"-I{self.folder}", f"-I{self.folder}/../include"]
        command = ["cc", "-x", "c"] + CC + more + includes + ["-o", self.binary + ".new", "-"] + LIBS
        done = subprocess.run(command, input=text.encode(errors="surrogateescape"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=self.folder)
        if done.returncode:
            return done.stdout.decode(errors="replace")
        os.rename(self.binary + ".new", self.binary)
        return None

    def program(self, published):
        return os.path.join(published, os.path.relpath(self.binary, os.path.dirname(self.built)))

    def prepare(self, scratch, published):
        """Its directory: with what it opens or executes by a path of the suite's."""
        os.symlink(os.path.join(published, os.path.basename(self.built), "conformance"), scratch + "/conformance")
        for entry in os.listdir(self.folder):
            if entry.endswith(".txt"):
                shutil.copy(os.path.join(self.folder, entry), scratch)


def publish(where, to):
    shutil.copytree(os.path.join(where, "built"), os.path.join(to, "built"))


def is_program(area, path):
    """conformance: number-number.c, as the suite's locate-test has it. functional: whatever has a main()."""
    if not path.endswith(".c"):
        return False
    if area == "conformance":
        return re.match(r"[0-9]+-.*\.c$", os.path.basename(path)) is not None and has_main(path)
    return has_main(path)


def has_main(path):
    with open(path, errors="replace") as f:
        return re.search(r"\bmain\s*\(", f.read()) is not None


def tests(where):
    """All that can be built, sorted by name, and the names of those that cannot."""
    tree = debian_source.fetch(where, PACKAGE, VERSION)
    found = []
    for area in AREAS:
        for folder, _, files in os.walk(os.path.join(tree, area)):
            for file in files:
                path = os.path.join(folder, file)
                if is_program(area, path):
                    found.append(Test(tree, os.path.join(where, "built"), os.path.relpath(path, tree)))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = list(pool.map(Test.build, found))
    good = [t for t, answer in zip(found, answers) if answer is None and "buildonly" not in t.name]
    bad = [t for t, answer in zip(found, answers) if answer is not None]
    return sorted(good, key=lambda t: t.name), sorted(t.name for t in bad)
