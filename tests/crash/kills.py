"""Each server is killed at its n-th sync (or write of its store), for many n, and started again."""

import os
import signal
import time

from cases import Cases
from ledger import Ledger
from node import PostgresNode
from pair import a_pair
from strace import SYNCS, calls_by_thread, counting, killing

CASES = Cases("kills")

COUNT = 50
COUNT_LONG = 1_000
# Accounts are taken anew after so many kills, so that listing their mail stays quick.
KILLS_PER_CAST = 25
STORE_WRITES = "pwrite64"
SENDS = "sendto"
# At least so many from the busiest thread in every start and round.
SENDS_PER_ROUND = 50
# More than fits into the store's own row: its content becomes a file with syncs of its own.
LARGE_OCTETS = 40_000


class Cast:
    """Two authors, two readers who let everybody in, and one who screens."""

    def __init__(self, pair):
        self.pair = pair
        self.alice, self.anna = pair.a.new_account(), pair.a.new_account()
        self.carol, self.bob = pair.b.new_account(), pair.b.new_account("on")
        self.ledger = Ledger()

    def round(self):
        """Messages of every kind in both directions; each ends in its ledger, whoever is killed meanwhile."""
        submit = self.ledger.submit
        submit(self.alice, self.carol, wants_report=True)
        submit(self.anna, self.bob)
        submit(self.carol, self.alice, LARGE_OCTETS)
        submit(self.alice, self.carol, LARGE_OCTETS)
        self.allow_anna()

    def allow_anna(self):
        """Bob allows who waits; a server that is killed meanwhile leaves it to the next time."""
        self.pair.b.run("contacts", self.bob.address, "allow", self.anna.address)

    def forget_anna(self):
        """Anna is a stranger to bob again."""
        self.pair.b.run("allow", self.bob.address, "remove", self.anna.address)

    def settle(self):
        """With both servers up, everything comes to its end, and the end is true."""
        self.pair.b.command("contacts", self.bob.address, "allow", self.anna.address)
        self.ledger.settle()
        for node in self.pair.nodes():
            assert node.command("check") == {"ok": True, "violations": []}


def boundaries(pair, cast, folder):
    """How often the busiest thread of each server syncs, and writes to the store, in a start and one round; printed."""
    paths = [os.path.join(folder, f"{node.domain}.count") for node in pair.nodes()]
    for node, path in zip(pair.nodes(), paths):
        if node.process.poll() is None:
            node.stop()
        node.start(*counting(path, f"{SYNCS},{STORE_WRITES}"))
    cast.round()
    cast.settle()
    found = {}
    for node, path in zip(pair.nodes(), paths):
        assert node.stop() == 0
        counts = calls_by_thread(path)
        syncs = {key: count for key, count in counts.items() if key[1] in SYNCS.split(",")}
        writes = {key: count for key, count in counts.items() if key[1] == STORE_WRITES}
        found[node.domain] = max(syncs.values()), max(writes.values())
        print(
            f"        {node.domain}: {sum(syncs.values())} commit boundaries (syncs) in {len(syncs)} threads, "
            f"{sum(writes.values())} writes of the store, in one round of 4 messages"
        )
        node.start()
    return found


def plan(found, count):
    """Whom to kill at what: (domain, calls, number), spread evenly over everything that was counted; two of three at a sync."""
    for index in range(count):
        domain = ("a.test", "b.test")[index % 2]
        at_sync = index // 2 % 3 != 2
        highest = found[domain][0 if at_sync else 1]
        nth = index // 2
        number = 1 + (nth * highest // (count // 2) + nth) % highest
        yield domain, SYNCS if at_sync else STORE_WRITES, number


def kill_once(pair, cast, folder, domain, calls, number):
    """Starts the server so that it is killed there, sends mail until it is, starts it again; all ends well."""
    victim = next(node for node in pair.nodes() if node.domain == domain)
    assert victim.stop() == 0, victim.log()[-4000:]
    cast.forget_anna()
    try:
        victim.start(*killing(os.path.join(folder, "kill"), calls, number))
    except AssertionError:
        assert victim.process.poll() == -signal.SIGKILL, victim.log()[-4000:]
    for _ in range(10):
        if victim.process.poll() is not None:
            break
        cast.round()
        deadline = time.monotonic() + 1
        while victim.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    assert victim.process.wait(5) == -signal.SIGKILL, victim.process.returncode
    victim.start()
    cast.settle()


def kill_many(pair, planned):
    """Kills as planned, and prints what it met."""
    folder = os.path.dirname(pair.a.folder)
    started, promises = time.monotonic(), []
    for done, (domain, calls, number) in enumerate(planned):
        if done % KILLS_PER_CAST == 0:
            cast = Cast(pair)
            promises.append(cast.ledger.promises)
        try:
            kill_once(pair, cast, folder, domain, calls, number)
        except AssertionError as error:
            raise AssertionError(f"{domain} killed at call {number} of {calls}: {error}") from error
        if (done + 1) % 100 == 0:
            print(f"        {done + 1} kills so far", flush=True)
    submitted = [promise for cast_promises in promises for promise in cast_promises]
    kept = sum(promise.is_kept for promise in submitted)
    print(
        f"        {len(planned)} kills in {time.monotonic() - started:.0f} s; {kept} messages were answered for, "
        f"{len(submitted) - kept} were cut off before that"
    )
    assert kept > len(planned) and len(submitted) > kept, "the kills did not hit what they were meant to hit"


@CASES.add
def killed_anywhere(count):
    """Killed anywhere, nothing is lost, nothing doubled, and every author hears the truth."""
    with a_pair() as pair:
        found = boundaries(pair, Cast(pair), os.path.dirname(pair.a.folder))
        kill_many(pair, list(plan(found, count)))


@CASES.add
def killed_on_postgresql(count):
    """The same on PostgreSQL, killed at octets sent to it or to a peer."""
    with a_pair(PostgresNode) as pair:
        for node in pair.nodes():
            node.start()
        domains = ("a.test", "b.test")
        kill_many(pair, [(domains[index % 2], SENDS, 3 + index * 7 % SENDS_PER_ROUND) for index in range(count // 5)])
