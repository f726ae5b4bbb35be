"""A running demo to test against: started once, spoken to by command line, stopped by pid."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def binary():
    """Builds `twoway` once and returns its path."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--package", "server"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    return os.path.join(target, "debug", "twoway")


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


class Server:
    """One of the demo's servers."""

    def __init__(self, twoway, facts):
        self.twoway = twoway
        self.domain = facts["domain"]
        self.hostname = facts["hostname"]
        self.address = facts["address"]
        self.config = facts["config"]
        self.ca_pem = facts["ca_pem"]
        self.ports = facts["ports"]
        self.passwords = {account["address"]: account["password"] for account in facts["accounts"]}

    def command(self, *words, expect=0):
        """Runs a command with --json; returns its document, or with another `expect` its error."""
        run = subprocess.run(
            [self.twoway, *words, "--config", self.config, "--json"], capture_output=True, timeout=60, check=False
        )
        assert run.returncode == expect, f"twoway {' '.join(words)}: {run.returncode}\n{run.stdout!r}\n{run.stderr!r}"
        return json.loads(run.stderr if expect else run.stdout)

    def inbox(self, account):
        return self.command("mail", account, "list")

    def raw(self, account, mail):
        run = subprocess.run(
            [self.twoway, "mail", account, "show", mail, "--raw", "--config", self.config],
            capture_output=True,
            timeout=120,
            check=True,
        )
        return run.stdout

    def find(self, account, subject, seconds=30.0):
        """The octets of the one message with this subject, once it has arrived."""

        def probe():
            return [row for row in self.inbox(account) if row["subject"] == subject]

        rows = wait_for(f"{subject!r} in the mailbox of {account}", probe, seconds)
        assert len(rows) == 1, rows
        return self.raw(account, rows[0]["id"])

    def sent(self, account, recipient, status, seconds=30.0):
        """The latest transfer to this recipient, once it has this status."""

        def probe():
            rows = [row for row in self.command("sent", account, "list") if row["recipient"] == recipient]
            return rows[0] if rows and rows[0]["status"] == status else None

        return wait_for(f"status {status} of the mail from {account} to {recipient}", probe, seconds)


class Demo:
    """`twoway demo --quiet`, for as long as the `with` block runs."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="twoway-interop-")
        describe = os.path.join(self.folder.name, "demo.json")
        self.log = open(os.path.join(self.folder.name, "log"), "wb")
        twoway = binary()
        self.process = subprocess.Popen(
            [twoway, "demo", "--quiet", "--describe", describe, *self.options], stdout=self.log, stderr=self.log
        )

        def ready():
            assert self.process.poll() is None, f"the demo ended: {open(self.log.name, 'rb').read().decode()}"
            return os.path.exists(describe)

        wait_for("the demo to be ready", ready, 60)
        with open(describe, encoding="utf-8") as file:
            facts = json.load(file)
        assert facts["ready"] is True
        self.a, self.b = (Server(twoway, server) for server in facts["servers"])
        return self

    def __exit__(self, failure, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            failure = failure or True
            print("the demo did not stop within 40 s", file=sys.stderr)
        self.log.close()
        if failure:
            with open(self.log.name, encoding="utf-8", errors="replace") as log:
                print(log.read()[-20_000:], file=sys.stderr)
        self.folder.cleanup()
        return False
