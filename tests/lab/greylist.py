"""Greylisting, as Postfix asks a policy service about it (SMTPD_POLICY_README): refused at first, let in when tried again."""

import socketserver

from threads import ThreadedServer


class Greylist(ThreadedServer):
    """Puts off every recipient whose name begins with `grey`, once."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), GreylistSession)
        self.seen = set()
        self.address = "inet:127.0.0.1:%d" % self.server_address[1]

    def answer(self, recipient):
        """The action of access(5) for this recipient."""
        if not recipient.startswith("grey") or recipient in self.seen:
            return "DUNNO"
        self.seen.add(recipient)
        return "DEFER_IF_PERMIT greylisted, try again later"


class GreylistSession(socketserver.StreamRequestHandler):
    """Answers one request after the other: lines `name=value`, then an empty one."""

    def handle(self):
        attributes = {}
        for line in self.rfile:
            name, _, value = line.decode().rstrip("\n").partition("=")
            attributes[name] = value
            if not name:
                self.wfile.write(f"action={self.server.answer(attributes.get('recipient', ''))}\n\n".encode())
                attributes = {}
