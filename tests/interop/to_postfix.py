"""We send to Postfix by ordinary SMTP, and tell the author what became of it."""

import email
import email.policy
import re

from cases import Cases
from crossing import BODIES, large, message, must_be_in_maildir
from outcomes import reports, wait_report
from server import token, wait_for

CASES = Cases("to Postfix")


def someone(domain="p.test"):
    """An address at Postfix that nobody else writes to."""
    return f"{token()}@{domain}"


def sends(pair, postfix, to=None, body=b"Hello.\r\n", extra=b"", seconds=30, **options):
    """One of our accounts writes to Postfix, where it must arrive to the octet; returns the front of what arrived."""
    alice, to = pair.a.new_account(), to or someone()
    subject, content = message(alice, to, body, extra)
    kept = alice.submit([to], content, **options)
    front = must_be_in_maildir(postfix.find(to, subject, seconds), content)
    alice.wait_sent(kept, to, "relayed")
    return re.sub(rb"\r\n[ \t]+", b" ", front)


def fails(pair, to, content_of=None, **options):
    """One of our accounts writes to Postfix, which refuses; returns the report that the author gets."""
    alice, envelope_id = pair.a.new_account(), token()
    _, content = content_of(alice) if content_of else message(alice, to)
    options["mail_params"] = f"{options.get('mail_params', '')} ENVID={envelope_id}".lstrip()
    kept = alice.submit([to], content, **options)
    assert alice.wait_sent(kept, to, "failed")["detail"]
    return wait_report(alice, envelope_id)


@CASES.add
def with_tls(pair, postfix):
    """With STARTTLS: to the octet, and Postfix's Received says so."""
    front = sends(pair, postfix)
    postfixes = front.split(b"\r\n")[3]
    assert postfixes.startswith(b"Received: from mx.a.test ") and b"TLSv1.3" in postfixes and b"with ESMTPS" in postfixes, front


@CASES.add
def without_tls(pair, postfix):
    """To a server without STARTTLS, in the clear."""
    front = sends(pair, postfix, someone("clear.test"))
    assert b" with ESMTP " in front.split(b"\r\n")[3], front


@CASES.add
def bodies(pair, postfix):
    """Every kind of body: octets above 127, control characters, dot lines, empty lines, none at all, lines of 998 octets."""
    for name, body in BODIES.items():
        try:
            sends(pair, postfix, body=body, mail_params="BODY=8BITMIME")
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


@CASES.add
def longer_lines(pair, postfix):
    """Lines of 5000 octets, which RFC 5321 allows nobody to push, go encoded, and decode to what they were."""
    alice, to, body = pair.a.new_account(), someone(), b"x" * 5000 + b"\r\nend\r\n"
    extra = b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
    subject, content = message(alice, to, body, extra)
    kept = alice.submit([to], content, chunk=1 << 20)
    stored = postfix.find(to, subject)
    alice.wait_sent(kept, to, "relayed")
    assert max(map(len, stored.split(b"\n"))) <= 998, stored
    assert email.message_from_bytes(stored).get_payload(decode=True).replace(b"\n", b"\r\n") == body


@CASES.add
def fifty_megabytes(pair, postfix):
    """A message of 50 MB."""
    sends(pair, postfix, body=large(50_000_000), seconds=120)


@CASES.add
def international(pair, postfix):
    """An address and a header section in UTF-8, by SMTPUTF8."""
    sends(pair, postfix, f"jürgen{token()}@p.test", extra="X-Note: Grüße\r\n".encode(), mail_params="SMTPUTF8 BODY=8BITMIME")


