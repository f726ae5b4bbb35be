"""Every dialogue of tests/bad-input with a running server, on each of its ports: the replies, and that nothing was written."""

import os
import re
import sqlite3
import ssl
import tempfile

from cases import Cases
from dns import Dns
from node import Node
from server import ROOT, Account, token, wait_for
from smtp import Closed

CASES = Cases("bad input")
COMMANDS = os.path.join(ROOT, "tests", "bad-input", "commands")
ADDRESS = "127.0.0.14"
HELLO = "EHLO mail.example.test"
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0"}
# Sent in one go while the server may close in the middle: then its last words can be lost on the way.
LARGE = 100_000


class Scene:
    """One dialogue on one port."""

    def __init__(self, name, port, start, steps):
        self.name = name
        self.port = port
        self.start = start
        self.steps = steps


def scenes():
    """All of them, once for each of their ports."""
    for name in sorted(os.listdir(COMMANDS)):
        with open(os.path.join(COMMANDS, name), encoding="utf-8") as file:
            text = file.read()
        for scene in re.split(r"^\*: ", text, flags=re.MULTILINE)[1:]:
            head, *lines = scene.split("\n")
            words = dict(word.split("=") for word in head.split(" "))
            steps = [(line[:2], line[3:]) for line in lines if line and not line.startswith("#")]
            for port in words["ports"].split(","):
                yield Scene(f"{name}: {steps[0][1][:60]} ({port})", port, words["start"], steps)


def octets(text):
    """What a text with escapes stands for; see tests/bad-input/README.md."""
    out = b""
    while text:
        if text[0] == "\\":
            if text[1] == "x":
                out, text = out + bytes([int(text[2:4], 16)]), text[4:]
            else:
                out, text = out + ESCAPES.get(text[1], text[1].encode()), text[2:]
        elif text[0] == "{":
            inner, text = text[1:].split("}", 1)
            count, repeated = inner.split("*", 1)
            out += octets(repeated) * int(count)
        else:
            plain = re.match(r"[^\\{]+", text)[0]
            out, text = out + plain.encode(), text[len(plain) :]
    return out


def opened(node, scene):
    """A session as far as the scene's start says."""
    clear = scene.port in ("submission", "exchange", "exchange-tls")
    session = node.connect(scene.port.removesuffix("-tls"), tls="later" if clear else "connect")
    known = ("new", "greeted", "authenticated", "addressed").index(scene.start)
    submits = scene.port.startswith("submission")
    if scene.port == "exchange-tls" or (known > 1 and scene.port == "submission"):
        session.command(HELLO).must_be(250)
        session.start_tls()
    if known > 0:
        session.command(HELLO).must_be(250)
    if known > 1 and submits:
        session.auth_plain("bob@b.test", "pencil")
    if known > 2:
        session.command("MAIL FROM:<>").must_be(250)
        session.command("RCPT TO:<bob@b.test>").must_be(250)
    return session


def play(node, scene):
    """Plays one scene; fails at the first thing that goes otherwise."""
    session = opened(node, scene)
    sent = b""
    try:
        for mark, text in scene.steps:
            if mark in ("C:", "C>"):
                sent = octets(text) + (b"\r\n" if mark == "C:" else b"")
                session.send(sent)
            elif mark == "S:":
                repeated = re.fullmatch(r"\{(\d+)\*(.*)\}", text)
                count, beginning = (int(repeated[1]), repeated[2]) if repeated else (1, text)
                for _ in range(count):
                    reply = session.reply()
                    assert f"{reply.code} {reply.lines[0]}".startswith(beginning), f"{reply}; expected {text}"
                if sent.startswith(b"STARTTLS\r\n") and text.startswith("220"):
                    session.buffer = b""
                    session.encrypt()
            else:
                assert session.is_closed()
                return
        session.command("NOOP").must_be(250)
        assert not session.buffer, f"more than was asked for: {session.buffer!r}"
    except (Closed, ConnectionError, ssl.SSLError):
        closes = scene.steps[-1][0] == "X:" and len(sent) > LARGE
        # What follows STARTTLS in the clear can also reach the handshake, and ends it.
        if not closes and not sent.startswith(b"STARTTLS\r\n"):
            raise
    finally:
        session.socket.close()


def counted(node):
    """How many rows each table has. Large content is named in `orphan` until a sweeper takes away what became of no message."""
    store = sqlite3.connect(f"file:{os.path.join(node.data_dir, 'twoway.sqlite')}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'orphan' ORDER BY name")]
        return {table: store.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}
    finally:
        store.close()


@CASES.add
def everywhere():
    """Each command gets its reply on every port, nothing is written, and good mail still goes through."""
    with tempfile.TemporaryDirectory() as folder, Dns() as dns, Node(folder, "b.test", ADDRESS, dns.address) as node:
        node.configure(tables="[limits]\nmessage_octets_max = 400_000\ndiscarded_octets_max = 800_000")
        node.start()
        node.command("account", "add", "bob@b.test", "--password-stdin", stdin=b"pencil\n")
        bob = Account(node, "bob@b.test", "pencil")
        subject, _ = bob.write(bob)
        bob.find(subject)
        wait_for("the message in the index", lambda: counted(node)["search_text"] == 1)
        before, faults, played = counted(node), [], 0
        for scene in scenes():
            played += 1
            try:
                play(node, scene)
            except Exception as fault:  # all of them are told at once
                faults.append(f"{scene.name}: {type(fault).__name__} {fault}")
        assert not faults, "\n".join(faults)
        assert played > 300, played
        after = counted(node)
        assert after == before, {table: (before[table], after[table]) for table in after if after[table] != before[table]}
        assert [row["subject"] for row in bob.inbox()] == [subject]
        assert node.command("check")["ok"]
        still_works(node, bob)


def still_works(node, bob):
    """In a session that had its share of bad input, and by a stranger's."""
    with bob.session() as session:
        for line in ("BOGUS", "MAIL FROM:<bob@b.test", "RCPT TO:<bob@b.test>", "AUTH PLAIN !"):
            session.command(line)
        subject = token()
        session.submit(bob.address, [bob.address], bob.message(bob, subject)).must_be(250)
    bob.find(subject)
    with node.connect("exchange", tls="later") as session:
        session.hello()
        session.command("RCPT TO:<>").must_be(501)
        subject = token()
        content = f"From: eve@c.test\r\nSubject: {subject}\r\n\r\nHello.\r\n".encode()
        session.submit("eve@c.test", [bob.address], content).must_be(250)
    bob.find(subject)
