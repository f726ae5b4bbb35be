"""An SMTP client that says exactly what it is told to: octets, pipelines, chunks, wrong orders."""

import base64
import hashlib
import hmac
import re
import secrets
import socket

TIMEOUT = 60


class Reply:
    """One reply: its code, and its lines without it."""

    def __init__(self, code, lines):
        self.code = code
        self.lines = lines

    def __repr__(self):
        return f"{self.code} {' / '.join(self.lines)}"

    @property
    def text(self):
        """The last line."""
        return self.lines[-1]

    @property
    def status(self):
        """The enhanced status code (RFC 3463), or none."""
        found = re.match(r"([245]\.\d{1,3}\.\d{1,3}) ", self.lines[0])
        return found and found[1]

    def must_be(self, code, status=None):
        """Fails unless it is this reply; returns itself."""
        if self.code != code or status not in (None, self.status):
            raise Unexpected(self, f"{code} {status or ''}")
        return self


class Unexpected(AssertionError):
    """Another reply than the one that must be."""

    def __init__(self, reply, expected):
        super().__init__(f"expected {expected}, got {reply}")
        self.reply = reply


class Closed(Exception):
    """The server closed the connection where a reply was expected."""


class Session:
    """One connection. With `tls="connect"`, TLS comes first; with `tls="later"` by `start_tls`."""

    def __init__(self, address, port, hostname, context, tls=None, source=None):
        self.hostname = hostname
        self.context = context
        self.socket = socket.create_connection((address, port), TIMEOUT, source and (source, 0))
        self.buffer = b""
        if (tls or "connect") == "connect":
            self.encrypt()
        self.greeting = self.reply().must_be(220)

    @classmethod
    def over(cls, connected, hostname, context):
        """A session over a connection that is open already, with TLS first."""
        session = cls.__new__(cls)
        session.hostname, session.context, session.socket, session.buffer = hostname, context, connected, b""
        session.encrypt()
        session.greeting = session.reply().must_be(220)
        return session

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure is None:
            try:
                self.command("QUIT")
            except (Closed, OSError):
                pass  # the other side was quicker
        self.socket.close()

    def encrypt(self):
        """Does the handshake, with the certificate verified."""
        self.socket = self.context.wrap_socket(self.socket, server_hostname=self.hostname)

    def send(self, octets):
        """Sends octets as they are."""
        self.socket.sendall(octets)

    def line(self):
        """Reads one line; without its end, which must be CRLF."""
        while b"\n" not in self.buffer:
            octets = self.socket.recv(65536)
            if not octets:
                raise Closed(f"the server closed after {self.buffer!r}")
            self.buffer += octets
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"a reply line ends with LF alone: {line!r}"
        return line[:-1].decode()

    def reply(self):
        """Reads one reply, of however many lines."""
        lines = []
        while True:
            line = self.line()
            assert re.fullmatch(r"[2-5]\d\d([ -].*)?", line), f"not a reply line: {line!r}"
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)

    def replies(self, count):
        """Reads so many replies."""
        return [self.reply() for _ in range(count)]

    def is_closed(self):
        """Whether the server says nothing more and closes; fails on a reply."""
        try:
            rest = self.buffer or self.socket.recv(1)
        except ConnectionError:
            return True
        assert not rest, f"expected the end, got {rest!r}"
        return True

    def command(self, line):
        """Sends a command, reads its reply."""
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def hello(self):
        """EHLO; returns the extensions offered, each keyword with its arguments."""
        reply = self.command("EHLO client.example.test").must_be(250)
        words = [line.split(" ") for line in reply.lines[1:]]
        return {keyword: arguments for keyword, *arguments in words}

    def start_tls(self):
        """STARTTLS and the handshake."""
        self.command("STARTTLS").must_be(220)
        self.encrypt()

    def auth_plain(self, user, password):
        """AUTH PLAIN with an initial response (RFC 4616)."""
        return self.command(f"AUTH PLAIN {encoded(f'{chr(0)}{user}{chr(0)}{password}')}").must_be(235)

    def auth_login(self, user, password):
        """AUTH LOGIN: the server asks for both."""
        self.command("AUTH LOGIN").must_be(334)
        self.command(encoded(user)).must_be(334)
        return self.command(encoded(password)).must_be(235)

    def auth_scram(self, user, password):
        """AUTH SCRAM-SHA-256 (RFC 5802, 7677), with the server's proof verified."""
        first_bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={secrets.token_urlsafe(18)}"
        challenge = self.command(f"AUTH SCRAM-SHA-256 {encoded(f'n,,{first_bare}')}").must_be(334)
        server_first = base64.b64decode(challenge.text).decode()
        facts = dict(part.split("=", 1) for part in server_first.split(","))
        assert facts["r"].startswith(first_bare.split("r=")[1]) and int(facts["i"]) >= 4096, server_first
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(facts["s"]), int(facts["i"]))
        without_proof = f"c={encoded('n,,')},r={facts['r']}"
        signed = f"{first_bare},{server_first},{without_proof}".encode()
        client_key = keyed(salted, b"Client Key")
        signature = keyed(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(left ^ right for left, right in zip(client_key, signature))
        final = self.command(encoded(f"{without_proof},p={base64.b64encode(proof).decode()}"))
        final.must_be(334)
        expected = base64.b64encode(keyed(keyed(salted, b"Server Key"), signed)).decode()
        assert base64.b64decode(final.text).decode() == f"v={expected}", "the server does not know the password"
        return self.command("").must_be(235)

    def submit(self, mail_from, recipients, content, *, mail_params="", rcpt_params="", chunk=None):
        """One transaction; returns the reply to the content. With `chunk`, it goes by BDAT in pieces of so many octets."""
        self.command(f"MAIL FROM:<{mail_from}> {mail_params}".rstrip()).must_be(250)
        for recipient in recipients:
            self.command(f"RCPT TO:<{recipient}> {rcpt_params}".rstrip()).must_be(250)
        return self.data(content) if chunk is None else self.chunks(content, chunk)

    def data(self, content):
        """DATA with content that ends with CRLF."""
        assert content.endswith(b"\r\n"), "DATA cannot carry a last line without its end"
        self.command("DATA").must_be(354)
        self.send(stuffed(content) + b".\r\n")
        return self.reply()

    def chunks(self, content, octets):
        """BDAT, in chunks of so many octets; returns the last reply."""
        pieces = [content[at : at + octets] for at in range(0, len(content), octets)]
        for piece in pieces[:-1]:
            self.send(f"BDAT {len(piece)}\r\n".encode() + piece)
            self.reply().must_be(250)
        self.send(f"BDAT {len(pieces[-1])} LAST\r\n".encode() + pieces[-1])
        return self.reply()


def stuffed(content):
    """A dot more before each line that begins with one (RFC 5321 section 4.5.2)."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", content)


def encoded(text):
    """Base64 of UTF-8."""
    return base64.b64encode(text.encode()).decode()


def keyed(key, octets):
    """HMAC with SHA-256."""
    return hmac.new(key, octets, hashlib.sha256).digest()
