"""The account book: what was handed in, to whom, what was answered, who decided what; kept by the test alone."""

import hashlib
import threading
import time

# What a client knows of a message it handed in.
NOT_SENT, TAKEN, PERHAPS, REFUSED = "not sent", "taken", "perhaps", "refused"
# Where somebody may stand with the owner of a mailbox.
IN, LISTED, BLOCKED = "in", "listed", "blocked"
# What an owner may do about somebody.
ALLOW, BLOCK, DISMISS, WROTE = "allow", "block", "dismiss", "wrote there"


class Recipient:
    """One recipient of a letter, and where it should go: to a person, to a name elsewhere, or nowhere."""

    def __init__(self, address, *, person=None, elsewhere=None, notify=None, is_role=False):
        self.address = address
        self.person = person
        self.elsewhere = elsewhere
        self.notify = notify
        self.is_role = is_role
        # RCPT was answered 250; with 5yz.
        self.is_named = False
        self.is_refused = False

    def params(self):
        """The parameters of RCPT."""
        return f" NOTIFY={self.notify}" if self.notify else ""


class Letter:
    """One message; `author` is the number of a person, or none if it comes from elsewhere."""

    def __init__(self, number, kind, author, server, sender, recipients):
        self.number = number
        self.kind = kind
        self.author = author
        self.server = server
        self.sender = sender
        self.reverse_path = sender
        self.recipients = recipients
        self.params = ""
        self.is_binary = False
        self.is_two_way_only = False
        self.size = 0
        self.digest = b""
        self.outcome = NOT_SENT
        self.reply = ""
        self.begun = 0.0
        self.answered = 0.0
        # As its server calls it, if it said so.
        self.kept_as = None
        # Whether each attempt to take it back was answered with success.
        self.withdrawals = []

    @property
    def subject(self):
        """What it can be told by."""
        return f"m{self.number} {self.kind}"

    def __str__(self):
        return f"{self.subject} from {self.sender} at {self.server} ({self.outcome} {self.reply})"

    def remember(self, content):
        """Notes what is handed in, to the octet."""
        self.size, self.digest = len(content), hashlib.sha256(content).digest()

    def is_content(self, octets):
        """Whether these are the octets that were handed in."""
        return len(octets) == self.size and hashlib.sha256(octets).digest() == self.digest

    def may_exist(self):
        """Whether anybody may have it."""
        return self.outcome in (TAKEN, PERHAPS)

    def wishes(self, recipient, wish):
        """Whether the author wants to hear this about that recipient (RFC 3461 section 4.1)."""
        if not self.reverse_path or recipient.notify == "NEVER":
            return False
        return wish in recipient.notify.split(",") if recipient.notify else wish != "SUCCESS"


class Book:
    """Everything that the people of the day know."""

    def __init__(self, people, letters):
        self.people = people
        self.letters = letters
        # (person, who) -> [(what, from, to, whether it is certain)].
        self.acts = {}
        # Server -> when it was killed, or stopped.
        self.deaths = {}
        # (person, who) -> how many are expected.
        self.expected = {}
        self.lock = threading.Lock()

    def act(self, person, who, what, begun, ended, is_certain):
        """An act of the owner of a mailbox about somebody."""
        with self.lock:
            self.acts.setdefault((person, who), []).append((what, begun, ended, is_certain))

    def death(self, server):
        """A server is dead now."""
        with self.lock:
            self.deaths.setdefault(server, []).append(time.time())

    def died_between(self, servers, begun, ended):
        """Whether one of these servers died then."""
        return any(begun <= at <= ended for server in servers for at in self.deaths.get(server, []))

    def hear(self, letter, recipients_named):
        """The author of a letter wrote to these, if it was taken: whoever is written to may answer."""
        if letter.author is None or not letter.reverse_path or not letter.may_exist():
            return
        for recipient in recipients_named:
            who = letter.sender if recipient.person == letter.author else recipient.address.lower()
            self.act(letter.author, who, WROTE, letter.begun, letter.answered, letter.outcome == TAKEN)

    def standing(self, person, who, begun, ended):
        """Each way in which somebody may have stood with this person between these moments."""
        acts = self.acts.get((person, who), [])
        now, seen, since = {None}, set(), 0.0
        for what, act_begun, act_ended, is_certain in acts:
            if what not in (ALLOW, BLOCK):
                continue
            if since <= ended and act_begun >= begun:
                seen |= now
            during = now | {what}
            if act_begun <= ended and act_ended >= begun:
                seen |= during
            now, since = ({what} if is_certain else during), act_ended
        if since <= ended:
            seen |= now
        wrote = [(at, till, is_certain) for what, at, till, is_certain in acts if what == WROTE]
        has_surely_written = any(is_certain and till <= begun for _, till, is_certain in wrote)
        may_have_written = any(at <= ended for at, _, _ in wrote)
        possible = set()
        for entry in seen:
            if entry == ALLOW:
                possible.add(IN)
            elif entry == BLOCK:
                possible.add(BLOCKED)
            elif self.people[person].screening != "on" or has_surely_written:
                possible.add(IN)
            else:
                possible |= {LISTED, IN} if may_have_written else {LISTED}
        return possible

    def released(self, person, who, begun, ended):
        """Whether this person let somebody in between these moments: surely, perhaps."""
        allowed = [act for act in self.acts.get((person, who), []) if act[0] == ALLOW]
        surely = any(is_certain and at >= begun and till <= ended for _, at, till, is_certain in allowed)
        return surely, any(till >= begun and at <= ended for _, at, till, _ in allowed)

    def put_away(self, person, who, begun):
        """Whether this person may have put away what somebody sent, since then."""
        return any(what in (DISMISS, BLOCK) and till >= begun for what, _, till, _ in self.acts.get((person, who), []))
