"""Two servers, each a process of its own, and the DNS that both believe."""

import contextlib
import os
import tempfile

from dns import Dns
from node import Node

# Retries come quickly, so that a server that was killed is found again at once.
TIMERS = """
[timers]
notice = ["0s", "500ms"]
retrieve = ["0s", "500ms"]
lease = "2s"
"""


class Pair:
    """`a.test` and `b.test`; every directory is below `folder`."""

    def __init__(self, folder, dns, kind=Node):
        self.a = kind(folder, "a.test", "127.0.0.2", dns.address)
        self.b = kind(folder, "b.test", "127.0.0.3", dns.address)
        for node in self.nodes():
            dns.publish_domain(node.domain, node.address, node.ports["retrieval"])
        # Where they dial hosts that do not listen on port 25.
        self.mx_ports = {node.hostname: node.ports["exchange"] for node in self.nodes()}
        # Further lines of both configurations.
        self.limits = ""
        # And of where one listens, by domain.
        self.listen = {}
        self.authorities = os.path.join(folder, "ca.pem")
        self.exchange_certificates()
        self.configure()

    def nodes(self):
        """Both."""
        return self.a, self.b

    def exchange_certificates(self):
        """Starts each once, which makes its certificate; from then on each trusts both."""
        for node in self.nodes():
            node.start()
            assert node.stop() == 0, node.log()
        with open(self.authorities, "wb") as together:
            for node in self.nodes():
                with open(node.ca_pem, "rb") as certificate:
                    together.write(certificate.read())

    def configure(self):
        """Writes both configurations."""
        ports = "".join(f'"{host}" = {port}\n' for host, port in self.mx_ports.items())
        lab = f'[tls]\nextra_ca = "{self.authorities}"\n[lab]\nenabled = true\n[lab.mx_ports]\n{ports}'
        for node in self.nodes():
            # They come first: the table of [listen] goes on here.
            listen = self.listen.get(node.domain, "")
            node.configure(tables=listen + TIMERS + lab + self.limits)

    @contextlib.contextmanager
    def running(self):
        """Both run as they are configured now, for as long as the `with` block does."""
        self.configure()
        with self.a, self.b:
            for node in self.nodes():
                node.start()
            yield self


@contextlib.contextmanager
def a_pair(kind=Node):
    """A pair that is not running; whatever runs of it in the end is killed."""
    with tempfile.TemporaryDirectory(prefix="twoway-crash-") as folder, Dns() as dns:
        pair = Pair(folder, dns, kind)
        with pair.a, pair.b:
            yield pair
