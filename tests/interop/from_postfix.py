"""Postfix sends to us by ordinary SMTP."""

import re

from cases import Cases
from crossing import BODIES, every_body, large, message, must_be
from outcomes import Report
from server import token, wait_for

CASES = Cases("from Postfix")


def sends(postfix, reader, body=b"Hello.\r\n", extra=b"", seconds=30, **options):
    """Carl at Postfix writes to one of our accounts; returns the front of what arrived, which must be what was sent."""
    subject, content = message("carl@p.test", reader, body, extra)
    postfix.submit("carl@p.test", [reader.address], content, **options)
    return must_be(reader.find(subject, seconds), content)


def bounce(postfix, to):
    """The report that came to somebody at Postfix, with CRLF."""

    def probe():
        return [mail for mail in postfix.inbox() if f"Delivered-To: {to}\n".encode() in mail and b"multipart/report" in mail]

    found = wait_for(f"a report for {to}", probe)
    assert len(found) == 1, found
    return Report(found[0].replace(b"\n", b"\r\n"))


@CASES.add
def with_tls(pair, postfix):
    """With STARTTLS: the message arrives to the octet, behind Return-Path and what each put in front; Received says so."""
    front = sends(postfix, pair.a.new_account())
    assert front.startswith(b"Return-Path: <carl@p.test>\r\n"), front
    ours = re.sub(rb"\r\n[ \t]+", b" ", front).split(b"\r\n")[1]
    assert ours.startswith(b"Received: from mx.p.test ") and b" with ESMTPS " in ours, ours


@CASES.add
def without_tls(pair, postfix):
    """Without STARTTLS, too; and Received does not claim it."""
    front = sends(postfix, pair.a.new_account(name=f"clear{token()}"))
    ours = re.sub(rb"\r\n[ \t]+", b" ", front).split(b"\r\n")[1]
    assert b" with ESMTP " in ours, ours


@CASES.add
def bodies(pair, postfix):
    """Every kind of body: octets above 127, control characters, dot lines, empty lines, none at all, lines of 998 octets."""
    reader = pair.a.new_account()
    every_body(lambda body, **options: sends(postfix, reader, body, **options))


@CASES.add
def eight_bit_header(pair, postfix):
    """A header section with octets above 127 that nobody announced."""
    sends(postfix, pair.a.new_account(), extra=b"X-Note: " + bytes(range(128, 256)) + b"\r\n")


@CASES.add
def longer_lines(pair, postfix):
    """Lines of 5000 octets, by a Postfix that does not fold them."""
    sends(postfix, pair.a.new_account(name=f"long{token()}"), b"x" * 5000 + b"\r\n" + b"." * 2000 + b"\r\nend\r\n")


@CASES.add
def fifty_megabytes(pair, postfix):
    """A message of 50 MB."""
    sends(postfix, pair.a.new_account(), large(50_000_000), seconds=120)


@CASES.add
def international(pair, postfix):
    """An address and a header section in UTF-8, by SMTPUTF8."""
    sends(postfix, pair.a.new_account(name=f"jürgen{token()}"), extra="X-Note: Grüße\r\n".encode(), mail_params="SMTPUTF8")


@CASES.add
def several_recipients(pair, postfix):
    """Three recipients, of whom we don't have one: two get it once, and Postfix reports the third with our words."""
    first, second = pair.a.new_account(), pair.a.new_account()
    author, nobody = f"{token()}@p.test", f"{token()}@a.test"
    subject, content = message(author, first)
    postfix.submit(author, [first.address, nobody, second.address], content)
    for reader in (first, second):
        must_be(reader.find(subject), content)
    fields = bounce(postfix, author).one()
    assert fields["Action"] == "failed" and fields["Status"] == "5.1.1", fields
    assert fields["Final-Recipient"].endswith(nobody) and "550 5.1.1" in fields["Diagnostic-Code"], fields


@CASES.add
def no_relay(pair, postfix):
    """A recipient elsewhere is refused: we are nobody's relay."""
    author = f"{token()}@p.test"
    with pair.a.connect("exchange", tls="later", source=postfix.address) as session:
        session.hello()
        session.command(f"MAIL FROM:<{author}>").must_be(250)
        reply = session.command("RCPT TO:<bob@elsewhere.test>")
        assert reply.code == 550 and reply.status.startswith("5.7."), reply


@CASES.add
def connection_reuse(pair, postfix):
    """Many messages over connections that Postfix keeps open, each arriving once."""
    # Postfix does not keep connections with TLS.
    reader = pair.a.new_account(name=f"clear{token()}")
    sent = [message("carl@p.test", reader) for _ in range(20)]
    with postfix.connect() as session:
        session.hello()
        for _, content in sent:
            session.submit("carl@p.test", [reader.address], content).must_be(250)
    for subject, content in sent:
        must_be(reader.find(subject), content)
    used = [int(count) for count in re.findall(rf"to=<{reader}>.* conn_use=(\d+)", postfix.log())]
    assert used and max(used) >= 2, used


