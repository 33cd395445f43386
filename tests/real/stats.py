#!/usr/bin/python3
"""green run --stats: totals on stderr at the end, nothing else changed; silent for a program that makes no thread."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

WORDS = ["threads created", "most alive at once", "carriers", "switches", "parks", "rescues", "time in poll",
         "calls not covered by name"]


def totals(run):
    return " ".join(line[len("libgreen: stats:"):] for line in run.said if line.startswith("libgreen: stats:"))


def number(word, text):
    """The number behind the word."""
    found = re.search(rf"{word} (\d+)", text)
    return int(found.group(1)) if found else -1


program = both.compiled("host_program.c")
native = both.Run([program], "native")
run = both.Run([both.GREEN, "run", "--stats", "--", program], "native")
said = totals(run)
if run.code != native.code or run.out != native.out or run.err:
    both.fail(f"the program itself is changed\n{run}")
for word in WORDS:
    if word not in said:
        both.fail(f"no word of {word!r}\n{run}")
if number("threads created", said) < 201:
    both.fail(f"201 threads were made\n{run}")
if number("switches", said) < 200 or number("parks", said) < 200:
    both.fail(f"too few switches or parks\n{run}")
print(said.strip())

run = both.Run([both.GREEN, "run", "--stats", "--", "/bin/echo", "hello"], "native")
if run.code != 0 or run.out != "hello\n" or run.said or run.err:
    both.fail(f"a program without threads\n{run}")
run = both.Run([both.GREEN, "run", "--", program], "native")
if run.said:
    both.fail(f"says something without --stats\n{run}")
both.finish()
