"""Notices in the name of somebody who did not give them, and records that name somebody else's server."""

import contextlib
import socket
import tempfile
import threading
import time

from cases import Cases
from dns import Dns
from node import Node
from notices import Giver, notice
from server import wait_for

CASES = Cases("forged notices")

COUNT, COUNT_LONG = 10_000, 100_000
# Of each session, and at the same time.
SESSION_NOTICES, AT_ONCE = 500, 4
VICTIM = "127.0.0.20"
# How long the victim is watched after the last of them, in seconds: more than the delay of a decision, and the first retries.
WATCHED = 4
HANGS_UP_AFTER = 0.5
# Domains that name the victim's server as theirs, with mail for somebody who lets everybody in.
LURES = 200
# A server that does not answer is left alone after five failures; as many as may be open at one address are on their way then.
LURED_MAX = 5 + 20


class Victim:
    """Whoever is named: counts the connections to the two ports that its DNS publishes, and says nothing."""

    def __init__(self):
        self.listeners = [socket.create_server((VICTIM, 0)) for _ in range(2)]
        self.exchange, self.retrieval = (listener.getsockname()[1] for listener in self.listeners)
        self.connections = 0

    def publish(self, dns):
        """What victim.test publishes: itself, and nobody else."""
        dns.publish_domain("victim.test", VICTIM, self.retrieval)
        # What is looked up of it: nobody mails from there.
        dns.publish("below.victim.test", "A", VICTIM)

    def count(self, listener):
        """Counts, until it is closed."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                # Not at once: those who wait for a place behind these must find out as well.
                threading.Timer(HANGS_UP_AFTER, connection.close).start()

    def __enter__(self):
        for listener in self.listeners:
            threading.Thread(target=self.count, args=(listener,), daemon=True).start()
        return self

    def __exit__(self, *_):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@contextlib.contextmanager
def a_victim(timers=""):
    """A server with these timers, who listens at the victim's, and the DNS."""
    with tempfile.TemporaryDirectory(prefix="twoway-load-") as folder, Dns(ttl=3600) as dns, Victim() as victim:
        victim.publish(dns)
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            lab = f'[lab]\nenabled = true\n[lab.mx_ports]\n"mx.victim.test" = {victim.exchange}\n'
            node.configure(tables=timers + lab)
            node.start()
            yield node, victim, dns


def give_all(node, lines):
    """Gives these notices over as many sessions as that takes, from as many addresses as may; returns the codes of all replies."""
    codes, batches = [], [lines[at : at + SESSION_NOTICES] for at in range(0, len(lines), SESSION_NOTICES)]
    context = node.tls_context()

    def work(number):
        for at in range(number, len(batches), AT_ONCE):
            # A client may give 6,000 a minute.
            with Giver(node, f"127.66.{at // 10}.1", context) as session:
                codes.extend(reply.code for reply in session.give(batches[at]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


@CASES.add
def in_the_victims_name(is_long):
    """100,000 forged notices (10,000 without --long) cause no connection to the victim, whoever would let it in."""
    count = COUNT_LONG if is_long else COUNT
    with a_victim('[timers]\nretrieve = ["0s", "1s"]\n') as (node, victim, _):
        everybody, nobody, friend = node.new_account("off"), node.new_account("on"), node.new_account("on")
        friend.command("allow", "add", "@.victim.test")
        lines = []
        for number in range(count):
            name = ("victim.test", "below.victim.test", "mx.victim.test")[number % 3]
            lines.append(notice(f"u{number}@{name}", (everybody, nobody, friend)[number // 3 % 3]))
        begun = time.monotonic()
        codes = give_all(node, lines)
        took = time.monotonic() - begun
        assert len(codes) == count and set(codes) == {550}, set(codes)
        time.sleep(WATCHED)
        print(f"        {count} refused in {took:.0f} s, {victim.connections} connections to the victim; {len(node.log()) / count:.0f} octets of log for each")
        assert victim.connections == 0, f"{victim.connections} connections"
        assert not nobody.contacts() and not everybody.inbox()
        # The victim itself is believed, and then it is dialled: it would have been seen.
        with Giver(node, VICTIM) as session:
            session.command(notice("u@victim.test", everybody)).must_be(250)
        wait_for("a connection to the victim", lambda: victim.connections)


@CASES.add
def with_records_that_name_it(_is_long):
    """Domains of the forger's whose records name the victim's server cause no connection where they are not let in."""
    with a_victim() as (node, victim, dns):
        nobody, everybody = node.new_account("on"), node.new_account("off")
        domains = [f"lure{number}.test" for number in range(LURES)]
        for domain in domains:
            dns.publish(domain, "TXT", "v=spf1 ip4:127.66.0.0/16 -all")
            dns.publish(f"_twoway._tcp.{domain}", "SRV", (0, 10, victim.retrieval, "mx.victim.test"))
        assert set(give_all(node, [notice(f"u@{domain}", nobody) for domain in domains])) == {250}
        time.sleep(WATCHED)
        assert victim.connections == 0, f"{victim.connections} connections"
        # Where everybody is let in, the server has to look; it stops when that leads nowhere.
        assert set(give_all(node, [notice(f"u@{domain}", everybody) for domain in domains])) == {250}
        wait_for("a connection to the victim", lambda: victim.connections)
        time.sleep(WATCHED)
        print(f"        {LURES} domains that name it, in a mailbox that lets everybody in: {victim.connections} connections to the victim")
        assert victim.connections <= LURED_MAX, f"{victim.connections} connections"
