"""A source package of Debian's, unpacked in a directory of our own.

apt-get gets it with a deb-src line and directories of our own: the system's lists stay as they are.
"""

import glob
import os
import shutil
import subprocess

DEB_SRC = "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n"


class Unavailable(Exception):
    """The source cannot be had here; says why."""


def fetch(where, package, version=None):
    """The source tree under `where`; of the newest version if none is named."""
    marker = os.path.join(where, "unpacked")  # written last: a fetch that was stopped begins anew
    if os.path.exists(marker):
        with open(marker) as f:
            return os.path.join(where, f.read())
    apt = os.path.join(where, "apt")
    os.makedirs(os.path.join(apt, "lists", "partial"), exist_ok=True)
    with open(os.path.join(apt, "sources.list"), "w") as f:
        f.write(DEB_SRC)
    options = [f"Dir::Etc::sourcelist={apt}/sources.list", "Dir::Etc::sourceparts=/dev/null",
               f"Dir::State::Lists={apt}/lists", f"Dir::Cache={apt}", "APT::Sandbox::User=root",
               "Acquire::http::Timeout=20", "Acquire::Retries=2",
               "APT::Update::Error-Mode=any"]
    apt_get = ["apt-get", "-q"] + [word for o in options for word in ("-o", o)]
    for tree in trees(where, package):
        shutil.rmtree(tree)
    for command in (["update"], ["source", f"{package}={version}" if version else package]):
        try:
            done = subprocess.run(apt_get + command, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=300)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise Unavailable(f"apt-get {command[0]}: {e}") from e
        if done.returncode:
            said = [line for line in done.stdout.splitlines() if line.startswith(("E:", "dpkg-source: error"))]
            raise Unavailable(f"apt-get {' '.join(command)}: {said[0] if said else 'failed'}")
    found = trees(where, package)
    if len(found) != 1:
        raise Unavailable(f"apt-get source {package}: no tree, or several")
    with open(marker, "w") as f:
        f.write(os.path.basename(found[0]))
    return found[0]


def trees(where, package):
    return [path for path in glob.glob(os.path.join(where, f"{package}-[0-9]*")) if os.path.isdir(path)]
