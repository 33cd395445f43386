#!/usr/bin/python3
"""green run: every reason why a program cannot be run, in one clear line and with env(1)'s exit status."""
import os
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build"))
GREEN = os.path.join(BUILD, "green")
LOADER = "/lib64/ld-linux-x86-64.so.2"
NOBODY = 65534

failures = 0
skipped = []


def fail(what, result):
    global failures
    failures += 1
    print(f"FAIL {what}: status {result.returncode}\n  stdout {result.stdout!r}\n  stderr {result.stderr!r}")


def green(*args, env=None, **kwargs):
    return subprocess.run([GREEN, *args], capture_output=True, text=True, errors="replace", timeout=20, env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, **kwargs)


def refuses(what, status, words, *args, **kwargs):
    """Exactly one line on stderr, with these words, nothing on stdout."""
    result = green(*args, **kwargs)
    if (result.returncode != status or words not in result.stderr or result.stdout
            or result.stderr.count("\n") != 1 or not result.stderr.startswith("green: ")):
        fail(what, result)


def prints(what, expected, *args, **kwargs):
    result = green(*args, **kwargs)
    if result.returncode != 0 or expected not in result.stdout or result.stderr:
        fail(what, result)


def write(name, content, mode=0o755):
    with open(name, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(name, mode)
    return os.path.abspath(name)


def gcc(out, source, *flags):
    return subprocess.run(["gcc", "-x", "c", "-", "-o", out, *flags], input=source, text=True,
                          capture_output=True).returncode == 0


def elf(interp=LOADER, bits=2, order=1, machine=62, kind=3, phnum=None, phentsize=56, phoff=64, interp_size=None, cut=0):
    """The smallest file that has what the launcher looks at: a header, PT_LOAD and PT_INTERP."""
    name = interp.encode() + b"\0" if interp is not None else b""
    headers = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 64 + 2 * 56 + len(name), 4096, 4096)
    if name:
        headers += struct.pack("<IIQQQQQQ", 3, 4, 64 + 2 * 56, 0, 0, interp_size or len(name), len(name), 1)
    count = phnum if phnum is not None else len(headers) // 56
    ident = b"\177ELF" + bytes([bits, order, 1, 0]) + bytes(8)
    head = ident + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, phoff, 0, 0, 64, phentsize, count, 0, 0, 0)
    whole = head + headers.ljust(2 * 56, b"\0") + name
    return whole[:len(whole) - cut]


def usage():
    prints("--help", "green COMMAND", "--help")
    prints("help run", "--max-carriers", "help", "run")
    prints("run --help", "GREEN_STATS", "run", "--help")
    prints("--version", "green ", "--version")
    refuses("no command", 125, "no command", )
    refuses("unknown command", 125, "no such command", "frobnicate")
    refuses("no program", 125, "no program", "run", "--stats")
    refuses("unknown option", 125, "unrecognized option", "run", "--frobnicate", "true")
    refuses("argument missing", 125, "requires an argument", "run", "--hubs")
    refuses("no hubs", 125, "not a number", "run", "--hubs", "0", "true")
    refuses("patterns missing", 125, "requires an argument", "run", "--exclude")
    for bad, why in ("", "empty pattern"), ("a,,b", "empty pattern"), ("[a", "without its ]"), ("a\\", "nothing behind"), \
            ("a, b", "space"), ("x" * 4096, "longer than"):
        refuses(f"patterns {bad[:10]!r}", 125, why, "run", "--exclude", bad, "true")
    for bad in "0", "-1", "x", "1x", "", "+1", " 1", "1000001", "99999999999999999999":
        refuses(f"carriers {bad!r}", 125, "not a number", "run", "--max-carriers", bad, "true")


