"""What the author learns: the status of each recipient, reports (RFC 3461, 3464), and taking a message back."""

import email
import email.policy
import email.utils

from cases import Cases
from server import token, wait_for

CASES = Cases("outcomes")


class Report:
    """A delivery status notification, as Python's email package reads it."""

    def __init__(self, raw):
        self.raw = raw
        self.message = email.message_from_bytes(raw, policy=email.policy.default)
        assert self.message.get_content_type() == "multipart/report", self.message.get_content_type()
        assert self.message.get_param("report-type") == "delivery-status"
        assert not self.message.defects, self.message.defects
        self.parts = self.message.get_payload()
        assert self.parts[0].get_content_type() == "text/plain" and self.parts[0].get_content().strip()
        assert self.parts[1].get_content_type() == "message/delivery-status"
        self.whole, *self.recipients = self.parts[1].get_payload()

    def one(self):
        """The fields of the only recipient."""
        assert len(self.recipients) == 1, self.raw
        return self.recipients[0]

    def returned(self):
        """The part that holds the message, or its header section."""
        return self.parts[2]


def reports(account):
    """All reports in the mailbox of this account."""
    found = []
    for row in account.inbox():
        raw = account.raw(row["id"])
        if b"multipart/report" in raw:
            found.append(Report(raw))
    return found


def wait_report(account, envelope_id):
    """The only report about this envelope, once it is here."""

    def probe():
        return [report for report in reports(account) if report.whole["Original-Envelope-Id"] == envelope_id]

    found = wait_for(f"a report about {envelope_id} at {account}", probe)
    assert len(found) == 1, [report.raw for report in found]
    return found[0]


@CASES.add
def success(demo):
    """NOTIFY=SUCCESS yields one report: delivered, to whom, as the envelope named them."""
    erin = demo.a.new_account()
    envelope_id = token()
    _, message = erin.write(
        "carol+shop@b.test",
        mail_params=f"RET=HDRS ENVID={envelope_id}",
        rcpt_params="NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Carol+2BShop@b.test",
    )
    erin.wait_sent(message, "carol+shop@b.test", "delivered")
    report = wait_report(erin, envelope_id)
    fields = report.one()
    assert fields["Action"] == "delivered" and fields["Status"].startswith("2."), report.raw
    assert fields["Final-Recipient"].replace(" ", "").lower() == "rfc822;carol+shop@b.test", report.raw
    assert fields["Original-Recipient"].replace(" ", "") == "rfc822;Carol+Shop@b.test", report.raw
    assert report.whole["Reporting-MTA"].replace(" ", "") == f"dns;{demo.a.hostname}", report.raw
    assert report.message["To"] and erin.address in report.message["To"], report.raw
    assert b"\r\nReturn-Path: <>\r\n" in b"\r\n" + report.raw, report.raw
    assert report.returned().get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"), report.raw


@CASES.add
def encoded_envelope_id(demo):
    """ENVID and ORCPT are xtext on the way in and plain in the report."""
    erin = demo.a.new_account()
    erin.write("carol@b.test", mail_params="ENVID=a+2Bb+3Dc", rcpt_params="NOTIFY=SUCCESS ORCPT=rfc822;x+2By@example.test")
    report = wait_report(erin, "a+b=c")
    assert report.one()["Original-Recipient"].replace(" ", "") == "rfc822;x+y@example.test", report.raw


@CASES.add
def failure(demo):
    """A mailbox that the other server does not have: status failed, and a report that says so in their words."""
    erin = demo.a.new_account()
    nobody, envelope_id = f"{token()}@b.test", token()
    subject, message = erin.write(nobody, mail_params=f"RET=FULL ENVID={envelope_id}", body="The body.\r\n")
    assert erin.wait_sent(message, nobody, "failed")["detail"]
    report = wait_report(erin, envelope_id)
    fields = report.one()
    assert fields["Action"] == "failed" and fields["Status"] == "5.1.1", report.raw
    assert fields["Final-Recipient"].lower().endswith(nobody), report.raw
    assert fields["Diagnostic-Code"].startswith("smtp; 550 5.1.1"), report.raw
    assert fields["Remote-MTA"].replace(" ", "") == f"dns;{demo.b.hostname}", report.raw
    assert email.utils.parsedate_to_datetime(fields["Last-Attempt-Date"]), report.raw
    words = report.parts[0].get_content()
    assert nobody in words and "550 5.1.1" in words and "check the address" in words, words
    original = report.returned()
    assert original.get_content_type() == "message/rfc822", report.raw
    assert original.get_payload()[0]["Subject"] == subject
    assert b"The body." in report.raw


