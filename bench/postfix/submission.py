"""Mail of our own users: TLS and a login for each session, from 32 sessions, 10 KiB, for a mailbox on the same server."""

import os
import time

from meter import Rows
from reception import one_of_ours
from server import wait_for
from stage import load

ONCE, EACH = "Twoway, 32 sessions with TLS and a login each, many messages in one", "Twoway, TLS and a login for each message"


def measure(options, folder, dns):
    """Interleaved rounds of both."""
    rows = Rows("submission")
    with one_of_ours(folder, dns) as node:
        node.add_account("author")
        node.begin()
        for _ in range(options.rounds):
            one_round(rows, ONCE, node, folder, options.messages // 32)
            one_round(rows, EACH, node, folder, 1)
        node.end()
    rows.show()


def one_round(rows, name, node, folder, each):
    """32 sessions with so many messages each."""
    author = f"author@{node.domain}"
    before, stored = node.meter.settled(), node.events("Stored")
    begun = time.monotonic()
    taken = load(
        node.address,
        node.ports["submission"],
        authority=node.ca_pem,
        host=node.hostname,
        user=author,
        password=node.passwords[author],
        recipient=f"reader@{node.domain}",
        sessions=32,
        messages=each,
        record=os.path.join(folder, "record"),
        **{"from": author},
    )
    seconds = time.monotonic() - begun
    wait_for("everything to be stored", lambda: node.events("Stored") >= stored + len(taken), 120)
    used = node.meter.settled() - before
    rows.add(name, accepted_per_second=len(taken) / seconds, cpu_ms_per_message=used / len(taken) * 1e3)
