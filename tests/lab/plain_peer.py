"""A plain SMTP server, as most of the world runs them, without the extension: with what it offers, and how it misbehaves."""

import base64
import ssl
import socket
import socketserver
import threading
import time

from threads import ThreadedServer

# What `Peer.rules` may answer besides the text of a reply.
DROP = "drop"  # closes the connection
STALL = "stall"  # says nothing for as long as the client waits


class PlainPeer(ThreadedServer):
    """Listens on an address of its own; remembers every command, and every message it took."""

    allow_reuse_address = True

    def __init__(self, address, hostname, offers=("PIPELINING", "SIZE 104857600", "8BITMIME"), port=0):
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), PlainSession)
        self.hostname = hostname
        self.offers = tuple(offers)
        self.offers_over_tls = None
        self.context = None
        self.breaks_tls = False
        self.password = None
        self.commands = []
        self.messages = []
        self.connections = 0
        self.open_now = 0
        self.gate, self.at_the_gate = threading.Event(), 0
        self.gate.set()
        self.tls_at_once = False
        self.rules = {}
        self.lock = threading.Lock()
        self.port = self.server_address[1]

    def offer_starttls(self, certificate, key):
        """From now on STARTTLS is offered, with this certificate."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def speak_tls_at_once(self, certificate, key):
        """From now on TLS begins with the first octet."""
        self.offer_starttls(certificate, key)
        self.tls_at_once = True

    def rule(self, verb, *answers, forever=False):
        """The next times this verb (or `GREETING`, `END` after the content, `RCPT bob@c.test`) is answered like this; `None` as usual."""
        self.rules[verb] = (list(answers), forever)

    def has_rule(self, verb):
        """Whether an answer of its own is left for it."""
        return bool(self.rules.get(verb, ([], False))[0])

    def answer_to(self, verb):
        """What the rules say about a verb now."""
        with self.lock:
            answers, forever = self.rules.get(verb, ([], False))
            if not answers:
                return None
            return answers[0] if forever else answers.pop(0)

    def verbs(self):
        """The verbs of all commands so far."""
        return [command.split(" ")[0].upper() for command in self.commands]

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is the client's affair."""

class Gone(Exception):
    """The session is over."""