@CASES.add
def header_of_failure(demo):
    """RET=HDRS returns the header section and nothing of the body."""
    erin = demo.a.new_account()
    envelope_id = token()
    subject, _ = erin.write(f"{token()}@b.test", mail_params=f"RET=HDRS ENVID={envelope_id}", body="The body.\r\n")
    report = wait_report(erin, envelope_id)
    assert report.returned().get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"), report.raw
    assert subject.encode() in report.raw and b"The body." not in report.raw, report.raw


@CASES.add
def large_failure(demo):
    """RET=FULL returns three megabytes to the octet; without RET a large message goes back as its header."""
    erin = demo.a.new_account()
    nobody, whole, header = f"{token()}@b.test", token(), token()
    content = erin.message(nobody, token()) + b"Line after line of it.\r\n" * 140_000
    erin.submit([nobody], content, mail_params=f"RET=FULL ENVID={whole}")
    erin.submit([nobody], content, mail_params=f"ENVID={header}")
    original = wait_report(erin, whole).returned()
    assert original.get_content_type() == "message/rfc822"
    body = original.get_payload()[0].get_payload()
    assert body.count("Line after line of it.") == 140_000 and len(body) >= 140_000 * 23, len(body)
    assert wait_report(erin, header).returned().get_content_type() == "text/rfc822-headers"


@CASES.add
def together(demo):
    """Recipients that the other server refuses at once stand in one report, each with its own words."""
    erin = demo.a.new_account()
    nobodies, envelope_id = [f"{token()}@b.test" for _ in range(20)], token()
    erin.submit(nobodies, erin.message("several@b.test", token()), mail_params=f"ENVID={envelope_id}")
    report = wait_report(erin, envelope_id)
    assert sorted(fields["Final-Recipient"].split(";")[1].strip() for fields in report.recipients) == sorted(nobodies), report.raw
    assert all(fields["Diagnostic-Code"].startswith("smtp; 550 5.1.1") for fields in report.recipients), report.raw
    assert all(nobody in report.parts[0].get_content() for nobody in nobodies), report.raw


