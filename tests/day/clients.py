"""Those who hand in letters: what they hear, and what they don't."""

import threading
import time

from book import NOT_SENT, PERHAPS, REFUSED, TAKEN
from server import kept_as
from smtp import Closed, Session, Unexpected, stuffed

# While a server is away, its clients try again this often, and so many times.
PAUSE_SECONDS, ATTEMPTS_MAX = 0.25, 400


class Clients:
    """Several clients at a time, each with a connection of its own, until everything is handed in."""

    def __init__(self, town, plan, book):
        self.town = town
        self.plan = plan
        self.book = book
        self.started = time.monotonic()
        self.handed_in = 0
        self.lock = threading.Lock()
        self.left = list(reversed(plan.sessions))

    def work(self):
        """Takes one connection after another, each when its time has come."""
        while session := self.take():
            at, server, author, letters = session
            time.sleep(max(0.0, self.started + at - time.monotonic()))
            self.hand_in_all(server, author, letters)

    def take(self):
        """The next connection, or none."""
        with self.lock:
            return self.left.pop() if self.left else None

    def hand_in_all(self, server, author, letters):
        """Hands in these, in one connection if it lasts, else in several."""
        left = list(reversed(letters))
        for _ in range(ATTEMPTS_MAX):
            try:
                with self.connect(server, author) as session:
                    while left:
                        hand_in(session, left[-1], self.plan.content_of(left[-1]))
                        self.done(left.pop())
            except (OSError, Closed, Unexpected) as error:
                if left and left[-1].outcome != NOT_SENT:
                    self.done(left.pop())
                elif isinstance(error, Unexpected) and not 400 <= error.reply.code < 500:
                    raise
            if not left:
                return
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"{server} took nothing from {author and author.address} for {PAUSE_SECONDS * ATTEMPTS_MAX:.0f} s")

    def connect(self, server, author):
        """A session in which one may write."""
        if author is None:
            session = self.town.postfix.connect()
            session.hello()
            return session
        account = self.town.accounts[author.number]
        session = Session(account.server.address, account.server.ports["submissions"], account.server.hostname, account.server.tls_context())
        session.hello()
        session.auth_plain(account.address, account.password)
        return session

    def done(self, letter):
        """Nothing more will be heard of this one."""
        self.book.hear(letter, [recipient for recipient in letter.recipients if recipient.is_named])
        with self.lock:
            self.handed_in += 1


def hand_in(session, letter, content):
    """One transaction. From the first octet of the content on, who hears nothing does not know whether it was taken."""
    letter.remember(content)
    letter.begun = time.time()
    letter.outcome, accepted = NOT_SENT, 0
    is_international = not f"{letter.sender}{[recipient.address for recipient in letter.recipients]}".isascii()
    body = " BODY=BINARYMIME" if letter.is_binary else " BODY=8BITMIME"
    session.command(f"MAIL FROM:<{letter.reverse_path}>{body}{' SMTPUTF8' * is_international}{letter.params}").must_be(250)
    for recipient in letter.recipients:
        reply = session.command(f"RCPT TO:<{recipient.address}>{recipient.params()}")
        if reply.code // 100 == 4:
            # Nobody says so but who is without a database: all of it once more.
            reply.must_be(250)
        recipient.is_named, recipient.is_refused = reply.code == 250, reply.code >= 500
        accepted += recipient.is_named
    if not accepted:
        session.command("RSET").must_be(250)
        conclude(letter, REFUSED, "no recipient")
        return
    if not letter.is_binary:
        session.command("DATA").must_be(354)
    letter.outcome = PERHAPS
    try:
        if letter.is_binary:
            session.send(b"BDAT %d LAST\r\n" % len(content) + content)
        else:
            session.send(stuffed(content) + b".\r\n")
        reply = session.reply()
    except (OSError, Closed):
        letter.answered = time.time()
        raise
    # RFC 5321 section 4.2.5: what is answered 4yz may be kept for some of several recipients.
    conclude(letter, {2: TAKEN, 4: PERHAPS}.get(reply.code // 100, REFUSED), repr(reply))
    if reply.code == 250 and letter.author is not None:
        letter.kept_as = kept_as(reply)


def conclude(letter, outcome, reply):
    """The last word on it."""
    letter.outcome, letter.reply, letter.answered = outcome, reply, time.time()
