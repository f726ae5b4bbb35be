"""Disks that are full, that fail, and that lose power: what a real server refuses, says, goes on with, and has afterwards."""

import contextlib
import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request

from cases import Cases
from kills import LARGE_OCTETS, Cast
from node import free_port
from pair import a_pair
from server import token, wait_for
from volume import Syncs, VolumeNode

CASES = Cases("disks")
POWER = Cases("power")

CUTS = 6
CUTS_LONG = 1_000
# Accounts are taken anew after so many cuts, so that listing their mail stays quick.
CUTS_PER_CAST = 25
# How long a server may need to find out that its disk works again.
RECOVERY_SECONDS = 5


def a_pair_on_volumes():
    """A pair of which each server has a file system of its own."""
    return a_pair(kind=VolumeNode)


class Health:
    """What a server says of itself to those who watch it."""

    def __init__(self, pair, node):
        self.address = f"{node.address}:{free_port(node.address)}"
        pair.listen[node.domain] = f'metrics = "{self.address}"\n'
        pair.configure()

    def troubles(self):
        """What keeps it from its work, in words; empty if it is ready."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=10) as answer:
                return "" if answer.status == 200 else str(answer.status)
        except urllib.error.HTTPError as error:
            assert error.code == 503, error
            return error.read().decode()


class Trial:
    """A server with mail in its hands, whose disk is about to fail, and its neighbour."""

    def __init__(self, pair, health):
        self.pair, self.health, self.node = pair, health, pair.b
        self.alice, self.carol = pair.a.new_account(), pair.b.new_account()
        subject, _ = self.alice.write(self.carol)
        self.carol.find(subject)
        # Kept, and announced as soon as the neighbour is there again.
        assert pair.a.stop() == 0
        self.waiting, self.waiting_id = self.carol.write(self.alice)
        self.session = self.carol.session()

    def refuses(self, code, status, says, ready_says, or_logged=None):
        """While the disk fails: no new responsibility, a clear word to everybody, and what can be read is read.

        `or_logged` is what may have failed first, for something that was under way."""
        for size_octets in (500, LARGE_OCTETS, 3_000_000):
            # The login is one of before, and then a new one.
            session, self.session = self.session or self.carol.session(), None
            content = self.carol.message(self.alice, token(), ("x" * 70 + "\r\n") * (size_octets // 72))
            with session:
                reply = session.submit(self.carol.address, [self.alice.address], content)
            assert (reply.code, reply.status) in ((code, status), (451, "4.3.0")), reply
            assert size_octets != 500 or reply.code == code, reply
        self.pair.a.start()
        self.announced, message = self.alice.write(self.carol)
        row = self.wait_detail(message, "452 4.3.1")
        assert row["status"] == "kept", row
        error = self.node.refused("allow", self.carol.address, "add", "friend@elsewhere.test", status=75)
        assert error["code"] == "store-unavailable" and says in error["message"], error
        assert ready_says in self.health.troubles(), self.health.troubles()
        assert len(self.carol.inbox()) == 1 and self.carol.raw(self.carol.inbox()[0]["id"])
        assert len(self.carol.command("sent", "list")) == 1 and self.node.command("queue", "list")
        self.logged(says, or_logged or says)

    def wait_detail(self, message, words):
        """The row of alice's message, once its detail has these words."""
        seen = []

        def probe():
            seen[:] = [self.alice.transfers(message).get(self.carol.address)]
            return seen[0] if seen[0] and words in seen[0]["detail"] else None

        try:
            return wait_for(f"{words} as the reason why nothing moves", probe)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {seen}") from None

    def logged(self, *says):
        """One line of level ERROR says that nothing can be recorded, and why."""
        lines = [json.loads(line) for line in self.node.log().splitlines() if line.startswith("{")]
        errors = [line for line in lines if line["level"] == "ERROR"]
        assert any("nothing can be recorded" in line["message"] and any(word in line["error"] for word in says) for line in errors), errors

    def recovers(self):
        """The disk works again: by itself everything that waited arrives, and the server takes new mail."""
        wait_for("the server to be ready", lambda: not self.health.troubles(), RECOVERY_SECONDS)
        self.carol.find(self.announced)
        self.alice.find(self.waiting)
        subject, message = self.carol.write(self.alice, body="x" * 70 + "\r\n")
        self.alice.find(subject)
        self.carol.wait_sent(message, self.alice, "delivered")
        assert self.node.process.poll() is None
        for node in self.pair.nodes():
            assert node.command("check") == {"ok": True, "violations": []}


