"""Mail pushed at a server of ours by ordinary SMTP: delivered, kept, refused, as its recipients want it."""

import contextlib
import smtplib
import subprocess
import tempfile

from cases import Cases
from dns import Dns
from node import Node
from server import token, wait_for

CASES = Cases("reception")


def exchange(server, tls=None):
    """A session at port 25, greeted; encrypted if `tls` is "later"."""
    session = server.connect("exchange", tls="later")
    session.hello()
    if tls == "later":
        session.start_tls()
        session.hello()
    return session


def push(account, content, sender="stranger@elsewhere.test", **options):
    """Pushes these octets to one account; returns the reply."""
    with exchange(account.server, options.pop("tls", None)) as session:
        return session.submit(sender, [account.address], content, **options)


def message(subject, sender="stranger@elsewhere.test", body="Hello.\r\n"):
    """A message as others write it: no Date, no Message-ID."""
    return f"From: Stranger <{sender}>\r\nSubject: {subject}\r\n\r\n{body}".encode()


def inbox_of(account, content, subject):
    """What lies in the mailbox is our two fields and the very octets."""
    found = account.find(subject)
    assert found.endswith(content), found
    front = found[: len(found) - len(content)]
    assert front.startswith(b"Return-Path: <") and front.count(b"\r\nReceived: ") == 1, front
    assert f"for <{account.address}>".encode() in front, front
    return front


def with_modes(server, screening, legacy):
    """A new account with these modes."""
    account = server.new_account(screening)
    server.command("mode", account.address, "--legacy", legacy)
    return account


@CASES.add
def delivered_to_whoever_screens_nobody(demo):
    """With screening off pushed mail is delivered, in the clear and over TLS, and nothing of it is changed."""
    account = demo.b.new_account()
    for tls, protocol in (None, b"with ESMTP id"), ("later", b"with ESMTPS id"):
        subject = token()
        content = message(subject)
        push(account, content, tls=tls).must_be(250, "2.0.0")
        assert protocol in inbox_of(account, content, subject)


