"""From submission at one server to the mailbox at another: two of ours, by notice and retrieval; two of theirs, by SMTP."""

import datetime
import json
import os
import re
import statistics
import time

from disk import disk, new_folder
from figures import Rows
from meter import Peak, connects, sync_times, syncing, syncs
from pair import Pair
from reception import OCTETS, StoreThreads
from stage import LIMITS, Ours, TheirPostfix, load, wait_delivered

OURS, THEIRS = "Twoway to Twoway", "Postfix to Postfix"
ALONE = {"sessions": 1, "messages": 50, "pause": 150}


def together(options):
    """The other load."""
    return {"sessions": 16, "messages": options.messages // 16, "pause": 0}


def measure(options, folder, dns, rows):
    """Interleaved rounds of both: messages one by one, then many at a time; then the octets that reach the disk, and the syncs."""
    with Town(folder, dns) as town:
        town.begin()
        for _ in range(options.rounds):
            for one_round in (town.ours, town.theirs):
                one_round(rows, "one at a time", ALONE)
                one_round(rows, "16 sessions", together(options))
        town.end()
    with disk(folder) as counted, Town(counted.directory, dns) as town:
        for name, one_round, pair in ((OURS, town.ours, town.pair.nodes()), (THEIRS, town.theirs, town.postfixes)):
            town.begin(pair)
            before = counted.octets()
            messages = one_round(Rows(""), "counted", together(options))
            town.end(pair)
            rows.add(f"{name}, 16 sessions", octets_per_octet=(counted.octets() - before) / messages / OCTETS)
    with Town(new_folder(folder), dns) as town:
        count_syncs(rows, town, options)


class Town:
    """Two of ours and two of theirs, TLS on every hop."""

    def __init__(self, folder, dns):
        # Those of a stage that has ended name other ports.
        dns.records.clear()
        os.chmod(folder, 0o711)
        self.folder = folder
        self.record = os.path.join(folder, "record")
        self.pair = Pair(folder, dns, Ours)
        self.pair.limits = LIMITS
        self.pair.configure()
        self.author, self.reader = self.pair.a.add_account("author"), self.pair.b.add_account("reader")
        self.postfixes = TheirPostfix(folder, "p.test", "127.0.0.6"), TheirPostfix(folder, "q.test", "127.0.0.7")
        tls = os.path.join(self.pair.a.data_dir, "tls")
        for server in self.postfixes:
            server.offer_tls(os.path.join(tls, "self-signed.pem"), os.path.join(tls, "self-signed.key"))
        first, second = self.postfixes
        first.routes.append(("/@q\\.test$/", f"smtp:[{second.address}]:{second.ports['smtp']}"))

    def all(self):
        """All four."""
        return (*self.pair.nodes(), *self.postfixes)

    def begin(self, servers=None, outputs=None):
        """Starts them, or these; with `outputs`, by server, their syncs are noted there."""
        for server in servers or self.all():
            server.begin(*(syncing(outputs[server]) if outputs else ()))

    def end(self, servers=None):
        """Stops them."""
        for server in servers or self.all():
            server.end()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        for server in self.all():
            server.__exit__(failure)
        return False

    def ours(self, rows, how, options):
        """Alice submits here, with a login for each session; the other server's log says when each was stored."""
        a, b = self.pair.nodes()
        before = b.delivered()

        def hand_in():
            return load(
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

        taken, seconds, used = self.load((a, b), hand_in, lambda taken: wait_delivered(b, before + len(taken)))
        transfers = {message: transfer for message, transfer, _ in events(a, "Kept")}
        story = {word: {transfer: when for _, transfer, when in events(node, word)} for node, word in ((b, "Noted"), (b, "Due"), (b, "Stored"), (a, "Confirmed"))}
        spans = []
        for when, reply in taken.values():
            transfer = transfers[re.search(r"kept as (\S+)", reply)[1]]
            spans.append((when, *(story[word].get(transfer) for word in ("Noted", "Due", "Stored", "Confirmed"))))
        stages = {
            "noted_ms": [noted - when for when, noted, _, _, _ in spans],
            "decided_ms": [due - noted for _, noted, due, _, _ in spans],
            "retrieved_ms": [stored - due for _, _, due, stored, _ in spans],
            "median_less_decided_ms": [stored - when - (due - noted) for when, noted, due, stored, _ in spans],
        }
        self.windows = [(when, stored) for when, _, _, stored, _ in spans]
        self.decisions = [(noted, due) for _, noted, due, _, _ in spans]
        report(rows, f"{OURS}, {how}", self.windows, seconds, {**used, **{name: statistics.median(times) * 1e3 for name, times in stages.items()}})
        return len(taken)

    def theirs(self, rows, how, options):
        """The same load; when the file appeared in the Maildir of the second is when it was stored."""
        first, second = self.postfixes
        begun_at, before = time.time(), second.delivered()

        def hand_in():
            return load(
                first.address,
                first.ports["smtp"],
                authority=self.pair.a.ca_pem,
                host=self.pair.a.hostname,
                recipient="reader@q.test",
                record=self.record,
                **{"from": "author@p.test"},
                **options,
            )

        taken, seconds, used = self.load((first, second), hand_in, lambda taken: wait_delivered(second, before + len(taken)))
        stored = {}
        for file in os.scandir(second.mail_folder()):
            # The name appears by rename(2), which changes the inode.
            if file.stat().st_ctime >= begun_at:
                with open(file.path, encoding="utf-8") as message:
                    stored[re.search(r"(?m)^Subject: (\S+)$", message.read())[1]] = file.stat().st_ctime
        self.decisions = []
        self.windows = [(when, stored[subject]) for subject, (when, _) in taken.items()]
        report(rows, f"{THEIRS}, {how}", self.windows, seconds, used)
        return len(taken)

    def load(self, servers, hand_in, wait):
        """Runs it; returns what was taken, the seconds until all was stored, and what both servers used until they were at rest."""
        with Peak(*(server.meter for server in servers)) as peak:
            before = [(server.used(), StoreThreads(server)) for server in servers]
            begun = time.monotonic()
            taken = hand_in()
            wait(taken)
            seconds = time.monotonic() - begun
            used = [server.used() - cpu for server, (cpu, _) in zip(servers, before)]
        columns = {"cpu_ms_per_message": sum(used) / len(taken) * 1e3, "peak_mib": peak.octets / 2**20}
        for which, cpu, (_, store) in zip(("first", "second"), used, before):
            columns |= {f"cpu_ms_{which}": cpu / len(taken) * 1e3, f"store_share_{which}": store.share(cpu)}
        return taken, seconds, columns


def events(node, word):
    """What it logged of this kind: message, transfer, and when in seconds since 1970."""
    with open(node.log_path, encoding="utf-8") as log:
        for line in log:
            if f'"event":"{word} ' in line:
                found = json.loads(line)
                when = datetime.datetime.fromisoformat(found["timestamp"].replace("Z", "+00:00"))
                yield found.get("message"), found["transfer"], when.timestamp()


def report(rows, name, windows, seconds, columns):
    """One round. A message may be stored before its 250 is read: then it took no time."""
    milliseconds = sorted(max(0.0, stored - when) * 1e3 for when, stored in windows)
    rows.add(
        name,
        median_ms=statistics.median(milliseconds),
        p99_ms=milliseconds[len(milliseconds) * 99 // 100],
        stored_per_second=len(windows) / seconds,
        **columns,
    )


def count_syncs(rows, town, options):
    """How many there are, how long a message waits for them between its 250 and the mailbox, and how many connections it takes."""
    for name, one_round, servers in ((OURS, town.ours, town.pair.nodes()), (THEIRS, town.theirs, town.postfixes)):
        outputs = {server: os.path.join(town.folder, f"syncs-{server.domain}") for server in servers}
        town.begin(servers, outputs)
        for how, options_of_load in (("16 sessions", together(options)), *[("one at a time", ALONE)] * options.rounds):
            before, dialled = counts(outputs)
            messages = one_round(Rows(""), "traced", options_of_load)
            after, dialled_after = counts(outputs)
            each = [(now - then) / messages for now, then in zip(after, before)]
            rows.add(
                f"{name}, {how}",
                syncs_per_message=sum(each),
                syncs_first=each[0],
                syncs_second=each[1],
                connections_per_message=(dialled_after - dialled) / messages,
            )
            if options_of_load is ALONE:
                times = sorted(span for path in outputs.values() for span in sync_times(path))
                report_waiting(rows, f"{name}, {how}", times, town)
        town.end(servers)


def counts(outputs):
    """Syncs of each server, and connections between them."""
    dialled = sum(connects(path, server.address) for path in outputs.values() for server in outputs)
    return [sum(syncs(path).values()) for path in outputs.values()], dialled


def report_waiting(rows, name, times, town):
    """Of the median of these very messages: what was waiting for a sync, and for the decision."""
    lasted = [ended - begun for begun, ended in town.windows]
    columns = {
        "traced_median_ms": lasted,
        "waited_for_syncs_ms": [waited(times, window) for window in town.windows],
        "beyond_syncs_ms": [lasted - waited(times, window) for lasted, window in zip(lasted, town.windows)],
    }
    if town.decisions:
        both = sorted(times + town.decisions)
        columns["beyond_syncs_and_decision_ms"] = [lasted - waited(both, window) for lasted, window in zip(lasted, town.windows)]
    rows.add(name, **{column: statistics.median(seconds) * 1e3 for column, seconds in columns.items()})


def waited(times, window):
    """Of this window, how many seconds at least one of these, in their order, was under way."""
    total, until = 0.0, window[0]
    for begun, ended in times:
        begun, ended = max(begun, until), min(ended, window[1])
        if ended > begun:
            total += ended - begun
            until = ended
    return total
