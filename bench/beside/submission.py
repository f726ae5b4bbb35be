"""Mail of users: TLS and a login for each session, from 32 sessions, 10 KiB, for a mailbox on the same server."""

import os
import time

from logins import Logins
from reception import one_of_ours
from stage import TheirPostfix, load, wait_delivered

ONCE, EACH = "Twoway, a login for each session", "Twoway, a login for each message"
THEIRS = "Postfix, a login for each session"
AUTHOR, PASSWORD = "author@p.test", "only for this"


def measure(options, folder, dns, rows):
    """Interleaved rounds of both."""
    logins = Logins("127.0.0.6", AUTHOR, PASSWORD)
    with one_of_ours(folder, dns) as node:
        postfix = one_of_theirs(folder, node, logins)
        node.add_account("author")
        node.begin()
        postfix.begin()
        for _ in range(options.rounds):
            ours(rows, ONCE, node, folder, options.messages // 32)
            theirs(rows, THEIRS, postfix, node, folder, options.messages // 32)
            ours(rows, EACH, node, folder, 1)
        postfix.end()
        node.end()
    logins.close()


def one_of_theirs(folder, node, logins):
    """A Postfix with the certificate of `node`, that takes mail of who has logged in only."""
    own = {
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": f"inet:{logins.server.server_address[0]}:{logins.port}",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_tls_auth_only": "yes",
        "smtpd_recipient_restrictions": "permit_sasl_authenticated,reject",
    }
    postfix = TheirPostfix(folder, "p.test", "127.0.0.6", {"submission": own})
    tls = os.path.join(node.data_dir, "tls")
    postfix.offer_tls(os.path.join(tls, "self-signed.pem"), os.path.join(tls, "self-signed.key"))
    return postfix


def ours(rows, name, node, folder, each):
    """32 sessions with so many messages each."""
    author, stored = f"author@{node.domain}", node.delivered()
    whither = (node.address, node.ports["submission"])
    one_round(
        rows,
        name,
        node,
        lambda: submit(whither, node, folder, (author, node.passwords[author]), f"reader@{node.domain}", each),
        lambda taken: wait_delivered(node, stored + len(taken)),
    )


def theirs(rows, name, postfix, node, folder, each):
    """The same."""
    stored = postfix.delivered()
    whither = (postfix.address, postfix.ports["submission"])
    one_round(
        rows,
        name,
        postfix,
        lambda: submit(whither, node, folder, (AUTHOR, PASSWORD), "reader@p.test", each),
        lambda taken: wait_delivered(postfix, stored + len(taken)),
    )


def one_round(rows, name, server, hand_in, wait):
    """Counts until everything lies in the mailbox."""
    before, begun = server.used(), time.monotonic()
    taken = hand_in()
    seconds = time.monotonic() - begun
    wait(taken)
    used = server.used() - before
    rows.add(name, accepted_per_second=len(taken) / seconds, cpu_ms_per_message=used / len(taken) * 1e3)


def submit(whither, node, folder, login, recipient, each):
    """Runs the load against this address and port."""
    return load(
        *whither,
        authority=node.ca_pem,
        host=node.hostname,
        user=login[0],
        password=login[1],
        recipient=recipient,
        sessions=32,
        messages=each,
        record=os.path.join(folder, "record"),
        **{"from": login[0]},
    )
