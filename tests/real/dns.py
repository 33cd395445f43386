#!/usr/bin/python3
# timeout: 120
"""200 threads ask a DNS server that takes 200 ms, all at once: green needs less than a second for all.

In mount and network namespaces of its own: resolv.conf, nsswitch.conf and port 53 are the test's.
"""

import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import both
import namespaces

DELAY = 0.2
LIMIT = 1.0
SO_RCVBUFFORCE = 33


def answer(query):
    """host-N.test has the address 10.0.N/256.N%256 and no IPv6 one."""
    name = re.search(rb"\x04test\x00", query)
    number = int(re.search(rb"host-(\d+)", query).group(1))
    kind = struct.unpack_from("!H", query, name.end())[0]
    question = query[12:name.end() + 4]
    found = b""
    if kind == 1:
        found = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 60, 4, 10, 0, number >> 8, number & 255)
    return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if found else 0, 0, 0) + question + found


def serve(s):
    """Each query is answered DELAY after it came."""
    lock, waiting = threading.Condition(), []

    def answers():
        while True:
            with lock:
                while not waiting:
                    lock.wait()
                due, data, who = waiting.pop(0)
            time.sleep(max(0, due - time.monotonic()))
            s.sendto(data, who)

    threading.Thread(target=answers, daemon=True).start()
    while True:
        query, who = s.recvfrom(2048)
        with lock:
            waiting.append((time.monotonic() + DELAY, answer(query), who))
            lock.notify()


def main():
    namespaces.enter()
    program = both.compiled("dns_lookups.c")
    scratch = tempfile.mkdtemp()
    namespaces.bind_over("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n", scratch)
    namespaces.bind_over("/etc/nsswitch.conf", "hosts: files dns\n", scratch)
    namespaces.loopback_up()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
    s.bind(("127.0.0.1", 53))
    threading.Thread(target=serve, args=(s,), daemon=True).start()

    for way in both.WAYS:
        for i in range(10 if both.FULL else 3):
            run = both.Run([program, "200"], way, timeout=30)
            if run.code != 0:
                both.fail(f"{way}:\n{run}")
                break
            seconds = float(run.out.split()[-2])
            print(f"{way}: {run.out.strip()}", flush=True)
            if way == "green" and seconds >= LIMIT:
                both.fail(f"green: not under {LIMIT} s")
    shutil.rmtree(scratch, ignore_errors=True)
    both.finish()


if __name__ == "__main__":
    main()
