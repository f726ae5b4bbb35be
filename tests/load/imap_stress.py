"""Several clients in one mailbox, each saying what comes to its mind: nothing that one is told contradicts what any was told before.

The idea is that of Dovecot's imaptest; every run has a seed. What never changes of a message (size, dates, envelope, structure,
octets) is one for all clients, as are its flags at one modification sequence; keywords are told of before they are used; a message is
recent to one session only; and from time to time all are at rest, and must know the same.
"""

import calendar
import collections
import hashlib
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
# How often all are at rest, and are compared.
ROUNDS, ROUNDS_LONG = 3, 30
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$one", "$two")
EXISTS = re.compile(rb"^\* (\d+) EXISTS$")
FETCH = re.compile(rb"^\* (\d+) FETCH \((.*)$", re.DOTALL)
KEYWORDS = re.compile(rb"^\* FLAGS \(([^)]*)\)$")
# What FETCH is asked for; of the second and third, nothing ever changes.
ITEMS = (
    "(UID FLAGS MODSEQ BODY.PEEK[HEADER.FIELDS (DATE MESSAGE-ID)])",
    "(UID INTERNALDATE RFC822.SIZE ENVELOPE)",
    "(UID RFC822.SIZE BODYSTRUCTURE BODY.PEEK[])",
)


