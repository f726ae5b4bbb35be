"""Mailboxes by IMAP, over TLS: one with many messages, written to and looked through, and many clients that wait."""

import contextlib
import os
import re
import time

import mails
from dovecot import Mailboxes
from imap import Place, Session
from meter import Peak
from mta import GROUPS, USERS
from node import free_port
from scram import log_in
from stage import Measured, Ours

OURS, THEIRS, SLEEPING = "Twoway", "Dovecot", "Dovecot, hibernating"
# All load comes from one address and one account.
LIMITS = """
[limits]
commands_max = 1000000
messages_max = 1000000
connections_max = 18000
connections_imap_max = 17000
connections_per_address_max = 20000
"""
# Each of its connections is a process that watches the mailbox by inotify, of which a user has 128 here; without it, it looks every 30 s.
IDLE_THEIRS = 100
# A word that one message in a thousand has in its body: it has one part, of text.
NEEDLE = "quokka"
APPENDED = 100
STORED = 10_000
FETCHED = 10_000

OPERATIONS = {
    "SELECT": "SELECT INBOX (CONDSTORE)",
    "FETCH, flags of all": "UID FETCH 1:* (UID FLAGS)",
    "FETCH, envelopes of all": "UID FETCH 1:* (UID ENVELOPE INTERNALDATE RFC822.SIZE)",
    "FETCH, structures of all": "UID FETCH 1:* (UID BODYSTRUCTURE)",
    "FETCH, {fetched} whole messages": "FETCH 1:{fetched} (BODY.PEEK[])",
    "SEARCH, a flag": "UID SEARCH UNFLAGGED",
    "SEARCH, a word of subjects": 'UID SEARCH SUBJECT "gardens"',
    "SEARCH, a Message-ID": 'UID SEARCH HEADER Message-ID "n.4242@example.test"',
    "SEARCH, a rare word of bodies": f'UID SEARCH BODY "{NEEDLE}"',
    "SORT by date": "UID SORT (DATE) UTF-8 ALL",
    "SORT by subject": "UID SORT (SUBJECT) UTF-8 ALL",
    "THREAD by references": "UID THREAD REFERENCES UTF-8 ALL",
    "STORE, a flag of {stored}": "UID STORE 1:{stored} {sign}FLAGS.SILENT (\\Flagged)",
    "STORE, a flag of {stored}, told": "UID STORE 1:{stored} {sign}FLAGS (\\Answered)",
}


class OurMailboxes(Ours):
    """A server of ours, with the ports of IMAP."""

    def place(self):
        """The account that all is done in."""
        self.ports.update({service: free_port(self.address) for service in ("imap", "imaps")})
        self.configure("", LIMITS)
        account = self.add_account("reader")
        return Place(self, account.address, account.password)

    def fill(self, place, count):
        """By APPEND, many in one command, before anything is measured."""
        with ready(place) as session:
            for at in range(0, count, 1_000):
                session.append_many("INBOX", [letter(number) for number in range(at, min(count, at + 1_000))], "(\\Seen)")


class TheirMailboxes(Measured, Mailboxes):
    """Dovecot: in Maildirs. Without quotas, which it would add up anew for each message that is appended."""

    def __init__(self, folder, domain, address, **options):
        super().__init__(folder, domain, address, plugins="", imap_plugins="", **options)

    def place(self):
        """The account that all is done in."""
        return Place(self, "reader", self.password)

    def fill(self, place, count):
        """By files in the Maildir, named as it names them."""
        home = os.path.join(self.mail, place.user)
        folder = os.path.join(home, "Maildir", "cur")
        for path in (home, os.path.dirname(folder), folder, *(os.path.join(home, "Maildir", part) for part in ("new", "tmp"))):
            os.makedirs(path, exist_ok=True)
            os.chown(path, USERS["vmail"], GROUPS["vmail"])
        for number in range(count):
            content = letter(number)
            text = content.replace(b"\r\n", b"\n")
            path = os.path.join(folder, f"{mails.BEGAN + number}.M{number:06}P1.bench,S={len(text)},W={len(content)}:2,S")
            with open(path, "wb") as file:
                file.write(text)
            os.chown(path, USERS["vmail"], GROUPS["vmail"])


