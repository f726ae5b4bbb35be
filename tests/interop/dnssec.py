"""What DNS says is proved, where a zone is signed: Debian's BIND with signed zones, and our servers with a trust anchor."""

import contextlib
import tempfile

from cases import Cases
from pair import Pair
from server import wait_for
from signed_dns import SignedDns

CASES = Cases("dnssec")


@contextlib.contextmanager
def a_proved_pair():
    """Two servers that believe only the root's key, and the DNS that they ask; neither runs."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, SignedDns(folder) as dns:
        pair = Pair(folder, dns)
        for node in pair.nodes():
            node.trust_anchor = dns.anchor
        with pair.a, pair.b:
            yield pair, dns


@CASES.add
def signed_and_unsigned():
    """Mail flows between signed zones; and from one that is not, where the zone above proves that it is not"""
    with a_proved_pair() as (pair, dns):
        for unsigned in ((), ("a.test",)):
            dns.serve(unsigned)
            with pair.running():
                alice, bob = pair.a.new_account(), pair.b.new_account()
                subject, message = alice.write(bob)
                bob.find(subject)
                alice.wait_sent(message, bob, "delivered")
                answer, message = bob.write(alice)
                alice.find(answer)
                bob.wait_sent(message, alice, "delivered")


@CASES.add
def forged():
    """What is forged counts as unknown: a notice waits for a better answer, where it is refused if nobody looks at signatures"""

    def altered(domain, text):
        return text.replace("127.0.0.2", "127.0.0.4") if domain == "a.test" else text

    with a_proved_pair() as (pair, dns):
        dns.serve(alter=altered)
        with pair.running():
            alice, bob = pair.a.new_account(), pair.b.new_account()
            subject, message = alice.write(bob)
            wait_for("the notice to be put off", lambda: "DNS does not tell now" in pair.a.log(), 30)
            assert "DNSSEC validation failed" in pair.b.log()
            assert not bob.inbox() and not bob.command("contacts", "list")
            dns.serve()
            # A session believes for a minute what it has heard.
            assert pair.b.stop() == 0
            pair.b.start()
            bob.find(subject)
            alice.wait_sent(message, bob, "delivered")
        pair.b.trust_anchor = None
        dns.serve(alter=altered)
        with pair.running():
            _, message = alice.write(bob)
            alice.wait_sent(message, bob, "failed")
