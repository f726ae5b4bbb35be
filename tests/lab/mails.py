"""Messages of every kind that mailboxes hold, by number: the same number is the same message."""

import base64
import email.utils
import hashlib

BEGAN = 1_767_225_600  # 2026-01-01


def letter(number, subject=None, to="reader@example.test"):
    """One message with this number; its Message-ID is `<n.NUMBER@example.test>`."""
    kind = KINDS[number % len(KINDS)]
    sender = f"author{number % 17}@example.test"
    date = email.utils.formatdate(BEGAN + number * 613)
    references = f"In-Reply-To: <n.{number - 1}@example.test>\r\nReferences: <n.{number - 2}@example.test>\r\n <n.{number - 1}@example.test>\r\n" if number % 5 == 4 else ""
    head = (
        f"Return-Path: <{sender}>\r\nFrom: Author {number % 17} <{sender}>\r\nTo: <{to}>\r\n"
        f"Subject: {subject or subject_of(number)}\r\nDate: {date}\r\nMessage-ID: <n.{number}@example.test>\r\n{references}MIME-Version: 1.0\r\n"
    )
    return head.encode() + kind(number)


def subject_of(number):
    """Of the letter with this number."""
    base = f"Letter {number} about {WORDS[number % len(WORDS)]}"
    if number % 11 == 3:
        return "=?utf-8?B?" + base64.b64encode(f"Grüße {number}".encode()).decode() + "?="
    return f"Re: Letter {number - 1} about {WORDS[(number - 1) % len(WORDS)]}" if number % 5 == 4 else base


WORDS = ("apples", "bridges", "clocks", "dunes", "engines", "fables", "gardens", "harbours", "islands", "journeys")


def text(number, lines=8):
    """Lines that can be searched for."""
    words = [WORDS[(number * 7 + at * 3) % len(WORDS)] for at in range(lines)]
    return "".join(f"Line {at} of letter {number} speaks of {word}.\r\n" for at, word in enumerate(words))


def plain(number):
    """One part."""
    return f"Content-Type: text/plain; charset=us-ascii\r\n\r\n{text(number)}".encode()


def eight_bit(number):
    """Octets above 127, and a line that begins with a dot and with From."""
    return f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nÄpfel und Öl №{number}\r\n.\r\nFrom here\r\n{text(number)}".encode()


def alternative(number):
    """Text and HTML."""
    body = text(number)
    html = f"<html><body><p>{body}</p></body></html>\r\n"
    return (
        f'Content-Type: multipart/alternative; boundary="b{number}"\r\n\r\nPreamble.\r\n--b{number}\r\nContent-Type: text/plain\r\n\r\n{body}'
        f"\r\n--b{number}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{html}\r\n--b{number}--\r\n"
    ).encode()


def attached(number):
    """A file of some KiB in base64."""
    octets = b"".join(hashlib.sha256(f"{number}.{at}".encode()).digest() for at in range(64))
    lines = base64.encodebytes(octets).decode().replace("\n", "\r\n")
    return (
        f'Content-Type: multipart/mixed; boundary="m{number}"\r\n\r\n--m{number}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{text(number)}'
        f'\r\n--m{number}\r\nContent-Type: application/octet-stream; name="file {number}.bin"\r\nContent-Disposition: attachment; filename="file {number}.bin"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--m{number}--\r\n"
    ).encode()


def forwarded(number):
    """Another message within."""
    return f'Content-Type: multipart/mixed; boundary="f{number}"\r\n\r\n--f{number}\r\nContent-Type: message/rfc822\r\n\r\n'.encode() + letter(number * len(KINDS)) + f"\r\n--f{number}--\r\n".encode()


KINDS = (plain, plain, alternative, plain, eight_bit, attached, plain, forwarded)
