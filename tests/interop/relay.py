"""Ordinary SMTP to servers without the extension: one of ours on one side, and on the other peers good and bad."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile

from cases import Cases, Skipped
from dns import Dns
from node import Node
from plain_peer import DROP, STALL, PlainPeer
from server import token, wait_for

CASES = Cases("relay")

ALL = ("PIPELINING", "SIZE 104857600", "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
TIMERS = (
    '[timers]\nnotice = ["0s", "1s"]\n[limits]\nmessage_octets_max = 104857600\n[limits.timeouts]\n'
    'reply = "4s"\ngreeting = "4s"\ndata_initiation = "4s"\ndata_end = "4s"\nhandshake = "4s"\nwrite = "4s"\n'
)


class Stage:
    """One server of ours, its DNS, and plain peers beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.dns = Dns()
        self.peers = {}
        self.contexts = contextlib.ExitStack()
        self.addresses = iter(range(41, 90))

    def peer(self, domain, offers=None, publish=True, host=None, address=None):
        """A plain server for a domain, named in DNS."""
        address = address or f"127.0.0.{next(self.addresses)}"
        host = host or f"mx.{domain}"
        peer = PlainPeer(address, host, *([] if offers is None else [offers]))
        peer.domain = domain
        self.contexts.enter_context(peer.running())
        if publish:
            self.dns.publish(domain, "MX", (10, host))
            self.dns.publish(host, "AAAA" if ":" in address else "A", address)
        self.peers[host] = peer
        return peer

    def start(self, tables="", top="", more=TIMERS):
        """Our server, once all peers are there."""
        self.contexts.enter_context(self.dns)
        node = Node(self.folder, "a.test", "127.0.0.40", self.dns.address)
        self.dns.publish_domain("a.test", node.address, node.ports["retrieval"])
        ports = ", ".join(f'"{host}" = {peer.port}' for host, peer in self.peers.items())
        node.configure(top, f"{more}{tables}\n[lab]\nenabled = true\nmx_ports = {{ {ports} }}\n", ["::1"] if socket.has_ipv6 else [])
        self.contexts.enter_context(node)
        node.start()
        self.node = node
        self.alice = node.add_account("alice")
        return self


@contextlib.contextmanager
def stage():
    """A folder and everything in it, taken down at the end."""
    with tempfile.TemporaryDirectory(prefix="twoway-relay-") as folder:
        made = Stage(folder)
        with made.contexts:
            yield made


def certificate(folder, host):
    """An authority, and a certificate of its for this host: paths of the authority, the certificate and the key."""
    at = {name: os.path.join(folder, f"{host}.{name}") for name in ("ca.pem", "ca.key", "pem", "key", "csr", "ext")}
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    with open(at["ext"], "w", encoding="ascii") as file:
        file.write(f"subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n")
    commands = (
        ["req", "-x509", *new_key, "-keyout", at["ca.key"], "-out", at["ca.pem"], "-days", "30", "-subj", "/CN=ca"],
        ["req", *new_key, "-keyout", at["key"], "-out", at["csr"], "-subj", f"/CN={host}"],
        ["x509", "-req", "-in", at["csr"], "-CA", at["ca.pem"], "-CAkey", at["ca.key"], "-out", at["pem"], "-days", "30"]
        + ["-extfile", at["ext"]],
    )
    for command in commands:
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return at["ca.pem"], at["pem"], at["key"]


def taken(peer, subject, count=1):
    """The messages with this subject that the peer took, once there are so many."""

    def probe():
        found = [message for message in peer.messages if f"Subject: {subject}\r\n".encode() in message["content"]]
        return found if len(found) >= count else None

    found = wait_for(f"{count} of {subject} at {peer.hostname}", probe)
    assert len(found) == count, f"{len(found)} of {subject}"
    return found


def without_trace(content):
    """The content behind the fields that our server added in front."""
    return re.sub(rb"\AReceived:.*?\r\n(?![ \t])", b"", content, count=1, flags=re.S)


