"""A mail server of somebody else: unpacked, not installed, with users of its own that this machine need not have."""

import os
import shutil
import signal
import socket
import subprocess

import smtp
from cases import Skipped
from server import ROOT, wait_for

# The server sees an `/etc` of its own, in a mount namespace of its own: these are the users and groups there.
OWN = {"postfix": 64_990, "Debian-exim": 64_991, "vmail": 64_992, "dovecot": 64_994, "dovenull": 64_995, "opensmtpd": 64_996, "opensmtpq": 64_997}
USERS = {"root": 0, "nobody": 65_534, **OWN}
GROUPS = {"root": 0, "mail": 8, "postdrop": 64_993, "nogroup": 65_534, **OWN}

# What runs in the namespace: `/etc` and the programs in their places, where every user can reach them, then the server.
IN_NAMESPACE = 'mount --bind "$1" /etc; mount --bind "$2" "$3"; shift 3; exec "$@"'


def programs(*which):
    """Where the programs are unpacked, in the words of tests/peers; skips the case where they can't be run."""
    if os.geteuid() != 0:
        raise Skipped("NOT ROOT: mail servers of others change to users of their own, which takes root")
    script = os.path.join(ROOT, "tests", "peers")
    run = subprocess.run([script, "install", *which], capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, f"tests/peers install: {run.stdout}{run.stderr}"
    return subprocess.run([script, "folder", *which], capture_output=True, text=True, timeout=60, check=True).stdout.strip()


class Mta:
    """One server process; it keeps all mail in one Maildir, `mail/all`."""

    # Which of tests/peers it is among, and how what it looks for gets into its place.
    peers = ()
    in_namespace = IN_NAMESPACE

    def __init__(self, folder, domain, address):
        self.unpacked = programs(*self.peers)
        self.domain = domain
        self.hostname = f"mx.{domain}"
        self.address = address
        # Its users, not only ours, must be able to reach what is theirs.
        os.chmod(folder, 0o711)
        self.folder = os.path.join(folder, domain)
        self.mail = self.make_folder("mail", "vmail")
        # The same, where its users can reach them.
        self.programs = self.make_folder("programs", "root")
        self.process = None

    def make_folder(self, name, user, mode=0o755):
        """A directory of this user's in the folder; returns its path."""
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        os.chown(path, USERS[user], GROUPS[user])
        return path

    def write_file(self, name, text):
        """A file in the folder; returns its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def write_etc(self):
        """The `/etc` of the server; returns its path."""
        etc = self.make_folder("etc", "root")
        shutil.copy("/etc/ld.so.cache", etc)
        self.write_file("etc/passwd", "".join(f"{name}:x:{number}:{GROUPS.get(name, 65_534)}::/:/bin/false\n" for name, number in USERS.items()))
        self.write_file("etc/group", "".join(f"{name}:x:{number}:\n" for name, number in GROUPS.items()))
        self.write_file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\n")
        self.write_file("etc/hosts", "127.0.0.1 localhost\n")
        self.write_file("etc/services", "smtp 25/tcp\n")
        return etc

    def run(self, command, wrapper=(), environment=None):
        """Starts the command in a namespace of its own, behind the words of `wrapper`; returns once every port is listened on."""
        words = [*wrapper, "unshare", "--mount", "sh", "-ec", self.in_namespace, "sh", self.write_etc(), self.unpacked, self.programs, *command]
        with open(os.path.join(self.folder, "output"), "ab") as output:
            self.process = subprocess.Popen(words, stdout=output, stderr=output, env={**os.environ, **(environment or {})}, start_new_session=True)
        wait_for(f"{self.hostname} to listen", self.listens, 60)

    def listens(self):
        """Whether every service listens; fails if the process has ended."""
        assert self.process.poll() is None, f"{self.hostname} ended with {self.process.returncode}: {self.log()[-4000:]}"
        for port in self.ports.values():
            with socket.socket() as probe:
                if probe.connect_ex((self.address, port)) != 0:
                    return False
        return True

    def log(self):
        """What it has said."""
        text = ""
        for name in ("output", *self.logs):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def stop(self):
        """Ends it and whatever it has started: they are one process group."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self.stop()
        if failure:
            print(self.log()[-12_000:])
        return False

    def connect(self, service="smtp"):
        """A session without TLS, as a program on the same machine has it."""
        return smtp.Session(self.address, self.ports[service], self.hostname, None, tls="later")

    def submit(self, mail_from, recipients, content, *, service="smtp", **options):
        """Hands it a message; options are those of `Session.submit`."""
        with self.connect(service) as session:
            session.hello()
            return session.submit(mail_from, recipients, content, **options).must_be(250)

    def inbox(self):
        """All messages as it keeps them: with LF alone, as Maildir has it, behind the fields of the delivery."""
        found = []
        folder = os.path.join(self.mail, "all", "new")
        for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            with open(os.path.join(folder, file), "rb") as message:
                found.append(message.read())
        return found

    def received(self, address, subject):
        """The messages with this subject that came to this address."""
        wanted = [f"{self.recipient_field}: {address}".encode(), f"Subject: {subject}".encode()]
        return [message for message in self.inbox() if set(wanted) <= set(message.split(b"\n\n")[0].split(b"\n"))]

    def find(self, address, subject, seconds=30.0):
        """The one message with this subject that came to this address, once it has arrived."""
        found = wait_for(f"{subject!r} for {address}", lambda: self.received(address, subject), seconds)
        assert len(found) == 1, found
        return found[0]