def letter(number):
    """The message with this number."""
    return mails.letter(number) + (f"A {NEEDLE} sat there.\r\n".encode() if number % 1_000 == 504 else b"")


def ready(place):
    """A session, logged in as cheaply for the server as it may be: no password's hash is measured."""
    session = Session(place, timeout=900)
    log_in(session)
    return session


def measure(options, folder, dns, rows):
    """One mailbox, filled and used in interleaved rounds; then those who wait."""
    kinds = {OURS: OurMailboxes(folder, "b.test", "127.0.0.3", dns.address), THEIRS: TheirMailboxes(folder, "d.test", "127.0.0.4", logins_per_process=1_000)}
    rows.add("mailbox", messages=options.mailbox)
    with contextlib.ExitStack() as stack:
        places = {}
        for name, server in kinds.items():
            stack.enter_context(server)
            places[name] = server.place()
            server.begin()
            begun = time.monotonic()
            server.fill(places[name], options.mailbox)
            rows.add(f"filling, {name}", seconds=time.monotonic() - begun)
            # What it does behind the commits, an index of words: ours has one.
            rows.add(f"filling, {name}", then_busy_s=at_rest(server))
        sessions = {name: stack.enter_context(ready(place)) for name, place in places.items()}
        for name, server in kinds.items():
            first_time(rows, name, server, sessions[name])
        for number in range(options.rounds):
            for title, text in OPERATIONS.items():
                values = {"fetched": min(FETCHED, options.mailbox), "stored": min(STORED, options.mailbox), "sign": "-" if number % 2 else "+"}
                for name, server in kinds.items():
                    one(rows, f"{title.format(**{key: f'{value:,}' for key, value in values.items() if key != 'sign'})}, {name}", server, sessions[name], text.format(**values))
            for name, server in kinds.items():
                append(rows, name, server, places[name], options.mailbox + number * APPENDED)
                elsewhere(rows, name, server, places[name], min(STORED, options.mailbox))
        for server in kinds.values():
            server.end()
    waiting(options, folder, dns, rows)


def at_rest(server):
    """Returns the seconds after which the server uses next to nothing for a second."""
    begun, before = time.monotonic(), server.meter.cpu_seconds()
    while time.monotonic() - begun < 900:
        time.sleep(1)
        now = server.meter.cpu_seconds()
        if now - before < 0.01:
            return time.monotonic() - begun
        before = now
    raise AssertionError("the server does not come to rest")


def first_time(rows, name, server, session):
    """Once before the rounds, with nothing remembered by either: what a server that has just been filled takes for it."""
    for title in ("SELECT", "FETCH, envelopes of all", "FETCH, structures of all", "SEARCH, a rare word of bodies", "SORT by subject"):
        one(rows, f"{title}, the first time, {name}", server, session, OPERATIONS[title])


def one(rows, row, server, session, text):
    """Measures one command."""
    with Peak(server.meter) as peak:
        cpu, begun = server.meter.cpu_seconds(), time.monotonic()
        octets = drained(session, text)
        seconds = time.monotonic() - begun
        used = server.meter.cpu_seconds() - cpu
    rows.add(row, seconds=seconds, cpu_seconds=used, peak_mib=peak.octets / 2**20, octets=octets)


def drained(session, text):
    """Says a command, and reads all that is answered without a look at it; returns how many octets it was."""
    tag = session.begin(text)
    octets, tail = 0, b""
    while True:
        piece = session.socket.recv(1 << 18)
        assert piece, f"the connection ended in {text}"
        octets += len(piece)
        tail = (tail + piece)[-2_000:]
        if tail.endswith(b"\r\n") and (found := re.search(rb"(?:^|\r\n)%s (\w+)[^\r\n]*\r\n$" % tag, tail)):
            assert found[1] == b"OK", tail
            return octets


