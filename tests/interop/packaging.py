"""What is installed: the systemd unit is closed and starts what there is, the container file says what it must."""

import os
import re
import shutil
import subprocess
import tempfile

from cases import Cases, Skipped
from server import ROOT, binary
from serving import one_node

CASES = Cases("packaging")

UNIT = os.path.join(ROOT, "docs", "admin", "twoway.service")
# Of systemd-analyze's 100, tenths: what is left is the network and the system calls a mail server needs.
EXPOSURE_MAX = 20


def analyze(*words):
    """`systemd-analyze`: what it says. Skips where it is not installed."""
    if not shutil.which("systemd-analyze"):
        raise Skipped("systemd-analyze is not installed (Debian: systemd)")
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False)


def calls_in(group, seen=None):
    """The system calls of a group of systemd's, with those of the groups in it."""
    seen = set() if seen is None else seen
    calls = set()
    for line in analyze("syscall-filter", group).stdout.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@") and word not in seen:
            seen.add(word)
            calls |= calls_in(word, seen)
        elif word and word[0].isalpha():
            calls.add(word)
    return calls


@CASES.add
def unit_verified():
    """systemd finds no fault with the unit, and little that it leaves open."""
    with tempfile.TemporaryDirectory(prefix="twoway-unit-") as folder:
        unit = os.path.join(folder, "twoway.service")
        with open(UNIT, encoding="utf-8") as source, open(unit, "w", encoding="utf-8") as copy:
            # The program of this checkout in place of the one that is installed, and no manual.
            text = source.read().replace("/usr/bin/twoway", binary())
            copy.write(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
        verified = analyze("verify", unit)
        assert verified.returncode == 0 and unit not in verified.stderr, verified
        security = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
        assert security.returncode == 0, security.stdout[-500:]


@CASES.add
def unit_lets_it_work():
    """Every system call of a server that starts, takes mail and stops is one that the unit allows."""
    if not shutil.which("strace"):
        raise Skipped("strace is not installed")
    allowed = calls_in("@system-service") - calls_in("@privileged") - calls_in("@resources")
    with one_node() as node:
        trace = os.path.join(node.folder, "trace")
        node.start("strace", "-D", "-f", "-qq", "--signal=none", "-e", "trace=all", "-o", trace)
        sender, reader = node.new_account(), node.new_account()
        subject, _ = sender.write(reader)
        reader.find(subject)
        assert node.stop() == 0
        with open(trace, encoding="utf-8", errors="replace") as lines:
            made = set(re.findall(r"^\d+ +([a-z0-9_]+)\(", lines.read(), re.MULTILINE))
    # The start of the program itself; and the limit of descriptors, which the unit sets and the server may keep.
    # As root, SQLite gives its journals the owner of the database; the unit's user has no need to.
    unknown = made - allowed - {"execve", "setrlimit"} - ({"chown", "fchown"} if os.geteuid() == 0 else set())
    assert not unknown, f"the unit forbids {sorted(unknown)}"


@CASES.add
def container_file():
    """The container does not run as root, keeps its data, is asked for its health, and names files that exist."""
    with open(os.path.join(ROOT, "packaging", "Containerfile"), encoding="utf-8") as file:
        lines = re.sub(r"\\\n\s*", "", file.read()).splitlines()
    instructions = [line.split(" ", 1) for line in lines if line and not line.startswith("#")]
    last = len(instructions) - 1 - [word for word, _ in reversed(instructions)].index("FROM")
    final = dict(instructions[last:])
    assert not final["USER"].startswith(("0", "root")), final["USER"]
    assert "/var/lib/twoway" in final["VOLUME"] and '"health"' in final["HEALTHCHECK"] and '"serve"' in final["CMD"]
    known = {"FROM", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in instructions} <= known