class PlainSession(socketserver.BaseRequestHandler):
    """One session."""

    def handle(self):
        """Answers every command until QUIT."""
        self.encrypted = False
        self.user = None
        with self.server.lock:
            self.server.connections += 1
            self.server.open_now += 1
        try:
            if self.server.tls_at_once:
                self.request = self.server.context.wrap_socket(self.request, server_side=True)
                self.encrypted = True
            self.begin()
            self.forget()
            self.reply("GREETING", f"220 {self.server.hostname} ESMTP")
            while line := self.stream.readline():
                command = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                self.server.commands.append(command)
                self.command(command)
        except (Gone, OSError, ssl.SSLError):
            pass  # the test looks at what was recorded
        finally:
            with self.server.lock:
                self.server.open_now -= 1

    def begin(self):
        """Reads from whatever the connection is now."""
        self.stream = self.request.makefile("rb")

    def forget(self):
        """No transaction is open."""
        self.sender, self.recipients, self.chunks = None, [], []

    def say(self, line):
        """Writes one line, or octets as they are."""
        self.request.sendall(line if isinstance(line, bytes) else line.encode() + b"\r\n")

    def reply(self, verb, usual):
        """Answers as the rules say, or as usual; says whether that was success."""
        answer = self.server.answer_to(verb)
        if answer == DROP:
            raise Gone
        if answer == STALL:
            time.sleep(30)
            raise Gone
        answer = usual if answer is None else answer
        self.say(answer)
        first = answer if isinstance(answer, str) else answer.decode("latin-1")
        if first.startswith("421"):
            raise Gone
        return first[:1] in "23"

    def command(self, command):
        """Answers one command."""
        verb, _, rest = command.partition(" ")
        verb = verb.upper()
        if verb == "EHLO":
            self.forget()
            offers = self.server.offers_over_tls if self.encrypted and self.server.offers_over_tls else self.server.offers
            offers = [*offers, *(["STARTTLS"] if self.offers_tls() else []), *(["AUTH PLAIN"] if self.takes_password() else [])]
            lines = [self.server.hostname, *offers]
            self.reply("EHLO", "\r\n".join(f"250{'-' if at < len(lines) - 1 else ' '}{line}" for at, line in enumerate(lines)))
        elif verb == "STARTTLS" and self.offers_tls():
            self.start_tls()
        elif verb == "AUTH" and self.takes_password():
            self.user = base64.b64decode(rest.split(" ")[1]).decode().split("\0")
            good = self.user[2] == self.server.password
            self.reply("AUTH", "235 welcome" if good else "535 no")
        elif verb == "MAIL":
            if self.sender is not None:
                self.say("503 one at a time")
            elif self.server.password and not self.user:
                self.say("530 who are you")
            elif self.reply("MAIL", "250 fine"):
                self.sender = rest
        elif verb == "RCPT":
            if self.sender is None:
                self.say("503 MAIL first")
            elif self.reply(self.verb_of_recipient(rest), "250 fine"):
                self.recipients.append(rest)
        elif verb == "DATA":
            self.data()
        elif verb == "BDAT":
            self.chunk(rest)
        elif verb == "QUIT":
            self.say("221 goodbye")
            raise Gone
        elif verb in ("RSET", "NOOP", "HELO"):
            self.forget()
            self.reply(verb, "250 fine")
        else:
            self.say("502 not implemented")

    def verb_of_recipient(self, rest):
        """Rules may be for `RCPT`, or for one address: `RCPT bob@c.test`."""
        own = f"RCPT {rest.split('<')[1].split('>')[0]}"
        return own if self.server.has_rule(own) else "RCPT"

    def offers_tls(self):
        """Whether STARTTLS is offered now."""
        return (self.server.context or self.server.breaks_tls) and not self.encrypted

    def takes_password(self):
        """Whether AUTH is offered now."""
        return self.server.password and self.encrypted

    def start_tls(self):
        """The handshake, or what this server makes of it."""
        if not self.reply("STARTTLS", "220 go ahead"):
            return
        if self.server.breaks_tls:
            self.request.sendall(b"this is no handshake\r\n" * 10)
            raise Gone
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        self.encrypted = True
        self.forget()
        self.begin()

    def data(self):
        """Content that a dot ends."""
        if not self.recipients:
            self.say("554 no valid recipients")
            return
        if not self.reply("DATA", "354 go ahead"):
            return
        lines = []
        while (line := self.stream.readline()) != b".\r\n":
            if not line:
                raise Gone
            lines.append(line[1:] if line.startswith(b".") else line)
        self.end(b"".join(lines))

    def chunk(self, rest):
        """One chunk of content."""
        size, _, last = rest.partition(" ")
        self.chunks.append(self.stream.read(int(size)))
        if not self.recipients:
            self.say("503 RCPT first")
        elif last:
            self.end(b"".join(self.chunks))
        else:
            self.reply("BDAT", "250 more")

    def end(self, content):
        """The message is here: it counts as taken before the reply, as it does in every server."""
        with self.server.lock:
            self.server.at_the_gate += 1
        self.server.gate.wait(60)
        with self.server.lock:
            self.server.at_the_gate -= 1
        answer = self.server.answer_to("END")
        taken = {"mail": self.sender, "rcpt": self.recipients, "content": content, "tls": self.encrypted, "user": self.user}
        if answer is None or answer in (DROP, STALL) or answer[:1] in ("2", b"2"):
            self.server.messages.append(taken)
        self.forget()
        self.server.rules["NOW"] = ([answer], False)
        self.reply("NOW", "250 2.0.0 taken")
