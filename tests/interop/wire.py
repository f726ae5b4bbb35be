"""The session in detail: line ends, smuggling, injection before TLS, order, limits, pipelining."""

from cases import Cases
from server import token
from smtp import Closed

CASES = Cases("wire")


def fresh(demo):
    """An account of its own, so that nothing else lies in its mailbox."""
    return demo.a.new_account()


@CASES.add
def bare_ends_in_commands(demo):
    """A command that ends with LF alone, or holds CR alone, is refused and the connection closed, on every port."""
    for port in ("submissions", "retrieval"):
        for octets in (b"NOOP\n", b"NOOP\nNOOP\r\n", b"EHLO a\rb\r\n", b"NOOP\r\r\n"):
            session = demo.a.connect(port)
            session.send(octets)
            session.reply().must_be(500)
            assert session.is_closed()


@CASES.add
def bare_ends_in_clear(demo):
    """The same before TLS."""
    for port in ("submission", "exchange"):
        session = demo.a.connect(port, tls="later")
        session.send(b"EHLO client.example.test\nSTARTTLS\r\n")
        session.reply().must_be(500)
        assert session.is_closed()


@CASES.add
def bare_ends_in_content(demo):
    """LF or CR alone anywhere in DATA refuses the whole message; the session goes on."""
    erin = fresh(demo)
    for body in (b"a\nb\r\n", b"a\rb\r\n", b"a\n\r\n", b"a\r\r\n", b"\n\n\r\n", b"a\n.\nb\r\n"):
        with erin.session() as session:
            begin_content(session, erin)
            session.send(erin.message(erin, token()) + body + b".\r\n")
            session.reply().must_be(550)
            session.command("NOOP").must_be(250)
    assert not erin.inbox()


@CASES.add
def bare_ends_in_chunks(demo):
    """LF or CR alone in BDAT needs BODY=BINARYMIME."""
    erin = fresh(demo)
    for body in (b"a\nb\r\n", b"a\rb\r\n", b"a\r"):
        with erin.session() as session:
            content = erin.message(erin, token()) + body
            session.submit(erin.address, [erin.address], content, chunk=len(content), mail_params="BODY=8BITMIME").must_be(550)
            session.command("NOOP").must_be(250)
    assert not erin.inbox()


def begin_content(session, account):
    """MAIL, RCPT and DATA."""
    session.command(f"MAIL FROM:<{account}>").must_be(250)
    session.command(f"RCPT TO:<{account}>").must_be(250)
    session.command("DATA").must_be(354)


@CASES.add
def smuggling(demo):
    """Nothing but CRLF dot CRLF ends a message: what follows a false end is never a command."""
    erin = fresh(demo)
    false_ends = (b"\n.\r\n", b"\r\n.\n", b"\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r.\r", b"\n.\r", b"\r\n.\r\r\n", b"\r\n.\0\r\n", b"\r\n\0.\r\n")
    for false_end in false_ends:
        inner = b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n" % ((erin.address.encode(),) * 2)
        smuggled = erin.message(erin, "smuggled")
        with erin.session() as session:
            begin_content(session, erin)
            session.send(erin.message(erin, "outer") + b"text" + false_end + inner + smuggled + b".\r\n")
            reply = session.reply()
            assert reply.code == (250 if b"\0" in false_end else 550), (false_end, reply)
            session.command("NOOP").must_be(250)
    assert not erin.has("smuggled")


@CASES.add
def split_ends(demo):
    """The end of a message is found wherever the octets are split."""
    erin = fresh(demo)
    subject = token()
    content = erin.message(erin, subject)
    with erin.session() as session:
        begin_content(session, erin)
        session.send(content[:-2])
        for octet in b"\r\n..\r\n.\r\n":
            session.send(bytes([octet]))
        session.reply().must_be(250)
    assert erin.find(subject).endswith(content[:-2] + b"\r\n.\r\n")


@CASES.add
def injection_before_tls(demo):
    """What was sent in the clear behind STARTTLS is not carried out after the handshake."""
    for port in ("submission", "exchange"):
        session = demo.a.connect(port, tls="later")
        session.hello()
        session.send(b"STARTTLS\r\nNOOP\r\nEHLO evil.example.test\r\n")
        session.reply().must_be(220)
        try:
            session.encrypt()
            session.command("NOOP")
            reply = session.command("EHLO client.example.test").must_be(250)
        except (OSError, Closed):
            continue  # refused altogether: as good
        assert reply.lines[0].split(" ")[0] == demo.a.hostname, reply
        session.command("NOOP").must_be(250)
        assert not session.buffer, session.buffer


@CASES.add
def tls_starts_anew(demo):
    """After STARTTLS the greeting is needed again, and STARTTLS is offered no more."""
    with demo.a.connect("submission", tls="later") as session:
        session.hello()
        session.start_tls()
        session.command("MAIL FROM:<alice@a.test>").must_be(503)
        assert "STARTTLS" not in session.hello()
        session.command("STARTTLS").must_be(503)


@CASES.add
def pipelining(demo):
    """A pipeline is answered in order, and one refusal leaves the rest alone."""
    erin = fresh(demo)
    subject = token()
    with erin.session() as session:
        lines = f"MAIL FROM:<{erin}>", f"RCPT TO:<{token()}@a.test>", f"RCPT TO:<{erin}>", "VERB", "DATA"
        session.send("".join(f"{line}\r\n" for line in lines).encode())
        assert [reply.code for reply in session.replies(5)] == [250, 550, 250, 500, 354]
        next_one = f"MAIL FROM:<{erin}>\r\nRSET\r\nNOOP\r\n".encode()
        session.send(erin.message(erin, subject) + b".\r\n" + next_one)
        assert [reply.code for reply in session.replies(4)] == [250, 250, 250, 250]
    erin.find(subject)


