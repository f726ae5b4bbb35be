"""Octet for octet: what was sent is what arrives, behind the fields that each server puts in front."""

import os
import re
import secrets

from cases import Cases
from server import token

CASES = Cases("octets")

ADDRESSES = b"From: <alice@a.test>\r\nTo: <carol@b.test>\r\n"
DATE = b"Date: Mon, 06 Jul 2026 12:00:00 +0000\r\n"


def size_max(demo):
    """What SIZE offers to a submitter."""
    with demo.a.connect("submissions") as session:
        return int(session.hello()["SIZE"][0])


def header(subject, extra=b""):
    """A header section that lacks nothing."""
    return b"%sSubject: %s\r\n%sMessage-ID: <%s@example.test>\r\n%s" % (
        ADDRESSES,
        subject.encode(),
        DATE,
        token().encode(),
        extra,
    )


def fields_in_front(raw, sent):
    """The names of the fields in front of what was sent, which must be there unchanged to the last octet."""
    assert len(raw) >= len(sent), f"{len(sent)} octets were sent, {len(raw)} arrived"
    front, arrived = raw[: len(raw) - len(sent)], raw[len(raw) - len(sent) :]
    if arrived != sent:
        at = next(at for at in range(len(sent)) if arrived[at] != sent[at])
        near = slice(max(0, at - 40), at + 40)
        raise AssertionError(f"octet {at} of {len(sent)} differs: sent {sent[near]!r}, arrived {arrived[near]!r}")
    assert not re.search(rb"[^\r]\n|\r[^\n]", front), front
    unfolded = re.sub(rb"\r\n[ \t]", b" ", front)
    return [line.split(b":")[0].decode().lower() for line in unfolded.split(b"\r\n")[:-1]]


def crosses(demo, subject, content, expected=None, added=(), **options):
    """Alice sends this to carol at the other server, where it must arrive as expected."""
    demo.a.account("alice@a.test").submit(["carol@b.test"], content, **options)
    raw = demo.b.account("carol@b.test").find(subject, 120)
    names = fields_in_front(raw, content if expected is None else expected)
    assert names[0] == "return-path" and names.count("return-path") == 1, names
    assert names.count("received") >= 2, names
    assert sorted(set(names) - {"return-path", "received"}) == sorted(added), names
    assert raw.startswith(b"Return-Path: <alice@a.test>\r\n"), raw[:80]
    return raw


def body_crosses(demo, body, **options):
    """A message with this body crosses unchanged."""
    subject = token()
    return crosses(demo, subject, header(subject) + b"\r\n" + body, **options)


@CASES.add
def eight_bit(demo):
    """All octets from 128 to 255 in body and header, BODY=8BITMIME."""
    subject = token()
    octets = bytes(range(128, 256))
    content = header(subject, b"X-Note: " + octets + b"\r\nContent-Transfer-Encoding: 8bit\r\n") + b"\r\n" + octets + b"\r\n"
    crosses(demo, subject, content, mail_params="BODY=8BITMIME")


@CASES.add
def unlabelled(demo):
    """Octets above 127 that nobody announced."""
    body_crosses(demo, "Grüße\r\n".encode())


@CASES.add
def international(demo):
    """An address and a header section in UTF-8, by SMTPUTF8."""
    name = f"jürgen-{token()}"
    juergen, subject = demo.b.new_account(name=name), f"Grüße {token()}"
    content = header("x").replace(b"Subject: x", b"Subject: " + subject.encode())
    content = content.replace(b"<carol@b.test>", f"Jürgen <{juergen}>".encode()) + b"\r\nHallo J\xc3\xbcrgen.\r\n"
    demo.a.account("alice@a.test").submit([juergen.address], content, mail_params="SMTPUTF8 BODY=8BITMIME")
    fields_in_front(juergen.find(subject), content)


@CASES.add
def control_characters(demo):
    """NUL and every other control character except CR and LF."""
    body_crosses(demo, bytes(octet for octet in range(32) if octet not in b"\r\n") + b"\x7f\r\n")


@CASES.add
def binary(demo):
    """Every octet value, lone LF and lone CR, no line end at the end: BDAT with BODY=BINARYMIME, chunks of odd sizes."""
    body = bytes(range(256)) * 40 + b"a\nb\rc\n.\r\n.\n\r\nno end"
    for chunk in (1 << 20, 997, 64):
        body_crosses(demo, body, chunk=chunk, mail_params="BODY=BINARYMIME")


@CASES.add
def dots_by_length(demo):
    """Dot lines by BDAT, where a dot means nothing."""
    body_crosses(demo, b".\r\n..\r\n.a\r\n\r\n.\r\n", chunk=5)


@CASES.add
def dot_lines(demo):
    """Lines of dots, and lines that begin with a dot."""
    body_crosses(demo, b".\r\n..\r\n...\r\n.a\r\n. \r\n\r\n.\r\nend.\r\n.\r\n")


@CASES.add
def empty_body(demo):
    """A body of no octets."""
    body_crosses(demo, b"")


@CASES.add
def header_only(demo):
    """A header section without the empty line behind it."""
    subject = token()
    crosses(demo, subject, header(subject))


@CASES.add
def blank_lines(demo):
    """Only empty lines, and spaces and tabs at the ends of lines."""
    body_crosses(demo, b"\r\n\r\n \r\n\t\r\ntext  \t\r\n\r\n\r\n")


@CASES.add
def long_lines(demo):
    """Lines of 998 octets, also when the first is a dot."""
    body_crosses(demo, b"x" * 998 + b"\r\n." + b"y" * 997 + b"\r\n" + "ü".encode() * 499 + b"\r\n")


