"""Two servers of ours and mail servers of others, which send to each other by the same DNS."""

import contextlib
import os
import tempfile

from dns import Dns
from exim import Exim
from greylist import Greylist
from pair import Pair
from postfix import Postfix

# Domains of Postfix, each reached at a port where it can less: no TLS; what a server of 1995 had; a small mailbox.
POSTFIX_SERVICES = {
    "clear": {"smtpd_tls_security_level": "none"},
    "old": {"smtpd_tls_security_level": "none", "smtpd_discard_ehlo_keywords": "8bitmime,chunking,dsn,pipelining,smtputf8"},
    "small": {"message_size_limit": "20000"},
}

# Transports: without TLS; lines of any length; two that refuse after it was accepted, for good and for now.
POSTFIX_TRANSPORTS = """
clear unix - - n - - smtp
  -o smtp_tls_security_level=none
long unix - - n - - smtp
  -o smtp_line_length_limit=0
later unix - n n - - pipe
  flags= user=vmail argv=/bin/false
stuck unix - n n - - pipe
  flags= user=vmail argv=/bin/sh -c {exit 75}
"""

# Retries and warnings come quickly.
POSTFIX_TIMES = {
    "queue_run_delay": "1s",
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "delay_warning_time": "1s",
}


def publish(dns, pair, peer, domain, port):
    """A domain of a peer that lacks the extension: its MX, where our two dial it."""
    dns.publish(domain, "MX", (10, f"mx.{domain}"))
    dns.publish(f"mx.{domain}", "A", peer.address)
    pair.mx_ports[f"mx.{domain}"] = port


def identity(node):
    """The certificate and key of one of our servers: what matters is that they work, not whose they are."""
    folder = os.path.join(node.data_dir, "tls")
    names = os.listdir(folder)
    key = next(name for name in names if "key" in name)
    return node.ca_pem, os.path.join(folder, key)


@contextlib.contextmanager
def beside_postfix():
    """Our two, running, and Postfix with p.test and the domains of its services."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns, Greylist().running() as greylist:
        postfix = Postfix(folder, "p.test", "127.0.0.6", POSTFIX_SERVICES)
        pair = Pair(folder, dns)
        postfix.offer_tls(*identity(pair.a))
        postfix.settings.update(POSTFIX_TIMES)
        postfix.settings["smtpd_recipient_restrictions"] = f"check_policy_service {greylist.address}, permit"
        # Connections are kept open for a while, as for busy destinations.
        postfix.settings["smtp_connection_cache_destinations"] = " ".join(f"[{node.address}]:{node.ports['exchange']}" for node in pair.nodes())
        postfix.transports = POSTFIX_TRANSPORTS
        postfix.routes += [("/^later/", "later:"), ("/^stuck/", "stuck:")]
        for node in pair.nodes():
            domain, target = node.domain.replace(".", "\\."), f"[{node.address}]:{node.ports['exchange']}"
            for pattern, transport in ((f"/^clear.*@{domain}$/", "clear"), (f"/^long.*@{domain}$/", "long"), (f"/@{domain}$/", "smtp")):
                postfix.routes.append((pattern, f"{transport}:{target}"))
        for name in POSTFIX_SERVICES:
            postfix.domains.append(f"{name}.test")
            publish(dns, pair, postfix, f"{name}.test", postfix.ports[name])
        publish(dns, pair, postfix, "p.test", postfix.ports["smtp"])
        with pair.running(), postfix:
            postfix.start()
            yield pair, postfix


@contextlib.contextmanager
def beside_exim(tls):
    """Our two, running, and Exim with e.test, which uses TLS or does not."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns:
        exim = Exim(folder, "e.test", "127.0.0.7")
        pair = Pair(folder, dns)
        if tls:
            exim.offer_tls(*identity(pair.a))
        for node in pair.nodes():
            exim.route(node.domain, node.address, node.ports["exchange"])
        publish(dns, pair, exim, "e.test", exim.ports["smtp"])
        with pair.running(), exim:
            exim.start()
            yield pair, exim