def completes(wanted, *words):
    """What bash offers for the last word; it takes a = for a word of its own."""
    script = ('source "$0"; compopt() { :; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _green; '
              'echo "${COMPREPLY[*]}"')
    result = subprocess.run(["bash", "-c", script, os.path.join(ROOT, "tools", "green.bash"), *words],
                            capture_output=True, text=True, timeout=20)
    if result.returncode or result.stdout != wanted + "\n" or result.stderr:
        fail(f"completion of {words}", result)


def completion():
    completes("--exclude", "green", "run", "--hubs", "=", "4", "--ex")
    completes("--exclude", "green", "run", "--hubs", "4", "--ex")
    completes("/proc/cmdline", "green", "trace", "--folded", "=", "/proc/cmdline")
    completes("/proc/cmdline", "green", "run", "--hubs", "=", "4", "cat", "/proc/cmdline")
    completes("%creds %clock", "green", "trace", "-e", "%c")


def runs():
    prints("arguments", "a  b -c\n", "run", "echo", "a  b", "-c")
    prints("after --", "--stats\n", "run", "--", "echo", "--stats")
    prints("exit 0", "", "run", "true")
    show = 'echo "$GREEN_STATS $GREEN_VERBOSE $GREEN_HUBS $GREEN_MAX_CARRIERS"'
    prints("options", "1 1 2 7\n", "run", "--stats", "--verbose", "--hubs=2", "--max-carriers", "7", "sh", "-c", show,
           env={"GREEN_MAX_CARRIERS": "9"})
    prints("patterns", "libfoo.so*,GC Thread#?\n", "run", "--exclude=libfoo.so*,GC Thread#?", "sh", "-c", 'echo "$GREEN_EXCLUDE"')
    prints("variables are kept", "9\n", "run", "sh", "-c", "echo $GREEN_MAX_CARRIERS", env={"GREEN_MAX_CARRIERS": "9"})
    prints("preloaded", "libgreen.so", "run", "cat", "/proc/self/maps")
    result = green("run", "sh", "-c", "echo $LD_PRELOAD", env={"LD_PRELOAD": "libm.so.6"})
    if result.stdout != f"{os.path.realpath(BUILD)}/libgreen.so:libm.so.6\n":
        fail("an LD_PRELOAD of the user's stays", result)
    result = green("run", "sh", "-c", "exit 42")
    if result.returncode != 42:
        fail("exit status", result)
    result = green("run", "sh", "-c", "kill -TERM $$")
    if result.returncode != -15:
        fail("death by signal", result)

    script = write("script", "#!/bin/sh\necho from a script $1\n")
    prints("script", "from a script x\n", "run", script, "x")
    prints("script of a script", "from", "run", write("second", f"#! {script} -v\n"))
    prints("no #!", "plain\n", "run", write("plain", "echo plain\n"))
    prints("relative", "from a script\n", "run", "./script")
    prints("PATH", "from a script\n", "run", "script", env={"PATH": f"/nonexistent:{os.getcwd()}:{os.environ['PATH']}"})
    prints("empty PATH element", "from a script\n", "run", "script", env={"PATH": f"/nonexistent::{os.environ['PATH']}"})
    prints("ld.so as a program", "x\n", "run", LOADER, "/bin/echo", "x")


def not_found():
    refuses("not in PATH", 127, "program not found", "run", "no-such-program")
    refuses("no such path", 127, "program not found", "run", "./no/such/program")
    refuses("below a file", 127, "program not found", "run", "/etc/passwd/x")
    refuses("empty name", 127, "program not found", "run", "")
    refuses("a long name", 126, "File name too long", "run", "/" + "x" * 3000)
    refuses("a longer name", 127, "File name too long", "run", "/" + "x" * 5000)
    refuses("a loop of links", 126, "symbolic links", "run", "./loop")
    refuses("missing interpreter", 127, "interpreter /no/such/python is missing", "run",
            write("gone", "#!/no/such/python -u\n"))
    refuses("missing interpreter of an interpreter", 127, "gone: its interpreter", "run",
            write("gone2", f"#!{os.getcwd()}/gone\n"))
    refuses("missing dynamic linker", 127, "dynamic linker /lib/ld-musl-x86_64.so.1 is missing", "run",
            write("musl-gone", elf("/lib/ld-musl-x86_64.so.1")))