@CASES.add
def any_octets_arrive(demo):
    """8-bit text, dot lines, an empty body, lone LF by BDAT, and 50 MB arrive octet for octet."""
    account = demo.b.new_account()
    head = "From: s@elsewhere.test\r\nSubject: {}\r\n"
    bodies = [
        ("\r\nGr\u00fc\u00dfe\r\n".encode(), {"mail_params": "BODY=8BITMIME"}),
        ("\r\nGr\u00fc\u00dfe\r\n".encode("latin-1"), {}),
        (b"\r\n.\r\n..\r\n.x\r\n\r\n.\r\n", {}),
        (b"", {}),
        (b"\r\n", {}),
        (b"\r\nlone\nline\rfeeds\x00", {"mail_params": "BODY=BINARYMIME", "chunk": 7}),
        (b"\r\n" + b"0123456789abcde\r\n" * (50_000_000 // 17), {"mail_params": "SIZE=50000100", "chunk": 1 << 20}),
    ]
    for body, options in bodies:
        subject = token()
        content = head.format(subject).encode() + body
        push(account, content, **options).must_be(250)
        inbox_of(account, content, subject)


@CASES.add
def smtputf8_arrives(demo):
    """An author and a subject in UTF-8 arrive; the trace field says how."""
    account = demo.b.new_account()
    subject = f"Gr\u00fc\u00dfe {token()}"
    content = message(subject, "st\u00f6rer@elsewhere.test")
    reply = push(account, content, sender="st\u00f6rer@elsewhere.test", mail_params="SMTPUTF8 BODY=8BITMIME")
    reply.must_be(250)
    assert b"with UTF8SMTP id" in inbox_of(account, content, subject)


@CASES.add
def kept_and_released(demo):
    """With screening on it is kept, shown as a contact attempt, and released by allowing, octet for octet."""
    account = demo.b.new_account("on")
    sender = f"{token()}@elsewhere.test"
    subject = token()
    content = message(subject, sender)
    push(account, content, sender="bounces@elsewhere.test").must_be(250)
    row = account.wait_contact(sender)
    assert row["kind"] == "legacy" and "not proved" in row["evidence"], row
    assert not account.has(subject)
    done = account.command("contacts", "allow", sender)
    assert done["released"] == 1, done
    inbox_of(account, content, subject)
    assert sender not in account.contacts()
    # Anybody could say to be the sender: the entry alone lets nobody in.
    push(account, message(token(), sender)).must_be(250)
    account.wait_contact(sender)


@CASES.add
def dismissed_and_blocked(demo):
    """What is dismissed or blocked goes; the sender is not told."""
    account = demo.b.new_account("on")
    dismissed, blocked = f"{token()}@elsewhere.test", f"{token()}@elsewhere.test"
    for sender in dismissed, blocked:
        push(account, message(token(), sender)).must_be(250)
        account.wait_contact(sender)
    account.command("contacts", "dismiss", dismissed)
    account.command("contacts", "block", blocked)
    assert not account.contacts()
    told = {push(account, message(token(), sender)).code for sender in (dismissed, blocked)}
    assert told == {250}, told
    account.wait_contact(dismissed)
    assert blocked not in account.contacts() and not account.inbox()


@CASES.add
def refused_alike(demo):
    """A mailbox that refuses says the same to everybody, and postmaster refuses nobody."""
    account = with_modes(demo.b, "on", "refuse")
    friend = "friend@elsewhere.test"
    account.command("allow", "add", friend)
    replies = set()
    for sender in friend, "stranger@elsewhere.test", "":
        with exchange(demo.b) as session:
            session.command(f"MAIL FROM:<{sender}>").must_be(250)
            replies.add(repr(session.command(f"RCPT TO:<{account.address}>").must_be(550, "5.7.1")))
    assert len(replies) == 1, replies
    demo.b.command("account", "alias", account.address, f"abuse@{demo.b.domain}")
    subject = token()
    with exchange(demo.b) as session:
        session.submit("stranger@elsewhere.test", [f"ABUSE@{demo.b.domain}"], message(subject)).must_be(250)
    assert account.find(subject)


@CASES.add
def strangers_and_others(demo):
    """No mailbox is 5.1.1, other people's domains are 5.7.1, and both leave the session alone."""
    account = demo.b.new_account()
    subject = token()
    with exchange(demo.b) as session:
        session.command("MAIL FROM:<>").must_be(250)
        session.command(f"RCPT TO:<{token()}@{demo.b.domain}>").must_be(550, "5.1.1")
        session.command("RCPT TO:<someone@elsewhere.test>").must_be(550, "5.7.1")
        session.command(f"RCPT TO:<{account.address.replace('@', '+tag@')}>").must_be(250)
        session.data(message(subject)).must_be(250)
    assert b"for <" in account.find(subject)


@CASES.add
def several_recipients(demo):
    """One transaction to mailboxes of every mode: each does with it what it wants, also with 1 MB."""
    off, keeps, refuses = demo.b.new_account(), demo.b.new_account("on"), with_modes(demo.b, "off", "refuse")
    for body in "Hello.\r\n", "0123456789\r\n" * 90_000:
        sender, subject = f"{token()}@elsewhere.test", token()
        content = message(subject, sender, body)
        with exchange(demo.b) as session:
            session.command(f"MAIL FROM:<{sender}>").must_be(250)
            session.command(f"RCPT TO:<{off}>").must_be(250)
            session.command(f"RCPT TO:<{refuses}>").must_be(550, "5.7.1")
            session.command(f"RCPT TO:<{keeps}>").must_be(250)
            session.data(content).must_be(250)
        front = inbox_of(off, content, subject)
        assert keeps.address.encode() not in front
        keeps.wait_contact(sender)
        keeps.command("contacts", "allow", sender)
        inbox_of(keeps, content, subject)
        assert not refuses.inbox()


@CASES.add
def in_circles(demo):
    """More than a hundred hops are too many."""
    account = demo.b.new_account()
    hop = b"Received: from a.test by b.test with SMTP id 1; Mon, 06 Jul 2026 12:00:00 +0000\r\n"
    push(account, hop * 101 + message(token())).must_be(554, "5.4.6")
    push(account, hop * 100 + message(token())).must_be(250)


@CASES.add
def forged_results(demo):
    """Results of authentication that claim to be ours are removed; others stay."""
    account = demo.b.new_account()
    subject = token()
    forged = f"Authentication-Results: {demo.b.hostname}; dmarc=pass\r\n".encode()
    other = b"Authentication-Results: mx.elsewhere.test; dmarc=pass\r\n"
    push(account, forged + other + message(subject)).must_be(250)
    found = account.find(subject)
    assert forged not in found and other in found, found


@CASES.add
def without_an_author(demo):
    """A message that names no author, or several, is delivered as well."""
    account = demo.b.new_account("on")
    for content, claimed in (
        (b"Subject: x\r\n\r\nHello.\r\n", "stranger@elsewhere.test"),
        (b"no header at all\r\n", "stranger@elsewhere.test"),
        (b"From: first@elsewhere.test, second@elsewhere.test\r\n\r\nHello.\r\n", "first@elsewhere.test"),
    ):
        push(account, content).must_be(250)
        wait_for("the contact attempt", lambda claimed=claimed: claimed in account.contacts())


@CASES.add
def other_peoples_programs(demo):
    """swaks and Python's smtplib push at us."""
    account = demo.b.new_account()
    subject = token()
    server = smtplib.SMTP(demo.b.address, demo.b.ports["exchange"], timeout=60)
    with server:
        server.ehlo()
        server.sendmail("stranger@elsewhere.test", [account.address], message(subject))
    assert account.find(subject)
    subject = token()
    where = f"{demo.b.address}:{demo.b.ports['exchange']}"
    words = ["swaks", "--server", where, "--tls", "--from", "s@elsewhere.test", "--to", account.address]
    run = subprocess.run([*words, "--header", f"Subject: {subject}"], capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout
    assert account.find(subject)


@contextlib.contextmanager
def one_node(top="", tables=""):
    """A server for example.test on its own, and the DNS that it believes."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            node.configure(top, tables)
            yield node, dns


ALONE = Cases("reception alone")


@ALONE.add
def in_the_name_of_those_who_enforce():
    """What says to be from a domain that publishes mode=enforce is refused; testing, none and silence change nothing."""
    with one_node() as (node, dns):
        for mode in "enforce", "testing", "none":
            dns.publish(f"_twoway.{mode}.test", "TXT", f"v=TWM1; mode={mode}")
        dns.publish("_twoway.broken.test", "TXT", "v=TWM1; mode=perhaps")
        node.start()
        account = node.new_account()
        for authors, code, status in (
            ("a@enforce.test", 550, "5.7.1"),
            ("a@silent.test, a@enforce.test", 550, "5.7.1"),
            ("a@silent.test>, <a@enforce.test", 550, "5.7.1"),
            ("a@testing.test", 250, "2.0.0"),
            ("a@none.test", 250, "2.0.0"),
            ("a@silent.test", 250, "2.0.0"),
            ("a@broken.test", 451, "4.4.3"),
        ):
            content = f"From: {authors}\r\nSubject: x\r\n\r\nHello.\r\n".encode()
            for sender in "a@silent.test", "":
                push(account, content, sender=sender).must_be(code, status)
        assert len(account.inbox()) == 6


@ALONE.add
def kept_for_a_while():
    """What nobody looked at goes when its time is over, and allowing its sender brings nothing back."""
    with one_node(tables='[timers]\nkeep_legacy = "2s"') as (node, _):
        node.start()
        account = node.new_account("on")
        push(account, message(token())).must_be(250)
        assert account.contacts()
        wait_for("the contact attempt to go", lambda: not account.contacts())
        assert account.command("contacts", "allow", "stranger@elsewhere.test")["released"] == 0
        assert not account.inbox()


@ALONE.add
def postmaster():
    """`<postmaster>` without a domain is the postmaster of a domain here, or who is configured to be."""
    with one_node(top='postmaster = "ann@example.test"') as (node, _):
        node.start()
        ann, bob = node.new_account("on", "ann"), node.new_account("on")
        node.command("mode", ann.address, "--legacy", "refuse")
        for recipient, account in ("postmaster", ann), ("Postmaster", bob), ("POSTMASTER@example.test", bob):
            if account is bob:
                node.command("account", "alias", bob.address, "postmaster@example.test")
            subject = token()
            with exchange(node) as session:
                session.submit("stranger@elsewhere.test", [recipient], message(subject)).must_be(250)
            assert account.find(subject)


@ALONE.add
def reports_on_own_messages():
    """A report that returns one's own message comes straight in; one that does not waits like anything else."""
    with one_node() as (node, _):
        node.start()
        account, other = node.new_account("on"), node.new_account()
        subject, _ = account.write(other)
        returned = other.find(subject).split(b"\r\n\r\n")[0]
        head = "From: MAILER-DAEMON@elsewhere.test\r\nSubject: {}\r\n\r\nIt did not arrive.\r\n\r\n"
        report, forged = token(), token()
        push(account, head.format(report).encode() + returned + b"\r\n", sender="").must_be(250)
        push(account, head.format(forged).encode(), sender="").must_be(250)
        assert account.find(report)
        account.wait_contact("MAILER-DAEMON@elsewhere.test")
        assert not account.has(forged)
