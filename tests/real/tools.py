#!/usr/bin/python3
# timeout: 240
"""Everyday tools print the same with and without the library, and end the same way."""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

PROGRAM = "#include <stdio.h>\nint main(void)\n{\n\tputs(\"compiled\");\n}\n"
MAKEFILE = "all: a b c d\na b c d:\n\t@sleep 0.05; echo done > $@\nclean:\n\trm -f a b c d\n"
GIT = ("git init -q . && git config user.email a@b && git config user.name n && git add prog.c Makefile && "
       "GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' git commit -q -m first && "
       "git log --format='%H %s' && git status --short && git grep -n puts && git gc -q && git fsck")

# Each is a shell script that runs in a directory of its own with prog.c and Makefile.
CASES = {
    "bash": "for i in $(seq 20); do echo $((i * i)) | cat; done | sort -n | tail -3; (sleep 0.05 & wait); "
            "x=$(echo sub); echo $x; kill -0 $$; trap 'echo trapped' USR1; kill -USR1 $$; "
            "diff <(seq 3) <(seq 4); echo $?",
    "git": GIT,
    "tar": "mkdir d && seq 10000 > d/a && cp prog.c d && tar cf t.tar --mtime=@0 --sort=name --owner=0 --group=0 d && "
           "sha256sum < t.tar && tar czf t.tgz d && rm -r d && tar xzf t.tgz && wc -l d/a && tar tf t.tar",
    "gcc": "gcc -O2 -Wall -o prog prog.c && ./prog && gcc -c -o prog.o prog.c && nm prog.o && "
           "gcc -flto=2 -o p2 prog.c && ./p2",
    "make": "make -j2 && cat a b c d && make -j2 clean && ls",
    "rsync": "mkdir -p from to && seq 5000 > from/a && seq 9 > from/b && "
             "rsync -a --out-format='%n %l' from/ to/ && diff -r from to && "
             "echo x >> from/b && rsync -a --out-format='%n' from/ to/ && diff -r from to && echo same",
    "node": "node -e 'require(\"fs\").readFile(\"prog.c\", (e, d) => console.log(e, d.length, process.version))'",
    "java": "java -version",
    "python3": "/usr/bin/python3 -I -c 'import threading; "
               "t = threading.Thread(target=print, args=(1,)); t.start(); t.join()'",
    "xz": "seq 200000 | xz -T2 | xz -d | sha256sum",
    "sort": "seq 300000 | sort --parallel=4 -R --random-source=/bin/sh | sort --parallel=4 -n -S 1M | sha256sum",
    "find": "find . -name '*.c' | xargs -P 4 -n 1 echo; echo | ls /nonexistent; echo $?",
}
THREADED = {"node", "java", "python3", "xz", "sort", "git", "gcc"}


def case(name, script):
    runs = []
    for way in both.WAYS:
        # The same path both times: it shows in what tools print.
        where = os.path.join(tempfile.gettempdir(), f"green-tools.{os.getpid()}")
        os.mkdir(where)
        try:
            for file, content in (("prog.c", PROGRAM), ("Makefile", MAKEFILE)):
                with open(os.path.join(where, file), "w") as f:
                    f.write(content)
            runs.append(both.Run(["bash", "-c", script], way, cwd=where, env={"HOME": where, "LC_ALL": "C"}))
        finally:
            shutil.rmtree(where, ignore_errors=True)
    problem = both.differs(*runs, may_run_native=name in THREADED, compare_err=True)
    if problem:
        both.fail(f"{name}: {problem}\nnative\n{runs[0]}\ngreen\n{runs[1]}")
    else:
        print(f"ok   {name}")


def main():
    for name, script in CASES.items():
        if shutil.which(name):
            case(name, script)
        else:
            print(f"{name} is not installed")
    both.finish()


main()