@CASES.add
def pipelined_chunks(demo):
    """A whole transaction with BDAT in one segment."""
    erin = fresh(demo)
    subject = token()
    content = erin.message(erin, subject)
    with erin.session() as session:
        envelope = f"MAIL FROM:<{erin}>\r\nRCPT TO:<{erin}>\r\nBDAT {len(content)}\r\n".encode()
        session.send(envelope + content + b"BDAT 0 LAST\r\nQUIT\r\n")
        assert [reply.code for reply in session.replies(5)] == [250, 250, 250, 250, 221]
        assert session.is_closed()
    assert erin.find(subject).endswith(content)


@CASES.add
def order(demo):
    """Commands out of order are refused, and the session goes on."""
    erin = fresh(demo)
    with erin.session() as session:
        session.command("RCPT TO:<carol@b.test>").must_be(503)
        session.command("DATA").must_be(503)
        session.send(b"BDAT 4 LAST\r\nabcd")
        session.reply().must_be(503)
        session.command(f"MAIL FROM:<{erin}>").must_be(250)
        session.command(f"MAIL FROM:<{erin}>").must_be(503)
        session.command("DATA").must_be(503)
        session.command("RCPT TO:<carol@b.test>").must_be(250)
        session.send(b"BDAT 4\r\nabcd")
        session.reply().must_be(250)
        session.command("DATA").must_be(503)
        session.command("RSET").must_be(250)
        session.command("AUTH PLAIN AGEAYg==").must_be(503)
    assert not demo.b.account("carol@b.test").has("abcd")


@CASES.add
def parameters(demo):
    """Unknown, doubled and malformed parameters are refused."""
    erin = fresh(demo)
    with erin.session() as session:
        for parameters, code in (("X-Y=1", 555), ("SIZE=1 SIZE=2", 501), ("SIZE=x", 501), ("BODY=9BIT", 501), ("RET=ALL", 501)):
            session.command(f"MAIL FROM:<{erin}> {parameters}").must_be(code)
        session.command(f"MAIL FROM:<{erin}> SIZE=52428801").must_be(552, "5.3.4")
        session.command(f"MAIL FROM:<{erin}>").must_be(250)
        for parameters in ("NOTIFY=NEVER,FAILURE", "NOTIFY=SOMETIMES", "ORCPT=rfc822"):
            session.command(f"RCPT TO:<carol@b.test> {parameters}").must_be(501)


@CASES.add
def addresses_beyond_ascii(demo):
    """An address beyond ASCII needs SMTPUTF8, and then has to exist."""
    erin = fresh(demo)
    with erin.session() as session:
        session.command(f"MAIL FROM:<{erin}>").must_be(250)
        session.command("RCPT TO:<jürgen@a.test>").must_be(553, "5.6.7")
        session.command("RSET").must_be(250)
        session.command(f"MAIL FROM:<{erin}> SMTPUTF8").must_be(250)
        session.command("RCPT TO:<jürgen@a.test>").must_be(550, "5.1.1")


@CASES.add
def limits(demo):
    """Long lines, many recipients and many errors are met by a limit each, with a reply that says so."""
    erin = fresh(demo)
    with erin.session() as session:
        session.command("NOOP " + "x" * 20_000).must_be(500)
        session.command("NOOP").must_be(250)
        session.command(f"MAIL FROM:<{erin}>").must_be(250)
        session.send(b"".join(b"RCPT TO:<r%d@b.test>\r\n" % number for number in range(1001)))
        replies = session.replies(1001)
        assert {reply.code for reply in replies[:1000]} == {250}
        replies[1000].must_be(452, "4.5.3")
        session.command("RSET").must_be(250)
    with erin.session() as session:
        codes = []
        while not codes or codes[-1] != 421:
            codes.append(session.command("BLAH").code)
            assert len(codes) < 100, codes
        assert session.is_closed()


@CASES.add
def a_message_without_its_end(demo):
    """A connection that ends in the middle of a message leaves nothing."""
    erin = fresh(demo)
    session = erin.session()
    begin_content(session, erin)
    session.send(erin.message(erin, "half"))
    session.socket.close()
    subject, _ = erin.write(erin)
    erin.find(subject)
    assert not erin.has("half")


@CASES.add
def no_relay(demo):
    """The exchange port passes no mail on for anybody, offers no AUTH, and shows the extension only behind TLS."""
    with demo.b.connect("exchange", tls="later") as session:
        assert "XTWOWAY" not in session.hello()
        session.start_tls()
        offered = session.hello()
        assert offered["XTWOWAY"][0] == "1" and "AUTH" not in offered, offered
        session.command("MAIL FROM:<alice@a.test>").must_be(250)
        session.command("RCPT TO:<someone@example.org>").must_be(550, "5.7.1")
        session.command("DATA").must_be(503)


@CASES.add
def strangers(demo):
    """From an address nobody published, notices and retrievals are refused; so are they without TLS."""
    notice = (
        "NOTICE FROM:<alice@a.test> TO:<bob@b.test> ID=AAAAAAAAAAAAAAAAAAAAAA SIZE=1 "
        "DATE=20260706T120000Z EXPIRES=20990101T000000Z"
    )
    with demo.b.connect("exchange", tls="later", source="127.0.0.9") as session:
        session.hello()
        session.command(notice).must_be(530, "5.7.0")
        session.start_tls()
        session.hello()
        session.command(notice).must_be(550, "5.7.1")
        session.command("RETRIEVE ID=AAAAAAAAAAAAAAAAAAAAAA TO:<alice@a.test>").must_be(550, "5.7.1")
