"""A trace of one message's walk: before every reply that takes responsibility stands a sync.

TLS hides the replies from strace. But each server logs an event after the commit that makes it true and before it says so
on the connection, and the log is in the same trace. So for each event the trace must read: the last octets came in on the
connection, then nothing went out on it until a sync was done, then the event, then the reply.
"""

import os

from cases import Cases
from pair import a_pair
from server import wait_for
from strace import calls_in, watching

CASES = Cases("order")


class Trace:
    """What one server did."""

    def __init__(self, path):
        self.calls = calls_in(path)

    def event(self, name):
        """The line on which the only event of this name was logged."""
        found = [call.began for call in self.calls if call.kind == "write" and not call.connection and f"{name} {{" in call.text]
        assert len(found) == 1, f"{len(found)} events {name}"
        return found[0]

    def on(self, connection, kind):
        """The reads or writes of a connection."""
        return [call for call in self.calls if call.kind == kind and call.connection == connection]

    def last_read_before(self, line, end):
        """The last octets that came in before this line on a connection with this end, `address:port`."""
        reads = [call for call in self.calls if call.kind == "read" and call.done < line and end in (call.connection or ())]
        assert reads, f"nothing came in on {end}"
        return reads[-1]

    def first_on(self, end):
        """Where the first octets came in on a connection with this end."""
        return next(call.began for call in self.calls if call.kind == "read" and end in (call.connection or ()))

    def syncs(self, after=-1, before=1 << 60):
        """The syncs begun and done between two lines."""
        return [call for call in self.calls if call.kind == "sync" and after < call.began and call.done < before]

    def reply_follows_sync(self, event, end):
        """Fails unless: last octets in, sync done, event logged, and only then octets out on the same connection."""
        told = self.event(event)
        heard = self.last_read_before(told, end)
        syncs = self.syncs(heard.done, told)
        assert syncs, f"no sync between the last octets on {end} and {event}"
        said = [call for call in self.on(heard.connection, "write") if call.began > heard.done]
        assert said, f"nothing was said on {end} after {event}"
        assert said[0].began > syncs[-1].done, f"{event}: octets left on {end} before the sync was done"
        return len(syncs)


def end_of(node, service):
    """Where a service listens, as it stands in a trace."""
    return f"{node.address}:{node.ports[service]}"


def walk(pair, folder, count):
    """Plays so many messages one after another under strace; returns the traces of a and b."""
    paths = [os.path.join(folder, f"{node.domain}.trace") for node in pair.nodes()]
    alice, carol = pair.a.add_account("alice"), pair.b.add_account("carol")
    for node, path in zip(pair.nodes(), paths):
        node.start(*watching(path))
    for _ in range(count):
        subject, message = alice.write(carol)
        carol.find(subject)
        alice.wait_sent(message, carol, "delivered")
    wait_for("the destination to know that the origin knows", lambda: pair.b.log().count("Done {") >= count)
    for node in pair.nodes():
        assert node.stop() == 0
    return [Trace(path) for path in paths]


@CASES.add
def sync_before_reply():
    """Every reply that takes responsibility, and CONFIRM, leaves after a sync; the syncs of one message are counted."""
    with a_pair() as pair:
        a, b = walk(pair, os.path.dirname(pair.a.folder), 1)
        steps = (
            (a, "Kept", end_of(pair.a, "submissions"), "250 to the submitted message"),
            (b, "Noted", end_of(pair.b, "exchange"), "250 to NOTICE"),
            (a, "Served", end_of(pair.a, "retrieval"), "the content to RETRIEVE, its last octet"),
            (b, "Stored", end_of(pair.a, "retrieval"), "CONFIRM"),
            (a, "Confirmed", end_of(pair.a, "retrieval"), "250 to CONFIRM"),
        )
        for trace, event, end, what in steps:
            print(f"        {trace.reply_follows_sync(event, end)} sync before {what}")


@CASES.add
def syncs_of_a_message():
    """The syncs of messages sent one after another, end to end, are counted."""
    count = 10
    with a_pair() as pair:
        a, b = walk(pair, os.path.dirname(pair.a.folder), count)
        origin = len(a.syncs(a.first_on(end_of(pair.a, "submissions"))))
        destination = len(b.syncs(b.first_on(end_of(pair.b, "exchange"))))
        print(f"        per message, alone: {origin / count:.1f} syncs at the origin, {destination / count:.1f} at the destination")
        # Kept, notice accepted, served, confirmed; noted, decided, stored, done: some may share a sync, not most.
        assert origin >= 3 * count and destination >= 3 * count
