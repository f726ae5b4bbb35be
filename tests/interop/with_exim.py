"""Exim sends to us by ordinary SMTP, content by BDAT."""

from cases import Cases
from crossing import BODIES, large, message, must_be
from outcomes import Report, reports
from server import token, wait_for

CASES = Cases("Exim")


def from_exim(exim, reader, body=b"Hello.\r\n", seconds=30, **options):
    """Carl at Exim writes to one of our accounts; returns the front of what arrived, which must be what was sent."""
    subject, content = message("carl@e.test", reader, body)
    exim.submit("carl@e.test", [reader.address], content, **options)
    return must_be(reader.find(subject, seconds), content)


@CASES.add
def bodies_from(pair, exim):
    """It sends every kind of body to us."""
    reader = pair.a.new_account()
    for name, body in BODIES.items():
        try:
            from_exim(exim, reader, body, mail_params="BODY=8BITMIME")
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@CASES.add
def fifty_megabytes(pair, exim):
    """50 MB from it."""
    body = large(50_000_000)
    from_exim(exim, pair.a.new_account(), body, seconds=120)


@CASES.add
def international(pair, exim):
    """Addresses in UTF-8."""
    from_exim(exim, pair.a.new_account(name=f"jürgen{token()}"), mail_params="SMTPUTF8 BODY=8BITMIME")


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
def contact_attempt(pair, exim):
    """A screened reader sees its mail as a contact attempt; allowing its author releases it to the octet."""
    reader, author = pair.b.new_account("on"), f"{token()}@e.test"
    subject, content = message(author, reader, BODIES["dot lines"])
    exim.submit(author, [reader.address], content)
    assert reader.wait_contact(author)["kind"] == "legacy"
    reader.command("contacts", "allow", author)
    must_be(reader.find(subject), content)
    assert not reports(reader)