@CASES.add
def about_programs(demo):
    """What a program wrote is reported as any failure; a report that fails is not."""
    erin = demo.a.new_account()
    nobody, automatic, receipt = f"{token()}@b.test", token(), token()
    plain = erin.message(nobody, token())
    report = plain.replace(b"\r\n\r\n", b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=x\r\n\r\n", 1)
    message = erin.submit([nobody], report, mail_params=f"ENVID={receipt}", rcpt_params="NOTIFY=FAILURE")
    erin.wait_sent(message, nobody, "failed")
    erin.submit([nobody], b"Auto-Submitted: auto-generated\r\n" + plain, mail_params=f"ENVID={automatic}")
    wait_report(erin, automatic)
    assert len(reports(erin)) == 1, [report.raw for report in reports(erin)]


@CASES.add
def silence(demo):
    """NOTIFY=NEVER, an empty reverse-path, and success that nobody asked about yield no report."""
    erin = demo.a.new_account()
    nobody = f"{token()}@b.test"
    _, never = erin.write(nobody, mail_params=f"ENVID={token()}", rcpt_params="NOTIFY=NEVER")
    _, null = erin.write(nobody, mail_from="", mail_params=f"ENVID={token()}")
    _, only_success = erin.write(nobody, rcpt_params="NOTIFY=SUCCESS")
    _, fine = erin.write("carol@b.test")
    for message in (never, null, only_success):
        erin.wait_sent(message, nobody, "failed")
    erin.wait_sent(fine, "carol@b.test", "delivered")
    last = token()
    erin.write(nobody, mail_params=f"ENVID={last}")
    wait_report(erin, last)
    assert len(reports(erin)) == 1, [report.raw for report in reports(erin)]


@CASES.add
def mixed(demo):
    """Several recipients fare each in their own way, and each is told of."""
    erin, frank = demo.a.new_account(), demo.b.new_account("on")
    neighbour, nobody = demo.a.new_account(), f"{token()}@b.test"
    subject, envelope_id = token(), token()
    outcomes = {"carol@b.test": "delivered", frank.address: "noticed", neighbour.address: "delivered", nobody: "failed"}
    content = erin.message("undisclosed-recipients:;", subject).replace(b"<undisclosed-recipients:;>", b"undisclosed-recipients:;")
    message = erin.submit(list(outcomes), content, mail_params=f"ENVID={envelope_id}")
    for recipient, status in outcomes.items():
        erin.wait_sent(message, recipient, status)
    assert set(erin.transfers(message)) == set(outcomes)
    for reader in (demo.b.account("carol@b.test"), neighbour):
        reader.find(subject)
    report = wait_report(erin, envelope_id)
    assert report.one()["Final-Recipient"].lower().endswith(nobody), report.raw
    frank.command("contacts", "allow", erin.address)
    frank.find(subject)
    erin.wait_sent(message, frank, "delivered")


@CASES.add
def one_report_for_each(demo):
    """Two recipients with NOTIFY=SUCCESS are both reported, each once."""
    erin, frank = demo.a.new_account(), demo.b.new_account()
    envelope_id = token()
    recipients = ["carol@b.test", frank.address]
    erin.submit(recipients, erin.message(frank, token()), mail_params=f"ENVID={envelope_id}", rcpt_params="NOTIFY=SUCCESS")

    def reported():
        about = [report for report in reports(erin) if report.whole["Original-Envelope-Id"] == envelope_id]
        return sorted(fields["Final-Recipient"].split(";")[1].strip() for report in about for fields in report.recipients)

    wait_for("both reports", lambda: len(reported()) >= 2)
    assert reported() == sorted(recipients)


@CASES.add
def same_recipient_twice(demo):
    """A recipient named twice gets the message once."""
    erin = demo.a.new_account()
    subject = token()
    message = erin.submit(["carol@b.test", "carol@b.test"], erin.message("carol@b.test", subject))
    erin.wait_sent(message, "carol@b.test", "delivered")
    demo.b.account("carol@b.test").find(subject)


@CASES.add
def withdrawing(demo):
    """A message can be taken back before it is fetched: it never arrives, a later one does."""
    erin, frank = demo.a.new_account(), demo.b.new_account("on")
    subject, message = erin.write(frank)
    frank.wait_contact(erin)
    transfer = erin.wait_sent(message, frank, "noticed")["transfer"]
    erin.command("sent", "withdraw", transfer)
    erin.wait_sent(message, frank, "withdrawn")
    frank.command("contacts", "allow", erin.address)
    later, _ = erin.write(frank)
    frank.find(later)
    assert not frank.has(subject)
    assert erin.transfers(message)[frank.address]["status"] == "withdrawn"


@CASES.add
def too_late(demo):
    """A delivered message can't be taken back, nor can somebody else's."""
    erin = demo.a.new_account()
    subject, message = erin.write("carol@b.test")
    transfer = erin.wait_sent(message, "carol@b.test", "delivered")["transfer"]
    demo.a.refused("sent", erin.address, "withdraw", transfer)
    demo.a.refused("sent", demo.a.new_account().address, "withdraw", transfer)
    demo.b.account("carol@b.test").find(subject)
    assert erin.transfers(message)["carol@b.test"]["status"] == "delivered"


@CASES.add
def aliases(demo):
    """An alias, a plus-tag and any letter case lead to the mailbox."""
    erin, frank = demo.a.new_account(), demo.b.new_account()
    alias, local = token(), frank.address.split("@")[0]
    demo.b.command("account", "alias", frank.address, f"{alias}@b.test")
    for recipient in (f"{alias}@b.test", f"{alias}+x@b.test", f"{local}+x@b.test", f"{local.upper()}@B.TEST"):
        subject, message = erin.write(recipient)
        frank.find(subject)
        wait_for("the status delivered", lambda: [r["status"] for r in erin.transfers(message).values()] == ["delivered"])


@CASES.add
def catch_all(demo):
    """A catch-all takes what nobody else is called."""
    erin, frank = demo.a.new_account(), demo.b.new_account()
    demo.b.command("account", "alias", frank.address, "*@b.test")
    try:
        subject, message = erin.write(f"{token()}@b.test")
        frank.find(subject)
        carol = demo.b.account("carol@b.test")
        carol.find(erin.write(carol)[0])
    finally:
        demo.b.command("account", "delete", frank.address)
    nobody = f"{token()}@b.test"
    _, message = erin.write(nobody)
    erin.wait_sent(message, nobody, "failed")
