"""What the time of a reply to NOTICE tells of the recipient: whether one can be told from another by it."""

import contextlib
import gc
import itertools
import math
import multiprocessing
import os
import random
import statistics
import tempfile
import time

from cases import Cases
from dns import Dns
from neighbours import identity
from node import Node
from notices import Giver, notice
from plain_peer import PlainPeer, PlainSession

CASES = Cases("time of replies")

# What a recipient may think of the sender; each is several mailboxes, so that no mailbox stands for its state.
STATES = ("stranger", "allowed", "blocked", "open")
MAILBOXES, MAILBOXES_LONG = 1, 5
SAMPLES, SAMPLES_LONG = 100, 10_000
# Those of them whose notices are not retrieved, which a sender would hear of.
UNHEARD = ("stranger", "blocked")
REPEATED = 50
SENDER = "ann@giver.test"
SOURCE = "127.0.0.9"

ALPHA = 0.001
QUANTILES = range(5, 96, 5)
DIFFERENCE_MAX = 0.02
# So much more for one state, of its median, must be noticed; or the machine was too busy for the measurement to say anything.
NOTICED = 0.03

LIMITS = """
[limits]
notices_max = 100000
commands_max = 200000
notices_per_minute_client_max = 1000000
notices_per_minute_domain_max = 1000000
[lab]
enabled = true
[tls]
extra_ca = "data/tls/self-signed.pem"
"""


class Origin(PlainSession):
    """A session with the server of the sender, from which nothing is retrieved: all of it was taken back."""

    def command(self, command):
        """Answers one command."""
        if command.startswith("RETRIEVE"):
            self.say("554 5.4.7 withdrawn")
        else:
            super().command(command)


def serve(peer):
    """Serves until the process is ended. It is one of its own: its work must not be in our time."""
    peer.serve_forever()


@contextlib.contextmanager
def ahead_of_others():
    """Where the system lets us, we and the programs that we start come before everybody else on this machine."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("        not alone: what others do here is measured as well")
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def an_origin(node, dns):
    """The server of the sender, at the address and with the certificate of the one that is measured."""
    peer = PlainPeer(node.address, node.hostname, ("PIPELINING", "XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000"))
    peer.RequestHandlerClass = Origin
    peer.speak_tls_at_once(*identity(node))
    dns.publish_domain("giver.test", SOURCE, peer.port)
    dns.publish(node.hostname, "A", node.address)
    dns.replace("_twoway._tcp.giver.test", "SRV", (0, 10, peer.port, node.hostname))
    process = multiprocessing.get_context("fork").Process(target=serve, args=(peer,), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()
        peer.server_close()


@contextlib.contextmanager
def a_server(count):
    """A server, and so many mailboxes for each state. In memory: what a disk takes is the same for all, and would hide the rest."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="twoway-load-", dir=memory) as folder, Dns(ttl=3600) as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            # The first start makes the certificate that the second one trusts.
            node.start()
            assert node.stop() == 0, node.log()
            node.configure(tables=LIMITS)
            node.start()
            mailboxes = {state: [] for state in STATES}
            # In any order: who was there first must not matter either.
            for state in random.sample(STATES * count, len(STATES) * count):
                mailboxes[state].append(a_mailbox(node, state))
            with an_origin(node, dns):
                yield node, mailboxes


def a_mailbox(node, state):
    """The address of a mailbox that thinks this of the sender."""
    account = node.new_account(screening="off" if state == "open" else "on")
    if state in ("allowed", "blocked"):
        account.command("allow" if state == "allowed" else "block", "add", SENDER)
    return account.address


def measure(node, states, count, line_for):
    """So many times for each state, in nanoseconds, from one connection, and every reply there was; in random order."""
    times, replies = {state: [] for state in states}, set()
    with Giver(node, SOURCE) as session:
        gc.disable()
        try:
            # What is made once, at the first.
            for number in range(-20, count):
                for state in random.sample(sorted(states), len(states)):
                    line = line_for(state)
                    begun = time.perf_counter_ns()
                    session.socket.sendall(line)
                    reply = session.socket.recv(4096)
                    took = time.perf_counter_ns() - begun
                    replies.add(reply)
                    if number >= 0:
                        times[state].append(took)
        finally:
            gc.enable()
    return times, replies


def distance(one, other):
    """The largest distance between the shares of two samples that lie below any value (Kolmogorov and Smirnov)."""
    one, other = sorted(one), sorted(other)
    at, there, largest = 0, 0, 0.0
    while at < len(one) and there < len(other):
        value = min(one[at], other[there])
        while at < len(one) and one[at] == value:
            at += 1
        while there < len(other) and other[there] == value:
            there += 1
        largest = max(largest, abs(at / len(one) - there / len(other)))
    return largest


