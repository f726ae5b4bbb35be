"""mbsync (isync): a mailbox and a Maildir, synchronised both ways, and interrupted."""

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import mails
from cases import Cases, Skipped
from server import wait_for

CASES = Cases("mbsync")

MESSAGES = 5_000
# How long one run may take. It is killed earlier, on purpose.
RUN_SECONDS = 300

# Nothing here looks for what a power cut leaves.
CONFIGURATION = """
FSync no

IMAPAccount far
Host {hostname}
Tunnel {folder}/connect
User {user}
Pass {password}
AuthMechs LOGIN
{tls} IMAPS
CertificateFile {ca_pem}

IMAPStore far
Account far

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel both
Far :far:
Near :near:
Patterns {patterns}
Create Both
Remove Both
Expunge Both
Sync All
CopyArrivalDate yes
SyncState {folder}/state/
"""


class Mbsync:
    """One Maildir tree, and the program that keeps it like the account."""

    def __init__(self, place, folder, patterns='* !"Contact Requests" !"Sent Status"'):
        if not shutil.which("mbsync"):
            raise Skipped("mbsync is missing: apt-get install isync")
        self.folder = folder
        for name in ("mail", "state"):
            os.mkdir(os.path.join(folder, name))
        self.write_relay(place)
        version = re.search(r"(\d+)\.(\d+)", subprocess.run(["mbsync", "--version"], capture_output=True, text=True, check=True).stdout)
        # The option was renamed.
        tls = "TLSType" if (int(version[1]), int(version[2])) >= (1, 5) else "SSLType"
        self.configure(CONFIGURATION, patterns=patterns, hostname=place.hostname, ca_pem=place.ca_pem, user=place.user, password=place.password, tls=tls)

    def write_relay(self, place):
        """What connects: it verifies the name of the server, which no DNS that it could ask knows."""
        path = os.path.join(self.folder, "connect")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/bash\nexec 3<>/dev/tcp/{place.address}/{place.ports['imaps']}\ncat <&3 &\ncat <&0 >&3 &\nwait -n\nkill $(jobs -p)\n")
        os.chmod(path, 0o755)

    def configure(self, text, **values):
        """Writes its configuration."""
        self.file = os.path.join(self.folder, "mbsyncrc")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text.format(folder=self.folder, **values))

    def start(self):
        """Begins a run."""
        return subprocess.Popen(["mbsync", "-c", self.file, "both"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self):
        """A whole run that goes well; returns what it said."""
        with self.start() as running:
            said = running.communicate(timeout=RUN_SECONDS)[0].decode(errors="replace")
        assert running.returncode == 0, f"mbsync ended with {running.returncode}: {said[-3000:]}"
        return said

    def box(self, name):
        """Where the Maildir of this mailbox is."""
        return os.path.join(self.folder, "mail", name)

    def files(self, name="INBOX"):
        """All messages of a Maildir: {path: octets}."""
        found = {}
        for part in ("new", "cur"):
            folder = os.path.join(self.box(name), part)
            for file in os.listdir(folder) if os.path.isdir(folder) else ():
                path = os.path.join(folder, file)
                with open(path, "rb") as message:
                    found[path] = message.read()
        return found

    def letters(self, name="INBOX"):
        """Message-IDs here, and the flags of each."""
        return collections.Counter((id_of(octets), flags_of(path)) for path, octets in self.files(name).items())

    def write(self, content, number, flags="", name="INBOX"):
        """Puts a message into the Maildir, as a reader of Maildirs does."""
        path = os.path.join(self.box(name), "cur", f"{1_700_000_000 + number}.M{number}P1.here:2,{flags}")
        with open(path, "wb") as file:
            file.write(content.replace(b"\r\n", b"\n"))

    def flag(self, path, flags):
        """Gives a message of the Maildir these flags and no others."""
        folder, file = os.path.split(path)
        os.rename(path, os.path.join(os.path.dirname(folder), "cur", f"{file.split(':')[0]}:2,{flags}"))


def id_of(octets):
    """The number in a Message-ID."""
    return int(re.search(rb"^Message-ID: <n\.(\d+)@", octets, re.MULTILINE | re.IGNORECASE)[1])


def flags_of(path):
    """Of a file in a Maildir, in their order."""
    return "".join(sorted(path.partition(":2,")[2]))


MAILDIR_FLAGS = {"\\seen": "S", "\\answered": "R", "\\flagged": "F", "\\deleted": "T", "\\draft": "D"}


def far(place, name="INBOX"):
    """Message-IDs on the server, and the flags of each, as letters of Maildirs."""
    with place.session() as session:
        session.must(f'EXAMINE "{name}"')
        found = session.command("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        letters = collections.Counter()
        for match in found.having(rb"FLAGS \(([^)]*)\).*Message-ID: <n\.(\d+)@"):
            flags = sorted(MAILDIR_FLAGS.get(flag.lower(), "") for flag in match[1].decode().split())
            letters[int(match[2]), "".join(flags)] += 1
        return letters


def assert_alike(place, mbsync, name="INBOX"):
    """Both have the same messages with the same flags, and none of them twice."""
    here, there = mbsync.letters(name), far(place, name)
    assert here == there, f"only here {list((here - there).items())[:5]}, only there {list((there - here).items())[:5]}"
    twice = [number for number, count in collections.Counter(number for number, _ in here.elements()).items() if count > 1]
    assert not twice, f"doubled: {twice[:10]}"
    return here


@CASES.add
def both_ways(server):
    """Flags, new messages, deletions and folders go both ways, and a run after that changes nothing."""
    place = server.place()
    with tempfile.TemporaryDirectory() as folder, place.session() as session:
        session.append_many("INBOX", [mails.letter(number) for number in range(60)], "(\\Seen)")
        mbsync = Mbsync(place, folder)
        mbsync.run()
        assert len(assert_alike(place, mbsync)) == 60
        for path, octets in mbsync.files().items():
            expected = mails.letter(id_of(octets)).replace(b"\r\n", b"\n")
            octets = re.sub(rb"^X-TUID: .*\n", b"", octets, count=1, flags=re.MULTILINE)  # mbsync's own
            assert octets == expected, f"{octets!r} and not {expected!r}"

        paths = {id_of(octets): path for path, octets in mbsync.files().items()}
        for number in range(10):
            mbsync.flag(paths[number], "FS")
        for number in range(10, 20):
            mbsync.flag(paths[number], "ST")
        for number in range(60, 70):
            mbsync.write(mails.letter(number), number, "RS")
        for name in ("Archive 2026", "Entw&APw-rfe &- &ZeVnLA-"):
            for part in ("new", "cur", "tmp"):
                os.makedirs(os.path.join(mbsync.box(name), part))
            mbsync.write(mails.letter(70), 70, "S", name)
        session.must("SELECT INBOX")
        session.must("UID STORE 31:40 +FLAGS.SILENT (\\Answered)")
        session.must("UID STORE 41:50 +FLAGS.SILENT (\\Deleted)")
        session.append_many("INBOX", [mails.letter(number) for number in range(80, 90)])
        # To learn of the folders that are new here, it looks twice.
        mbsync.run()
        mbsync.run()
        now = assert_alike(place, mbsync)
        flags = dict(now.keys())
        assert len(flags) == 60 and not set(flags) & set([*range(10, 20), *range(40, 50)]), sorted(flags)
        assert {flags[number] for number in range(10)} == {"FS"} and {flags[number] for number in range(60, 70)} == {"RS"}
        assert {flags[number] for number in range(30, 40)} == {"RS"} and {flags[number] for number in range(80, 90)} == {""}
        assert_alike(place, mbsync, "Archive 2026")
        # Maildirs have names as IMAP4rev1 has them.
        assert session.must('LIST "" "*"').having(rb'"Entw&APw-rfe &- &ZeVnLA-"')
        before = mbsync.files()
        mbsync.run()
        assert mbsync.files() == before


def count_files(mbsync):
    """How many messages the Maildir has, without reading them."""
    folders = [os.path.join(mbsync.box("INBOX"), part) for part in ("new", "cur")]
    return sum(len(os.listdir(folder)) for folder in folders if os.path.isdir(folder))


def run_until(mbsync, reached, act, patience=120):
    """A run in which `act` is done once `reached`; returns whether it got that far before it ended by itself."""
    with mbsync.start() as running:
        deadline = time.monotonic() + patience
        while running.poll() is None and not reached():
            assert time.monotonic() < deadline, "mbsync does not get on"
            # To count thousands of files is work, too.
            time.sleep(0.03)
        got_there = running.poll() is None
        act(running)
        running.stdout.read()
    return got_there


@contextlib.contextmanager
def watching(place, already):
    """How many messages there are on the server, beyond these."""
    with place.session() as session:
        yield lambda: int(session.must("STATUS INBOX (MESSAGES)").one(rb"MESSAGES (\d+)")[1]) - already


def is_at_rest(measured):
    """Whether this does not change for half a second."""
    before = measured()
    time.sleep(0.5)
    return measured() == before


@CASES.add
def interrupted(server):
    """Thousands of messages both ways, while mbsync and the server are killed again and again: nothing is lost or doubled."""
    count = MESSAGES
    place = server.place()
    with tempfile.TemporaryDirectory() as folder:
        with place.session() as session:
            session.append_many("INBOX", [mails.letter(number) for number in range(count)], "(\\Seen)")
        mbsync = Mbsync(place, folder)
        begun = time.monotonic()
        kill = lambda running: running.send_signal(signal.SIGKILL)  # noqa: E731
        killed = 0
        for part in (0.15, 0.5):
            killed += run_until(mbsync, lambda: count_files(mbsync) >= count * part, kill)
        killed += run_until(mbsync, lambda: count_files(mbsync) >= count * 0.75, lambda running: server.kill_and_start())
        assert killed == 3, f"{killed} of 3 were in time"
        mbsync.run()
        assert len(assert_alike(place, mbsync)) == count

        # The other way: as many again, in which they are killed as well.
        for number in range(count, 2 * count):
            mbsync.write(mails.letter(number), number, "S")
        for path in list(mbsync.files())[: count // 10]:
            mbsync.flag(path, "FS")

        with watching(place, count) as uploaded:
            killed = run_until(mbsync, lambda: uploaded() >= count * 0.2, kill)
            # The server still has APPENDs to read of the one that was killed. The next must see them all, or it would send them again.
            wait_for("a server at rest", lambda: is_at_rest(uploaded))
            killed += run_until(mbsync, lambda: uploaded() >= count * 0.5, lambda running: server.kill_and_start())
        assert killed == 2, f"{killed} of 2 were in time"
        mbsync.run()
        mbsync.run()
        there = assert_alike(place, mbsync)
        assert len(there) == 2 * count, len(there)
        print(f"        {count} down and {count} up, killed 5 times: {time.monotonic() - begun:.1f} s")
