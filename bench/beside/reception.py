"""Mail from elsewhere for mailboxes here: smtp-source, 32 sessions, 10 KiB, in the clear, durable."""

import contextlib
import os
import time

from disk import disk, new_folder
from meter import Peak, syncing, syncs
from stage import LIMITS, Discarding, Ours, TheirExim, TheirOpenSmtpd, TheirPostfix, WithDovecot, wait_delivered

OURS = "Twoway"
KINDS = {
    OURS: None,
    "Postfix": TheirPostfix,
    "Postfix, accepting only": Discarding,
    "Postfix and Dovecot": WithDovecot,
    "OpenSMTPD": TheirOpenSmtpd,
    "Exim": TheirExim,
}
OCTETS = 10_240
ONE_BY_ONE = "OpenSMTPD, one session"
# Of these, a tenth of the messages: they take so much longer.
SLOW = ("OpenSMTPD", ONE_BY_ONE, "Exim")


def measure(options, folder, dns, rows):
    """Interleaved rounds of each, then a round of each for the octets that reach the disk, and one under strace."""
    dns.publish("c.test", "MX", (10, "mx.c.test"))
    for keep_open in (False, True):
        with stage(folder, dns) as servers:
            for server in servers.values():
                server.begin()
            for _ in range(options.rounds):
                for name, server in servers.items():
                    one_round(rows, title(name, keep_open), server, servers["Postfix"], portion(name, options.messages), keep_open)
                # It is another server then.
                one_round(rows, title(ONE_BY_ONE, keep_open), servers["OpenSMTPD"], servers["Postfix"], portion(ONE_BY_ONE, options.messages), keep_open, 1)
            for server in servers.values():
                server.end()
    for name in KINDS:
        count(rows, name, folder, dns, portion(name, options.messages))


def portion(name, messages):
    """How many of these messages a server gets in each round."""
    return messages // 10 if name in SLOW else messages


def title(name, keep_open):
    """The row of this server."""
    return name + (", connections kept" if keep_open else "")


@contextlib.contextmanager
def stage(folder, dns, names=tuple(KINDS)):
    """These servers, in a folder of their own; none runs."""
    own = new_folder(folder)
    with contextlib.ExitStack() as stack:
        servers = {}
        for number, (name, kind) in enumerate(KINDS.items()):
            if name in names:
                made = one_of_ours(own, dns) if kind is None else kind(own, f"p{number}.test", f"127.0.0.{10 + number}")
                servers[name] = stack.enter_context(made)
        yield servers


def one_of_ours(folder, dns):
    """A server for b.test, with one mailbox."""
    node = Ours(folder, "b.test", "127.0.0.3", dns.address)
    node.configure("", "[lab]\nenabled = true\n" + LIMITS)
    node.add_account("reader")
    return node


def send(server, source, messages, keep_open, sessions=32):
    """smtp-source, until everything is accepted."""
    options = ["-s", sessions, "-l", OCTETS, "-m", messages, "-f", "load@c.test", "-t", f"reader@{server.domain}"]
    source.source(server.address, server.ports[server.service], *options, *(["-d"] if keep_open else []))


def one_round(rows, name, server, source, messages, keep_open, sessions=32):
    """Measures one server once."""
    before = server.delivered()
    server.sent = getattr(server, "sent", 0) + messages
    with Peak(server.meter) as peak:
        cpu, store, begun = server.used(), StoreThreads(server), time.monotonic()
        send(server, source, messages, keep_open, sessions)
        accepted = time.monotonic() - begun
        wait_delivered(server, before + messages)
        stored = time.monotonic() - begun
        used = server.used() - cpu
    rows.add(
        name,
        accepted_per_second=messages / accepted,
        stored_per_second=messages / stored,
        cpu_ms_per_message=used / messages * 1e3,
        peak_mib=peak.octets / 2**20,
        store_share=store.share(used),
    )


class StoreThreads:
    """Those of one of our servers that carry out its transactions: their share of its processor time."""

    def __init__(self, server):
        self.process = server.process.pid if isinstance(server, Ours) else None
        self.before = self.seconds()

    def seconds(self):
        """Since the server was started. They live as long as it does; none, in a server of others."""
        total = 0
        if self.process:
            folder = f"/proc/{self.process}/task"
            for thread in os.listdir(folder):
                try:
                    with open(f"{folder}/{thread}/comm", encoding="utf-8") as file:
                        name = file.read().strip()
                    with open(f"{folder}/{thread}/schedstat", encoding="utf-8") as file:
                        total += int(file.read().split()[0]) if name == "store" else 0
                except OSError:
                    # Another one, that has ended.
                    continue
        return total / 1e9

    def share(self, used):
        """Of so many seconds of the whole server."""
        return (self.seconds() - self.before) / used if self.process else None


def count(rows, name, folder, dns, messages):
    """Octets written and syncs, in rounds of their own in which nothing else is measured."""
    with disk(folder) as counted:
        with stage(counted.directory, dns, (name, "Postfix")) as servers:
            server, source = servers[name], servers["Postfix"]
            start(server, source)
            before = counted.octets()
            push(server, source, messages)
            server.used()
            server.end()
            rows.add(name, octets_per_octet=(counted.octets() - before) / messages / OCTETS)
            if source is not server:
                source.end()
    with stage(folder, dns, (name, "Postfix")) as servers:
        server, source = servers[name], servers["Postfix"]
        output = os.path.join(new_folder(folder), "syncs")
        if source is not server:
            source.begin()
        server.begin(*syncing(output, regains_rights=server.regains_rights))
        before = sum(syncs(output).values())
        push(server, source, messages)
        server.used()
        rows.add(name, syncs_per_message=(sum(syncs(output).values()) - before) / messages)
        for one in {server, source}:
            one.end()


def start(server, source):
    """Both; the second is there for its smtp-source."""
    for one in {server, source}:
        one.begin()


def push(server, source, messages):
    """Sends, a connection for each message, and returns once all is delivered."""
    before = server.delivered()
    server.sent = getattr(server, "sent", 0) + messages
    send(server, source, messages, keep_open=False)
    wait_delivered(server, before + messages)
