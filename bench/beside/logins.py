"""Logins for Postfix, which asks a server of Dovecot's for them: one that compares words, so that no password's hash is measured.

The lines are those of Dovecot's authentication protocol, version 1.2, as far as Postfix needs them for PLAIN.
"""

import base64
import socketserver
import threading


class Logins:
    """Listens on this address, on a port of its own, and knows one user."""

    def __init__(self, address, user, password):
        # RFC 4616: no other identity, the user, the password.
        known = base64.b64encode(f"\0{user}\0{password}".encode()).decode()

        class Session(socketserver.StreamRequestHandler):
            """One process of Postfix."""

            def handle(self):
                self.wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0123456789abcdef0123456789abcdef\nDONE\n")
                for line in self.rfile:
                    word, number, *rest = line.decode().rstrip("\n").split("\t")
                    if word == "AUTH":
                        answer = f"OK\t{number}\tuser={user}" if f"resp={known}" in rest else f"FAIL\t{number}\tuser={user}"
                        self.wfile.write(f"{answer}\n".encode())

        self.server = socketserver.ThreadingTCPServer((address, 0), Session)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """Ends it."""
        self.server.shutdown()
        self.server.server_close()
