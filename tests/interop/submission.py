"""Handing in mail: the programs people use, every mechanism, and whom one may write as."""

import email
import email.message
import email.policy
import smtplib
import subprocess

from cases import Cases
from server import token
from smtp import Unexpected

CASES = Cases("submission")


def swaks(server, port, account, recipient, subject, *options):
    """Sends a message by swaks, which must be content with every reply."""
    command = ["swaks", "--server", f"{server.address}:{server.ports[port]}", "--from", account.address, "--to", str(recipient)]
    command += ["--auth-user", account.address, "--auth-password", account.password, "--header", f"Subject: {subject}"]
    command += ["--tls-verify", "--tls-ca-path", server.ca_pem, "--tls-sni", server.hostname, "--body", "by swaks", *options]
    run = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, f"{run.returncode}\n{run.stdout.decode()}\n{run.stderr.decode()}"


def sent_by_swaks(demo, port, *options):
    """Sends alice's message to carol by swaks; it arrives."""
    subject = token()
    swaks(demo.a, port, demo.a.account("alice@a.test"), "carol@b.test", subject, *options)
    assert b"by swaks" in demo.b.account("carol@b.test").find(subject)


@CASES.add
def swaks_starttls_plain(demo):
    """swaks submits by STARTTLS with AUTH PLAIN."""
    sent_by_swaks(demo, "submission", "--tls", "--auth", "PLAIN")


@CASES.add
def swaks_starttls_login(demo):
    """swaks submits by STARTTLS with AUTH LOGIN."""
    sent_by_swaks(demo, "submission", "--tls", "--auth", "LOGIN")


@CASES.add
def swaks_on_connect(demo):
    """swaks submits with TLS on connect."""
    sent_by_swaks(demo, "submissions", "--tls-on-connect", "--auth", "PLAIN")


def message_of_python(subject):
    """A message as Python's own library writes it: no Date, no Message-ID, UTF-8 in a quoted header field and in the body."""
    message = email.message.EmailMessage()
    message["From"] = "Alice <alice@a.test>"
    message["To"] = "Carol <carol@b.test>"
    message["Subject"] = subject
    message.set_content("Grüße aus Python\n")
    return message


def smtplib_client(server):
    """A client of Python's library, encrypted by STARTTLS."""
    client = smtplib.SMTP(timeout=60)
    client.connect(server.address, server.ports["submission"])
    client._host = server.hostname  # the name to verify: the library knows only the one it dialled
    client.starttls(context=server.tls_context())
    return client


@CASES.add
def smtplib_submits(demo):
    """Python's smtplib submits by STARTTLS, and the text arrives."""
    subject = token()
    with smtplib_client(demo.a) as client:
        client.login("alice@a.test", demo.a.passwords["alice@a.test"])
        assert client.send_message(message_of_python(subject)) == {}
    raw = demo.b.account("carol@b.test").find(subject)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert parsed.get_content() == "Grüße aus Python\r\n", raw
    assert parsed["Date"] and parsed["Message-ID"]


@CASES.add
def every_mechanism(demo):
    """AUTH PLAIN, LOGIN and SCRAM-SHA-256 let in who knows the password, on both ports."""
    alice = demo.a.account("alice@a.test")
    for port in ("submission", "submissions"):
        for mechanism in ("auth_plain", "auth_login", "auth_scram"):
            with session_at(demo.a, port) as session:
                getattr(session, mechanism)(alice.address, alice.password).must_be(235, "2.7.0")
                session.command(f"MAIL FROM:<{alice}>").must_be(250)


@CASES.add
def app_passwords(demo):
    """An app password lets in for what it is good for, by every mechanism, until it is taken away."""
    alice, name = demo.a.account("alice@a.test"), token()
    made = {}
    for scope in ("submission", "imap"):
        made[scope] = demo.a.command("account", "app-password", alice.address, "add", f"{name}-{scope}", "--for", scope)["password"]
    named = f"{alice}/{name}-submission"
    for mechanism, user in (("auth_plain", alice.address), ("auth_login", alice.address), ("auth_plain", named), ("auth_scram", named)):
        with session_at(demo.a, "submissions") as session:
            getattr(session, mechanism)(user, made["submission"]).must_be(235, "2.7.0")
            session.command(f"MAIL FROM:<{alice}>").must_be(250)
    with session_at(demo.a, "submissions") as session:
        session.auth_plain(alice.address, made["submission"].replace("-", "").upper()).must_be(235, "2.7.0")
    listed = {row["name"]: row["used"] for row in demo.a.command("account", "app-password", alice.address, "list")}
    assert listed[f"{name}-submission"] and not listed[f"{name}-imap"], listed
    for user, secret in (
        (alice.address, made["imap"]),  # good for something else
        (f"{alice}/{name}-imap", made["imap"]),
        (f"{alice}/{name}-imap", made["submission"]),
        (f"{alice}/{name}-submission", alice.password),  # the account's own password is no app password
    ):
        refusal_of(demo.a, "auth_plain", user, secret)
    demo.a.command("account", "app-password", alice.address, "remove", f"{name}-submission")
    refusal_of(demo.a, "auth_plain", alice.address, made["submission"])


def session_at(server, port):
    """An encrypted session that has said EHLO."""
    session = server.connect(port, tls="later" if port == "submission" else "connect")
    offered = session.hello()
    if port == "submission":
        assert "AUTH" not in offered, offered
        session.start_tls()
        session.hello()
    return session


