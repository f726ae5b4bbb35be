"""Accounts on IMAP servers, ours and others', and a session that says exactly what it is told to."""

import contextlib
import re
import socket
import ssl
import tempfile

from dns import Dns
from dovecot import Mailboxes
from node import Node, free_port
from server import token

# What ends a line that goes on after a literal (RFC 9051 section 4.3; "~" is RFC 3516's).
LITERAL = re.compile(rb"~?\{(\d+)\+?\}\r\n\Z")


class Place:
    """An account on an IMAP server: what a person types into a client."""

    def __init__(self, server, user, password):
        self.server = server
        self.address = server.address
        self.hostname = server.hostname
        self.ports = server.ports
        self.ca_pem = server.ca_pem
        self.user = user
        self.password = password

    def __repr__(self):
        return f"{self.user} at {self.hostname}"

    def tls_context(self):
        """Trusts the authority of this server and nobody else."""
        return ssl.create_default_context(cafile=self.ca_pem)

    def certificate(self):
        """The server's own, in PEM, as a person saves it who is asked by a client whether to trust it."""
        with socket.create_connection((self.address, self.ports["imaps"]), 30) as plain:
            with self.tls_context().wrap_socket(plain, server_hostname=self.hostname) as encrypted:
                return ssl.DER_cert_to_PEM_cert(encrypted.getpeercert(True))

    def session(self, **options):
        """A session over TLS, logged in."""
        session = Session(self, **options)
        session.must("LOGIN %s %s" % (self.user, self.password))
        return session

    def resolved(self):
        """While the `with` block runs, the server's name has its address, for clients in Python that verify names."""
        return name_resolved(self.hostname, self.address)


@contextlib.contextmanager
def name_resolved(name, address):
    """This name has this address in this process."""
    asked = socket.getaddrinfo
    socket.getaddrinfo = lambda host, *rest, **options: asked(address if host == name else host, *rest, **options)
    try:
        yield
    finally:
        socket.getaddrinfo = asked


class Reply:
    """The tagged line, and all that came before it."""

    def __init__(self, status, text, data):
        self.status = status
        self.text = text
        self.data = data

    def __repr__(self):
        shown = [line if len(line) < 400 else line[:400] + b"..." for line in self.data[-20:]]
        return f"{self.status} {self.text!r} after {shown}"

    def having(self, pattern):
        """Those untagged responses in which this is found, as matches."""
        found = [re.search(pattern, line, re.DOTALL | re.IGNORECASE) for line in self.data]
        return [match for match in found if match]

    def one(self, pattern):
        """The only one."""
        found = self.having(pattern)
        assert len(found) == 1, f"{pattern!r} in {self}"
        return found[0]

    def code(self, word):
        """What stands behind this response code, in the tagged line or an untagged one."""
        for line in (self.text, *self.data):
            found = re.search(rb"\[" + word.encode() + rb"(?: ([^\]]*))?\]", line)
            if found:
                return found[1] or b""
        return None


