"""What the servers hold at the end: every mailbox, report, status and contact attempt, read by the commands that people have."""

import collections
import hashlib
import re
import threading
import uuid

from book import PERHAPS
from octets import fields_in_front

# What may stand in front of a message in a mailbox of ours, and in one of Postfix's.
OUR_TRACE = {"return-path", "received"}
POSTFIX_TRACE = OUR_TRACE | {"x-original-to", "delivered-to"}
# The id of a message says when it was made; the client looked at the same clock.
CLOCK_SECONDS = 1.0


class Evidence:
    """Everything that was found; what can't be right whatever the book says stands in `faults`."""

    def __init__(self, book):
        self.book = book
        # (letter, person), and (letter, name elsewhere) -> when each copy came.
        self.copies = collections.defaultdict(list)
        # The same, of what mailboxes had kept aside and gave out at last.
        self.opened = collections.defaultdict(list)
        # (letter, recipient, action, who reports) -> how often.
        self.reports = collections.Counter()
        # (letter, recipient) -> statuses.
        self.statuses = collections.defaultdict(list)
        # Person -> sender -> kind.
        self.contacts = {}
        self.faults = []
        self.lock = threading.Lock()

    def read(self, town):
        """Reads everything; then opens what is kept aside."""
        before = town.for_each_account(lambda account: self.sort_all(town, account, collections.Counter(), self.copies))
        for name, octets, at in town.maildirs():
            self.sort(name, octets, at, self.copies)
        for person, rows in enumerate(town.for_each_account(lambda account: account.command("sent", "list"))):
            self.read_statuses(person, rows)
        for person, rows in enumerate(town.for_each_account(lambda account: account.command("contacts", "list"))):
            self.contacts[person] = {row["sender"]: row["kind"] for row in rows}
        keepers = {person.number for person in self.book.people if person.legacy == "keep"}
        for person in keepers:
            account = town.accounts[person]
            account.command("mode", "--legacy", "deliver")
            self.sort_all(town, account, before[person], self.opened)

    def sort_all(self, town, account, before, copies):
        """All mail of a person but what was there before; returns what is there now, by its digest."""
        now = collections.Counter()
        for octets, at in town.mail_of(account):
            digest = hashlib.sha256(octets).digest()
            now[digest] += 1
            if now[digest] > before[digest]:
                with self.lock:
                    self.sort(town.accounts.index(account), octets, at, copies)
        return now

    def sort(self, whose, raw, at, copies):
        """One message in a mailbox of a person, or of a name elsewhere."""
        header = raw.split(b"\r\n\r\n", 1)[0]
        if b"multipart/report" in header:
            self.sort_report(whose, raw)
            return
        found = re.search(rb"(?m)^Subject: m(\d+) ", header)
        if not found or int(found[1]) >= len(self.book.letters):
            self.faults.append(f"what nobody wrote lies with {whose}: {header[:2000]!r}")
            return
        letter = self.book.letters[int(found[1])]
        copies[letter.number, whose].append(at)
        # What is between the trace fields and the end is what was sent, or it is not.
        content = raw[max(0, len(raw) - letter.size) :]
        if not letter.is_content(content):
            self.faults.append(f"{letter} is not to the octet with {whose}: {len(raw)} octets, {letter.size} were sent: {raw[:1500]!r}")
            return
        names = fields_in_front(raw, content)
        if not set(names) <= (OUR_TRACE if isinstance(whose, int) else POSTFIX_TRACE) or names.count("return-path") != 1:
            self.faults.append(f"{letter} has {names} in front of it with {whose}")
        if not raw.startswith(f"Return-Path: <{letter.reverse_path}>\r\n".encode()):
            self.faults.append(f"{letter} has another reverse-path with {whose}: {raw[:100]!r}")

    def sort_report(self, whose, raw):
        """A report about a letter, which its author alone should have."""
        envelope_id, reporter, actions = report(raw)
        letter = self.book.letters[int(envelope_id[1:])] if re.fullmatch(r"m\d+", envelope_id or "") else None
        if not letter or not actions:
            self.faults.append(f"a report on nothing that was sent lies with {whose}: {raw[:2000]!r}")
            return
        author = letter.author if letter.author is not None else letter.sender.split("@")[0]
        if author != whose:
            self.faults.append(f"the report on {letter} lies with {whose}")
        for recipient, action in actions:
            self.reports[letter.number, recipient.casefold(), action, reporter] += 1

    def read_statuses(self, person, rows):
        """What an author's server says of all it was handed."""
        letters = [letter for letter in self.book.letters if letter.author == person]
        known = {letter.kept_as: letter for letter in letters if letter.kept_as}
        by_message = collections.defaultdict(list)
        for row in rows:
            by_message[row["message"]].append(row)
        for message, of_message in by_message.items():
            letter = known.get(message) or unanswered(letters, message, {row["recipient"].casefold() for row in of_message})
            for row in of_message:
                if letter:
                    self.statuses[letter.number, row["recipient"].casefold()].append(row["status"])
                else:
                    self.faults.append(f"{self.book.people[person].address} has sent what was never handed in: {row}")


def unanswered(letters, message, recipients):
    """The letter that a client heard nothing of, and that the server calls so."""
    at = (uuid.UUID(message).int >> 80) / 1000
    for letter in letters:
        is_then = letter.begun - CLOCK_SECONDS <= at <= letter.answered + CLOCK_SECONDS
        if letter.outcome == PERHAPS and is_then and recipients <= {recipient.address.casefold() for recipient in letter.recipients}:
            return letter
    return None


def report(raw):
    """ENVID, who reports, and (recipient, action) for each, of a report (RFC 3464, 6533)."""
    text = raw.decode("utf-8", "replace")
    parts = re.split(r"(?m)^Content-Type: message/(?:global-)?delivery-status.*\r\n", text, maxsplit=1)
    if len(parts) < 2:
        return None, None, []
    statuses = parts[1].split("\r\n--", 1)[0]

    def field(name, block):
        found = re.search(rf"(?im)^{name}: *(.*?)\r?$", block)
        return found[1] if found else None

    blocks = [(field("Final-Recipient", block), field("Action", block)) for block in statuses.split("\r\n\r\n")]
    actions = [(recipient.split(";", 1)[1].strip(), action.split()[0]) for recipient, action in blocks if recipient and action]
    reporter = (field("Reporting-MTA", statuses) or ";").split(";", 1)[1].strip()
    return field("Original-Envelope-Id", statuses), reporter, actions
