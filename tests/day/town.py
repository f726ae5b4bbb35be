"""Where the day takes place: two servers of ours with their accounts, Postfix with its mailboxes, and the DNS they share."""

import calendar
import concurrent.futures
import contextlib
import os
import re
import tempfile
import threading
import time

from cases import Skipped
from dns import Dns
from letters import NAMES_ELSEWHERE, name_elsewhere
from neighbours import POSTFIX_TIMES, identity, publish
from node import Node
from pair import Pair
from postfix import Postfix
from postgres import PostgresServer
from server import Account

# Takes a message and fails later.
LATER = """
later unix - n n - - pipe
  flags= user=vmail argv=/bin/false
"""


class TownNode(Node):
    """A server whose command line may be used at any time, also while it is dead: only not while it starts."""

    # Held by whoever starts a server, or takes the database away from all of them.
    database_door = threading.Lock()

    def __init__(self, *arguments):
        super().__init__(*arguments)
        # Who finds no server opens its store, and would keep it from starting.
        self.door = threading.Lock()

    def run(self, *words, stdin=None):
        """Runs a command with `--json`; returns the finished process."""
        with self.door:
            return super().run(*words, stdin=stdin)

    def start(self, *wrapper):
        """Starts it; returns once it listens."""
        with self.door, self.database_door:
            super().start(*wrapper)


class Town:
    """The servers, and everybody's account."""

    def __init__(self, pair, postfix, database, people):
        self.pair = pair
        self.postfix = postfix
        self.database = database
        self.nodes = {node.domain: node for node in pair.nodes()}
        self.people = people
        self.accounts = [Account(self.nodes[person.domain], person.address, f"secret{person.number}") for person in people]

    def settle_down(self, expecting, count):
        """Makes every account, its modes and its aliases; those of one server one after another."""
        self.for_each_server(lambda domain: [self.make_account(person) for person in self.people if person.domain == domain])
        for person, whom in expecting:
            self.accounts[person.number].command("expected", "add", whom.address, "--until", "24h", "--count", str(count))

    def make_account(self, person):
        """One account."""
        account = self.accounts[person.number]
        account.server.command("account", "add", person.address, "--password-stdin", stdin=f"{account.password}\n".encode())
        account.command("mode", "--screening", person.screening, "--legacy", person.legacy)
        for alias in person.aliases:
            account.server.command("account", "alias", person.address, alias)

    def for_each_server(self, act):
        """Does this for both domains at once."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(act, self.nodes))

    def for_each_account(self, act):
        """Does this for every account, several at once; returns the answers by number."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return list(pool.map(act, self.accounts))

    def mail_of(self, account):
        """All mail of an account as it is exported: (octets, when it came), to the second."""
        with tempfile.TemporaryDirectory(prefix="twoway-day-") as folder:
            account.command("mail", "export", folder, "--format", "mbox")
            files = [os.path.join(folder, name) for name in os.listdir(folder)]
            return [mail for path in files for mail in mails_in(path)]

    def maildirs(self):
        """What lies in the mailboxes of Postfix: (name of the mailbox, octets, when it came)."""
        if not self.postfix:
            return
        for name in sorted(os.listdir(self.postfix.mail)):
            folder = os.path.join(self.postfix.mail, name, "new")
            for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                path = os.path.join(folder, file)
                with open(path, "rb") as message:
                    # Maildir has LF alone.
                    yield name, message.read().replace(b"\n", b"\r\n"), os.stat(path).st_mtime

    def queued_elsewhere(self):
        """How many messages Postfix still has: what can be executed is whole, all else was being written when it was stopped."""
        if not self.postfix:
            return 0
        queue = os.path.join(self.postfix.folder, "queue")
        folders = [os.walk(os.path.join(queue, name)) for name in ("incoming", "active", "deferred", "maildrop")]
        paths = [os.path.join(folder, file) for walk in folders for folder, _, files in walk for file in files]
        return sum(os.access(path, os.X_OK) for path in paths)


def mails_in(path):
    """The messages in an mbox file, as docs/admin/mail-files.md says: (octets, when it came)."""
    with open(path, "rb") as file:
        data = file.read()
    begins = list(re.finditer(rb"(?m)^From .* (\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\r?\n", data))
    for begin, end in zip(begins, [*[next_one.start() for next_one in begins[1:]], len(data)]):
        # The last LF is the format's.
        assert data[end - 1 : end] == b"\n", path
        octets = re.sub(rb"(?m)^>(>*From )", rb"\1", data[begin.end() : end - 1])
        yield octets, calendar.timegm(time.strptime(begin[1].decode(), "%a %b %d %H:%M:%S %Y"))


def postfix_of(folder, pair, dns):
    """Postfix with p.test, a mailbox for each name, beside our two."""
    postfix = Postfix(folder, "p.test", "127.0.0.6")
    # Postfix takes no name of a mailbox out of an address.
    names = [*map(name_elsewhere, range(NAMES_ELSEWHERE))]
    postfix.mailboxes = "/^later/ later/\n" + "".join(f"/^{name}@/ {name}/\n" for name in names)
    postfix.offer_tls(*identity(pair.a))
    postfix.settings.update({**POSTFIX_TIMES, "delay_warning_time": "0"})
    postfix.transports = LATER
    postfix.routes.append(("/^later/", "later:"))
    for node in pair.nodes():
        domain = node.domain.replace(".", "\\.")
        postfix.routes.append((f"/@{domain}$/", f"smtp:[{node.address}]:{node.ports['exchange']}"))
    publish(dns, pair, postfix, "p.test", postfix.ports["smtp"])
    return postfix


@contextlib.contextmanager
def a_town(people, with_postfix, on_postgresql):
    """The town, with everything running; if it is on PostgreSQL, on one of its own."""
    with tempfile.TemporaryDirectory(prefix="twoway-day-") as folder, Dns() as dns, contextlib.ExitStack() as stack:
        database = stack.enter_context(PostgresServer(folder)) if on_postgresql else None
        TownNode.on_postgresql = on_postgresql
        pair = Pair(folder, dns, TownNode)
        postfix = stack.enter_context(postfix_of(folder, pair, dns)) if with_postfix else None
        stack.enter_context(pair.running())
        if postfix:
            postfix.start()
        yield Town(pair, postfix, database, people)


def can_run_postfix():
    """Whether Postfix runs here; says why not."""
    try:
        with tempfile.TemporaryDirectory(prefix="twoway-day-") as folder:
            Postfix(folder, "p.test", "127.0.0.6")
    except Skipped as why:
        print(f"SKIPPED the part with Postfix: {why}", flush=True)
        return False
    return True