class Session:
    """One connection. Literals are part of the responses they stand in."""

    def __init__(self, place, port="imaps", timeout=60):
        self.place = place
        self.number = 0
        self.socket = socket.create_connection((place.address, place.ports[port]), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = None
        if port == "imaps":
            self.encrypt()
        else:
            self.file = self.socket.makefile("rb")
        self.greeting = self.read()

    def encrypt(self):
        """TLS from here on."""
        self.socket = self.place.tls_context().wrap_socket(self.socket, server_hostname=self.place.hostname)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Without a word."""
        self.file.close()
        self.socket.close()

    def send(self, octets):
        """These octets and no others."""
        self.socket.sendall(octets)

    def read(self):
        """One response with its literals, without the last CRLF; nothing at the end of the connection."""
        whole = b""
        while True:
            line = self.file.readline()
            if not line:
                assert not whole, f"the connection ended within {whole[-400:]!r}"
                return b""
            whole += line
            literal = LITERAL.search(line)
            if not literal:
                return whole[:-2]
            octets = self.file.read(int(literal[1]))
            assert len(octets) == int(literal[1]), f"the connection ended within a literal of {literal[1]!r}"
            whole += octets

    def begin(self, *parts):
        """A command: text, and between its pieces literals (octets), for each of which the server is waited for; returns its tag."""
        self.number += 1
        tag = b"a%d" % self.number
        line = tag + b" "
        self.early = []
        for part in parts:
            if isinstance(part, str):
                line += part.encode()
                continue
            self.send(line + b"{%d}\r\n" % len(part))
            while True:
                said = self.read()
                if said.startswith(b"+"):
                    break
                self.early.append(said)
                if not said or said.startswith(tag + b" "):
                    return tag
            line = part
        self.send(line + b"\r\n")
        return tag

    def end(self, tag):
        """Everything until this tag."""
        data, self.early = list(self.early), []
        if data and data[-1].startswith(tag + b" "):
            said = data.pop()
        else:
            while not (said := self.read()).startswith(tag + b" "):
                assert said, f"the connection ended before {tag!r}; it said {data[-5:]!r}"
                data.append(said)
        _, status, *text = said.split(b" ", 2)
        return Reply(status.decode(), text[0] if text else b"", data)

    def command(self, *parts):
        """A command, and what is answered."""
        return self.end(self.begin(*parts))

    def must(self, *parts):
        """A command that is to succeed."""
        reply = self.command(*parts)
        assert reply.status == "OK", f"{parts!r:.400}: {reply}"
        return reply

    def refused(self, *parts):
        """A command that is to be refused, as wrong or as impossible."""
        reply = self.command(*parts)
        assert reply.status in ("NO", "BAD"), f"{parts!r:.400}: {reply}"
        return reply

    def wait(self, pattern):
        """The next untagged response in which this is found."""
        while True:
            line = self.read()
            assert line, f"the connection ended; waited for {pattern!r}"
            found = re.search(pattern, line, re.DOTALL)
            if found:
                return found

    def append(self, mailbox, content, flags=""):
        """One message; returns its UID, if it is told."""
        said = self.must(f'APPEND "{mailbox}" {flags} '.replace("  ", " "), content).code("APPENDUID")
        return int(said.split()[1]) if said else None

    def append_many(self, mailbox, contents, flags=""):
        """Many, fifty in each command (RFC 3502)."""
        for at in range(0, len(contents), 50):
            self.number += 1
            tag = b"a%d" % self.number
            self.early = []
            # RFC 7888: literals that nobody waits for.
            pieces = [f' {flags} {{{len(content)}+}}\r\n'.replace("  ", " ").encode() + content for content in contents[at : at + 50]]
            self.send(tag + f' APPEND "{mailbox}"'.encode() + b"".join(pieces) + b"\r\n")
            reply = self.end(tag)
            assert reply.status == "OK", reply


class OnDovecot:
    """Debian's Dovecot, to see whether the cases are right. It does not sync: nothing here looks for what a power cut leaves."""

    is_ours = False

    @contextlib.contextmanager
    def running(self):
        """For as long as the `with` block runs."""
        with tempfile.TemporaryDirectory(prefix="twoway-imap-") as folder, Mailboxes(folder, "d.test", "127.0.0.5", fsync="never") as self.server:
            self.server.start()
            yield self

    def place(self):
        """A new account."""
        return Place(self.server, token(), self.server.password)

    def kill_and_start(self):
        """Ends it without a word, and starts it again."""
        self.server.kill()
        self.server.start()


class OnTwoway:
    """A server of ours."""

    is_ours = True

    def __init__(self, limits="mailbox_octets_max = 20_000_000_000"):
        self.limits = limits

    @contextlib.contextmanager
    def running(self):
        """For as long as the `with` block runs."""
        with tempfile.TemporaryDirectory(prefix="twoway-imap-") as folder, Dns() as dns:
            with Node(folder, "i.test", "127.0.0.6", dns.address) as self.server:
                self.server.ports.update({service: free_port(self.server.address) for service in ("imap", "imaps")})
                self.server.configure(tables=f"[limits]\n{self.limits}")
                self.server.start()
                yield self

    def place(self):
        """A new account."""
        account = self.server.new_account()
        place = Place(self.server, account.address, account.password)
        place.account = account
        return place

    def kill_and_start(self):
        """Ends it without a word, and starts it again."""
        self.server.process.kill()
        self.server.process.wait()
        self.server.start()
