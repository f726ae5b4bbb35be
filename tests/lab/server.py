"""A server of ours, spoken to by its command line; accounts on it that send and read."""

import json
import os
import re
import secrets
import ssl
import subprocess
import time

import smtp

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary():
    """The path of `twoway`: `$TWOWAY_BIN`, or built here."""
    if "TWOWAY_BIN" in os.environ:
        return os.environ["TWOWAY_BIN"]
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--package", "server"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    os.environ["TWOWAY_BIN"] = os.path.join(target, "debug", "twoway")
    return os.environ["TWOWAY_BIN"]


def wait_for(what, probe, seconds=30.0):
    """Asks `probe` until it answers; says what was waited for when it does not."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def token():
    """A word that occurs nowhere else."""
    return f"t{secrets.token_hex(6)}"


class Server:
    """One server: where it listens, and its command line."""

    def __init__(self, twoway, facts):
        self.twoway = twoway
        self.domain = facts["domain"]
        self.hostname = facts["hostname"]
        self.address = facts["address"]
        self.config = facts["config"]
        self.ca_pem = facts["ca_pem"]
        self.ports = facts["ports"]
        self.passwords = {account["address"]: account["password"] for account in facts["accounts"]}

    def run(self, *words, stdin=None):
        """Runs a command with `--json`; returns the finished process."""
        command = [self.twoway, *words, "--config", self.config, "--json"]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=120, check=False)

    def command(self, *words, stdin=None):
        """Runs a command that is to be done; returns its document."""
        run = self.run(*words, stdin=stdin)
        assert run.returncode == 0, f"twoway {' '.join(words)}: {run.returncode}\n{run.stdout!r}\n{run.stderr!r}"
        return json.loads(run.stdout)

    def refused(self, *words, status=1):
        """Runs a command that is to fail with this exit status; returns its error."""
        run = self.run(*words)
        assert run.returncode == status, f"twoway {' '.join(words)}: {run.returncode}\n{run.stdout!r}\n{run.stderr!r}"
        error = json.loads(run.stderr)["error"]
        assert set(error) == {"code", "message"} and all(error.values()), error
        return error

    def tls_context(self):
        """Trusts the authority of this server and nobody else."""
        return ssl.create_default_context(cafile=self.ca_pem)

    def connect(self, port, **options):
        """A session with one of its services, by the service's name."""
        return smtp.Session(self.address, self.ports[port], self.hostname, self.tls_context(), **options)

    def account(self, address):
        """An account that is there already."""
        return Account(self, address, self.passwords[address])

    def new_account(self, screening="off", name=None):
        """Adds an account with a name of its own."""
        address, password = f"{name or token()}@{self.domain}", token()
        self.command("account", "add", address, "--password-stdin", stdin=f"{password}\n".encode())
        self.command("mode", address, "--screening", screening)
        self.passwords[address] = password
        return Account(self, address, password)


class Account:
    """Somebody with a mailbox."""

    def __init__(self, server, address, password):
        self.server = server
        self.address = address
        self.password = password

    def __repr__(self):
        return self.address

    def session(self):
        """A session at the submission service with TLS on connect, authenticated."""
        session = self.server.connect("submissions")
        session.hello()
        session.auth_plain(self.address, self.password)
        return session

    def submit(self, recipients, content, **options):
        """Submits these octets; returns the id the server kept the message as. Options are those of `Session.submit`."""
        with self.session() as session:
            reply = session.submit(options.pop("mail_from", self.address), recipients, content, **options)
        assert reply.code == 250, reply
        return kept_as(reply)

    def write(self, to, subject=None, body="Hello.\r\n", **options):
        """Submits a plain message to one account or address; returns its subject and its id."""
        subject = subject or token()
        return subject, self.submit([str(to)], self.message(to, subject, body), **options)

    def message(self, to, subject, body="Hello.\r\n"):
        """A message in the form that submission changes nothing of."""
        return (
            f"From: <{self.address}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
            f"Date: Mon, 06 Jul 2026 12:00:00 +0000\r\nMessage-ID: <{token()}@example.test>\r\n\r\n{body}"
        ).encode()

    def command(self, word, *words):
        """A command about this account."""
        return self.server.command(word, self.address, *words)

    def inbox(self):
        """The rows of its mail."""
        return self.command("mail", "list")

    def raw(self, mail):
        """One message, octet for octet."""
        command = [self.server.twoway, "mail", self.address, "show", mail, "--raw", "--config", self.server.config]
        return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout

    def find(self, subject, seconds=30.0):
        """The octets of the one message with this subject, once it has arrived."""

        def probe():
            return [row for row in self.inbox() if row["subject"] == subject]

        rows = wait_for(f"{subject!r} in the mailbox of {self}", probe, seconds)
        assert len(rows) == 1, rows
        return self.raw(rows[0]["id"])

    def has(self, subject):
        """Whether a message with this subject is here."""
        return any(row["subject"] == subject for row in self.inbox())

    def transfers(self, message):
        """The rows of one message that this account sent, by recipient."""
        return {row["recipient"]: row for row in self.command("sent", "list") if row["message"] == message}

    def wait_sent(self, message, to, status, seconds=30.0):
        """The row of this message to this recipient, once it has this status."""
        seen = []

        def probe():
            row = self.transfers(message).get(str(to))
            seen[:] = [row]
            return row if row and row["status"] == status else None

        try:
            return wait_for(f"status {status} of the mail from {self} to {to}", probe, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {seen[0]}") from None

    def contacts(self):
        """Its contact attempts, by who made them."""
        return {row["sender"]: row for row in self.command("contacts", "list")}

    def wait_contact(self, sender, count=1):
        """The contact attempt of this sender, once it has collected so many messages."""

        def probe():
            row = self.contacts().get(str(sender))
            return row if row and row["count"] >= count else None

        row = wait_for(f"a contact attempt of {sender} at {self}", probe)
        assert row["count"] == count, row
        return row


def kept_as(reply):
    """The id in the reply that took responsibility for a message."""
    found = re.search(r"kept as (\S+)$", reply.text)
    assert found, reply
    return found[1]
