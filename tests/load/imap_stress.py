"""Several clients in one mailbox, each saying what comes to its mind: nothing that one is told contradicts what any was told before.

The idea is that of Dovecot's imaptest; every run has a seed.
"""

import collections
import os
import random
import re
import threading
import time
import zlib

import mails
from cases import Cases
from imap import OnTwoway

CASES = Cases("IMAP stress")

CLIENTS, SECONDS, SECONDS_LONG = 6, 8, 300
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$one", "$two")
EXISTS = re.compile(rb"^\* (\d+) EXISTS$")
FETCH = re.compile(rb"^\* (\d+) FETCH \((.*)$", re.DOTALL)


class Common:
    """What everybody was told, of things that never change."""

    def __init__(self, place, seed):
        self.place = place
        self.seed = seed
        self.lock = threading.Lock()
        self.identities = {}
        self.appended = {}
        self.gone = set()
        self.letters = 0
        self.failures = []
        self.counts = {}

    def is_same(self, uid, identity):
        """A UID names one message for ever."""
        with self.lock:
            known = self.identities.setdefault(uid, identity)
            assert known == identity, f"UID {uid} was {known} and is {identity}"

    def next_letter(self):
        """A number that nobody has had."""
        with self.lock:
            self.letters += 1
            return self.letters

    def expunged(self, uid):
        """Somebody was told that it is gone."""
        with self.lock:
            self.gone.add(uid)

    def is_alive(self, uid):
        """Checks that nobody who opened the mailbox just now is told of what is gone."""
        with self.lock:
            assert uid not in self.gone, f"UID {uid} came back"


class Message:
    """What one client knows of one message."""

    def __init__(self):
        self.uid = None
        self.flags = None
        self.modseq = 0


