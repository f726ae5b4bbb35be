"""Exim, both ways by ordinary SMTP: it sends by BDAT, and takes BDAT."""

from cases import Cases
from crossing import BODIES, every_body, large, message, must_be, must_be_in_maildir
from outcomes import Report, reports, wait_report
from server import token, wait_for

CASES = Cases("Exim")
IN_THE_CLEAR = Cases("Exim, without TLS")


def from_exim(exim, reader, body=b"Hello.\r\n", seconds=30, **options):
    """Carl at Exim writes to one of our accounts; returns the front of what arrived, which must be what was sent."""
    subject, content = message("carl@e.test", reader, body)
    exim.submit("carl@e.test", [reader.address], content, **options)
    return must_be(reader.find(subject, seconds), content)


def to_exim(pair, exim, body=b"Hello.\r\n", seconds=30, to=None, **options):
    """One of our accounts writes to Exim; returns the front of what arrived, which must be what was sent."""
    alice, to = pair.a.new_account(), to or f"{token()}@e.test"
    subject, content = message(alice, to, body)
    kept = alice.submit([to], content, **options)
    front = must_be_in_maildir(exim.find(to, subject, seconds), content)
    alice.wait_sent(kept, to, "relayed")
    return front


@IN_THE_CLEAR.add
@CASES.add
def bodies_from(pair, exim):
    """It sends every kind of body to us."""
    reader = pair.a.new_account()
    every_body(lambda body, **options: from_exim(exim, reader, body, **options))


@IN_THE_CLEAR.add
@CASES.add
def bodies_to(pair, exim):
    """We send every kind of body to it."""
    every_body(lambda body, **options: to_exim(pair, exim, body, **options))


@CASES.add
def fifty_megabytes(pair, exim):
    """50 MB both ways."""
    body = large(50_000_000)
    from_exim(exim, pair.a.new_account(), body, seconds=120)
    to_exim(pair, exim, body, seconds=120)


@CASES.add
def international(pair, exim):
    """Addresses in UTF-8, both ways."""
    from_exim(exim, pair.a.new_account(name=f"jürgen{token()}"), mail_params="SMTPUTF8 BODY=8BITMIME")
    to_exim(pair, exim, to=f"jürgen{token()}@e.test", mail_params="SMTPUTF8 BODY=8BITMIME")


@CASES.add
def nobody_here(pair, exim):
    """A mailbox that we don't have: Exim's report has our words."""
    author, nobody = f"{token()}@e.test", f"{token()}@a.test"
    _, content = message(author, nobody)
    exim.submit(author, [nobody], content)
    wanted = f"Envelope-to: {author}\n".encode()
    found = wait_for("Exim's report", lambda: [mail for mail in exim.inbox() if wanted in mail])
    assert b"550 5.1.1" in Report(found[0].replace(b"\n", b"\r\n")).raw


@CASES.add
def nobody_there(pair, exim):
    """A mailbox that Exim does not have: our report has its words."""
    alice, nobody, envelope_id = pair.a.new_account(), f"nobody{token()}@e.test", token()
    _, content = message(alice, nobody)
    kept = alice.submit([nobody], content, mail_params=f"ENVID={envelope_id}")
    alice.wait_sent(kept, nobody, "failed")
    assert "550 Unknown user" in wait_report(alice, envelope_id).one()["Diagnostic-Code"]


@CASES.add
def success_reports(pair, exim):
    """NOTIFY=SUCCESS: Exim reports to our author that it delivered; to its own it reports itself, as we offer no DSN."""
    alice, to, envelope_id = pair.a.new_account(), f"{token()}@e.test", token()
    _, content = message(alice, to)
    alice.submit([to], content, mail_params=f"ENVID={envelope_id}", rcpt_params="NOTIFY=SUCCESS")
    report = wait_report(alice, envelope_id)
    assert report.whole["Reporting-MTA"].replace(" ", "") == "dns;mx.e.test", report.raw
    author = f"{token()}@e.test"
    _, content = message(author, alice)
    exim.submit(author, [alice.address], content, rcpt_params="NOTIFY=SUCCESS")
    wanted = f"Envelope-to: {author}\n".encode()
    found = wait_for("a report", lambda: [mail for mail in exim.inbox() if wanted in mail])
    assert Report(found[0].replace(b"\n", b"\r\n")).one()["Action"] == "delivered", found


@CASES.add
def contact_attempt(pair, exim):
    """A screened reader sees its mail as a contact attempt; allowing its author releases it to the octet."""
    reader, author = pair.b.new_account("on"), f"{token()}@e.test"
    subject, content = message(author, reader, BODIES["dot lines"])
    exim.submit(author, [reader.address], content)
    assert reader.wait_contact(author)["kind"] == "legacy"
    reader.command("contacts", "allow", author)
    must_be(reader.find(subject), content)
    assert not reports(reader)