def distance_max(one, other, alpha=ALPHA):
    """The distance that samples of one distribution exceed with this probability (Smirnov's limit)."""
    return math.sqrt(-math.log(alpha / 2) / 2) * math.sqrt((len(one) + len(other)) / (len(one) * len(other)))


def difference(one, other):
    """The largest difference of a quantile, as a share of it."""
    quantiles = [statistics.quantiles(sample, n=100, method="inclusive") for sample in (one, other)]
    pairs = [[of_sample[percent - 1] for of_sample in quantiles] for percent in QUANTILES]
    return max(abs(left - right) / min(left, right) for left, right in pairs)


def is_chance(one, other, most):
    """Whether quantiles of the same times, dealt anew, ever differ as much, in as many deals as make it improbable."""
    dealt, chance = [*one, *other], random.Random(1)
    for _ in range(round(1 / ALPHA)):
        chance.shuffle(dealt)
        if difference(dealt[: len(one)], dealt[len(one) :]) >= most:
            return True
    return False


def compare(times):
    """What tells states apart, and is no chance, as sentences."""
    for names in itertools.combinations(times, 2):
        one, other = (times[name] for name in names)
        apart, most = distance(one, other), difference(one, other)
        if apart > distance_max(one, other) or most > DIFFERENCE_MAX and not is_chance(one, other, most):
            yield f"{' and '.join(names)}: distance {apart:.4f}, quantiles differ by up to {most:.2%}"


@CASES.add
def differences_are_noticed(_is_long):
    """A state that takes 3 % longer is noticed among 10,000 samples, and nothing is where there is nothing."""
    chance = random.Random(17)
    times = {state: [int(300_000 * chance.lognormvariate(0, 0.2)) for _ in range(SAMPLES_LONG)] for state in STATES}
    assert not list(compare(times))
    assert all(any(compare(slower(times, state))) for state in STATES)


def slower(times, state):
    """The same, with one state as much slower as must be noticed."""
    more = int(statistics.median(times[state]) * NOTICED)
    return {**times, state: [time + more for time in times[state]]}


@CASES.add
def states_look_alike(is_long):
    """A stranger's, an allowing, a blocking and an open mailbox answer by the same octets, and in the same time (--long)."""
    with ahead_of_others() if is_long else contextlib.nullcontext(), a_server(MAILBOXES_LONG if is_long else MAILBOXES) as (node, mailboxes):
        times, replies = measure(node, STATES, SAMPLES_LONG if is_long else SAMPLES, lambda state: line_to(random.choice(mailboxes[state])))
    judge(times, replies, is_long)


@CASES.add
def repeats_look_alike(is_long):
    """So do a stranger's and a blocking mailbox, when the same notices come again and again."""
    with ahead_of_others() if is_long else contextlib.nullcontext(), a_server(MAILBOXES_LONG if is_long else MAILBOXES) as (node, mailboxes):
        lines = {state: [line_to(random.choice(mailboxes[state])) for _ in range(REPEATED)] for state in UNHEARD}
        with Giver(node, SOURCE) as session:
            for line in itertools.chain(*lines.values()):
                session.socket.sendall(line)
                assert session.socket.recv(4096).startswith(b"250 2.0.0 ")
        # Until consent is decided about all of them.
        time.sleep(1)
        times, replies = measure(node, UNHEARD, SAMPLES_LONG if is_long else SAMPLES, lambda state: random.choice(lines[state]))
    judge(times, replies, is_long)


def line_to(address):
    """A notice, as it is sent."""
    return f"{notice(SENDER, address)}\r\n".encode()


def judge(times, replies, is_long):
    """Says how long each state took; and fails where states can be told apart, or where that could not be seen."""
    assert len(replies) == 1 and all(reply.startswith(b"250 2.0.0 ") for reply in replies), replies
    for state, sample in times.items():
        cut = [quantile / 1000 for quantile in statistics.quantiles(sample, n=20)]
        print(f"        {state:>8}: median {statistics.median(sample) / 1000:.0f} us, 5 % {cut[0]:.0f}, 95 % {cut[-1]:.0f}")
    if is_long:
        for one, other in itertools.combinations(times, 2):
            apart, most = distance(times[one], times[other]), difference(times[one], times[other])
            print(f"        {one} and {other}: distance {apart:.4f}, quantiles differ by up to {most:.2%}")
        found = list(compare(times))
        assert not found, "; ".join(found)
        assert all(any(compare(slower(times, state))) for state in times), "a state that is 3 % slower is not noticed: too busy a machine"