class Common:
    """What everybody was told, of things that never change."""

    def __init__(self, place, seed):
        self.place = place
        self.seed = seed
        self.lock = threading.Lock()
        self.identities = {}
        self.facts = {}
        self.recent = {}
        self.sessions = 0
        self.appended = {}
        self.gone = set()
        # Those that no message could be made of, because they were gone.
        self.refused = set()
        self.letters = 0
        self.failures = []
        self.counts = {}

    def is_same(self, uid, identity):
        """A UID names one message for ever."""
        with self.lock:
            known = self.identities.setdefault(uid, identity)
            assert known == identity, f"UID {uid} was {known} and is {identity}"

    def is_fact(self, uid, name, value):
        """What somebody was told of a message that can't change: nobody is told anything else."""
        with self.lock:
            known = self.facts.setdefault((uid, name), value)
            assert known == value, f"UID {uid}: {name} was {known!r:.300} and is {value!r:.300}"

    def is_recent(self, uid, session):
        """RFC 3501 section 2.3.2: a message is recent to one session."""
        with self.lock:
            known = self.recent.setdefault(uid, session)
            assert known == session, f"UID {uid} is recent to session {session}, and was to session {known}"

    def next_session(self):
        """A number for a session."""
        with self.lock:
            self.sessions += 1
            return self.sessions

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
        self.session_number = 0
        self.keywords = frozenset()
        self.validity = None
        self.modseq_seen = 0
        # What was said last.
        self.trail = collections.deque(maxlen=40)

    def open(self, again=""):
        """A new session, with the mailbox selected."""
        self.session, self.session_number = self.common.place.session(), self.common.next_session()
        self.session.must("ENABLE QRESYNC" if self.has_qresync else "ENABLE CONDSTORE")
        if not again:
            self.messages = []
        reply = self.session.command(f"SELECT INBOX {again}".strip())
        self.trail += [f"C: SELECT INBOX {again}", *(f"S: {line.decode(errors='replace'):.300}" for line in (*reply.data, reply.text))]
        assert reply.status == "OK", reply
        # The first tells what was there; another may tell already what came since.
        first = next(at for at, line in enumerate(reply.data) if EXISTS.match(line))
        for line in reply.data[:first]:
            if found := KEYWORDS.match(line):
                self.keywords = words(found[1])
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
        elif found := KEYWORDS.match(line):
            self.keywords = words(found[1])
        elif found := re.match(rb"^\* (\d+) RECENT$", line):
            assert int(found[1]) <= len(self.messages), f"{line!r} while {len(self.messages)} are known"
        elif found := FETCH.match(line):
            self.take_fetch(self.at(int(found[1])), int(found[1]), Told(found[2]))

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

    def take_fetch(self, message, number, told):
        """What was told of one message."""
        if uid := re.search(rb"\bUID (\d+)", told.plain):
            uid = int(uid[1])
            assert message.uid in (None, uid), f"message {number} had UID {message.uid} and has {uid}"
            message.uid = uid
            known = [(at, other.uid) for at, other in enumerate(self.messages, 1) if other.uid]
            assert all(left[1] < right[1] for left, right in zip(known, known[1:])), f"UIDs do not ascend: {known}"
        modseq = re.search(rb"MODSEQ \((\d+)\)", told.plain)
        if modseq:
            assert int(modseq[1]) >= message.modseq, f"MODSEQ of UID {message.uid} went from {message.modseq} to {int(modseq[1])}"
            message.modseq = int(modseq[1])
        if flags := re.search(rb"FLAGS \(([^)]*)\)", told.plain):
            self.take_flags(message, words(flags[1]), bool(modseq))
        if identity := re.search(rb"\r\nMessage-ID: <([^>]+)>", told.octets, re.IGNORECASE):
            assert message.uid, "a message without a UID"
            self.common.is_same(message.uid, identity[1])
        for name, value in told.facts():
            assert message.uid, "a message without a UID"
            self.common.is_fact(message.uid, name, value)

    def take_flags(self, message, flags, has_modseq):
        """Its flags, and whether they are told as of its modification sequence."""
        unknown = {flag for flag in flags if not flag.startswith("\\")} - self.keywords
        assert not unknown, f"{unknown} of UID {message.uid} is none of FLAGS: {sorted(self.keywords)}"
        message.flags = flags - {"\\recent"}
        if message.uid and "\\recent" in flags:
            self.common.is_recent(message.uid, self.session_number)
        if message.uid and has_modseq:
            self.common.is_fact(message.uid, f"FLAGS at {message.modseq}", message.flags)

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
        dates = [self.date_time() for _ in letters]
        last = max((message.uid for message in self.messages if message.uid), default=0)
        parts = [f"APPEND INBOX ({self.chance.choice(FLAGS)}) {dates[0]} "]
        for number, date in zip(letters, [*dates[1:], ""]):
            parts += [mails.letter(number), f" (\\Seen) {date} "]
        reply = self.must(*parts[:-1])
        validity, uids = reply.code("APPENDUID").split()
        assert validity == self.validity
        uids = numbers(uids)
        assert len(uids) == len(letters), reply
        assert min(uids) > last and uids == sorted(uids), f"{uids}, and {last} was there before"
        for uid, number, date in zip(uids, letters, dates):
            with self.common.lock:
                assert uid not in self.common.appended, f"UID {uid} was given twice"
                self.common.appended[uid] = number
            self.common.is_same(uid, b"n.%d@example.test" % number)
            self.common.is_fact(uid, "RFC822.SIZE", str(len(mails.letter(number))))
            self.common.is_fact(uid, "INTERNALDATE", date)

    def date_time(self):
        """Some time in some zone, around the turn of a month, as INTERNALDATE tells it."""
        day, month = self.chance.choice(((27, "Feb"), (28, "Feb"), (1, "Mar"), (2, "Mar")))
        zone = self.chance.choice(("+0000", "+0200", "-0800", "+1245"))
        return f'"{day:2}-{month}-2026 {self.chance.randint(0, 23):02}:{self.chance.randint(0, 59):02}:00 {zone}"'

    def catenate(self):
        """A message with the header section of another that may be gone."""
        uid = int(self.some_uids().partition(":")[0].partition(",")[0])
        section = self.chance.choice(("HEADER", "HEADER.FIELDS%20(Message-ID)"))
        reply = self.must(f'APPEND INBOX CATENATE (URL "/INBOX/;UID={uid}/;SECTION={section}" TEXT ', b"Put together.\r\n", ")")
        if reply.status == "NO":
            assert reply.code("BADURL") is not None, reply
            with self.common.lock:
                self.common.refused.add(uid)
            return
        made = int(reply.code("APPENDUID").split()[1])
        with self.common.lock:
            assert made not in self.common.appended, f"UID {made} was given twice"
            self.common.appended[made] = None
            identity = self.common.identities.get(uid)
        if identity:
            self.common.is_same(made, identity)

    def fetch(self):
        """Flags and who it is, or what never changes."""
        numbered = self.chance.random() < 0.5
        items = self.chance.choice((ITEMS[0], *ITEMS))
        self.must(f"{'FETCH ' + self.some() if numbered else 'UID FETCH ' + self.some_uids()} {items}")

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
        self.search_facts()

    def search_facts(self):
        """By what never changes: of those of whom that is known, exactly those are found that fit."""
        text, fits = self.question(3)
        reply = self.must(f"UID SEARCH {text}")
        found = {int(uid) for uid in reply.one(rb"^\* SEARCH([ \d]*)")[1].split()}
        for message in self.messages:
            with self.common.lock:
                size, date = (self.common.facts.get((message.uid, name)) for name in ("RFC822.SIZE", "INTERNALDATE"))
            if size and date:
                assert (message.uid in found) == fits(int(size), day(date)), f"UID {message.uid}, {size} octets of {date}; {text}: {message.uid in found}"

    def question(self, depth):
        """A search for size and date, and what it means."""
        kind = self.chance.choice(("LARGER", "SMALLER", "BEFORE", "ON", "SINCE", "OR", "NOT", "AND") if depth else ("LARGER", "ON"))
        if kind in ("LARGER", "SMALLER"):
            octets = self.chance.randint(300, 3000)
            return f"{kind} {octets}", lambda size, _: size > octets if kind == "LARGER" else size < octets
        if kind in ("BEFORE", "ON", "SINCE"):
            # RFC 9051 section 6.4.4: the day that is told, whatever the zone.
            asked = self.chance.choice(("27-Feb-2026", "28-Feb-2026", "1-Mar-2026", "2-Mar-2026"))
            wanted = day(asked)
            return f"{kind} {asked}", lambda _, date: {"BEFORE": date < wanted, "ON": date == wanted, "SINCE": date >= wanted}[kind]
        (one, is_one), (other, is_other) = self.question(depth - 1), self.question(depth - 1)
        if kind == "OR":
            return f"OR {one} {other}", lambda size, date: is_one(size, date) or is_other(size, date)
        if kind == "NOT":
            return f"NOT {one}", lambda size, date: not is_one(size, date)
        return f"({one} {other})", lambda size, date: is_one(size, date) and is_other(size, date)

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
            for source, uid in zip(numbers(before), numbers(after)):
                with self.common.lock:
                    assert uid not in self.common.appended, f"UID {uid} was given twice"
                    self.common.appended[uid] = None
                    known = [(name, self.common.facts.get((source, name))) for name in ("RFC822.SIZE", "INTERNALDATE", "ENVELOPE", "BODYSTRUCTURE", "BODY[]")]
                for name, value in known:
                    if value is not None:
                        self.common.is_fact(uid, name, value)

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