class Client:
    """One client: its session, and all that it was told."""

    def __init__(self, common, number):
        self.common = common
        self.chance = random.Random(f"{common.seed}.{number}")
        self.has_qresync = number % 2 == 1
        self.session = None
        self.validity = None
        self.modseq_seen = 0
        # What was said last.
        self.trail = collections.deque(maxlen=40)

    def open(self, again=""):
        """A new session, with the mailbox selected."""
        self.session = self.common.place.session()
        self.session.must("ENABLE QRESYNC" if self.has_qresync else "ENABLE CONDSTORE")
        if not again:
            self.messages = []
        reply = self.session.command(f"SELECT INBOX {again}".strip())
        self.trail += [f"C: SELECT INBOX {again}", *(f"S: {line.decode(errors='replace'):.300}" for line in (*reply.data, reply.text))]
        assert reply.status == "OK", reply
        # The first tells what was there; another may tell already what came since.
        first = next(at for at, line in enumerate(reply.data) if EXISTS.match(line))
        exists = int(EXISTS.match(reply.data[first])[1])
        if again:
            self.resynchronise(reply, exists)
        else:
            self.messages = [Message() for _ in range(exists)]
        for line in reply.data[first + 1 :]:
            self.take(line, b"SELECT")
        validity = reply.code("UIDVALIDITY")
        assert self.validity in (None, validity), "another UIDVALIDITY"
        self.validity = validity
        self.uid_next = int(reply.code("UIDNEXT"))
        self.must("UID FETCH 1:* (UID FLAGS MODSEQ)")

    def resynchronise(self, reply, exists):
        """RFC 7162 section 3.2.5: what has gone, what has changed, and what is new."""
        for match in reply.having(rb"^\* VANISHED \(EARLIER\) ([\d:,]+)"):
            for uid in numbers(match[1]):
                self.common.expunged(uid)
                self.messages = [message for message in self.messages if message.uid != uid]
        assert len(self.messages) <= exists, f"{exists} EXISTS, and {len(self.messages)} are known that did not vanish"
        self.messages += [Message() for _ in range(exists - len(self.messages))]

    def must(self, text, *literals):
        """A command that is not wrong; takes in all that is told."""
        kind = text.split()[0] + (" " + text.split()[1] if text.startswith("UID") else "")
        self.trail.append(f"C: {text:.300}")
        reply = self.session.command(text, *literals)
        self.trail += [f"S: {line.decode(errors='replace'):.300}" for line in (*reply.data, reply.text)]
        assert reply.status in ("OK", "NO"), f"{text}: {reply}"
        for line in reply.data:
            self.take(line, kind.encode())
        for line in (reply.text, *reply.data):
            found = re.search(rb"\[HIGHESTMODSEQ (\d+)\]", line)
            if found:
                self.modseq_seen = max(self.modseq_seen, int(found[1]))
        return reply

    def take(self, line, kind):
        """One untagged response, while a command of this kind runs."""
        if found := EXISTS.match(line):
            count = int(found[1])
            assert count >= len(self.messages), f"{line!r} while {len(self.messages)} are known"
            self.messages += [Message() for _ in range(count - len(self.messages))]
        elif found := re.match(rb"^\* (\d+) EXPUNGE$", line):
            # RFC 9051 section 7.5.1: not while numbers of messages are on their way.
            assert kind not in (b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD"), f"EXPUNGE in an answer to {kind.decode()}"
            assert not self.has_qresync, "EXPUNGE to a client that wants VANISHED"
            self.common.expunged(self.at(int(found[1])).uid)
            del self.messages[int(found[1]) - 1]
        elif found := re.match(rb"^\* VANISHED ([\d:,]+)$", line):
            assert self.has_qresync and kind not in (b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD"), f"VANISHED in an answer to {kind.decode()}"
            for uid in numbers(found[1]):
                self.common.expunged(uid)
                self.vanish(uid)
        elif found := FETCH.match(line):
            self.take_fetch(self.at(int(found[1])), int(found[1]), found[2])

    def vanish(self, uid):
        """One that is known by its UID; or one of those of which only that they are there."""
        for at, message in enumerate(self.messages):
            if message.uid == uid or (message.uid is None and all(other.uid is None or other.uid > uid for other in self.messages[at:])):
                assert all(other.uid is None or other.uid < uid for other in self.messages[:at])
                del self.messages[at]
                return
        raise AssertionError(f"UID {uid} vanished and was not known: {[message.uid for message in self.messages]}")

    def at(self, number):
        """The message with this number."""
        assert 1 <= number <= len(self.messages), f"message {number} of {len(self.messages)}"
        return self.messages[number - 1]

    def take_fetch(self, message, number, items):
        """What was told of one message."""
        if uid := re.search(rb"\bUID (\d+)", items):
            uid = int(uid[1])
            assert message.uid in (None, uid), f"message {number} had UID {message.uid} and has {uid}"
            message.uid = uid
            known = [(at, other.uid) for at, other in enumerate(self.messages, 1) if other.uid]
            assert all(left[1] < right[1] for left, right in zip(known, known[1:])), f"UIDs do not ascend: {known}"
        if flags := re.search(rb"FLAGS \(([^)]*)\)", items):
            message.flags = frozenset(flags[1].decode().lower().split()) - {"\\recent"}
        if modseq := re.search(rb"MODSEQ \((\d+)\)", items):
            assert int(modseq[1]) >= message.modseq, f"MODSEQ of UID {message.uid} went from {message.modseq} to {int(modseq[1])}"
            message.modseq = int(modseq[1])
        if identity := re.search(rb"\r\nMessage-ID: <([^>]+)>", items, re.IGNORECASE):
            assert message.uid, "a message without a UID"
            self.common.is_same(message.uid, identity[1])

    def some(self):
        """A set of message numbers."""
        count = len(self.messages)
        if not count:
            return "1:*"
        low = self.chance.randint(1, count)
        return self.chance.choice([str(low), f"{low}:{min(count, low + 3)}", f"{low}:*", ",".join(str(self.chance.randint(1, count)) for _ in range(4))])

    def some_uids(self):
        """A set of UIDs, of which some may be gone."""
        known = [message.uid for message in self.messages if message.uid] or [1]
        low = self.chance.choice(known)
        return self.chance.choice([str(low), f"{low}:{low + 3}", f"{low}:*", ",".join(str(self.chance.choice(known)) for _ in range(4))])

    def act(self):
        """One random command."""
        act = self.chance.choice(ACTS)
        with self.common.lock:
            self.common.counts[act.__name__] = self.common.counts.get(act.__name__, 0) + 1
        act(self)

    def append(self):
        """One message, or three at once."""
        letters = [self.common.next_letter() for _ in range(self.chance.choice((1, 1, 3)))]
        parts = ["APPEND INBOX (%s) " % self.chance.choice(FLAGS)]
        for number in letters:
            parts += [mails.letter(number), " (\\Seen) "]
        reply = self.must(*parts[:-1])
        validity, uids = reply.code("APPENDUID").split()
        assert validity == self.validity
        uids = numbers(uids)
        assert len(uids) == len(letters), reply
        for uid, number in zip(uids, letters):
            with self.common.lock:
                assert uid not in self.common.appended, f"UID {uid} was given twice"
                self.common.appended[uid] = number
            self.common.is_same(uid, b"n.%d@example.test" % number)

    def fetch(self):
        """Flags and who it is."""
        numbered = self.chance.random() < 0.5
        self.must(f"{'FETCH ' + self.some() if numbered else 'UID FETCH ' + self.some_uids()} (UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (DATE MESSAGE-ID)])")

    def store(self):
        """Flags, often with UNCHANGEDSINCE."""
        numbered = self.chance.random() < 0.5
        sign, silent = self.chance.choice(("+", "-", "")), self.chance.random() < 0.3
        flags = " ".join(self.chance.sample(FLAGS, self.chance.randint(1, 3)))
        since = f"(UNCHANGEDSINCE {self.chance.choice(self.messages).modseq or 1}) " if self.messages and self.chance.random() < 0.3 else ""
        which = self.some() if numbered else self.some_uids()
        if silent:
            # What they are now, it is not told.
            for message in self.messages:
                message.flags = None
        self.must(f"{'' if numbered else 'UID '}STORE {which} {since}{sign}FLAGS{'.SILENT' if silent else ''} ({flags})")

    def delete(self):
        """Some messages for good."""
        uids = self.some_uids().partition(":")[0]
        self.must(f"UID STORE {uids} +FLAGS (\\Deleted)")
        self.must(self.chance.choice((f"UID EXPUNGE {uids}", "EXPUNGE", "NOOP")))

    def search(self):
        """By flags; every number that is found is one that is known."""
        key = self.chance.choice(("ALL", "SEEN", "UNSEEN FLAGGED", "KEYWORD $one", "NOT DELETED", "OR ANSWERED DRAFT", "MODSEQ 1 ALL", 'SUBJECT "Letter"'))
        reply = self.must(f"SEARCH {key}")
        for match in reply.having(rb"^\* (?:E?SEARCH)([ \d]*)"):
            found = [int(number) for number in match[1].split()]
            assert all(1 <= number <= len(self.messages) for number in found), f"{found} of {len(self.messages)}"
        self.must(f"UID SEARCH RETURN (ALL COUNT) {key}")

    def sort(self):
        """All of them, once."""
        reply = self.must("SORT (SUBJECT) UTF-8 ALL")
        found = [int(number) for number in reply.one(rb"^\* SORT([ \d]*)")[1].split()]
        assert len(set(found)) == len(found) and all(1 <= number <= len(self.messages) for number in found), found

    def thread(self):
        """All of them, once."""
        reply = self.must("UID THREAD REFERENCES UTF-8 ALL")
        found = re.findall(rb"\d+", reply.one(rb"^\* THREAD(.*)")[1])
        assert len(found) == len(set(found)), found

    def move(self):
        """To another mailbox, and a copy back."""
        self.must(f"UID MOVE {self.some_uids().partition(':')[0]} Other")

    def copy(self):
        """Within the mailbox: new UIDs for the same messages."""
        reply = self.must(f"UID COPY {self.some_uids().partition(':')[0]} INBOX")
        said = reply.code("COPYUID")
        if said:
            _, before, after = said.split()
            assert len(numbers(before)) == len(numbers(after)), said
            with self.common.lock:
                for uid in numbers(after):
                    assert uid not in self.common.appended, f"UID {uid} was given twice"
                    self.common.appended[uid] = None

    def look(self):
        """Asks for what is new, in one way or another."""
        self.must(self.chance.choice(("NOOP", "CHECK", "STATUS Other (MESSAGES UNSEEN HIGHESTMODSEQ)", f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {max(1, self.modseq_seen)})")))

    def idle(self):
        """For a moment."""
        tag = self.session.begin("IDLE")
        while not (line := self.session.read()).startswith(b"+"):
            self.take(line, b"IDLE")
        time.sleep(self.chance.random() * 0.05)
        self.session.send(b"DONE\r\n")
        for line in self.session.end(tag).data:
            self.take(line, b"IDLE")

    def leave(self):
        """Goes, and comes back knowing where it was."""
        if not self.has_qresync:
            self.session.close()
            return self.open()
        # All that it knows is as of this modification sequence.
        self.must("UID FETCH 1:* (UID FLAGS MODSEQ)")
        self.must("NOOP")
        known = max([message.modseq for message in self.messages], default=1)
        # RFC 7162: what is known of new messages must be complete up to the sequence that is named.
        if all(message.uid and message.flags is not None for message in self.messages):
            self.session.close()
            return self.open(f"(QRESYNC ({self.validity.decode()} {known}))")
        return None


ACTS = [Client.append] * 3 + [Client.fetch] * 4 + [Client.store] * 4 + [Client.delete] * 2 + [Client.search] * 2
ACTS += [Client.sort, Client.thread, Client.move, Client.copy, Client.look, Client.look, Client.idle, Client.leave]


def numbers(octets):
    """The numbers of a set, in its order."""
    found = []
    for part in octets.decode().split(","):
        low, _, high = part.partition(":")
        found += range(int(low), int(high or low) + 1)
    return found


def work(common, number, until):
    """One client, until it is time or somebody has failed."""
    client = None
    try:
        client = Client(common, number)
        client.open()
        while time.monotonic() < until and not common.failures:
            client.act()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        trail = "\n".join(client.trail) if client else ""
        common.failures.append(f"client {number}: {type(error).__name__}: {error}\n{trail}")
    return client


@CASES.add
def random_commands(server, is_long=False):
    """Nothing that random clients are told contradicts anything, and in the end all know the same."""
    seed = os.environ.get("TWOWAY_STRESS_SEED") or str(zlib.crc32(os.urandom(8)))
    place = server.place()
    with place.session() as session:
        session.must("CREATE Other")
        session.append_many("INBOX", [mails.letter(number) for number in range(1_000_000, 1_000_010)])
    common, clients = Common(place, seed), {}
    until = time.monotonic() + (SECONDS_LONG if is_long else SECONDS)
    threads = [threading.Thread(target=lambda number=number: clients.update({number: work(common, number, until)})) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not common.failures, f"TWOWAY_STRESS_SEED={seed}: {common.failures[0]:.12000}"
    print(f"        seed {seed}: {sum(common.counts.values())} commands of {CLIENTS} clients, {len(common.appended)} messages, {len(common.gone)} expunged")
    judge_end(common, list(clients.values()), seed)


def judge_end(common, clients, seed):
    """When all are at rest: everybody knows what is there, and nothing was lost."""
    for client in clients:
        client.must("NOOP")
    with common.place.session() as session:
        session.must("EXAMINE INBOX")
        truth = {}
        for match in session.must("UID FETCH 1:* (UID FLAGS)").having(rb"^\* (\d+) FETCH \((.*)$"):
            uid = int(re.search(rb"UID (\d+)", match[2])[1])
            truth[uid] = frozenset(re.search(rb"FLAGS \(([^)]*)\)", match[2])[1].decode().lower().split()) - {"\\recent"}
    for number, client in enumerate(clients):
        # Of those that are new since, it knows only that they are there.
        client.must("UID FETCH 1:* (UID)")
        known = [message.uid for message in client.messages]
        assert known == sorted(truth), f"seed {seed}, client {number}: only it {set(known) - set(truth)}, not it {set(truth) - set(known)}"
        for message in client.messages:
            assert message.flags in (None, truth[message.uid]), f"seed {seed}, client {number}: UID {message.uid} has {truth[message.uid]}, and it knows {message.flags}"
        client.session.close()
    lost = set(common.appended) - set(truth) - common.gone
    assert not lost, f"seed {seed}: lost {lost}"
    assert not set(truth) & common.gone, f"seed {seed}: came back {set(truth) & common.gone}"


def play(score, is_long):
    """This against a server of ours."""
    if score.wants(CASES):
        with OnTwoway().running() as server:
            score.play(CASES, server, is_long)
