"""A thousand connections at work at the same moment, beside ten thousand that wait."""

import concurrent.futures
import threading
import time

import smtp
from cases import Cases
from crowd import ALL_MAX, Crowd, a_server, allow_descriptors, memory, source
from notices import Giver, notice
from server import token, wait_for

CASES = Cases("active connections")

SUBMITTERS, PUSHERS, GIVERS = 400, 300, 300
ACTIVE = SUBMITTERS + PUSHERS + GIVERS
NOTICES_EACH = 3
# The longest that any of them may wait for its answer, in seconds: RFC 5321 would have it wait for minutes.
ANSWER_MAX = 60
# Of the whole server at its highest, with all 11,000.
MEMORY_MIB_MAX = 320


class Work:
    """What the active ones do: each says it is ready, waits for all others, and then does its work."""

    def __init__(self, node):
        self.node = node
        self.context = node.tls_context()
        self.author, self.reader, self.screened = node.add_account("ann"), node.add_account("bob"), node.new_account("on", "eve")
        self.ready = threading.Barrier(ACTIVE + 1, timeout=300)

    def answered(self, act):
        """How long this took, once all are ready."""
        self.ready.wait()
        begun = time.monotonic()
        act()
        return time.monotonic() - begun

    def submit(self, number):
        """A user hands in a message."""
        place = self.node.address, self.node.ports["submissions"], self.node.hostname, self.context
        with smtp.Session(*place, source=source(number)) as session:
            session.hello()
            session.auth_scram(self.author.address, self.author.password)
            content = self.author.message(self.reader, token())
            return self.answered(lambda: session.submit(self.author.address, [self.reader.address], content).must_be(250))

    def push(self, number):
        """A server of others brings a message."""
        with Giver(self.node, source(number), self.context) as session:
            content = f"From: <dan@other.test>\r\nTo: <{self.reader}>\r\nSubject: {token()}\r\n\r\nHello.\r\n".encode()
            return self.answered(lambda: session.submit("dan@other.test", [self.reader.address], content).must_be(250))

    def give(self, number):
        """A server gives notices, one by one."""
        with Giver(self.node, source(number), self.context) as session:
            lines = [notice("kim@giver.test", self.screened) for _ in range(NOTICES_EACH)]
            return self.answered(lambda: [session.command(line).must_be(250) for line in lines])


@CASES.add
def a_thousand(_is_long):
    """1,000 submit, deliver and give notices at once beside 10,000 that wait: all are answered, in bounded memory."""
    allow_descriptors(ALL_MAX + ACTIVE + 500)
    with a_server(ALL_MAX + ACTIVE) as node, Crowd() as crowd:
        # Their addresses are those of the crowd and the thousand after it.
        node.publish("giver.test", "TXT", "v=spf1 ip4:127.0.0.0/17 -all")
        node.publish("giver.test", "MX", (10, "mx.giver.test"))
        work = Work(node)
        crowd.grow(node, "exchange", ALL_MAX)
        kinds = [work.submit] * SUBMITTERS + [work.push] * PUSHERS + [work.give] * GIVERS
        with concurrent.futures.ThreadPoolExecutor(ACTIVE) as threads:
            began = [threads.submit(kind, ALL_MAX + number) for number, kind in enumerate(kinds)]
            work.ready.wait()
            took = sorted(one.result() for one in began)
        peak = memory(node, "VmHWM") / 1024
        print(f"        answered after {took[len(took) // 2]:.1f} s (median), {took[-1]:.1f} s (last); {peak:.0f} MiB at the highest")
        assert took[-1] < ANSWER_MAX, f"{took[-1]:.1f} s"
        assert peak < MEMORY_MIB_MAX, f"{peak:.0f} MiB"
        wait_for("every message", lambda: len(work.reader.inbox()) == SUBMITTERS + PUSHERS)
        work.screened.wait_contact("kim@giver.test", GIVERS * NOTICES_EACH)
        assert not crowd.disturbed(), "some of those that waited were told something, or closed"
