"""Who gets in: contact attempts, allowing, blocking, dismissing, expecting, answering, and taking it all back."""

import json
import os
import subprocess
import tempfile

from cases import Cases, Skipped
from server import token

CASES = Cases("consent")


def strangers(demo):
    """Somebody at a.test, and somebody at b.test who screens."""
    return demo.a.new_account(), demo.b.new_account("on")


@CASES.add
def the_walk(demo):
    """alice's message to bob waits as a contact attempt; bob allows her; it arrives, and she learns it."""
    alice, bob = demo.a.account("alice@a.test"), demo.b.account("bob@b.test")
    subject, message = alice.write(bob)
    row = bob.wait_contact(alice)
    assert row["kind"] == "notice" and row["size_octets"] > 0 and row["first"] <= row["last"] <= row["expires"], row
    assert alice.wait_sent(message, bob, "noticed")["detail"] is not None
    assert not bob.inbox()
    bob.command("contacts", "allow", alice.address)
    bob.find(subject)
    alice.wait_sent(message, bob, "delivered")
    assert alice.address not in bob.contacts()
    assert alice.address in [row["who"] for row in bob.command("allow", "list")]


@CASES.add
def all_that_waits(demo):
    """Several messages of one stranger are one contact attempt; allowing releases them all, and later ones come at once."""
    erin, frank = strangers(demo)
    subjects = [erin.write(frank)[0] for _ in range(3)]
    frank.wait_contact(erin, count=3)
    frank.command("allow", "add", erin.address)
    later, message = erin.write(frank)
    for subject in [*subjects, later]:
        frank.find(subject)
    erin.wait_sent(message, frank, "delivered")


@CASES.add
def blocking(demo):
    """A blocked sender disappears, stays unheard, and cannot tell: the status is that of anybody who waits."""
    erin, frank = strangers(demo)
    subject, message = erin.write(frank)
    frank.wait_contact(erin)
    frank.command("contacts", "block", erin.address)
    assert erin.address not in frank.contacts()
    waiting = erin.wait_sent(message, frank, "noticed")
    again, second = erin.write(frank)
    blocked = erin.wait_sent(second, frank, "noticed")
    assert waiting["detail"] == blocked["detail"], (waiting, blocked)
    assert not frank.contacts()
    frank.command("block", "remove", erin.address)
    frank.command("allow", "add", erin.address)
    for each in (subject, again):
        frank.find(each)


@CASES.add
def blocked_although_allowed(demo):
    """A block of the address is stronger than any allow; a block of the domain is weaker than an allowed address."""
    erin, frank = strangers(demo)
    frank.command("allow", "add", erin.address)
    frank.command("block", "add", "@a.test")
    frank.find(erin.write(frank)[0])
    frank.command("block", "add", erin.address)
    unheard, message = erin.write(frank)
    erin.wait_sent(message, frank, "noticed")
    assert not frank.has(unheard) and not frank.contacts()
    assert {row["who"] for row in frank.command("block", "list")} == {"@a.test", erin.address}


@CASES.add
def dismissing(demo):
    """A dismissed contact attempt is gone; the next message makes a new one; allowing still brings both."""
    erin, frank = strangers(demo)
    first, _ = erin.write(frank)
    frank.wait_contact(erin)
    frank.command("contacts", "dismiss", erin.address)
    assert not frank.contacts()
    second, _ = erin.write(frank)
    frank.wait_contact(erin)
    frank.command("contacts", "allow", erin.address)
    for subject in (first, second):
        frank.find(subject)


@CASES.add
def domains(demo):
    """A domain entry lets in everybody of the domain, and not of another; with a dot, those of subdomains too."""
    for who in ("@a.test", "@.a.test"):
        erin, frank = strangers(demo)
        frank.command("allow", "add", who)
        frank.find(erin.write(frank)[0])
        neighbour = demo.b.new_account()
        neighbour.write(frank)
        frank.wait_contact(neighbour)


@CASES.add
def suffixes(demo):
    """A whole public suffix cannot be allowed."""
    frank = demo.b.new_account("on")
    for suffix in ("@com", "@.co.uk"):
        demo.b.refused("allow", frank.address, "add", suffix)
    assert frank.command("allow", "list") == []


@CASES.add
def removing(demo):
    """Whoever is taken off the allow list is a stranger again."""
    erin, frank = strangers(demo)
    frank.command("allow", "add", erin.address)
    frank.find(erin.write(frank)[0])
    frank.command("allow", "remove", erin.address)
    erin.write(frank)
    frank.wait_contact(erin)


@CASES.add
def expected(demo):
    """An expected sender gets in so many times and not once more."""
    erin, frank = strangers(demo)
    frank.command("expected", "add", erin.address, "--until", "2099-01-01T00:00:00Z", "--count", "2")
    for _ in range(2):
        subject, message = erin.write(frank)
        frank.find(subject)
        erin.wait_sent(message, frank, "delivered")
    third, _ = erin.write(frank)
    frank.wait_contact(erin)
    assert not frank.has(third)