def append(rows, name, server, place, first):
    """Messages, each as a command of its own that is waited for, into another mailbox."""
    with ready(place) as session:
        session.command("CREATE Appended")
        cpu, begun = server.meter.settled(), time.monotonic()
        for number in range(first, first + APPENDED):
            session.append("Appended", mails.letter(number))
        seconds = time.monotonic() - begun
        used = server.meter.settled() - cpu
    rows.add(f"APPEND, {APPENDED} one by one, {name}", seconds=seconds, cpu_seconds=used)


def elsewhere(rows, name, server, place, count):
    """Messages that are copied, moved on from there, and expunged: then all is as it was."""
    with ready(place) as session:
        for mailbox in ("Copied", "Moved"):
            session.command(f"CREATE {mailbox}")
        for mailbox, title, text in (
            ("INBOX", "COPY", f"UID COPY 1:{count} Copied"),
            ("Copied", "MOVE", "UID MOVE 1:* Moved"),
            ("Moved", "EXPUNGE", "EXPUNGE"),
        ):
            assert f"{count} EXISTS".encode() in b" ".join(session.must(f"SELECT {mailbox}").data) or mailbox == "INBOX"
            if title == "EXPUNGE":
                session.must("UID STORE 1:* +FLAGS.SILENT (\\Deleted)")
            one(rows, f"{title} of {count:,}, {name}", server, session, text)


def waiting(options, folder, dns, rows):
    """IDLE on many connections of one account: memory for each, and how long all take to hear of a message."""
    settings = {
        OURS: (lambda own: OurMailboxes(own, "b.test", "127.0.0.3", dns.address), options.idle),
        SLEEPING: (lambda own: TheirMailboxes(own, "d.test", "127.0.0.4", hibernate="2s", logins_per_process=4_000), min(IDLE_THEIRS, options.idle)),
        THEIRS: (lambda own: TheirMailboxes(own, "d.test", "127.0.0.4", logins_per_process=4_000), min(IDLE_THEIRS, options.idle)),
    }
    for number, (name, (make, count)) in enumerate(settings.items()):
        own = os.path.join(folder, f"idle-{number}")
        os.mkdir(own)
        os.chmod(own, 0o711)
        with make(own) as server, contextlib.ExitStack() as stack:
            place = server.place()
            server.begin()
            # What is made once, at the first.
            sessions = [idling(stack, place) for _ in range(10)]
            time.sleep(5)
            before, cpu, begun = server.meter.memory_octets(), server.meter.cpu_seconds(), time.monotonic()
            sessions += [idling(stack, place) for _ in range(count)]
            opened = time.monotonic() - begun
            used = server.meter.cpu_seconds() - cpu
            # Those that hibernate do so after a while.
            time.sleep(8)
            each = (server.meter.memory_octets() - before) / count
            rest = server.meter.cpu_seconds()
            time.sleep(5)
            resting = server.meter.cpu_seconds() - rest
            with ready(place) as other:
                other.append("INBOX", mails.letter(1))
                begun = time.monotonic()
                for session in sessions:
                    session.wait(rb"^\* 1 EXISTS")
                told = time.monotonic() - begun
            rows.add(f"IDLE, {name}", connections=count, kib_each=each / 1024, cpu_ms_each=used / count * 1e3, opened_s=opened, all_told_s=told, resting_cpu_percent=resting / 5 * 100)
            stack.close()
            server.end()


def idling(stack, place):
    """One more client that waits in INBOX."""
    session = stack.enter_context(ready(place))
    session.must("SELECT INBOX")
    session.begin("IDLE")
    session.wait(rb"^\+")
    return session
