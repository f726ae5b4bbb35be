"""Floods of contact attempts: how far down the list somebody real is found, and where that does not hold."""

import contextlib
import tempfile
import time

from cases import Cases
from dns import Dns
from notices import Giver, notice
from pair import Pair
from server import token, wait_for

CASES = Cases("contact floods")

# Domains that knock, each once.
DOMAINS, DOMAINS_LONG = 300, 10_000
# Behind so many networks at most, somebody of yet another network stays in sight (docs/decisions/contact-caps.md).
NETWORKS = 19
SEEN = 20
BATCH = 100
# Rows of one list (docs/admin/limits.md).
LIST_MAX = 500
LIMITS = """
[limits]
notices_per_minute_client_max = 1000000
"""


class Stage:
    """Two servers; people of the second one are knocked at by the flood, and written to by somebody of the first."""

    def __init__(self, pair, dns, domains):
        self.pair, self.dns, self.domains = pair, dns, domains
        self.context = pair.b.tls_context()

    def flood(self, account, first, last, networks):
        """These domains, by number, knock at this account, from so many networks in turn."""
        by_network = {}
        for number in range(first, last):
            by_network.setdefault(number % networks, []).append(number)
        for network, numbers in by_network.items():
            source = f"127.{100 + network // 250}.{network % 250}.7"
            for number in numbers:
                self.dns.publish_domain(f"spam{number}.test", source, 2626)
            with Giver(self.pair.b, source, self.context) as session:
                for at in range(0, len(numbers), BATCH):
                    for reply in session.give([notice(f"sale@spam{number}.test", account) for number in numbers[at : at + BATCH]]):
                        reply.must_be(250)

    def flooded(self, account, networks, knock):
        """The list of this account after a flood, amid which `knock` was done; and how long it took."""
        begun = time.monotonic()
        self.flood(account, 0, self.domains // 2, networks)
        knock()
        self.flood(account, self.domains // 2, self.domains, networks)
        rows = wait_for("the flood to be in the list", lambda: settled(account, min(self.domains + 1, LIST_MAX)), 300)
        print(f"        {self.domains} domains from {networks} networks in {time.monotonic() - begun:.0f} s")
        return rows


def settled(account, count):
    """The list of this account, if it has so many rows and does not change: decisions are made a little later."""
    rows = account.command("contacts", "list")
    time.sleep(1)
    return rows if len(rows) >= count and account.command("contacts", "list") == rows else None


def place(rows, sender):
    """How far down the list this sender is, from 1; none if not there."""
    return next((at for at, row in enumerate(rows, 1) if row["sender"] == str(sender)), None)


@contextlib.contextmanager
def a_stage(is_long):
    """Two servers, and the DNS of all who knock."""
    with tempfile.TemporaryDirectory(prefix="twoway-load-") as folder, Dns(ttl=3600) as dns:
        pair = Pair(folder, dns)
        pair.limits = LIMITS
        with pair.running():
            yield Stage(pair, dns, DOMAINS_LONG if is_long else DOMAINS)


@CASES.add
def behind_few_networks(is_long):
    """In a flood from domains behind 19 networks, a stranger who has only an address of another network is in the first 20."""
    with a_stage(is_long) as stage:
        carol, bob = stage.pair.a.new_account(), stage.pair.b.new_account("on")

        def knock():
            carol.write(bob)
            bob.wait_contact(carol)

        found = place(stage.flooded(bob, NETWORKS, knock), carol)
        print(f"        place {found}")
        assert found and found <= SEEN, f"place {found}"


@CASES.add
def behind_networks_of_their_own(is_long):
    """In a flood from domains each in a network of its own, somebody of a domain one had mail from is in the first 20."""
    with a_stage(is_long) as stage:
        friend, carol, bob = stage.pair.a.new_account(), stage.pair.a.new_account(), stage.pair.b.new_account("on")
        bob.command("allow", "add", friend.address)
        subject, _ = friend.write(bob)
        bob.find(subject)
        stranger = f"{token()}@stranger.test"
        stage.dns.publish_domain("stranger.test", "127.50.0.1", 2626)

        def knock():
            carol.write(bob)
            bob.wait_contact(carol)
            with Giver(stage.pair.b, "127.50.0.1", stage.context) as session:
                session.command(notice(stranger, bob)).must_be(250)
            bob.wait_contact(stranger)

        rows = stage.flooded(bob, stage.domains, knock)
        found = place(rows, carol)
        # Not held: among equals the latest stands first, and an address alone is no more than what the flood has.
        print(f"        place {found}; place of a stranger of another domain: {place(rows, stranger)}")
        assert found and found <= SEEN, f"place {found}"