def passes(stage, recipient, peer, body="Hello.\r\n", **options):
    """Alice writes to somebody; the message arrives as it was. Returns what the peer took, and the row of its status."""
    subject = token()
    content = stage.alice.message(recipient, subject, "")
    content += body if isinstance(body, bytes) else body.encode()
    message = stage.alice.submit([recipient], content, **options)
    row = stage.alice.wait_sent(message, recipient, "relayed")
    (found,) = taken(peer, subject)
    assert without_trace(found["content"]) == content, (without_trace(found["content"])[:2000], content[:2000])
    return found, row


def fails(stage, recipient, status, **options):
    """Alice writes to somebody, and the message fails with this status; returns the row and the report."""
    subject, message = stage.alice.write(recipient, **options)
    row = stage.alice.wait_sent(message, recipient, "failed")
    report = wait_for("the report", lambda: report_of(stage.alice, subject))
    assert f"Status: {status}\r\n".encode() in report, report
    return row, report


def report_of(account, subject):
    """The report about the message with this subject, if it is here."""
    for row in account.inbox():
        octets = account.raw(row["id"])
        if subject.encode() in octets and b"multipart/report" in octets:
            return octets
    return None


@CASES.add
def plain_and_pipelined():
    """To a server with PIPELINING and one with nothing at all, by DATA and by BDAT, octet for octet."""
    with stage() as here:
        peers = [here.peer("c.test"), here.peer("d.test", ()), here.peer("e.test", ALL)]
        here.start()
        for peer in peers:
            to = f"bob@{peer.domain}"
            for body in ("Hello.\r\n", "", ".\r\n..\r\n.leading\r\n\r\n", "x" * 900 + "\r\n"):
                found, row = passes(here, to, peer, body)
                assert found["mail"].startswith("FROM:<alice@a.test>") and found["rcpt"] == [f"TO:<{to}>"], found
                assert peer.hostname in row["detail"] and "250 2.0.0 taken" in row["detail"], row
        assert "BDAT" in peers[2].verbs() and "DATA" not in peers[2].verbs()
        assert any("SIZE=" in command for command in peers[0].commands)


@CASES.add
def one_transaction_for_all():
    """A message to several recipients of a domain is one transaction, and each has an outcome of its own."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start()
        subject = token()
        names = [f"{name}@c.test" for name in ("ann", "bob", "cy", "dan")]
        peer.rule(f"RCPT {names[1]}", "550 5.1.1 nobody here")
        peer.rule(f"RCPT {names[2]}", "451 4.2.0 not now")
        message = here.alice.submit(names, here.alice.message(names[0], subject))
        here.alice.wait_sent(message, names[0], "relayed")
        here.alice.wait_sent(message, names[3], "relayed")
        failed = here.alice.wait_sent(message, names[1], "failed")
        assert "5.1.1 nobody here" in failed["detail"], failed
        report = wait_for("the report", lambda: report_of(here.alice, subject))
        assert b"Remote-MTA: dns; mx.c.test\r\n" in report and b"Diagnostic-Code: smtp; 550 5.1.1 nobody here" in report, report
        here.alice.wait_sent(message, names[2], "relayed")
        first, second = taken(peer, subject, 2)
        assert (len(first["rcpt"]), second["rcpt"]) == (2, [f"TO:<{names[2]}>"])
        assert peer.verbs().count("MAIL") == 2, peer.commands


@CASES.add
def several_over_one_connection():
    """Messages that come at once or soon after go over the same connection."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start()
        passes(here, "bob@c.test", peer)
        before = peer.connections
        for _ in range(5):
            passes(here, "bob@c.test", peer)
        # Asked for the extension once; the session stays a moment for what comes next.
        assert peer.connections - before < 5, peer.connections
        assert peer.verbs().count("MAIL") == 6


