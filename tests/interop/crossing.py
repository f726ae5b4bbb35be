"""What must survive between servers: bodies, and how to tell that they arrived to the octet."""

import secrets

from octets import fields_in_front
from server import token

# What each puts in front of what it takes.
TRACE = {"return-path", "received", "x-original-to", "delivered-to", "envelope-to", "delivery-date"}

BODIES = {
    "all octets from 128 to 255": bytes(range(128, 256)) + b"\r\n",
    "dot lines": b".\r\n..\r\n...\r\n.a\r\n. \r\n\r\n.\r\nend.\r\n.\r\n",
    "no octets": b"",
    "empty lines, and spaces at the ends of lines": b"\r\n\r\n \r\n\t\r\ntext  \t\r\n\r\n\r\n",
    "lines of 998 octets": b"x" * 998 + b"\r\n." + b"y" * 997 + b"\r\n",
    "control characters": bytes(octet for octet in range(1, 32) if octet not in b"\r\n") + b"\x7f\r\n",
}


def message(author, to, body=b"Hello.\r\n", extra=b""):
    """A message that no server has a reason to change, as (subject, octets)."""
    subject = token()
    front = (
        f"From: <{author}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
        f"Date: Mon, 06 Jul 2026 12:00:00 +0000\r\nMessage-ID: <{token()}@example.test>\r\n"
    ).encode()
    return subject, front + extra + b"\r\n" + body


def large(octets):
    """A body of about so many octets in lines, no two alike."""
    line = secrets.token_hex(480).encode()
    return b"".join(b"%08d %s\r\n" % (number, line) for number in range(octets // (len(line) + 11)))


def must_be(stored, sent):
    """Fails unless what our server stored is what was sent, behind fields of trace alone."""
    names = fields_in_front(stored, sent)
    assert set(names) <= TRACE, names
    return stored[: len(stored) - len(sent)]


def every_body(cross):
    """Every kind of body crosses; says which one did not."""
    for name, body in BODIES.items():
        try:
            cross(body, mail_params="BODY=8BITMIME")
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def must_be_in_maildir(stored, sent):
    """The same of a message in a Maildir, where lines end with LF alone."""
    return must_be(stored.replace(b"\n", b"\r\n"), sent)
