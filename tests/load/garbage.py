"""Garbage from a thousand connections at once, which are reset amid everything: what is left of it in the server."""

import concurrent.futures
import contextlib
import os
import random
import socket
import struct

import smtp
from cases import Cases
from crowd import a_server, allow_descriptors, descriptors, forget_peak, memory, source
from server import wait_for

CASES = Cases("garbage")

CONNECTIONS = 1_000
ROUNDS, ROUNDS_LONG = 2, 30
SERVICES = ("submission", "submissions", "exchange", "retrieval")
# A handshake begun, and a session, in pieces that are sent in any order.
PIECES = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"EHLO c.test\r\n",
    b"STARTTLS\r\n",
    b"MAIL FROM:<a@c.test>\r\n",
    b"RCPT TO:<ann@example.test>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\nx\r\n.\r\n",
    b"BDAT 100000\r\n",
    b"AUTH PLAIN AGFubgB4\r\n",
    b"\r\n" * 30,
    b"\0" * 3_000,
    b"x" * 5_000 + b"\r\n",
    b"\n",
]
# What may be left after it all, beside what the server had before: connections to its own store, and the like.
DESCRIPTORS_LEFT = 10
# What it may cost at the highest, in KiB for each, and how much may be logged of each, in octets.
KIB_MAX = 200
LOG_OCTETS_MAX = 100
# Half of the services greet; some connections end before they are greeted.
ANSWERED_MIN = 0.2


def misbehave(node, number, seed):
    """One connection: random octets and pieces of sessions, and a reset at some moment; how many octets were heard of the server."""
    chance, heard = random.Random(seed), 0
    with contextlib.suppress(OSError), socket.socket() as one:
        # Closed by RST, with whatever is under way.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.settimeout(chance.choice((0.01, 0.1, 1)))
        one.bind((source(number), 0))
        one.connect((node.address, node.ports[chance.choice(SERVICES)]))
        for _ in range(chance.randrange(12)):
            one.sendall(chance.choice(PIECES) if chance.random() < 0.8 else chance.randbytes(chance.randrange(1, 20_000)))
            if chance.random() < 0.5:
                with contextlib.suppress(TimeoutError):
                    heard += len(one.recv(4096))
    return heard


@CASES.add
def and_resets(is_long):
    """From 1,000 connections at once it leaves no descriptors, little memory and a bounded log, and mail still flows."""
    allow_descriptors(3 * CONNECTIONS)
    rounds = ROUNDS_LONG if is_long else ROUNDS
    with a_server(3 * CONNECTIONS) as node:
        ann = node.add_account("ann")
        ann.find(ann.write(ann)[0])
        open_before, logged_before = descriptors(node), os.path.getsize(node.log_path)
        base = forget_peak(node)
        seed, heard = random.randrange(1 << 30), []
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
            for _ in range(rounds):
                heard += threads.map(lambda number: misbehave(node, number, seed + number), range(CONNECTIONS))
                seed += CONNECTIONS
        wait_for("the connections to be gone", lambda: descriptors(node) <= open_before + DESCRIPTORS_LEFT, 60)
        ann.find(ann.write(ann)[0])
        count = rounds * CONNECTIONS
        answered = sum(octets > 0 for octets in heard) / count
        peak, logged = (memory(node, "VmHWM") - base) / CONNECTIONS, (os.path.getsize(node.log_path) - logged_before) / count
        print(f"        {count} connections, {answered:.0%} heard something: {peak:.0f} KiB for each of {CONNECTIONS} at the highest, {logged:.0f} octets of log for each (seed {seed})")
        assert answered > ANSWERED_MIN, f"{answered:.0%}: this was no load"
        assert peak < KIB_MAX, f"{peak:.0f} KiB for each"
        assert logged < LOG_OCTETS_MAX, f"{logged:.0f} octets for each"
        assert "panicked" not in node.log() and '"ERROR"' not in node.log(), "an error of the server's own"
        with smtp.Session(node.address, node.ports["exchange"], node.hostname, node.tls_context(), tls="later") as session:
            session.hello()
