"""A plain SMTP server, as most of the world runs them: STARTTLS or not, and no extension of ours."""

import contextlib
import ssl
import socketserver
import threading


class PlainPeer(socketserver.ThreadingTCPServer):
    """Listens on an address of its own, takes all mail and remembers every command."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address, hostname):
        super().__init__((address, 0), PlainSession)
        self.hostname = hostname
        self.context = None
        self.commands = []
        self.port = self.server_address[1]

    def offer_starttls(self, certificate, key):
        """From now on STARTTLS is offered, with this certificate."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def handle_error(self, request, client_address):
        """A client that goes away in the middle is the client's affair."""

    @contextlib.contextmanager
    def running(self):
        """Serves for as long as the `with` block runs."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class PlainSession(socketserver.BaseRequestHandler):
    """One session."""

    def handle(self):
        """Answers every command until QUIT."""
        self.encrypted = False
        self.begin()
        self.say(f"220 {self.server.hostname} ESMTP")
        while line := self.stream.readline():
            command = line.decode("latin-1").strip()
            self.server.commands.append(command)
            if not self.answer(command.split(" ")[0].upper()):
                break

    def begin(self):
        """Reads from whatever the connection is now."""
        self.stream = self.request.makefile("rb")

    def say(self, line):
        """Writes one line."""
        self.request.sendall(line.encode() + b"\r\n")

    def answer(self, verb):
        """Answers one command; says whether the session goes on."""
        if verb == "EHLO":
            offers_tls = self.server.context and not self.encrypted
            self.say(f"250-{self.server.hostname}")
            self.say("250-STARTTLS" if offers_tls else "250-PIPELINING")
            self.say("250 SIZE 10485760")
        elif verb == "STARTTLS" and self.server.context:
            self.say("220 go ahead")
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
            self.encrypted = True
            self.begin()
        elif verb == "DATA":
            self.say("354 go ahead")
            while self.stream.readline() not in (b".\r\n", b""):
                pass
            self.say("250 taken")
        elif verb == "QUIT":
            self.say("221 goodbye")
            return False
        elif verb in ("MAIL", "RCPT", "RSET", "NOOP", "HELO"):
            self.say("250 fine")
        else:
            self.say("502 not implemented")
        return True
