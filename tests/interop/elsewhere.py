"""Mail to servers without the extension, and to nobody: what the author is told."""

import os
import tomllib

from cases import Cases
from demo import Demo
from plain_peer import PlainPeer
from server import wait_for

CASES = Cases("elsewhere")


def is_passed_on(demo, peer, domain):
    """Alice's message to somebody at the peer goes there by ordinary SMTP, and her status says so."""
    alice = demo.a.account("alice@a.test")
    recipient = f"someone@{domain}"
    subject, message = alice.write(recipient)
    row = alice.wait_sent(message, recipient, "relayed")
    assert "ordinary SMTP" in row["detail"] and peer.hostname in row["detail"], row
    assert len(peer.messages) == 1 and f"Subject: {subject}\r\n".encode() in peer.messages[0]["content"], peer.messages
    assert not [verb for verb in peer.verbs() if verb in ("NOTICE", "ASSERT", "RETRIEVE")], peer.commands


def with_detail(row):
    """The row, if it gives a reason."""
    return row if row["detail"] else None


@CASES.add
def without_the_extension():
    """A plain server, with STARTTLS and without, is asked, and then gets the message by ordinary SMTP: status `relayed`."""
    clear = PlainPeer("127.0.0.4", "mx.c.test")
    encrypted = PlainPeer("127.0.0.5", "mx.d.test")
    peers = [("c.test", "127.0.0.4", clear), ("d.test", "127.0.0.5", encrypted)]
    options = [word for domain, address, peer in peers for word in ("--peer", f"{domain},{address},{peer.port},{peer.port}")]
    with clear.running(), encrypted.running(), Demo(*options) as demo:
        encrypted.offer_starttls(*identity(demo))
        for domain, _, peer in peers:
            is_passed_on(demo, peer, domain)
        assert encrypted.messages[0]["tls"] and not clear.messages[0]["tls"]


def identity(demo):
    """The certificate and key of one of the demo's servers: what matters is that they work, not whose they are."""
    with open(demo.a.config, "rb") as file:
        tls = tomllib.load(file)["tls"]
    folder = os.path.dirname(demo.a.config)
    return os.path.join(folder, tls["cert"]), os.path.join(folder, tls["key"])


@CASES.add
def nobody_there():
    """A domain that does not exist fails at once; one that does not answer is tried again."""
    dead = PlainPeer("127.0.0.4", "mx.c.test")
    dead.server_close()
    with Demo("--peer", f"c.test,127.0.0.4,{dead.port},{dead.port}") as demo:
        alice = demo.a.account("alice@a.test")
        _, lost = alice.write("someone@nowhere.test")
        _, waiting = alice.write("someone@c.test")
        alice.wait_sent(lost, "someone@nowhere.test", "failed")
        row = wait_for("the reason", lambda: with_detail(alice.transfers(waiting)["someone@c.test"]))
        assert row["status"] == "kept", row
