"""The demo itself: what it tells, what it leaves behind, and what survives a stop in the middle."""

import os
import re
import signal
import subprocess
import tempfile

from cases import Cases
from demo import Demo
from server import binary, wait_for

CASES = Cases("lifecycle")

# Each step as the narration has to name it, in the order of the handshake.
STEPS = ("kept", "noticed", "contact attempt", "allowed", "retrieved", "confirmed", "told")


def everything_below(folder):
    """All paths below a folder."""
    return [os.path.join(at, name) for at, folders, files in os.walk(folder) for name in folders + files]


def children_of(pid):
    """The processes that this one has started."""
    path = f"/proc/{pid}/task/{pid}/children"
    with open(path, encoding="ascii") as file:
        return file.read().split()


@CASES.add
def narration():
    """Without --quiet every step of the handshake is told, in order, and Ctrl-C leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder:
        temporary = os.path.join(folder, "tmp")
        os.mkdir(temporary)
        told = os.path.join(folder, "told")
        describe = os.path.join(folder, "demo.json")
        with open(told, "wb") as output:
            process = subprocess.Popen(
                [binary(), "demo", "--describe", describe], stdout=output, stderr=output, env={**os.environ, "TMPDIR": temporary}
            )
        try:
            steps_told(told, process)
            assert everything_below(temporary) or os.path.exists(describe)
        finally:
            process.send_signal(signal.SIGINT)
            status = process.wait(40)
        assert status in (0, 130), status
        assert everything_below(temporary) == []


def steps_told(path, process):
    """Waits until each step was told after the one before it, and all that a person needs to take part."""

    def text():
        assert process.poll() is None, "the demo ended"
        with open(path, encoding="utf-8") as file:
            return re.sub(r"\x1b\[[0-9;]*m", "", file.read()).lower()

    pattern = re.compile(".*".join(rf"\b{re.escape(step)}\b" for step in STEPS), re.DOTALL)
    wait_for("the narration of every step", lambda: pattern.search(text()), 60)
    for needed in ("alice@a.test", "bob@b.test", "carol@b.test", "swaks", "ctrl-c"):
        assert needed in text(), f"{needed} is not told of:\n{text()}"


@CASES.add
def leaves_nothing():
    """Ctrl-C without --keep ends within seconds and leaves no file, socket or process."""
    with Demo() as demo:
        pid = demo.process.pid
        alice, bob = demo.a.account("alice@a.test"), demo.b.account("bob@b.test")
        alice.write(bob)
        bob.wait_contact(alice)
        folders = [server["data_dir"] for server in demo.facts["servers"]]
        assert all(os.path.isdir(folder) for folder in folders) and children_of(pid) == []
        assert demo.stop() in (0, 130)
        assert everything_below(demo.temporary) == [] and not any(os.path.exists(folder) for folder in folders)
        assert not os.path.exists(f"/proc/{pid}")


def stopped_in_the_middle(number):
    """A message waits, the demo is stopped by this signal and started again: the message still arrives."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Demo("--keep", os.path.join(folder, "kept")) as demo:
        alice, bob = demo.a.account("alice@a.test"), demo.b.account("bob@b.test")
        subject, message = alice.write(bob)
        bob.wait_contact(alice)
        demo.stop(number)
        demo.start()
        alice, bob = demo.a.account("alice@a.test"), demo.b.account("bob@b.test")
        bob.wait_contact(alice)
        bob.command("contacts", "allow", alice.address)
        bob.find(subject)
        alice.wait_sent(message, bob, "delivered")
        for server in (demo.a, demo.b):
            assert server.command("check") == {"ok": True, "violations": []}


@CASES.add
def kept_and_stopped():
    """With --keep, a demo stopped by Ctrl-C goes on where it was: what waited arrives when it is allowed."""
    stopped_in_the_middle(signal.SIGINT)


@CASES.add
def kept_and_killed():
    """With --keep, a demo killed outright goes on where it was, too."""
    stopped_in_the_middle(signal.SIGKILL)


@CASES.add
def two_at_once():
    """Two demos run side by side and do not meet."""
    with Demo() as one, Demo() as other:
        subject, _ = one.a.account("alice@a.test").write("carol@b.test")
        one.b.account("carol@b.test").find(subject)
        assert not other.b.account("carol@b.test").has(subject)


@CASES.add
def a_folder_in_use():
    """Two demos cannot keep their data in one folder: the second says so and ends."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Demo("--keep", os.path.join(folder, "kept")):
        run = subprocess.run(
            [binary(), "demo", "--quiet", "--keep", os.path.join(folder, "kept")], capture_output=True, timeout=60, check=False
        )
        assert run.returncode in (1, 2, 75) and run.stderr, run