@CASES.add
def a_crowd(pair, postfix):
    """200 messages by smtp-source, 20 sessions at a time, straight to us: every one is in the mailbox, and none twice."""
    reader = pair.a.new_account()
    options = ("-s", 20, "-m", 200, "-l", 4096, "-f", "crowd@p.test", "-t", reader)
    postfix.source(pair.a.address, pair.a.ports["exchange"], *options)
    assert len(reader.inbox()) == 200


@CASES.add
def we_are_away(pair, postfix):
    """While we are away, Postfix keeps the message; when we are back, it arrives once."""
    reader = pair.a.new_account()
    subject, content = message("carl@p.test", reader)
    assert pair.a.stop() == 0
    try:
        postfix.submit("carl@p.test", [reader.address], content)
        wait_for("Postfix to try in vain", lambda: re.search(rf"to=<{reader}>.* status=deferred", postfix.log()))
    finally:
        pair.a.start()
    must_be(reader.find(subject), content)


@CASES.add
def a_bounce(pair, postfix):
    """A report from nobody, with the empty reverse-path, is delivered."""
    reader = pair.a.new_account()
    subject, content = message("MAILER-DAEMON@p.test", reader)
    postfix.submit("", [reader.address], content)
    front = must_be(reader.find(subject), content)
    assert front.startswith(b"Return-Path: <>\r\n"), front


@CASES.add
def success_report(pair, postfix):
    """NOTIFY=SUCCESS: we offer no DSN, whose reports would tell strangers who is allowed; so Postfix reports that it relayed."""
    author, envelope_id = f"{token()}@p.test", token()
    for reader in (pair.a.new_account("off"), pair.a.new_account("on")):
        _, content = message(author, reader)
        options = {"mail_params": f"RET=HDRS ENVID={envelope_id}", "rcpt_params": f"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{reader}"}
        postfix.submit(author, [reader.address], content, **options)

    def reports():
        found = [mail for mail in postfix.inbox() if f"Delivered-To: {author}\n".encode() in mail]
        return found if len(found) == 2 else None

    for mail in wait_for("two reports", reports):
        report = Report(mail.replace(b"\n", b"\r\n"))
        assert report.one()["Action"] == "relayed" and report.whole["Original-Envelope-Id"] == envelope_id, report.raw
        assert report.whole["Reporting-MTA"].replace(" ", "") == "dns;mx.p.test", report.raw


@CASES.add
def no_report_wanted(pair, postfix):
    """NOTIFY=NEVER: a recipient whom we don't have yields no report."""
    author, nobody = f"{token()}@p.test", f"{token()}@a.test"
    _, content = message(author, nobody)
    postfix.submit(author, [nobody], content, rcpt_params="NOTIFY=NEVER")
    wait_for("Postfix to be refused", lambda: re.search(rf"to=<{nobody}>.* status=bounced", postfix.log()))
    assert not [mail for mail in postfix.inbox() if f"Delivered-To: {author}\n".encode() in mail]


@CASES.add
def kept_aside(pair, postfix):
    """A screened reader sees Postfix's mail as a contact attempt only; allowing its author releases it to the octet."""
    reader, author = pair.a.new_account("on"), f"{token()}@p.test"
    sent = [message(author, reader, body) for body in (b"One.\r\n", BODIES["dot lines"])]
    for _, content in sent:
        postfix.submit(author, [reader.address], content)
    row = reader.wait_contact(author, 2)
    assert row["kind"] == "legacy", row
    assert not reader.inbox()
    reader.command("contacts", "allow", author)
    for subject, content in sent:
        must_be(reader.find(subject), content)


@CASES.add
def refused(pair, postfix):
    """A reader who refuses ordinary mail: Postfix tells its user with our words, and nothing is stored."""
    reader, author = pair.a.new_account("on"), f"{token()}@p.test"
    reader.command("mode", "--legacy", "refuse")
    _, content = message(author, reader)
    postfix.submit(author, [reader.address], content)
    fields = bounce(postfix, author).one()
    assert fields["Status"] == "5.7.1" and "550 5.7.1" in fields["Diagnostic-Code"], fields
    assert not reader.inbox() and not reader.contacts()
@CASES.add
def all_the_way(pair, postfix):
    """Round the whole town: Postfix to alice@a.test, two-way to bob@b.test, and back to Postfix; the body stays what it was."""
    alice, bob, body = pair.a.new_account(), pair.b.new_account(), BODIES["dot lines"] + "Grüße\r\n".encode()
    sends(postfix, alice, body, mail_params="BODY=8BITMIME")
    subject, content = message(alice, bob, body)
    kept = alice.submit([bob.address], content, mail_params="BODY=8BITMIME")
    must_be(bob.find(subject), content)
    alice.wait_sent(kept, bob, "delivered")
    subject, content = message(bob, "carl@p.test", body)
    bob.submit(["carl@p.test"], content, mail_params="BODY=8BITMIME")
    stored = postfix.find("carl@p.test", subject)
    must_be(stored.replace(b"\n", b"\r\n"), content)