@CASES.add
def international_nowhere(pair, postfix):
    """A server without SMTPUTF8 can't have such a message: it failed, and a report in UTF-8 (RFC 6533) says why."""
    alice, to = pair.a.new_account(), f"jürgen{token()}@old.test"
    _, content = message(alice, to)
    kept = alice.submit([to], content, mail_params="SMTPUTF8 BODY=8BITMIME")
    alice.wait_sent(kept, to, "failed")
    raw = wait_for("the report", lambda: [alice.raw(row["id"]) for row in alice.inbox()])[0]
    assert b"message/global-delivery-status" in raw and re.search(rb"(?m)^Status: 5\.6\.[79]\r$", raw), raw


@CASES.add
def lone_line_feeds(pair, postfix):
    """Lone LF by BDAT with BODY=BINARYMIME: Postfix has no BINARYMIME, so it failed with 5.6.3, and nothing arrived altered."""
    to = someone()
    report = fails(pair, to, lambda alice: message(alice, to, b"a\nb\r\n"), chunk=100, mail_params="BODY=BINARYMIME")
    assert report.one()["Status"] == "5.6.3", report.raw
    assert f"to=<{to}>" not in postfix.log()


@CASES.add
def seven_bit(pair, postfix):
    """To a server without 8BITMIME, octets above 127 go encoded, and decode to what they were."""
    alice, to, text = pair.a.new_account(), someone("old.test"), "Grüße\r\n.\r\nfrom afar\r\n"
    extra = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    subject, content = message(alice, to, text.encode(), extra)
    kept = alice.submit([to], content, mail_params="BODY=8BITMIME")
    stored = postfix.find(to, subject)
    alice.wait_sent(kept, to, "relayed")
    assert max(stored) < 128, stored
    assert email.message_from_bytes(stored, policy=email.policy.default).get_content() == text.replace("\r\n", "\n")


@CASES.add
def nobody_there(pair, postfix):
    """A mailbox that Postfix does not have: our report has its words."""
    to = f"nobody{token()}@p.test"
    report = fails(pair, to)
    fields = report.one()
    assert fields["Action"] == "failed" and fields["Status"] == "5.1.1", report.raw
    assert "550 5.1.1" in fields["Diagnostic-Code"] and "mx.p.test" in fields["Remote-MTA"], report.raw


@CASES.add
def too_large(pair, postfix):
    """A message larger than Postfix takes: failed with 5.3.4, without sending all of it."""
    to = someone("small.test")
    report = fails(pair, to, lambda alice: message(alice, to, large(60_000)))
    assert report.one()["Status"] == "5.3.4", report.raw


@CASES.add
def several_recipients(pair, postfix):
    """Three recipients at Postfix, of whom it lacks one: two get it in one transaction, and one report names the third."""
    alice, envelope_id = pair.a.new_account(), token()
    first, second, nobody = someone(), someone(), f"nobody{token()}@p.test"
    subject, content = message(alice, first)
    kept = alice.submit([first, nobody, second], content, mail_params=f"ENVID={envelope_id}")
    for to in (first, second):
        must_be_in_maildir(postfix.find(to, subject), content)
        alice.wait_sent(kept, to, "relayed")
    alice.wait_sent(kept, nobody, "failed")
    assert wait_report(alice, envelope_id).one()["Final-Recipient"].lower().endswith(nobody)


@CASES.add
def bounced_later(pair, postfix):
    """What Postfix takes and bounces later comes back as mail from nobody, and is delivered."""
    alice, to = pair.a.new_account(), f"later{token()}@p.test"
    _, content = message(alice, to)
    kept = alice.submit([to], content)
    alice.wait_sent(kept, to, "relayed")
    report = wait_for("the bounce", lambda: reports(alice))[0]
    assert report.raw.startswith(b"Return-Path: <>\r\n") and report.one()["Action"] == "failed", report.raw
    assert report.whole["Reporting-MTA"].replace(" ", "") == "dns;mx.p.test", report.raw