@CASES.add
def nobody_else(demo):
    """A wrong password and an unknown user are told the same, whatever the mechanism; the third failure ends the session."""
    alice = demo.a.account("alice@a.test").address
    for mechanism in ("auth_plain", "auth_login", "auth_scram"):
        refusals = {refusal_of(demo.a, mechanism, user) for user in (alice, f"{token()}@a.test", "no address")}
        assert len(refusals) == 1, refusals
    with session_at(demo.a, "submissions") as session:
        for _ in range(2):
            session.command("AUTH PLAIN AGEAYg==").must_be(535, "5.7.8")
        session.command("AUTH PLAIN AGEAYg==").must_be(421)
        assert session.is_closed()


def refusal_of(server, mechanism, user, password="wrong"):
    """The reply to a wrong password."""
    with session_at(server, "submissions") as session:
        try:
            getattr(session, mechanism)(user, password)
        except Unexpected as refusal:
            return repr(refusal.reply.must_be(535, "5.7.8"))
    raise AssertionError(f"{user} was let in")


@CASES.add
def needs_authentication(demo):
    """Nobody submits without AUTH, and nobody is asked for a password before TLS."""
    with demo.a.connect("submission", tls="later") as session:
        offered = session.hello()
        assert "STARTTLS" in offered and "AUTH" not in offered, offered
        session.command("AUTH PLAIN AGEAYg==").must_be(530, "5.7.0")
        session.command("MAIL FROM:<alice@a.test>").must_be(530)
        session.start_tls()
        assert sorted(session.hello()["AUTH"]) == ["LOGIN", "PLAIN", "SCRAM-SHA-256"]
        session.command("MAIL FROM:<alice@a.test>").must_be(530, "5.7.0")


@CASES.add
def extensions(demo):
    """Everything that is promised is offered after TLS."""
    with session_at(demo.a, "submission") as session:
        offered = session.hello()
    promised = "PIPELINING 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES CHUNKING BINARYMIME DSN LIMITS SIZE AUTH".split()
    assert not set(promised) - set(offered), offered
    # The verbs are between servers; what a submitter may ask for is XTWOWAY=ONLY, whose keyword must be offered.
    assert "STARTTLS" not in offered and offered["XTWOWAY"] == ["ONLY"], offered
    assert int(offered["SIZE"][0]) > 52_000_000, offered


def sent_as(account, header_from, mail_from=None):
    """The reply to a message to carol with these addresses, at MAIL or at its end."""
    content = f"{header_from}To: <carol@b.test>\r\nSubject: {token()}\r\n\r\nHello.\r\n".encode()
    with account.session() as session:
        reply = session.command(f"MAIL FROM:<{account if mail_from is None else mail_from}>")
        if reply.code != 250:
            return reply
        session.command("RCPT TO:<carol@b.test>").must_be(250)
        return session.data(content)


@CASES.add
def own_addresses(demo):
    """One may write as oneself in any letter case, as an alias, and with a plus-tag; also from the empty reverse-path."""
    erin = demo.a.new_account()
    alias = f"{token()}@a.test"
    demo.a.command("account", "alias", erin.address, alias)
    local = erin.address.split("@")[0]
    for address in (erin.address, f"{local.upper()}@A.Test", alias, f"{local}+shop@a.test", f"{alias.split('@')[0]}+x@a.test"):
        sent_as(erin, f"From: Erin <{address}>\r\n", address).must_be(250)
    sent_as(erin, f"From: {erin}\r\n", "").must_be(250)


@CASES.add
def foreign_addresses(demo):
    """To write as somebody else is refused: in MAIL, in From, in another domain of ours and of others."""
    erin = demo.a.new_account()
    for foreign in ("alice@a.test", "bob@b.test", "someone@example.org", f"{token()}@a.test"):
        sent_as(erin, f"From: {erin}\r\n", foreign).must_be(550, "5.7.1")
        sent_as(erin, f"From: Erin <{foreign}>\r\n").must_be(550, "5.7.1")


@CASES.add
def one_author(demo):
    """There is exactly one From mailbox: several, two fields, a group, or none are refused."""
    erin = demo.a.new_account()
    wrong = (
        f"From: {erin}, alice@a.test\r\n",
        f"From: {erin}, {erin}\r\n",
        f"From: {erin}\r\nFrom: {erin}\r\n",
        f"From: {erin}\r\nfrom : alice@a.test\r\n",
        f"From: us: {erin}, alice@a.test;\r\n",
        "From: nobody:;\r\n",
        "From:\r\n",
        f"Sender: {erin}\r\n",
    )
    for header in wrong:
        sent_as(erin, header).must_be(550, "5.6.0")


@CASES.add
def unknown_recipients(demo):
    """An unknown recipient of our own is refused at RCPT; the message goes to the others."""
    alice = demo.a.account("alice@a.test")
    subject = token()
    with alice.session() as session:
        session.command(f"MAIL FROM:<{alice}>").must_be(250)
        session.command(f"RCPT TO:<{token()}@a.test>").must_be(550, "5.1.1")
        session.command("DATA").must_be(503)
        session.command("RCPT TO:<carol@b.test>").must_be(250)
        session.data(alice.message("carol@b.test", subject)).must_be(250)
    demo.b.account("carol@b.test").find(subject)
