#!/usr/bin/python3
# timeout: 600
"""CPython's own regression tests: each case that passes natively passes green.

    tests/real/cpython.py [BUILD] [--full] [MODULE ...]

The short form runs the most telling modules; --full, half an hour, all that have to do with threads, processes,
signals and waiting. The tests are those of Debian's libpython3.11-testsuite. Logs are left in BUILD/real/cpython.
"""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both

# The longest first, so that they do not end the run alone.
SHORT = """
    test_signal test_subprocess test_threading test_poll test_eintr test_queue test_threadsignals test_fork1 test_wait3
    test_wait4 test_file_eintr test_os test_time test_posix test_select test_epoll test_socketserver test_asyncore
    test_asynchat test_httpservers test_smtplib test_thread test_threading_local test_threadedtempfile test_sched
    test_pty test_openpty test_popen test_fcntl test_ioctl
""".split()
FULL = """
    test_concurrent_futures test_asyncio test_multiprocessing_fork test_multiprocessing_forkserver
    test_multiprocessing_spawn test_multiprocessing_main_handling test_socket test_io test_imaplib test_xmlrpc
    test_logging test_ssl test_faulthandler test_selectors test_ftplib test_poplib test_tempfile test_urllib2_localnet
    test_nntplib test_telnetlib test_docxmlrpc test_wsgiref test_robotparser test_pipes test_mmap test_bufio test_fileio
    test_largefile test_interpreters test__xxsubinterpreters test_capi test_gc test_weakref test_atexit test_audit
    test_embed test_context test_contextlib_async test_asyncgen test_functools test_import test_importlib test_decimal
    test_hashlib test_bz2 test_lzma test_zlib test_sqlite3 test_ctypes test_tracemalloc test_sys test_sys_settrace
    test_sys_setprofile test_cprofile test_pdb test_bdb test_cmd_line test_cmd_line_script test_regrtest test_support
    test_resource test_syslog test_getpass test_readline test_mailbox test_shutil test_venv test_compileall test_uuid
    test_random test_unittest test_zipfile test_tarfile test_httplib test_urllib test_urllib2 test_smtpd test_timeout
    test_finalization test_runpy test_repl test_c_locale_coercion test_utf8_mode test_cgi test_builtin test_exceptions
    test_file test_fileinput test_univnewlines test_gzip test_pathlib test_traceback test_warnings test_inspect
    test_pydoc test_site test_webbrowser test_script_helper test_trace test_timeit test_profile test_coroutines
    test_contextlib test_generators test_deque test_float test_math test_cmath test_strtod test_struct test_dbm
    test_shelve test_zipimport test_datetime test_pwd test_grp test_doctest test_xml_etree test_pyexpat test_email
    test_stable_abi_ctypes test_memoryview
""".split()

# What a module needs said to regrtest.
OPTIONS = {
    "test_socket": ["-i", "*VSOCK*"],  # hangs natively in a virtual machine whose host does not answer
    "test_socketserver": ["-u", "network"],  # 127.0.0.1
    "test_timeout": ["-u", "network"],  # 127.0.0.1; the cases that ask other hosts fail natively too
}
WITH_TERMINAL = {"test_ioctl"}

# Cases that fail natively too now and then.
FLAKY = {
    # Counts on three processes to start within a second and a half.
    "test.test_concurrent_futures.ProcessPoolSpawnWaitTest.test_first_exception",
    # The server decodes what each recv(1024) gives, and the data's last character has two bytes: a server that falls
    # behind after one of the lines 148, 404, 660, 916 sees them apart.
    "test.test_ftplib.TestFTPClass.test_storlines",
}

JOBS = 3 if both.FULL else 6  # they sleep most of the time
LIMIT = 1200 if both.FULL else 240
LOGS = os.path.join(both.BUILD, "real", "cpython")


def cases_in(report):
    """Case to verdict, from the report of a run that came to its end; None without one."""
    if not os.path.exists(report):
        return None
    found = {}
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        bad = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[case.get("name")] = bad[0] if bad else "passes"
    return found


def start_module(module, way, scratch, report, log):
    # --timeout starts a thread, so that all of the module runs green, and names the case that hangs.
    argv = [both.PYTHON, "-E", "-m", "test", "-v", "--fail-env-changed", "--timeout", str(LIMIT), "--junit-xml", report,
            "--tempdir", scratch, *OPTIONS.get(module, []), module]
    if module in WITH_TERMINAL:
        argv = ["script", "-qec", " ".join(argv), "/dev/null"]
    return subprocess.Popen(argv, env=both.environment(way, {"TMPDIR": scratch}), cwd=scratch,
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def run(module, way):
    """How the module ended, and its cases."""
    scratch = tempfile.mkdtemp(prefix="green-cpython.")
    report = os.path.join(scratch, "report.xml")
    with open(os.path.join(LOGS, f"{module}.{way}"), "w") as log:
        child = start_module(module, way, scratch, report, log)
        try:
            end = f"ends with {child.wait(LIMIT + 30)}"
        except subprocess.TimeoutExpired:
            end = "hangs"
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    cases = cases_in(report)
    shutil.rmtree(scratch, ignore_errors=True)
    return end, cases


def log_ends(module, way):
    with open(os.path.join(LOGS, f"{module}.{way}"), errors="replace") as log:
        return "".join(f"    | {line}" for line in log.readlines()[-30:])


def compare(module, native, green):
    """The names of what passes natively and does not green."""
    (native_end, native_cases), (green_end, green_cases) = native, green
    if native_cases is None:
        print(f"     {module}: natively it does not come to an end\n{log_ends(module, 'native')}", flush=True)
        return
    passing = [case for case, verdict in native_cases.items() if verdict == "passes"]
    if green_cases is None:
        both.fail(f"{module}: {green_end}\n{log_ends(module, 'green')}")
        return
    worse = {case: green_cases.get(case, "does not run") for case in passing}
    worse = {case: verdict for case, verdict in worse.items() if verdict != "passes" and case not in FLAKY}
    for case, verdict in worse.items():
        both.fail(f"{case}: {verdict}")
    if not worse and green_end != native_end and native_end == "ends with 0":
        both.fail(f"{module}: {green_end}\n{log_ends(module, 'green')}")
        return
    note = "".join(f", {case} {verdict} natively" for case, verdict in native_cases.items()
                   if verdict in ("failure", "error"))
    print(f"{'FAIL' if worse else 'ok  '} {module}: {len(passing)} of {len(native_cases)} cases pass natively, "
          f"{len(passing) - len(worse)} of them green{note}", flush=True)


def main():
    if subprocess.run([both.PYTHON, "-c", "import test.test_thread, sys; sys.exit(sys.version_info[:2] != (3, 11))"],
                      env=both.clean(), stderr=subprocess.DEVNULL).returncode:
        both.skip("no libpython3.11-testsuite")
    os.makedirs(LOGS, exist_ok=True)
    # A shell's background ignores SIGINT, and what is ignored stays ignored: the cases that send it would fail.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    modules = both.ARGUMENTS[1:] or (FULL + SHORT if both.FULL else SHORT)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        runs = [(module, [pool.submit(run, module, way) for way in both.WAYS]) for module in modules]
        for module, ways in runs:
            compare(module, *[way.result() for way in ways])
    print(f"{len(modules)} modules in {time.monotonic() - began:.0f} s")
    both.finish()


main()
