"""Ordinary SMTP to servers without the extension: one of ours on one side, and on the other peers good and bad."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile

from cases import Cases, Skipped
from dns import Dns
from node import Node
from plain_peer import DROP, STALL, PlainPeer
from server import token, wait_for

CASES = Cases("relay")

ALL = ("PIPELINING", "SIZE 104857600", "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
TIMERS = (
    '[timers]\nnotice = ["0s", "1s"]\n[limits]\nmessage_octets_max = 104857600\n[limits.timeouts]\n'
    'reply = "4s"\ngreeting = "4s"\ndata_initiation = "4s"\ndata_end = "4s"\nhandshake = "4s"\nwrite = "4s"\n'
)


class Stage:
    """One server of ours, its DNS, and plain peers beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.dns = Dns()
        self.peers = {}
        self.contexts = contextlib.ExitStack()
        self.addresses = iter(range(41, 90))

    def peer(self, domain, offers=None, publish=True, host=None, address=None):
        """A plain server for a domain, named in DNS."""
        address = address or f"127.0.0.{next(self.addresses)}"
        host = host or f"mx.{domain}"
        peer = PlainPeer(address, host, *([] if offers is None else [offers]))
        peer.domain = domain
        self.contexts.enter_context(peer.running())
        if publish:
            self.dns.publish(domain, "MX", (10, host))
            self.dns.publish(host, "AAAA" if ":" in address else "A", address)
        self.peers[host] = peer
        return peer

    def start(self, tables="", top="", more=TIMERS):
        """Our server, once all peers are there."""
        self.contexts.enter_context(self.dns)
        node = Node(self.folder, "a.test", "127.0.0.40", self.dns.address)
        self.dns.publish_domain("a.test", node.address, node.ports["retrieval"])
        ports = ", ".join(f'"{host}" = {peer.port}' for host, peer in self.peers.items())
        node.configure(top, f"{more}{tables}\n[lab]\nenabled = true\nmx_ports = {{ {ports} }}\n", ["::1"] if socket.has_ipv6 else [])
        self.contexts.enter_context(node)
        node.start()
        self.node = node
        self.alice = node.add_account("alice")
        return self


@contextlib.contextmanager
def stage():
    """A folder and everything in it, taken down at the end."""
    with tempfile.TemporaryDirectory(prefix="twoway-relay-") as folder:
        made = Stage(folder)
        with made.contexts:
            yield made


def certificate(folder, host):
    """An authority, and a certificate of its for this host: paths of the authority, the certificate and the key."""
    at = {name: os.path.join(folder, f"{host}.{name}") for name in ("ca.pem", "ca.key", "pem", "key", "csr", "ext")}
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    with open(at["ext"], "w", encoding="ascii") as file:
        file.write(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
    commands = (
        ["req", "-x509", *new_key, "-keyout", at["ca.key"], "-out", at["ca.pem"], "-days", "30", "-subj", "/CN=ca"],
        ["req", *new_key, "-keyout", at["key"], "-out", at["csr"], "-subj", f"/CN={host}"],
        ["x509", "-req", "-in", at["csr"], "-CA", at["ca.pem"], "-CAkey", at["ca.key"], "-out", at["pem"], "-days", "30"]
        + ["-extfile", at["ext"]],
    )
    for command in commands:
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return at["ca.pem"], at["pem"], at["key"]


def taken(peer, subject, count=1):
    """The messages with this subject that the peer took, once there are so many."""

    def probe():
        found = [message for message in peer.messages if f"Subject: {subject}\r\n".encode() in message["content"]]
        return found if len(found) >= count else None

    found = wait_for(f"{count} of {subject} at {peer.hostname}", probe)
    assert len(found) == count, f"{len(found)} of {subject}"
    return found


def without_trace(content):
    """The content behind the fields that our server added in front."""
    return re.sub(rb"\AReceived:.*?\r\n(?![ \t])", b"", content, count=1, flags=re.S)


def passes(stage, recipient, peer, body="Hello.\r\n", **options):
    """Alice writes to somebody; the message arrives as it was. Returns what the peer took, and the row of its status."""
    subject = token()
    content = stage.alice.message(recipient, subject, "")
    content += body if isinstance(body, bytes) else body.encode()
    message = stage.alice.submit([recipient], content, **options)
    row = stage.alice.wait_sent(message, recipient, "relayed")
    (found,) = taken(peer, subject)
    assert without_trace(found["content"]) == content, (without_trace(found["content"])[:2000], content[:2000])
    return found, row


def fails(stage, recipient, status, **options):
    """Alice writes to somebody, and the message fails with this status; returns the row and the report."""
    subject, message = stage.alice.write(recipient, **options)
    row = stage.alice.wait_sent(message, recipient, "failed")
    report = wait_for("the report", lambda: report_of(stage.alice, subject))
    assert f"Status: {status}\r\n".encode() in report, report
    return row, report


def report_of(account, subject):
    """The report about the message with this subject, if it is here."""
    for row in account.inbox():
        octets = account.raw(row["id"])
        if subject.encode() in octets and b"multipart/report" in octets:
            return octets
    return None


@CASES.add
def plain_and_pipelined():
    """To a server with PIPELINING and one with nothing at all, by DATA and by BDAT, octet for octet."""
    with stage() as here:
        peers = [here.peer("c.test"), here.peer("d.test", ()), here.peer("e.test", ALL)]
        here.start()
        for peer in peers:
            to = f"bob@{peer.domain}"
            for body in ("Hello.\r\n", "", ".\r\n..\r\n.leading\r\n\r\n", "x" * 900 + "\r\n"):
                found, row = passes(here, to, peer, body)
                assert found["mail"].startswith("FROM:<alice@a.test>") and found["rcpt"] == [f"TO:<{to}>"], found
                assert peer.hostname in row["detail"] and "250 2.0.0 taken" in row["detail"], row
        assert "BDAT" in peers[2].verbs() and "DATA" not in peers[2].verbs()
        assert any("SIZE=" in command for command in peers[0].commands)


@CASES.add
def one_transaction_for_all():
    """A message to several recipients of a domain is one transaction, and each has an outcome of its own."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start()
        subject = token()
        names = [f"{name}@c.test" for name in ("ann", "bob", "cy", "dan")]
        peer.rule(f"RCPT {names[1]}", "550 5.1.1 nobody here")
        peer.rule(f"RCPT {names[2]}", "451 4.2.0 not now")
        message = here.alice.submit(names, here.alice.message(names[0], subject))
        here.alice.wait_sent(message, names[0], "relayed")
        here.alice.wait_sent(message, names[3], "relayed")
        failed = here.alice.wait_sent(message, names[1], "failed")
        assert "5.1.1 nobody here" in failed["detail"], failed
        report = wait_for("the report", lambda: report_of(here.alice, subject))
        assert b"Remote-MTA: dns; mx.c.test\r\n" in report and b"Diagnostic-Code: smtp; 550 5.1.1 nobody here" in report, report
        here.alice.wait_sent(message, names[2], "relayed")
        first, second = taken(peer, subject, 2)
        assert (len(first["rcpt"]), second["rcpt"]) == (2, [f"TO:<{names[2]}>"])
        assert peer.verbs().count("MAIL") == 2, peer.commands


@CASES.add
def several_over_one_connection():
    """Messages that come at once or soon after go over the same connection."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start()
        passes(here, "bob@c.test", peer)
        before = peer.connections
        for _ in range(5):
            passes(here, "bob@c.test", peer)
        # Each message is looked for the extension first, which takes a connection of its own.
        assert peer.connections - before <= 5, peer.connections
        assert peer.verbs().count("MAIL") == 6
