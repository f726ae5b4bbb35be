"""Mail from elsewhere for mailboxes here: smtp-source, 32 sessions, 10 KiB, in the clear, durable."""

import os
import time

from meter import Rows, syncing, syncs
from stage import LIMITS, Ours, Theirs

MAILBOX, DISCARD, OURS = "Postfix, into a Maildir", "Postfix, into nothing (discard)", "Twoway, into the mailbox"


def measure(options, folder, dns):
    """Interleaved rounds of each, then a round of each under strace."""
    dns.publish("c.test", "MX", (10, "mx.c.test"))
    rows = Rows("reception")
    with one_of_ours(folder, dns) as ours, theirs(folder, "p.test", "127.0.0.6") as maildir, theirs(folder, "q.test", "127.0.0.7") as discard:
        discard.routes.append(("/@q\\.test$/", "discard:"))
        servers = {OURS: ours, MAILBOX: maildir, DISCARD: discard}
        for keep_open in (False, True):
            for server in servers.values():
                server.begin()
            for _ in range(options.rounds):
                for name, server in servers.items():
                    one_round(rows, name + (", sessions kept" if keep_open else ""), server, maildir, options.messages, keep_open)
            for server in servers.values():
                server.end()
        for name, server in servers.items():
            count_syncs(rows, name, server, maildir, folder, options.messages)
    rows.show()
    print()
    for suffix in ("", ", sessions kept"):
        for other in (MAILBOX, DISCARD):
            rows.ratio(f"CPU of {other}{suffix}, over ours", other + suffix, OURS + suffix, "cpu_ms_per_message")
            rows.ratio(f"messages a second of ours{suffix}, over {other}", OURS + suffix, other + suffix, "accepted_per_second")


def one_of_ours(folder, dns):
    """A server for b.test, with one mailbox."""
    node = Ours(folder, "b.test", "127.0.0.3", dns.address)
    node.configure("", "[lab]\nenabled = true\n" + LIMITS)
    node.add_account("reader")
    return node


def theirs(folder, domain, address):
    """A Postfix for one domain."""
    return Theirs(folder, domain, address)


def send(server, source, messages, keep_open):
    """smtp-source, until everything is accepted."""
    options = ["-s", 32, "-l", 10240, "-m", messages, "-f", "load@c.test", "-t", f"reader@{server.domain}"]
    port = server.ports["exchange" if isinstance(server, Ours) else "smtp"]
    source.source(server.address, port, *options, *(["-d"] if keep_open else []))


def wait_stored(server):
    """Returns once everything is where it is to end: our 250 says that it is."""
    if isinstance(server, Theirs):
        server.wait_empty()


def one_round(rows, name, server, source, messages, keep_open):
    """Measures one server once."""
    cpu, begun = server.meter.settled(), time.monotonic()
    send(server, source, messages, keep_open)
    accepted = time.monotonic() - begun
    wait_stored(server)
    stored = time.monotonic() - begun
    used = server.meter.settled() - cpu
    rows.add(
        name,
        accepted_per_second=messages / accepted,
        stored_per_second=messages / stored,
        cpu_ms_per_message=used / messages * 1e3,
        messages_per_cpu_second=messages / used,
    )


def count_syncs(rows, name, server, source, folder, messages):
    """A round with every sync counted, and nothing else measured."""
    output = os.path.join(folder, f"syncs-{server.domain}")
    server.begin(*syncing(output))
    before = sum(syncs(output).values())
    send(server, source, messages, keep_open=False)
    wait_stored(server)
    rows.add(name, syncs_per_message=(sum(syncs(output).values()) - before) / messages)
    server.end()
