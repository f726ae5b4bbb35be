"""Notices as another server gives them, from an address of our choice, with no server of ours behind it."""

import secrets
import time

import smtp


def stamp(seconds):
    """A time as notices write it (protocol section 3)."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def notice(sender, recipient):
    """A NOTICE command of a message that nobody has."""
    now = time.time()
    return f"NOTICE FROM:<{sender}> TO:<{recipient}> ID={secrets.token_urlsafe(18)} SIZE=1000 DATE={stamp(now)} EXPIRES={stamp(now + 7 * 86_400)}"


class Giver(smtp.Session):
    """A session that gives notices to a server of ours: in TLS, and past EHLO."""

    def __init__(self, node, source, context=None):
        super().__init__(node.address, node.ports["exchange"], node.hostname, context or node.tls_context(), tls="later", source=source)
        self.hello()
        self.start_tls()
        self.hello()

    def give(self, lines):
        """Gives notices without waiting in between; returns the replies, in order."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())
        return self.replies(len(lines))
