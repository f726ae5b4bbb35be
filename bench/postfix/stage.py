"""The servers that are measured, as Debian and we ship them, and loads for them."""

import os
import subprocess

from meter import Meter
from node import Node
from postfix import Postfix
from server import wait_for

# All load comes from one address, and some of it in one session. (Postfix's limits don't hold for the networks it trusts.)
LIMITS = "[limits]\ncommands_max = 1000000\nmessages_max = 1000000\nconnections_per_address_max = 1000\n"


class Ours(Node):
    """A server of ours that is measured."""

    def begin(self, *wrapper):
        """Starts it in a group of its own; where a `wrapper` is given, behind it, and unmeasured."""
        self.meter = Meter()
        self.start(*(wrapper or self.meter.wrapper))

    def end(self):
        """Stops it."""
        assert self.stop() == 0
        self.meter.close()

    def events(self, word):
        """How many such events it has logged."""
        with open(self.log_path, "rb") as log:
            return log.read().count(f'"event":"{word} '.encode())


class Theirs(Postfix):
    """A Postfix with Debian's defaults for everything about queues."""

    def begin(self, *wrapper):
        """The same as of ours."""
        self.meter = Meter()
        self.start(*(wrapper or self.meter.wrapper))

    def end(self):
        """Stops it."""
        self.stop()
        self.meter.close()

    def waiting(self):
        """How many messages are in its queue."""
        return sum(len(files) for name in ("incoming", "active", "deferred", "maildrop") for _, _, files in os.walk(f"{self.folder}/queue/{name}"))

    def wait_empty(self):
        """Returns once the queue is empty."""
        wait_for("the queue to be empty", lambda: self.waiting() == 0, 300)

    def delivered(self):
        """How many messages are in the Maildir."""
        folder = os.path.join(self.mail, "all", "new")
        return len(os.listdir(folder)) if os.path.isdir(folder) else 0


def load(address, port, **options):
    """Runs our own load, `bench submit`, with these options; returns what it recorded: {subject: (seconds, reply)}."""
    record = options.pop("record")
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [os.environ["TWOWAY_BENCH"], "submit", "--to", f"{address}:{port}", "--record", record, *words]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    with open(record, encoding="utf-8") as lines:
        parts = [line.rstrip("\n").split(" ", 2) for line in lines]
    return {subject: (float(seconds), reply) for subject, seconds, reply in parts}