def not_usable():
    refuses("directory", 126, "a directory", "run", "/usr")
    refuses("not executable", 126, "not executable", "run", write("data", "x\n", 0o644))
    refuses("not executable, in PATH", 126, "not executable", "run", "data", env={"PATH": os.getcwd()})
    refuses("device", 126, "not a regular file", "run", "/dev/null")
    refuses("interpreter is a directory", 126, "interpreter /usr: a directory", "run", write("dir", "#!/usr\n"))
    refuses("#! and nothing", 126, "names no interpreter", "run", write("none", "#!  \n"))
    refuses("data", 126, "neither a program nor a script", "run", write("zeros", b"abc\0def\n"))
    refuses("script without #! as interpreter", 126, "neither", "run", write("b", f"#!{write('a', 'echo')}\n"))
    refuses("a script that names itself", 126, "too many", "run", write("self", f"#!{os.getcwd()}/self\n"))


def elfs():
    fits = green("run", write("fits", elf()))
    if "green: " in fits.stderr:
        fail("the forged file is taken when nothing is wrong", fits)
    for name, content, words in (
            ("static", elf(None), "statically linked"),
            ("static-exec", elf(None, kind=2), "statically linked"),
            ("32-bit", elf(bits=1), "32-bit"),
            ("32-bit-short", elf(bits=1)[:52], "32-bit"),
            ("x32", elf(bits=1, machine=62), "32-bit"),
            ("class", elf(bits=9), "damaged"),
            ("big-endian", elf(order=2), "another processor"),
            ("aarch64", elf(machine=183), "another processor"),
            ("object", elf(kind=1), "not a program"),
            ("core", elf(kind=4), "not a program"),
            ("magic-only", b"\177ELF", "truncated"),
            ("short-header", elf()[:60], "truncated"),
            ("short-table", elf()[:64 + 56], "truncated"),
            ("short-segment", elf(cut=1), "truncated"),
            ("no-headers", elf(phnum=0), "damaged"),
            ("many-headers", elf(phnum=65535), "damaged"),
            ("more-headers-than-file", elf(phnum=1000), "damaged"),
            ("header-size", elf(phentsize=32), "damaged"),
            ("table-beyond", elf(phoff=1 << 40), "damaged"),
            ("table-wraps", elf(phoff=(1 << 64) - 8), "damaged"),
            ("interp-unending", elf(interp_size=3), "damaged"),
            ("interp-long", elf(interp_size=1 << 33), "damaged"),
            ("other-libc", elf("/bin/sh"), "not linked with glibc"),
    ):
        refuses(name, 126, words, "run", write(name, content))

    # Whatever stands in the file, the launcher says one line. With a dynamic linker that cannot be executed nothing runs.
    loader = write("ld-linux-x86-64.so.2", elf(), 0o644)
    good = elf(loader)
    refuses("a dynamic linker that is not executable", 126, "Permission denied", "run", write("fuzz", good))
    for i in range(len(good)):
        for value in (0, 1, 127, 255):
            write("fuzz", good[:i] + bytes([value]) + good[i + 1:])
            result = green("run", "./fuzz")
            if result.returncode not in (126, 127) or result.stderr.count("\n") != 1:
                fail(f"byte {i} is {value}", result)

    main = "int main(void) { return 0; }"
    for name, flags in (("real-static", ["-static"]), ("real-static-pie", ["-static-pie"])):
        if gcc(name, main, *flags):
            refuses(name, 126, "statically linked", "run", f"./{name}")
        else:
            skipped.append(name)
    if gcc("lib.so", main, "-shared", "-fPIC", "-Wl,-soname,lib.so"):
        refuses("library", 126, "a library", "run", "./lib.so")
    if gcc("real-32", main, "-m32"):
        refuses("real 32-bit", 126, "32-bit", "run", "./real-32")