@CASES.add
def content_octet_for_octet():
    """8-bit text, lone LF by BDAT, and 50 MB arrive as they were sent."""
    with stage() as here:
        plain, chunks = here.peer("c.test"), here.peer("e.test", ALL)
        here.start()
        passes(here, "bob@c.test", plain, "caf\u00e9 \u20ac\r\n", mail_params="BODY=8BITMIME")
        assert any("BODY=8BITMIME" in command for command in plain.commands), plain.commands
        odd = b"lone\nline ends\rand\0\xff\r\n.\r\n"
        passes(here, "bob@e.test", chunks, odd, mail_params="BODY=BINARYMIME", chunk=7)
        assert any("BODY=BINARYMIME" in command for command in chunks.commands), chunks.commands
        large = b"0123456789abcdef" * 60 + b"\r\n"
        for peer in (plain, chunks):
            passes(here, f"bob@{peer.domain}", peer, large * (50_000_000 // len(large)), chunk=1 << 20)
        fails_binary(here)


def fails_binary(here):
    """Content that is no lines of text, to a server that takes nothing else."""
    subject = token()
    content = here.alice.message("bob@c.test", subject, "") + b"lone\nLF\r\n"
    message = here.alice.submit(["bob@c.test"], content, mail_params="BODY=BINARYMIME", chunk=100)
    row = here.alice.wait_sent(message, "bob@c.test", "failed")
    assert row["detail"].startswith("5.6.3") or "BINARYMIME" in row["detail"], row
    report = wait_for("the report", lambda: report_of(here.alice, subject))
    assert b"Status: 5.6.3\r\n" in report, report


@CASES.add
def converted_where_only_ascii_is_taken():
    """To a server without 8BITMIME text is converted; what is signed fails with 5.6.3; SIZE and SMTPUTF8 are heeded."""
    with stage() as here:
        peer = here.peer("d.test", ("PIPELINING", "SIZE 20000"))
        here.start()
        subject = token()
        typed = b"MIME-Version: 1.0\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s"
        head = here.alice.message("bob@d.test", subject, "")[:-2]
        message = here.alice.submit(["bob@d.test"], head + typed % (b"text/plain; charset=utf-8", b"caf\xc3\xa9\r\n"))
        here.alice.wait_sent(message, "bob@d.test", "relayed")
        (found,) = taken(peer, subject)
        assert found["content"].isascii() and b"caf=C3=A9\r\n" in found["content"], found["content"]
        signed = b"--b\r\nContent-Type: text/plain\r\n\r\n\xc3\xa9\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n"
        sealed = head + typed % (b"multipart/signed; boundary=b", signed)
        message = here.alice.submit(["bob@d.test"], sealed)
        assert "8BITMIME" in here.alice.wait_sent(message, "bob@d.test", "failed")["detail"]
        fails(here, "bob@d.test", "5.3.4", body=("x" * 70 + "\r\n") * 400)
        fails(here, "b\u00f6b@d.test", "5.6.7", mail_params="SMTPUTF8")
        # A body beyond ASCII is none of SMTPUTF8, whatever its author's program said.
        said = head + typed % (b"text/plain; charset=utf-8", b"caf\xc3\xa9\r\n")
        message = here.alice.submit(["bob@d.test"], said, mail_params="SMTPUTF8 BODY=8BITMIME")
        here.alice.wait_sent(message, "bob@d.test", "relayed")


@CASES.add
def encryption_as_far_as_it_goes():
    """STARTTLS is used if offered; where no handshake comes about mail goes in the clear; REQUIRETLS asks for more."""
    with stage() as here:
        _, *unknown = certificate(here.folder, "mx.tls.test")
        authority, *known = certificate(here.folder, "mx.good.test")
        tls, broken, good = here.peer("tls.test"), here.peer("broken.test"), here.peer("good.test")
        tls.offer_starttls(*unknown)
        broken.breaks_tls = True
        good.offer_starttls(*known)
        good.offers_over_tls = (*good.offers, "REQUIRETLS")
        here.start(tables=f'[tls]\nextra_ca = "{authority}"\n')
        assert passes(here, "bob@tls.test", tls)[0]["tls"]
        assert not passes(here, "bob@broken.test", broken)[0]["tls"]
        found, _ = passes(here, "bob@good.test", good, mail_params="REQUIRETLS")
        assert found["tls"] and "REQUIRETLS" in found["mail"], found
        fails(here, "bob@tls.test", "5.7.30", mail_params="REQUIRETLS")
        fails(here, "bob@broken.test", "5.7.30", mail_params="REQUIRETLS")


@CASES.add
def wishes_for_reports_are_passed_on():
    """To a server with DSN the author's wishes are passed on; for one without, our own report says `relayed`."""
    with stage() as here:
        dsn, plain = here.peer("c.test", (*ALL, "DSN")), here.peer("d.test")
        here.start()
        wishes = {"mail_params": "RET=HDRS ENVID=q+2B1", "rcpt_params": "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+40x.test"}
        found, _ = passes(here, "bob@c.test", dsn, **wishes)
        assert "RET=HDRS" in found["mail"] and "ENVID=q+2B1" in found["mail"], found
        assert found["rcpt"] == ["TO:<bob@c.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@x.test"], found
        found, _ = passes(here, "bob@d.test", plain, **wishes)
        assert "RET" not in found["mail"] and found["rcpt"] == ["TO:<bob@d.test>"], found
        rows = wait_for("the report", here.alice.inbox)
        assert len(rows) == 1, rows
        assert b"Action: relayed\r\n" in here.alice.raw(rows[0]["id"])


@CASES.add
def peers_that_misbehave():
    """Junk, long lines, stalls, hang-ups, greylisting: each is tried again, and says why."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start()
        bad = [
            ("MAIL", b"hello there\r\n"),
            ("MAIL", b"250-fine\r\n251 or not\r\n"),
            ("RCPT", b"250 " + b"x" * 5000 + b"\r\n"),
            ("RCPT", b"250-\r\n" * 300),
            ("MAIL", STALL),
            ("DATA", DROP),
            ("RCPT", "450 4.7.1 greylisted, come back"),
            ("MAIL", "421 4.3.2 closing"),
            ("DATA", "451 4.3.0 not now"),
            ("END", "452 4.3.1 no room"),
        ]
        for verb, answer in bad:
            peer.rule(verb, answer)
            passes(here, "bob@c.test", peer)
        peer.rule("END", "250 taken", "550 5.7.1 changed my mind")
        passes(here, "bob@c.test", peer)
        _, report = fails(here, "bob@c.test", "5.7.1")
        assert b"changed my mind" in report


@CASES.add
def a_reply_that_is_lost():
    """A server that drops after the final dot gets the message twice at most, and the status says so."""
    with stage() as here:
        for peer in (here.peer("c.test"), here.peer("e.test", ALL)):
            peer.rule("END", DROP)
        here.start(more=TIMERS.replace('"1s"]', '"4s"]'))
        for peer in here.peers.values():
            to = f"bob@{peer.domain}"
            subject, message = here.alice.write(to)
            row = wait_for("the loss", lambda: lost(here.alice.transfers(message)[to]))
            assert row["status"] == "kept" and "may arrive twice" in row["detail"], row
            here.alice.wait_sent(message, to, "relayed")
            taken(peer, subject, 2)


def lost(row):
    """The row, if it speaks of a lost reply."""
    return row if "reply was lost" in row["detail"] else None


@CASES.add
def where_dns_leads():
    """The first MX is dead and the second alive; a null MX; no such domain; no address; SERVFAIL; MX records that change; IPv6."""
    with stage() as here:
        alive = here.peer("two.test", host="second.two.test")
        here.dns.publish("two.test", "MX", (5, "first.two.test"))
        here.dns.publish("first.two.test", "A", "127.0.0.39")
        here.dns.publish("null.test", "MX", (0, ""))
        moved = here.peer("old.test", publish=False, host="mx.new.test")
        here.dns.publish("mx.new.test", "A", moved.server_address[0])
        here.dns.publish("moving.test", "MX", (10, "nowhere.moving.test"))
        here.dns.publish("nowhere.moving.test", "A", "127.0.0.39")
        here.dns.publish("gone.test", "MX", (10, "nowhere.gone.test"))
        here.peer("failing.test")
        v6 = here.peer("six.test", address="::1") if socket.has_ipv6 else None
        here.start()
        # A domain whose best host can't be asked may speak the extension there: nothing is pushed yet.
        _, message = here.alice.write("bob@two.test")
        wait_for("the reason", lambda: here.alice.transfers(message)["bob@two.test"]["detail"])
        assert not alive.messages
        here.dns.replace("two.test", "MX", (10, "second.two.test"))
        here.alice.wait_sent(message, "bob@two.test", "relayed")
        fails(here, "bob@null.test", "5.1.10")
        fails(here, "bob@missing.test", "5.1.2")
        fails(here, "bob@gone.test", "5.1.2")
        _, message = here.alice.write("bob@moving.test")
        wait_for("the reason", lambda: here.alice.transfers(message)["bob@moving.test"]["detail"])
        here.dns.replace("moving.test", "MX", (10, "mx.new.test"))
        here.alice.wait_sent(message, "bob@moving.test", "relayed")
        # One that nobody has asked about yet: what is remembered needs no DNS.
        here.dns.failing.add("failing.test")
        _, message = here.alice.write("ann@failing.test")
        wait_for("the reason", lambda: here.alice.transfers(message)["ann@failing.test"]["detail"])
        assert here.alice.transfers(message)["ann@failing.test"]["status"] == "kept"
        here.dns.failing.clear()
        here.alice.wait_sent(message, "ann@failing.test", "relayed")
        if v6 is None:
            raise Skipped("no IPv6 here")
        passes(here, "bob@six.test", v6)


@CASES.add
def routes_of_the_administrator():
    """A smarthost with AUTH over verified TLS, a host for one domain, and none of it for those asked by notice first."""
    with stage() as here:
        authority, *identity = certificate(here.folder, "smart.test")
        smart = here.peer("smart.test", publish=False, host="smart.test")
        smart.offer_starttls(*identity)
        smart.password = "open sesame"
        here.dns.publish("smart.test", "A", smart.server_address[0])
        inside = here.peer("inside.test", publish=False)
        direct = here.peer("c.test")
        with open(os.path.join(here.folder, "password"), "w", encoding="ascii") as file:
            file.write("open sesame\n")
        tables = (
            f'[tls]\nextra_ca = "{authority}"\n[relay]\nsmarthost = "smart.test:{smart.port}"\nuser = "us"\n'
            f'password_file = "{here.folder}/password"\n[routes]\n"@.inside.test" = "{inside.server_address[0]}:{inside.port}"\n'
        )
        here.start(tables)
        found, _ = passes(here, "bob@c.test", smart)
        assert found["user"] == ["", "us", "open sesame"] and found["tls"], found
        assert not direct.messages and "QUIT" in direct.verbs(), "asked for the extension, and left alone"
        # DNS does not know this domain: only the administrator does.
        passes(here, "bob@deep.inside.test", inside)


@CASES.add
def two_way_or_not_at_all():
    """With XTWOWAY=ONLY or a field `Two-Way: only` nothing is pushed: the message fails with 5.3.3."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start()
        with here.alice.session() as session:
            offers = session.hello()
            assert offers["XTWOWAY"] == ["ONLY"] and "REQUIRETLS" in offers, offers
        fails(here, "bob@c.test", "5.3.3", mail_params="XTWOWAY=ONLY")
        subject = token()
        here.alice.submit(["bob@c.test"], b"Two-Way: only\r\n" + here.alice.message("bob@c.test", subject))
        report = wait_for("the report", lambda: report_of(here.alice, subject))
        assert b"Status: 5.3.3\r\n" in report and b"Two-Way" not in report, report
        assert not peer.messages and "MAIL" not in peer.verbs(), peer.commands


@CASES.add
def never_pushed_where_two_way_is_known():
    """A domain that publishes a record is pinned: a missing keyword is no reason to push."""
    with stage() as here:
        peer = here.peer("c.test")
        here.dns.publish("_twoway.c.test", "TXT", "v=TWM1; mode=testing")
        here.start()
        _, message = here.alice.write("bob@c.test")
        wait_for("two attempts", lambda: peer.verbs().count("EHLO") >= 2)
        assert here.alice.transfers(message)["bob@c.test"]["status"] == "kept"
        assert not peer.messages and "MAIL" not in peer.verbs(), peer.commands


@CASES.add
def more_recipients_than_a_server_takes():
    """452 for surplus recipients, and RCPTMAX: the rest goes on in further transactions, with no failed attempt between."""
    with stage() as here:
        surplus, limits = here.peer("c.test"), here.peer("e.test", (*ALL, "LIMITS RCPTMAX=2"))
        # With waits of hours, only what goes on at once arrives.
        here.start(more=TIMERS.replace('"1s"]', '"4h"]'))
        names = ("ann", "bob", "cy", "dan", "eve")
        for peer in (surplus, limits):
            to = [f"{name}@{peer.domain}" for name in names]
            subject = token()
            if peer is surplus:
                for address in to[2:]:
                    peer.rule(f"RCPT {address}", "452 4.5.3 too many recipients")
            message = here.alice.submit(to, here.alice.message(to[0], subject))
            for address in to:
                here.alice.wait_sent(message, address, "relayed")
            count = 2 if peer is surplus else 3
            assert sorted(path for found in taken(peer, subject, count) for path in found["rcpt"]) == [f"TO:<{name}>" for name in to]


@CASES.add
def routes_without_a_question():
    """`notices = "never"` asks nobody for the extension; `tls = "implicit"`, and a host by its name, for single domains."""
    with stage() as here:
        authority, *identity = certificate(here.folder, "inside.test")
        inside = here.peer("inside.test", publish=False, host="inside.test")
        inside.speak_tls_at_once(*identity)
        here.dns.publish("inside.test", "A", inside.server_address[0])
        direct = here.peer("c.test")
        tables = (
            f'[tls]\nextra_ca = "{authority}"\n[routes]\n'
            f'"c.test" = {{ host = "inside.test:{inside.port}", tls = "implicit", notices = "never" }}\n'
        )
        here.start(tables)
        found, row = passes(here, "bob@c.test", inside)
        assert found["tls"] and "inside.test" in row["detail"], (found, row)
        assert not direct.connections and "STARTTLS" not in inside.verbs(), (direct.commands, inside.commands)


@CASES.add
def four_connections_to_one_destination():
    """However many messages wait for a destination, it has four connections of ours at most."""
    with stage() as here:
        peer = here.peer("c.test")
        here.start(more=TIMERS.replace('data_end = "4s"', 'data_end = "60s"'))
        passes(here, "bob@c.test", peer)
        peer.gate.clear()
        sent = []
        for number in range(24):
            sent.append(here.alice.write(f"b{number}@c.test"))
            wait_for("one more at the end of its content", lambda: peer.at_the_gate >= min(number + 1, 4))
        wait_for("all to be relayed", lambda: all(TO_BE_RELAYED in row["detail"] for row in rows(here, sent)))
        wait_for("no connection beside these", lambda: peer.open_now == 4)
        assert peer.at_the_gate == 4, peer.at_the_gate
        peer.gate.set()
        for number, (_, message) in enumerate(sent):
            here.alice.wait_sent(message, f"b{number}@c.test", "relayed")


TO_BE_RELAYED = "the message goes there by ordinary SMTP"


def rows(here, sent):
    """The rows of these messages, one recipient each."""
    return [row for _, message in sent for row in here.alice.transfers(message).values()]
