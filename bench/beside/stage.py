"""The servers that are measured, as Debian and we ship them, and loads for them."""

import os
import subprocess
import time

from dovecot import Dovecot
from exim import Exim
from meter import Meter
from node import Node
from opensmtpd import OpenSmtpd
from postfix import Postfix
from server import wait_for

# All load comes from one address, and some of it in one session. (Postfix's limits don't hold for the networks it trusts.)
LIMITS = "[limits]\ncommands_max = 1000000\nmessages_max = 1000000\nconnections_per_address_max = 1000\n"


class Measured:
    """A server in groups of its own, which know what it uses."""

    regains_rights = False

    def begin(self, *wrapper):
        """Starts it, behind the words of `wrapper` if there are any."""
        self.meter = Meter()
        self.start(*self.meter.wrapper, *wrapper)

    def used(self):
        """Seconds of processor until it is at rest: with what it does behind the 250, some of which begins within a second."""
        time.sleep(1.2)
        return self.meter.settled()

    def end(self):
        """Stops it."""
        self.stop()
        self.meter.close()


class Ours(Measured, Node):
    """A server of ours."""

    service = "exchange"

    def events(self, word):
        """How many such events it has logged."""
        with open(self.log_path, "rb") as log:
            return log.read().count(f'"event":"{word} '.encode())

    def delivered(self):
        """How many messages have been put into mailboxes: what was pushed, and what was retrieved."""
        return self.events("Received") + self.events("Stored")


class Theirs(Measured):
    """A server of others, with Debian's defaults for everything about queues."""

    service = "smtp"

    def mail_folder(self):
        """Where messages appear."""
        return os.path.join(self.mail, "all", "new")

    def delivered(self):
        """How many messages are in the Maildir."""
        folder = self.mail_folder()
        return len(os.listdir(folder)) if os.path.isdir(folder) else 0


class TheirPostfix(Theirs, Postfix):
    """Postfix: into a Maildir."""


class Discarding(TheirPostfix):
    """Postfix that accepts, and delivers to nobody: what it knows as delivered is what has left its queue."""

    def __init__(self, folder, domain, address):
        super().__init__(folder, domain, address)
        self.routes.append((f"/@{domain.replace('.', chr(92) + '.')}$/", "discard:"))
        self.sent = 0

    def waiting(self):
        """How many messages are in its queue."""
        return sum(len(files) for name in ("incoming", "active", "deferred", "maildrop") for _, _, files in os.walk(f"{self.folder}/queue/{name}"))

    def delivered(self):
        """As many as were sent to it, but for those that wait."""
        return self.sent - self.waiting()


class WithDovecot(Theirs, Postfix):
    """Postfix that hands over to Dovecot, which puts into a Maildir; both are one server here."""

    def __init__(self, folder, domain, address):
        super().__init__(folder, domain, address)
        self.dovecot = Dovecot(folder, f"d-{domain}", address)
        self.transports = "lmtp unix - - n - - lmtp\n"

    def start(self, *wrapper):
        """Both."""
        self.dovecot.start(*wrapper)
        self.settings["virtual_transport"] = f"lmtp:unix:{self.dovecot.socket}"
        super().start(*wrapper)

    def stop(self):
        """Both."""
        super().stop()
        self.dovecot.stop()

    def log(self):
        """Of both."""
        return super().log() + self.dovecot.log()

    def mail_folder(self):
        """Dovecot's."""
        return os.path.join(self.dovecot.mail, "all", "new")


class TheirExim(Theirs, Exim):
    """Exim: into a Maildir. It delivers every message at once, however many came in one session (Debian's leaves those after the tenth to the queue)."""

    regains_rights = True

    def __init__(self, folder, domain, address):
        super().__init__(folder, domain, address)
        self.settings = "smtp_accept_queue_per_connection = 0\n"
        self.queue_runs = "-q30m"


class TheirOpenSmtpd(Theirs, OpenSmtpd):
    """OpenSMTPD: into a Maildir."""


def wait_delivered(server, count, seconds=120):
    """Returns once so many messages are where they are to end."""
    wait_for(f"{count} messages at {server.hostname}", lambda: server.delivered() >= count, seconds)


def load(address, port, **options):
    """Runs our own load, `bench submit`, with these options; returns what it recorded: {subject: (seconds, reply)}."""
    record = options.pop("record")
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [os.environ["TWOWAY_BENCH"], "submit", "--to", f"{address}:{port}", "--record", record, *words]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    with open(record, encoding="utf-8") as lines:
        parts = [line.rstrip("\n").split(" ", 2) for line in lines]
    return {subject: (float(seconds), reply) for subject, seconds, reply in parts}