def privileges():
    nosuid = os.statvfs(".").f_flag & os.ST_NOSUID
    if os.getuid() != 0 or nosuid:
        skipped.append("setuid, setgid and file capabilities: needs root and a file system that honours them")
        return
    with open("/bin/true", "rb") as f:
        true = f.read()
    for name, uid, gid, mode, words in (("setuid", NOBODY, 0, 0o4755, "setuid"), ("setgid", 0, NOBODY, 0o2755, "setgid")):
        path = write(name, true)
        os.chown(path, uid, gid)
        os.chmod(path, mode)
        refuses(name, 126, words, "run", path)
        prints(f"{name} with no_new_privs", "", "run", path, preexec_fn=no_new_privs)
    prints("setuid to oneself", "", "run", write("own", true, 0o4755))

    path = write("capable", true)
    # struct vfs_cap_data, revision 2, effective: CAP_NET_BIND_SERVICE permitted
    os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
    prints("capabilities mean nothing to root", "", "run", path)
    if reached_by_nobody(GREEN):
        refuses("file capabilities", 126, "file capabilities", "run", path, user=NOBODY)
    else:
        skipped.append("file capabilities: others may not enter this directory")


def reached_by_nobody(program):
    try:
        return subprocess.run([program, "--version"], user=NOBODY, capture_output=True).returncode == 0
    except PermissionError:  # a tree in /root
        return False


def no_new_privs():
    import ctypes
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)


def asan():
    if not gcc("sane", '#include <stdlib.h>\nint main(void) { return system("echo $LD_PRELOAD"); }',
               "-fsanitize=address"):
        skipped.append("ASan: gcc has none")
        return
    result = green("run", "./sane", env={"ASAN_OPTIONS": "detect_leaks=0"})
    if "does not come first" in result.stderr or not result.stdout.startswith("libasan.so"):
        fail("ASan's runtime comes first", result)


def library():
    import shutil
    shutil.copy(GREEN, "green")
    env = {"LD_LIBRARY_PATH": ""}
    for where in ".", "with space":
        os.makedirs(where, exist_ok=True)
    os.makedirs("with space/bin")
    shutil.copy(GREEN, "with space/bin/green")
    shutil.copy(os.path.join(BUILD, "libgreen.so"), "with space/bin/libgreen.so")
    os.makedirs("prefix/bin")
    os.makedirs("prefix/lib")
    shutil.copy(GREEN, "prefix/bin/green")
    shutil.copy(os.path.join(BUILD, "libgreen.so"), "prefix/lib/libgreen.so")

    def run(launcher):
        return subprocess.run([launcher, "run", "sh", "-c", "echo $LD_PRELOAD"], capture_output=True, text=True, env={
            **os.environ, **env})

    result = run("./prefix/bin/green")
    if result.stdout != os.path.realpath("prefix/lib/libgreen.so") + "\n":
        fail("../lib", result)
    result = run("with space/bin/green")
    if result.returncode != 125 or "LD_PRELOAD cannot name" not in result.stderr:
        fail("a path that LD_PRELOAD cannot name", result)
    result = run("./green")
    if result.returncode != 125 and "/libgreen.so" not in result.stdout:  # an installed one may be found
        fail("no library", result)
    write("libgreen.so", b"\177ELF\2\1\1")
    result = run("./green")
    if result.returncode != 125 or "truncated" not in result.stderr:
        fail("a damaged library", result)


def main():
    for needed in GREEN, os.path.join(BUILD, "libgreen.so"):
        if not os.path.exists(needed):
            print(f"{needed}: not built")
            return 1
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o711)  # for what nobody runs
        os.chdir(scratch)
        os.chmod(scratch, 0o755)
        os.symlink("loop", "loop")
        for part in usage, completion, runs, not_found, not_usable, elfs, privileges, asan, library:
            part()
        os.chdir("/")
    for what in skipped:
        print("not tried:", what)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