@CASES.add
def full():
    """A full disk: mail and notices are refused with 452, the rest goes on, and room is enough to go on."""
    with a_pair_on_volumes() as pair:
        health = Health(pair, pair.b)
        for node in pair.nodes():
            node.start()
        trial = Trial(pair, health)
        pair.b.volume.fill()
        trial.refuses(452, "4.3.1", "full", "0 MiB free")
        pair.b.volume.make_room()
        trial.recovers()


@CASES.add
def failing_syncs():
    """A disk that cannot sync: nothing rests on it, and when it can again, nothing is missing after a power cut."""
    with a_pair_on_volumes() as pair:
        health, syncs = Health(pair, pair.b), Syncs(pair.b.folder, "b")
        pair.a.start()
        pair.b.start(*syncs.wrapper())
        trial = Trial(pair, health)
        syncs.fail()
        trial.refuses(451, "4.3.0", "making it durable failed", "nothing can be recorded")
        syncs.work()
        trial.recovers()
        mail, sent = len(trial.carol.inbox()), len(trial.carol.command("sent", "list"))
        cut_power(pair.b)
        pair.b.start()
        assert (len(trial.carol.inbox()), len(trial.carol.command("sent", "list"))) == (mail, sent)
        assert pair.b.command("check") == {"ok": True, "violations": []}


@CASES.add
def read_only():
    """A file system that breaks and turns read-only: reading goes on; mended and started again, all is there."""
    with a_pair_on_volumes() as pair:
        health = Health(pair, pair.b)
        for node in pair.nodes():
            node.start()
        trial = Trial(pair, health)
        pair.b.volume.break_down()
        # A commit whose sync is under way in that moment is the first to fail, and only the first is logged.
        trial.refuses(451, "4.3.0", "writing failed", "nothing can be recorded", or_logged="making it durable failed")
        assert pair.b.stop() == 0, pair.b.log()[-4000:]
        pair.b.volume.mend()
        pair.b.start()
        trial.recovers()


def cut_power(node):
    """The process stands still, nothing more reaches the disk, and the file system is mounted with what was synced."""
    switch_off(node)
    node.volume.unmount()
    node.volume.mount()


def switch_off(node):
    """The processor stops first: a sync that is under way as ext4 shuts down may seem to have succeeded."""
    node.process.send_signal(signal.SIGSTOP)
    wait_for("every thread to stand still", lambda: set(states(node.process.pid)) <= {"T", "D"})
    node.volume.lose_power()
    node.stop(signal.SIGKILL)


def states(pid):
    """The state of each thread of a process, one letter each."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as stat:
            yield stat.read().rpartition(") ")[2][0]


def cut_once(cast, victim, delay):
    """The power of a server fails while mail flows; it starts again; all ends well."""
    cut = threading.Timer(delay, switch_off, [victim])
    cut.start()
    deadline = time.monotonic() + 20
    while cut.is_alive():
        assert time.monotonic() < deadline
        cast.round()
    cut.join()
    victim.volume.unmount()
    victim.volume.mount()
    victim.start()
    cast.forget_anna()
    cast.settle()


@POWER.add
def power_cuts(count):
    """Power cuts on ext4, in the middle of mail of every kind: nothing is lost, nothing doubled, every author hears the truth."""
    chance = random.Random(1)
    with a_pair_on_volumes() as pair:
        for node in pair.nodes():
            node.start()
        started, promises = time.monotonic(), []
        for done in range(count):
            if done % CUTS_PER_CAST == 0:
                cast = Cast(pair)
                promises.append(cast.ledger.promises)
            cut_once(cast, pair.nodes()[done % 2], chance.uniform(0, 0.6))
            if (done + 1) % 100 == 0:
                print(f"        {done + 1} power cuts so far", flush=True)
        submitted = [promise for cast_promises in promises for promise in cast_promises]
        kept = sum(promise.is_kept for promise in submitted)
        print(
            f"        {count} power cuts in {time.monotonic() - started:.0f} s; {kept} messages were answered for, "
            f"{len(submitted) - kept} were cut off before that"
        )
        assert kept > count, "the cuts came before any work"


@POWER.add
def lying_disk(_count):
    """The same with syncs that do nothing is caught: this test can fail."""
    with a_pair_on_volumes() as pair:
        syncs = Syncs(pair.b.folder, "b")
        pair.a.start()
        pair.b.start()
        # The account is on the disk; what follows only seems to be.
        cast = Cast(pair)
        assert pair.b.stop() == 0
        pair.b.start(*syncs.wrapper())
        syncs.lie()
        cast.round()
        cast.settle()
        cut_power(pair.b)
        pair.b.start()
        try:
            cast.ledger.nothing_lost_or_doubled()
        except AssertionError:
            return
        raise AssertionError("nothing was lost, although nothing was synced")
