"""The documents that programs rely on: their keys, their types, octets as integers, times in RFC 3339 UTC."""

import datetime
import os
import re
import subprocess

from cases import Cases
from server import token, wait_for

CASES = Cases("documents")


def time(value):
    """A moment as every document writes it."""
    return isinstance(value, str) and value.endswith("Z") and datetime.datetime.fromisoformat(value).tzinfo is not None


def text(value):
    """Some text."""
    return isinstance(value, str) and value != ""


def count(value):
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def one_of(*words):
    """One of these."""
    return lambda value: value in words


def anything(_value):
    """Free text that may be empty."""
    return True


MAIL = {"id": text, "mailbox": text, "from": text, "subject": anything, "size_octets": count, "received": time}
SENT = {
    "message": text,
    "recipient": text,
    "transfer": text,
    "status": one_of("kept", "noticed", "delivered", "handed-over", "expired", "failed", "withdrawn", "relayed"),
    "since": time,
    "detail": anything,
}
CONTACT = {
    "sender": text,
    "count": count,
    "first": time,
    "last": time,
    "size_octets": count,
    "expires": time,
    "evidence": text,
    "kind": one_of("notice", "legacy"),
}
PORTS = ("submission", "submissions", "exchange", "retrieval")


def must_fit(rows, shape):
    """Fails unless there are rows and each has every key with a right value."""
    assert rows, "no rows"
    for row in rows:
        for key, is_right in shape.items():
            assert key in row and is_right(row[key]), f"{key} in {row}"


@CASES.add
def lists(demo):
    """The lists of mail, of sent messages and of contact attempts."""
    erin, frank = demo.a.new_account(), demo.b.new_account("on")
    subject, message = erin.write(frank)
    frank.wait_contact(erin)
    must_fit(frank.command("contacts", "list"), CONTACT)
    must_fit(erin.command("sent", "list"), SENT)
    frank.command("contacts", "allow", erin.address)
    raw = frank.find(subject)
    erin.wait_sent(message, frank, "delivered")
    must_fit(erin.command("sent", "list"), SENT)
    rows = frank.command("mail", "list")
    must_fit(rows, MAIL)
    assert [row["size_octets"] for row in rows] == [len(raw)] and erin.address in rows[0]["from"], rows
    assert demo.a.command("check") == demo.b.command("check") == {"ok": True, "violations": []}


def shown(server, *words):
    """What a person reads of a command."""
    command = [server.twoway, *words, "--config", server.config]
    return subprocess.run(command, capture_output=True, timeout=60, check=True, encoding="utf-8").stdout


@CASES.add
def words_for_people(demo):
    """Without --json, tables and sentences; what a stranger wrote moves no cursor and turns no text."""
    erin, frank = demo.a.new_account(), demo.b.new_account("on")
    hostile = "\x1b[2Jred\u202etxt.exe"
    content = erin.message(frank, f"{token()} {hostile}", f"Read this {hostile}\r\n")
    message = erin.submit([frank.address], content, mail_params="SMTPUTF8 BODY=8BITMIME")
    frank.wait_contact(erin)
    erin.wait_sent(message, frank, "noticed")
    assert erin.address in shown(demo.b, "contacts", frank.address, "list")
    assert "noticed" in shown(demo.a, "sent", erin.address, "list")
    assert erin.address in shown(demo.b, "contacts", frank.address, "allow", erin.address)
    mail = wait_for("the message", frank.inbox)[0]["id"]
    assert erin.address in shown(demo.b, "allow", frank.address, "list")
    assert frank.address in shown(demo.b, "account", "list")
    for text_shown in (shown(demo.b, "mail", frank.address, "list"), shown(demo.b, "mail", frank.address, "show", mail)):
        assert "red" in text_shown and "\x1b" not in text_shown and "\u202e" not in text_shown, text_shown
    assert frank.raw(mail).endswith(content)
    assert shown(demo.b, "check").strip() == "ok"


@CASES.add
def description(demo):
    """The description of a demo: both servers, where they listen, their files and accounts."""
    facts = demo.facts
    assert facts["ready"] is True and re.fullmatch(r"127\.0\.0\.1:\d+", facts["dns"]) and facts["peers"] == [], facts
    expected = {"a.test": ("127.0.0.2", ["alice"]), "b.test": ("127.0.0.3", ["bob", "carol"])}
    assert [server["domain"] for server in facts["servers"]] == list(expected), facts
    for server in facts["servers"]:
        address, names = expected[server["domain"]]
        assert server["address"] == address and server["hostname"] == f"mx.{server['domain']}", server
        assert server["pid"] == demo.process.pid, server
        assert all(server["ports"][service] > 1024 for service in PORTS), server
        assert all(os.path.exists(server[key]) for key in ("config", "data_dir", "admin_socket", "ca_pem")), server
        assert os.stat(server["admin_socket"]).st_mode & 0o777 == 0o600, server
        assert [account["address"] for account in server["accounts"]] == [f"{name}@{server['domain']}" for name in names], server
    screening = {account["address"]: account["screening"] for server in facts["servers"] for account in server["accounts"]}
    assert screening == {"alice@a.test": "off", "bob@b.test": "on", "carol@b.test": "off"}, screening


@CASES.add
def errors(demo):
    """A refusal is one document on standard error with a code and a message, and nothing on standard output."""
    nobody = "nobody@b.test"
    for words in (("mail", nobody, "list"), ("sent", nobody, "list"), ("contacts", nobody, "list"), ("allow", nobody, "list")):
        assert demo.b.run(*words).stdout == b""
        demo.b.refused(*words)
    carol = "carol@b.test"
    demo.b.refused("account", "alias", carol, "bob@b.test")
    demo.b.refused("account", "alias", carol, "carol@elsewhere.test")
    demo.b.refused("contacts", carol, "dismiss", "nobody@a.test")
    demo.b.refused("sent", carol, "withdraw", "nothing")
    demo.b.refused("mail", carol, "show", "01a20081-1b58-79ec-82ec-9a6a2e99f598")