@CASES.add
def longer_lines(demo):
    """A line over 998 octets arrives as it is, or the submitter is told."""
    subject = token()
    content = header(subject) + b"\r\n" + b"x" * 100_000 + b"\r\nend\r\n"
    alice = demo.a.account("alice@a.test")
    with alice.session() as session:
        reply = session.submit(alice.address, ["carol@b.test"], content)
    if reply.code == 250:
        fields_in_front(demo.b.account("carol@b.test").find(subject), content)
    else:
        assert 500 <= reply.code < 600, reply


@CASES.add
def odd_header(demo):
    """Folded, odd, repeated and misspelt header fields, and From in the middle of a long one."""
    extra = (
        b"X-Folded: one\r\n two\r\n\tthree\r\nSUBJECT-like: x\r\nx-empty:\r\nX-Spaces:   a   b   \r\n"
        b"Received: from nowhere by somewhere; Mon, 06 Jul 2026 11:00:00 +0000\r\nCc:  <dave@example.test>  \r\n"
        b"X-Long: " + b"x" * 980 + b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_x\"\r\n"
    )
    subject = token()
    body = b"--=_x\r\n\r\nBcc: not a field\r\n--=_x--\r\n"
    crosses(demo, subject, header(subject, extra) + b"\r\n" + body)


@CASES.add
def missing_fields(demo):
    """A missing Date and a missing Message-ID are added in front, and nothing else changes."""
    for missing, added in ((DATE, "date"), (b"Message-ID", "message-id")):
        subject = token()
        lines = [line for line in header(subject).splitlines(True) if not line.startswith(missing.split(b":")[0])]
        raw = crosses(demo, subject, b"".join(lines) + b"\r\nHello.\r\n", added=[added])
        assert len(re.findall(rb"(?im)^%s:" % added.encode(), raw)) == 1, raw
    subject = token()
    crosses(demo, subject, ADDRESSES + b"Subject: %s\r\n\r\nHello.\r\n" % subject.encode(), added=["date", "message-id"])


@CASES.add
def bcc(demo):
    """Bcc is removed, in any letter case and however folded; nothing else changes."""
    subject = token()
    front, rest = header(subject), b"X-Bcc: stays\r\n\r\nBcc: stays too\r\n"
    fields = b"Bcc: secret@example.test\r\nBCC: a@example.test,\r\n\tb@example.test\r\nbcc:\r\n"
    crosses(demo, subject, b"bCC: first@example.test\r\n" + front + fields + rest, expected=front + rest)


@CASES.add
def no_header(demo):
    """Content without any header has no author: it is refused."""
    alice = demo.a.account("alice@a.test")
    for content in (b"Hello.\r\n", b"\r\nFrom: alice@a.test\r\n\r\nHello.\r\n"):
        with alice.session() as session:
            session.submit(alice.address, ["carol@b.test"], content).must_be(550, "5.6.0")
    with alice.session() as session:
        session.submit(alice.address, ["carol@b.test"], b"\r\n").must_be(550, "5.6.0")


@CASES.add
def within_one_server(demo):
    """Mail from carol to a neighbour on the same server keeps its octets too."""
    carol, dave = demo.b.account("carol@b.test"), demo.b.new_account()
    subject = token()
    content = carol.message(dave, subject, "Grüße\r\n.\r\n..\r\n \r\n")
    message = carol.submit([dave.address], content)
    assert fields_in_front(dave.find(subject), content)[0] == "return-path"
    carol.wait_sent(message, dave, "delivered")


@CASES.add
def around_the_inline_limit(demo):
    """Sizes around every boundary: 32 KiB, 64 KiB, 1 MiB."""
    sizes = [limit + more for limit in (32_768, 65_536, 1 << 20) for more in (-1500, -700, -1, 0, 1)]
    for size in sizes if "TWOWAY_TEST_LONG" in os.environ else sizes[::2]:
        subject = token()
        front = header(subject) + b"\r\n"
        filling = secrets.token_hex(size // 2 + 1).encode()[: size - len(front) - 2]
        crosses(demo, subject, front + filling + b"\r\n", chunk=1 << 20)


@CASES.add
def fifty_megabytes(demo):
    """A message of 50 MB, just below SIZE, by DATA."""
    line = bytes(range(32, 127)) * 10 + b"\r\n"
    subject = token()
    front = header(subject) + b"\r\n"
    lines = (size_max(demo) - len(front)) // len(line)
    crosses(demo, subject, front + line * lines, mail_params=f"SIZE={len(front) + lines * len(line)}")


@CASES.add
def exactly_size(demo):
    """A message of exactly SIZE octets by BDAT crosses as well; one octet more is refused, announced or not."""
    subject, size = token(), size_max(demo)
    content = header(subject) + b"\r\n"
    content += b"\xa5" * (size - len(content))
    crosses(demo, subject, content, chunk=8 << 20, mail_params=f"BODY=BINARYMIME SIZE={size}")
    alice = demo.a.account("alice@a.test")
    with alice.session() as session:
        session.command(f"MAIL FROM:<{alice}> SIZE={size + 1}").must_be(552, "5.3.4")
        session.command(f"MAIL FROM:<{alice}> BODY=BINARYMIME").must_be(250)
        session.command("RCPT TO:<carol@b.test>").must_be(250)
        session.send(f"BDAT {size + 1} LAST\r\n".encode() + content + b"x")
        session.reply().must_be(552, "5.3.4")
        session.command("NOOP").must_be(250)
