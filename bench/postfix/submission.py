"""Mail of users: TLS and a login for each session, from 32 sessions, 10 KiB, for a mailbox on the same server."""

import os
import time

from logins import Logins
from meter import Rows
from reception import one_of_ours
from server import wait_for
from stage import Theirs, load

ONCE, EACH = "Twoway, 32 sessions with TLS and a login each, many messages in one", "Twoway, TLS and a login for each message"
THEIRS = "Postfix, 32 sessions with TLS and a login each, many messages in one"
AUTHOR, PASSWORD = "author@p.test", "only for this"


def measure(options, folder, dns):
    """Interleaved rounds of both."""
    rows = Rows("submission")
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
    rows.show()
    print()
    rows.ratio("CPU of theirs over ours, many messages in one session", THEIRS, ONCE, "cpu_ms_per_message")
    rows.ratio("accepted a second, ours over theirs, many messages in one session", ONCE, THEIRS, "accepted_per_second")


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
    postfix = Theirs(folder, "p.test", "127.0.0.6", {"submission": own})
    tls = os.path.join(node.data_dir, "tls")
    postfix.offer_tls(os.path.join(tls, "self-signed.pem"), os.path.join(tls, "self-signed.key"))
    return postfix


def ours(rows, name, node, folder, each):
    """32 sessions with so many messages each."""
    author, stored = f"author@{node.domain}", node.events("Stored")
    whither = (node.address, node.ports["submission"])
    one_round(
        rows,
        name,
        node,
        lambda: submit(whither, node, folder, (author, node.passwords[author]), f"reader@{node.domain}", each),
        lambda taken: wait_for("everything to be stored", lambda: node.events("Stored") >= stored + len(taken), 120),
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
        lambda taken: wait_for("everything to be stored", lambda: postfix.delivered() >= stored + len(taken), 300),
    )


def one_round(rows, name, server, hand_in, wait):
    """Counts until everything lies in the mailbox."""
    before, begun = server.meter.settled(), time.monotonic()
    taken = hand_in()
    seconds = time.monotonic() - begun
    wait(taken)
    used = server.meter.settled() - before
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
