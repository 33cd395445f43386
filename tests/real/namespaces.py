"""Mount and network namespaces of a test's own: resolv.conf, nsswitch.conf and port 53 are its."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys

import both

INSIDE = "GREEN_TEST_INSIDE"
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def enter():
    """The calling test begins anew in them; comes back there."""
    if os.environ.get(INSIDE):
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        return
    if os.geteuid() != 0 or not shutil.which("unshare"):
        both.skip("needs root and unshare, for a resolv.conf of its own")
    if subprocess.run(["unshare", "-m", "-n", "true"], capture_output=True).returncode:
        both.skip("unshare is not permitted here")
    os.execvpe("unshare", ["unshare", "-m", "-n", "--", sys.executable, *sys.argv], {**os.environ, INSIDE: "1"})


def bind_over(target, text, scratch):
    source = os.path.join(scratch, os.path.basename(target))
    with open(source, "w") as f:
        f.write(text)
    if not os.path.exists(target):
        both.skip(f"there is no {target} to mount over")
    subprocess.run(["mount", "--bind", source, os.path.realpath(target)], check=True)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