@CASES.add
def expected_by_reference(demo):
    """Who signs up somewhere expects an answer under a reference: what carries it comes in, and nothing else from there."""
    erin, frank = strangers(demo)
    reference = "c2lnbiB1cCBhdCB0aGUgc2hvcA"
    frank.command("expected", "add", "@a.test", "--ref", reference)
    other, _ = erin.write(frank)
    frank.wait_contact(erin)
    subject = token()
    answer = f"Ownership-Confirmation: v=1; ref={reference}\r\n".encode() + erin.message(frank, subject)
    message = erin.submit([frank.address], answer)
    assert answer.split(b"\r\n\r\n")[0] in frank.find(subject)
    erin.wait_sent(message, frank, "delivered")
    assert not frank.has(other)


@CASES.add
def expected_too_late(demo):
    """An expectation that is over before it begins is refused."""
    erin, frank = strangers(demo)
    demo.b.refused("expected", frank.address, "add", erin.address, "--until", "2020-01-01T00:00:00Z", status=2)
    assert frank.command("expected", "list") == []


@CASES.add
def answering(demo):
    """Whoever bob writes to may answer."""
    erin, frank = strangers(demo)
    erin.find(frank.write(erin)[0])
    frank.find(erin.write(frank)[0])
    assert not frank.contacts()


@CASES.add
def undoing(demo):
    """An entry can be undone: its sender is a stranger again."""
    erin, frank = strangers(demo)
    frank.command("allow", "add", erin.address)
    latest = frank.command("history", "list")[0]
    assert latest["change"] == f"allow {erin}", latest
    frank.command("history", "undo", latest["id"])
    assert frank.command("allow", "list") == []
    erin.write(frank)
    frank.wait_contact(erin)


@CASES.add
def observing(demo):
    """Screening `observe` lets everybody in, and shows who would have waited."""
    erin, frank = demo.a.new_account(), demo.b.new_account("observe")
    frank.find(erin.write(frank)[0])
    row = frank.wait_contact(erin)
    assert (row["kind"], row["count"], row["expires"]) == ("observed", 1, None), row
    frank.command("allow", "add", erin.address)
    assert not frank.contacts()


@CASES.add
def switching(demo):
    """Screening can be switched: off lets strangers in, on makes them wait."""
    erin, frank = strangers(demo)
    erin.write(frank)
    frank.wait_contact(erin)
    frank.command("mode", "--screening", "off")
    frank.find(erin.write(frank)[0])
    frank.command("mode", "--screening", "on")
    other = demo.a.new_account()
    other.write(frank)
    frank.wait_contact(other)


@CASES.add
def neighbours(demo):
    """A neighbour on the same server is screened like everybody else."""
    carol, frank = demo.b.account("carol@b.test"), demo.b.new_account("on")
    subject, message = carol.write(frank)
    frank.wait_contact(carol)
    carol.wait_sent(message, frank, "noticed")
    frank.command("contacts", "allow", carol.address)
    frank.find(subject)
    carol.wait_sent(message, frank, "delivered")


@CASES.add
def tags_of_senders(demo):
    """A plus-tag of the sender makes another sender; one of the recipient does not make another recipient."""
    erin, frank = strangers(demo)
    frank.command("allow", "add", erin.address)
    local = frank.address.split("@")[0]
    frank.find(erin.write(f"{local}+{token()}@b.test")[0])
    tagged = erin.address.replace("@", "+tag@")
    content = erin.message(frank, token()).replace(f"From: <{erin}>".encode(), f"From: <{tagged}>".encode())
    erin.submit([frank.address], content)
    frank.wait_contact(tagged)


@CASES.add
def from_elsewhere(demo):
    """`twoway consent` shows who knocks and decides, over IMAP and TLS, without the server's configuration."""
    if os.geteuid() != 0:
        raise Skipped("to give a name an address for one program takes root")
    erin, frank = strangers(demo)
    subject, message = erin.write(frank)
    frank.wait_contact(erin)
    asked = lambda *words: from_afar(demo.b, frank, *words)
    assert [row["sender"] for row in asked("contacts")["contacts"]] == [erin.address]
    asked("allow", erin.address)
    frank.find(subject)
    erin.wait_sent(message, frank, "delivered")
    assert erin.address in [row["who"] for row in asked("entries")["entries"]]
    assert asked("contacts")["contacts"] == []
    asked("add", "expected", "@shop.test", "--until", "1h", "--count", "2", "--reason", "an order")
    expected = asked("entries", "expected")["entries"]
    assert [(row["who"], row["count"], row["reason"]) for row in expected] == [("@shop.test", 2, "an order")], expected
    asked("undo")
    assert asked("entries", "expected")["entries"] == []


def from_afar(server, account, *words):
    """What `twoway consent` says in JSON, in a place where the server's name leads to it."""
    with tempfile.NamedTemporaryFile("w", suffix=".hosts") as hosts:
        hosts.write(f"{server.address} {server.hostname}\n")
        hosts.flush()
        # A file system of its own, in which the name has its address.
        inside = 'mount --bind "$0" /etc/hosts && exec "$@"'
        where = ["--server", f"{server.hostname}:{server.ports['imaps']}", "--ca", server.ca_pem]
        command = ["unshare", "--mount", "sh", "-c", inside, hosts.name, server.twoway, "--json", "consent", *where]
        command += ["--user", account.address, "--password-stdin", *words]
        run = subprocess.run(command, input=account.password.encode(), capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, f"{words}: {run.returncode}\n{run.stdout.decode()}\n{run.stderr.decode()}"
    return json.loads(run.stdout)
