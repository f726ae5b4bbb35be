"""A program on a terminal of its own: what its screen shows, and keys for it."""

import os
import pty
import select
import signal
import struct
import subprocess
import termios
import fcntl
import time

from packages import package

LINES, COLUMNS = 40, 120


class Terminal:
    """Runs a program; ended with the `with` block."""

    def __init__(self, command, environment):
        pyte = package("pyte")
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.stream = pyte.ByteStream(self.screen)
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        everything = {**os.environ, "TERM": "linux", "LC_ALL": "C.UTF-8", **environment}
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=everything, start_new_session=True)
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.ours)

    def look(self, seconds=0.1):
        """Takes in what it has written."""
        while select.select([self.ours], [], [], seconds)[0]:
            try:
                octets = os.read(self.ours, 65_536)
            except OSError:  # it has ended
                return
            if not octets:
                return
            self.stream.feed(octets)
            seconds = 0

    def text(self):
        """The screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait(self, words, seconds=60):
        """Returns once these words are on the screen."""
        deadline = time.monotonic() + seconds
        while words not in self.text():
            ended = self.process.poll() is not None
            self.look()
            if words in self.text():
                return
            assert not ended and time.monotonic() < deadline, f"waited for {words!r} on\n{self.text()}"

    def keys(self, text):
        """Presses these keys."""
        os.write(self.ours, text.encode())

    def wait_end(self, seconds=60):
        """Returns once the program has ended; its exit status."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end:\n{self.text()}"
            self.look()
        return self.process.returncode