@CASES.add
def success_report(pair, postfix):
    """NOTIFY=SUCCESS reaches Postfix, with ENVID and ORCPT: it reports the delivery, and its report reaches the author."""
    alice, to, envelope_id = pair.a.new_account(), someone(), token()
    _, content = message(alice, to)
    parameters = {"mail_params": f"RET=HDRS ENVID={envelope_id}", "rcpt_params": f"NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{to}"}
    alice.submit([to], content, **parameters)
    report = wait_report(alice, envelope_id)
    assert report.whole["Reporting-MTA"].replace(" ", "") == "dns;mx.p.test", report.raw
    assert report.one()["Action"] == "delivered", report.raw


@CASES.add
def success_report_of_ours(pair, postfix):
    """To a server without DSN, NOTIFY=SUCCESS yields our own report: relayed (RFC 3461 section 5.2.2)."""
    alice, to, envelope_id = pair.a.new_account(), someone("old.test"), token()
    _, content = message(alice, to)
    alice.submit([to], content, mail_params=f"ENVID={envelope_id}", rcpt_params="NOTIFY=SUCCESS")
    report = wait_report(alice, envelope_id)
    assert report.whole["Reporting-MTA"].replace(" ", "") == f"dns;{pair.a.hostname}", report.raw
    assert report.one()["Action"] == "relayed", report.raw


@CASES.add
def delay_report(pair, postfix):
    """NOTIFY=DELAY reaches Postfix: while the message is stuck there, its warning reaches the author."""
    alice, to, envelope_id = pair.a.new_account(), f"stuck{token()}@p.test", token()
    _, content = message(alice, to)
    alice.submit([to], content, mail_params=f"ENVID={envelope_id}", rcpt_params="NOTIFY=DELAY,FAILURE")
    report = wait_report(alice, envelope_id)
    assert report.one()["Action"] == "delayed", report.raw


@CASES.add
def greylisted(pair, postfix):
    """A recipient put off at first is tried again, and the message arrives once."""
    to = f"grey{token()}@p.test"
    sends(pair, postfix, to)
    assert re.search(rf"NOQUEUE: reject: RCPT .* 450 4.7.1 <{to}>", postfix.log())


@CASES.add
def greylisted_among_others(pair, postfix):
    """Of two recipients, the one that is put off alone is tried again; the other gets the message once."""
    alice, first, grey = pair.a.new_account(), someone(), f"grey{token()}@p.test"
    subject, content = message(alice, first)
    kept = alice.submit([first, grey], content)
    for to in (first, grey):
        alice.wait_sent(kept, to, "relayed")
        must_be_in_maildir(postfix.find(to, subject), content)


@CASES.add
def connection_reuse(pair, postfix):
    """Many messages to Postfix at once share connections."""
    alice, to = pair.a.new_account(), someone()
    sent = [message(alice, to) for _ in range(20)]
    with alice.session() as session:
        for _, content in sent:
            session.submit(alice.address, [to], content).must_be(250)
    for subject, content in sent:
        must_be_in_maildir(postfix.find(to, subject), content)

    def mails_of_connections():
        found = re.findall(r"disconnect from unknown\[127\.0\.0\.2\] .* mail=(\d+)", postfix.log())
        return found if max(map(int, found), default=0) >= 2 else None

    wait_for("a connection with several messages to be closed", mails_of_connections)


@CASES.add
def postfix_is_away(pair, postfix):
    """While Postfix is away, the message is kept, with the reason; when it is back, the message arrives once."""
    alice, to = pair.a.new_account(), someone()
    subject, content = message(alice, to)
    postfix.stop()
    try:
        kept = alice.submit([to], content)
        row = wait_for("the reason", lambda: [row for row in alice.transfers(kept).values() if row["detail"]])[0]
        assert row["status"] == "kept", row
    finally:
        postfix.start()
    must_be_in_maildir(postfix.find(to, subject), content)
    alice.wait_sent(kept, to, "relayed")


@CASES.add
def the_ledger(pair, postfix):
    """After all this, both stores hold what they should, and nothing else."""
    for node in pair.nodes():
        assert node.command("check") == {"ok": True, "violations": []}
