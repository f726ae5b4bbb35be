"""From submission at one server to the mailbox at another: two of ours, by notice and retrieval; two of theirs, by SMTP."""

import datetime
import json
import os
import re
import statistics
import time

from meter import Rows
from pair import Pair
from server import wait_for
from stage import LIMITS, Ours, Theirs, load

OURS, THEIRS = "Twoway to Twoway", "Postfix to Postfix"


def measure(options, folder, dns):
    """Interleaved rounds of both: messages one by one, then many at a time."""
    rows = Rows("end to end")
    with Town(folder, dns) as town:
        for _ in range(options.rounds):
            for name, one_round in ((OURS, town.ours), (THEIRS, town.theirs)):
                one_round(rows, f"{name}, one at a time", sessions=1, messages=50, pause=150)
                one_round(rows, f"{name}, 16 sessions", sessions=16, messages=options.messages // 16, pause=0)
    rows.show()
    print()
    for how, column in (("one at a time", "median_ms"), ("one at a time", "p99_ms"), ("16 sessions", "median_ms"), ("16 sessions", "p99_ms")):
        rows.ratio(f"{column} of theirs over ours, {how}", f"{THEIRS}, {how}", f"{OURS}, {how}", column)
    rows.ratio("stored a second, ours over theirs", f"{OURS}, 16 sessions", f"{THEIRS}, 16 sessions", "stored_per_second")
    rows.ratio("CPU of theirs over ours", f"{THEIRS}, 16 sessions", f"{OURS}, 16 sessions", "cpu_ms_per_message")


class Town:
    """Two of ours and two of theirs, TLS on every hop."""

    def __init__(self, folder, dns):
        self.record = os.path.join(folder, "record")
        self.pair = Pair(folder, dns, ("sqlite", "sqlite"), kind=Ours)
        self.pair.limits = LIMITS
        self.pair.configure()
        self.author, self.reader = self.pair.a.add_account("author"), self.pair.b.add_account("reader")
        self.first, self.second = Theirs(folder, "p.test", "127.0.0.6"), Theirs(folder, "q.test", "127.0.0.7")
        tls = os.path.join(self.pair.a.data_dir, "tls")
        for server in (self.first, self.second):
            server.offer_tls(os.path.join(tls, "self-signed.pem"), os.path.join(tls, "self-signed.key"))
        self.first.routes.append(("/@q\\.test$/", f"smtp:[{self.second.address}]:{self.second.ports['smtp']}"))

    def __enter__(self):
        for server in (*self.pair.nodes(), self.first, self.second):
            server.begin()
        return self

    def __exit__(self, failure, *_):
        for server in (*self.pair.nodes(), self.first, self.second):
            if failure:
                print(server.log()[-4000:])
            server.end()
        return False

    def ours(self, rows, name, **options):
        """Alice submits here, with a login for each session; the other server's log says when each was stored."""
        a, b = self.pair.nodes()
        stored_before = b.events("Stored")
        cpu, begun = cpu_of(a, b), time.monotonic()
        taken = load(
            a.address,
            a.ports["submission"],
            authority=a.ca_pem,
            host=a.hostname,
            user=self.author.address,
            password=self.author.password,
            recipient=self.reader.address,
            record=self.record,
            **{"from": self.author.address},
            **options,
        )
        wait_for("everything to be stored", lambda: b.events("Stored") >= stored_before + len(taken), 300)
        seconds = time.monotonic() - begun
        transfers, stored = {}, {}
        for message, transfer, _ in events(a, "Kept"):
            transfers[message] = transfer
        for _, transfer, when in events(b, "Stored"):
            stored[transfer] = when
        ids = ((when, re.search(r"kept as (\S+)", reply)[1]) for when, reply in taken.values())
        report(rows, name, [stored[transfers[message]] - when for when, message in ids], seconds, cpu_of(a, b) - cpu)

    def theirs(self, rows, name, **options):
        """The same load; when the file appeared in the Maildir of the second is when it was stored."""
        begun_at, before = time.time(), self.second.delivered()
        cpu, begun = cpu_of(self.first, self.second), time.monotonic()
        taken = load(
            self.first.address,
            self.first.ports["smtp"],
            authority=self.pair.a.ca_pem,
            host=self.pair.a.hostname,
            recipient="reader@q.test",
            record=self.record,
            **{"from": "author@p.test"},
            **options,
        )
        wait_for("everything to be stored", lambda: self.second.delivered() >= before + len(taken), 300)
        seconds = time.monotonic() - begun
        stored = {}
        folder = os.path.join(self.second.mail, "all", "new")
        for file in os.scandir(folder):
            # The name appears by rename(2), which changes the inode.
            if file.stat().st_ctime >= begun_at:
                with open(file.path, encoding="utf-8") as message:
                    stored[re.search(r"(?m)^Subject: (\S+)$", message.read())[1]] = file.stat().st_ctime
        report(rows, name, [stored[subject] - when for subject, (when, _) in taken.items()], seconds, cpu_of(self.first, self.second) - cpu)


def cpu_of(*servers):
    """Of all of them, at rest."""
    return sum(server.meter.settled() for server in servers)


def events(node, word):
    """What it logged of this kind: message, transfer, and when in seconds since 1970."""
    with open(node.log_path, encoding="utf-8") as log:
        for line in log:
            if f'"event":"{word} ' in line:
                found = json.loads(line)
                when = datetime.datetime.fromisoformat(found["timestamp"].replace("Z", "+00:00"))
                yield found.get("message"), found["transfer"], when.timestamp()


def report(rows, name, times, seconds, cpu):
    """One round. A message may be stored before its 250 is read: then it took no time."""
    milliseconds = sorted(max(0.0, time) * 1e3 for time in times)
    rows.add(
        name,
        median_ms=statistics.median(milliseconds),
        p99_ms=milliseconds[len(milliseconds) * 99 // 100],
        stored_per_second=len(times) / seconds,
        cpu_ms_per_message=cpu / len(times) * 1e3,
    )
