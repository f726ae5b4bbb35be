"""Mail to servers without the extension: nothing is pushed at them, and the author is told why it waits."""

import os
import tomllib

from cases import Cases
from demo import Demo
from plain_peer import PlainPeer
from server import wait_for

CASES = Cases("elsewhere")


def stays_kept(demo, peer, domain):
    """Alice's message to somebody at the peer stays where it is, and her status says so."""
    alice = demo.a.account("alice@a.test")
    recipient = f"someone@{domain}"
    _, message = alice.write(recipient)
    wait_for("the origin to ask the plain server", lambda: "QUIT" in peer.commands)
    row = wait_for("the status to say why", lambda: with_detail(alice.transfers(message)[recipient]))
    assert row["status"] == "kept", row
    assert "does not speak two-way mail" in row["detail"], row
    verbs = {command.split(" ")[0].upper() for command in peer.commands}
    assert verbs and verbs <= {"EHLO", "STARTTLS", "RSET", "NOOP", "QUIT"}, peer.commands


def with_detail(row):
    """The row, if it gives a reason."""
    return row if row["detail"] else None


@CASES.add
def without_the_extension():
    """A plain server, with STARTTLS and without, is asked and then left alone: status `kept`, with the reason."""
    clear = PlainPeer("127.0.0.4", "mx.c.test")
    encrypted = PlainPeer("127.0.0.5", "mx.d.test")
    peers = [("c.test", "127.0.0.4", clear), ("d.test", "127.0.0.5", encrypted)]
    options = [word for domain, address, peer in peers for word in ("--peer", f"{domain},{address},{peer.port},{peer.port}")]
    with clear.running(), encrypted.running(), Demo(*options) as demo:
        encrypted.offer_starttls(*identity(demo))
        for domain, _, peer in peers:
            stays_kept(demo, peer, domain)


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