ACTS = [Client.append] * 3 + [Client.catenate] + [Client.fetch] * 4 + [Client.store] * 4 + [Client.delete] * 2 + [Client.search] * 2
ACTS += [Client.sort, Client.thread, Client.move, Client.copy, Client.look, Client.look, Client.idle, Client.leave]


class Told:
    """What FETCH tells of a message: literals apart, so that nothing in them is taken for an answer."""

    def __init__(self, items):
        self.octets = items
        plain, self.literals, at = b"", {}, 0
        while found := re.compile(rb"~?\{(\d+)\}\r\n").search(items, at):
            end = found.end() + int(found[1])
            self.literals[b"{%d}" % len(self.literals)] = items[found.end() : end]
            plain += items[at : found.start()] + b"{%d}" % (len(self.literals) - 1)
            at = end
        self.plain = plain + items[at:]

    def facts(self):
        """What never changes, by its name."""
        for name in ("INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "BODY[]"):
            value = self.value(name.encode())
            if value is not None:
                # An envelope that holds a literal is as long as that.
                literals = [self.literals[place] for place in re.findall(rb"\{\d+\}", value) if place in self.literals]
                told = re.sub(rb"\{\d+\}", b"{}", value) + b"".join(literals)
                yield name, told.decode(errors="replace") if len(told) < 100 else hashlib.sha256(told).hexdigest()

    def value(self, name):
        """What stands behind this name: a list, a string, or a word."""
        found = re.search(rb"(?:^|[ (])" + re.escape(name) + rb" ", self.plain)
        if not found:
            return None
        depth, quoted, at = 0, False, found.end()
        while at < len(self.plain):
            octet = self.plain[at : at + 1]
            if quoted:
                at += 1 if octet == b"\\" else 0
                quoted = octet != b'"'
            elif octet == b'"':
                quoted = True
            elif octet == b"(":
                depth += 1
            elif octet == b")" and depth > 0:
                depth -= 1
            elif octet in (b" ", b")") and depth == 0:
                break
            at += 1
        return self.plain[found.end() : at]


def words(octets):
    """Flags, as they are compared."""
    return frozenset(octets.decode().lower().split())


def day(date):
    """The day of a date, as days compare."""
    number, month, year = date.strip('" ').split(" ")[0].split("-")
    return int(year), calendar.month_abbr[:].index(month), int(number)


def numbers(octets):
    """The numbers of a set, in its order."""
    found = []
    for part in octets.decode().split(","):
        low, _, high = part.partition(":")
        found += range(int(low), int(high or low) + 1)
    return found


def work(common, client, number, until):
    """One client, until it is time or somebody has failed."""
    try:
        if not client.session:
            client.open()
        while time.monotonic() < until and not common.failures:
            client.act()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told with its seed
        trail = "\n".join(client.trail)
        common.failures.append(f"client {number}: {type(error).__name__}: {error}\n{trail}")


@CASES.add
def random_commands(server, is_long=False):
    """Nothing that random clients are told contradicts anything, and whenever they are at rest all know the same."""
    seed = os.environ.get("TWOWAY_STRESS_SEED") or str(zlib.crc32(os.urandom(8)))
    place = server.place()
    with place.session() as session:
        session.must("CREATE Other")
        session.append_many("INBOX", [mails.letter(number) for number in range(1_000_000, 1_000_010)])
    common = Common(place, seed)
    clients = [Client(common, number) for number in range(CLIENTS)]
    rounds = ROUNDS_LONG if is_long else ROUNDS
    for _ in range(rounds):
        until = time.monotonic() + (SECONDS_LONG if is_long else SECONDS) / rounds
        threads = [threading.Thread(target=work, args=(common, client, number, until)) for number, client in enumerate(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not common.failures, f"TWOWAY_STRESS_SEED={seed}: {common.failures[0]:.12000}"
        judge(common, clients, seed)
    for client in clients:
        client.session.close()
    print(f"        seed {seed}: {sum(common.counts.values())} commands of {CLIENTS} clients, {len(common.appended)} messages, {len(common.gone)} expunged, {len(common.facts)} facts")
    assert common.facts and common.recent and common.identities, "nothing was compared"


def judge(common, clients, seed):
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
    assert not set(truth) & common.refused, f"seed {seed}: refused as gone, and there: {set(truth) & common.refused}"
    lost = set(common.appended) - set(truth) - common.gone
    assert not lost, f"seed {seed}: lost {lost}"
    assert not set(truth) & common.gone, f"seed {seed}: came back {set(truth) & common.gone}"


def play(score, is_long):
    """This against a server of ours."""
    if score.wants(CASES):
        with OnTwoway().running() as server:
            score.play(CASES, server, is_long)
