"""A trace of one message's walk: before every reply that takes responsibility stands a sync.

TLS hides the replies from strace. But each server logs an event after the commit that makes it true and before it says so
on the connection, and the log is in the same trace. So for each event the trace must read: the last octets came in on the
connection, then nothing went out on it until a sync was done, then the event, then the reply.
"""

import os

from cases import Cases
from pair import a_pair
from server import token, wait_for
from strace import calls_in, watching

CASES = Cases("order")

BODY_OCTETS = 8_000


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

    def reply_follows_sync(self, event, end, heard_min=0, said_min=0):
        """Fails unless: octets in, sync done, event logged, and only then octets out on the same connection.

        `heard_min` and `said_min` tell content from commands: so many octets came in since octets last went out,
        and so many go out before the next come in.
        """
        told = self.event(event)
        heard = self.last_read_before(told, end)
        syncs = self.syncs(heard.done, told)
        assert syncs, f"no sync between the last octets on {end} and {event}"
        writes, reads = self.on(heard.connection, "write"), self.on(heard.connection, "read")
        said_before = max(call.began for call in writes if call.began < heard.done)
        heard_octets = sum(call.result for call in reads if said_before < call.done <= heard.done)
        assert heard_octets >= heard_min, f"{event} follows {heard_octets} octets on {end}, not content"
        said = [call for call in writes if call.began > heard.done]
        assert said, f"nothing was said on {end} after {event}"
        assert said[0].began > syncs[-1].done, f"{event}: octets left on {end} before the sync was done"
        next_heard = min((call.done for call in reads if call.done > said[0].began), default=1 << 60)
        said_octets = sum(call.result for call in said if call.began < next_heard)
        assert said_octets >= said_min, f"{event} is followed by {said_octets} octets on {end}, not content"
        return len(syncs)


def end_of(node, service):
    """Where a service listens, as it stands in a trace."""
    return f"{node.address}:{node.ports[service]}"


def walk(pair, folder, send):
    """Has alice's messages to carol sent and settled under strace; returns the traces of a and b."""
    paths = [os.path.join(folder, f"{node.domain}.trace") for node in pair.nodes()]
    alice, carol = pair.a.new_account(), pair.b.new_account()
    for node, path in zip(pair.nodes(), paths):
        node.start(*watching(path))
    count = send(alice, carol)
    wait_for("the destination to know that the origin knows", lambda: pair.b.log().count("Done {") >= count)
    for node in pair.nodes():
        assert node.stop() == 0
    return [Trace(path) for path in paths]


def one_by_one(count):
    """Sends so many messages, each when the one before has arrived."""

    def send(alice, carol):
        for _ in range(count):
            subject, message = alice.write(carol, body=("x" * 78 + "\r\n") * (BODY_OCTETS // 80))
            carol.find(subject)
            alice.wait_sent(message, carol, "delivered")
        return count

    return send


def all_at_once(count):
    """Sends so many messages in one session, as fast as they are taken."""

    def send(alice, carol):
        with alice.session() as session:
            for _ in range(count):
                session.submit(alice.address, [carol.address], alice.message(carol, token())).must_be(250)
        return count

    return send


@CASES.add
def sync_before_reply():
    """Every reply that takes responsibility, and CONFIRM, leaves after a sync; the syncs of one message are counted."""
    with a_pair() as pair:
        a, b = walk(pair, os.path.dirname(pair.a.folder), one_by_one(1))
        steps = (
            (a, "Kept", end_of(pair.a, "submissions"), "250 to the submitted message", {"heard_min": BODY_OCTETS}),
            (b, "Noted", end_of(pair.b, "exchange"), "250 to NOTICE", {}),
            (a, "Served", end_of(pair.a, "retrieval"), "the content to RETRIEVE, its last octet", {"said_min": BODY_OCTETS}),
            (b, "Stored", end_of(pair.a, "retrieval"), "CONFIRM", {"heard_min": BODY_OCTETS}),
            (a, "Confirmed", end_of(pair.a, "retrieval"), "250 to CONFIRM", {}),
        )
        for trace, event, end, what, octets in steps:
            print(f"        {trace.reply_follows_sync(event, end, **octets)} sync before {what}")


def syncs_per_message(send, count):
    """How often origin and destination sync for each message, sent like this; printed."""
    with a_pair() as pair:
        a, b = walk(pair, os.path.dirname(pair.a.folder), send(count))
        origin = len(a.syncs(a.first_on(end_of(pair.a, "submissions")))) / count
        destination = len(b.syncs(b.first_on(end_of(pair.b, "exchange")))) / count
        how = send.__name__.replace("_", " ")
        print(f"        {how}: {origin + destination:.1f} syncs end to end, {origin:.1f} at the origin, {destination:.1f} at the destination")
        return origin, destination


@CASES.add
def syncs_of_a_message():
    """The syncs of a message, end to end, are counted: sent alone, and among others."""
    origin, destination = syncs_per_message(one_by_one, 10)
    # Kept, notice accepted, served, confirmed; noted, decided, stored, done: some may share a sync, not most.
    assert origin >= 3 and destination >= 3
    syncs_per_message(all_at_once, 100)
