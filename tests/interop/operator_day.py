"""The administrator's day at the command line: the queue, domains, accounts, what every command prints, and the manual."""

import json
import os
import shutil
import subprocess
import tempfile

from cases import Cases
from demo import Demo
from dns import Dns
from node import Node
from outcomes import wait_report
from plain_peer import PlainPeer
from server import binary, token, wait_for

CASES = Cases("operator")

ROW = {
    "id", "direction", "sender", "recipient", "domain", "state", "attempts", "since", "next_attempt", "gives_up", "detail", "size_octets",
}


def queued(server, *filters):
    """The queue, by recipient."""
    rows = server.command("queue", "list", *filters)
    assert all(set(row) == ROW for row in rows), rows
    return {row["recipient"]: row for row in rows}


def plain(server, *words):
    """What a command prints for people."""
    command = [server.twoway, *words, "--config", server.config]
    return subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode()


@CASES.add
def dead_destination():
    """A message to a domain that does not answer is listed, explained, tried again, given up; its author is told."""
    dead = PlainPeer("127.0.0.4", "mx.c.test")
    dead.server_close()
    with Demo("--peer", f"c.test,127.0.0.4,{dead.port},{dead.port}") as demo:
        alice, recipient, envelope_id = demo.a.account("alice@a.test"), "someone@c.test", token()
        _, message = alice.write(recipient, mail_params=f"ENVID={envelope_id}")

        def failed(attempts):
            row = queued(demo.a, "--domain", "c.test").get(recipient)
            return row if row and row["attempts"] >= attempts else None

        row = wait_for("the first attempt to fail", lambda: failed(1))
        assert (row["direction"], row["state"], row["sender"]) == ("outgoing", "notifying", "alice@a.test"), row
        assert "127.0.0.4" in row["detail"] and row["size_octets"] > 0, row
        assert queued(demo.a, "--state", "served") == {} and queued(demo.a, "--sender", "nobody@a.test") == {}
        summary = demo.a.command("queue", "summary")
        assert summary["by_domain"] == [{"domain": "c.test", "outgoing": 1, "incoming": 0}] and summary["complete"], summary

        story = demo.a.command("queue", "why", row["id"])
        assert ROW < set(story) and story["open"] and story["message"] == message, story
        assert "no server" in story["meaning"].lower() and "failed" in story["then"], story
        text = plain(demo.a, "queue", "why", row["id"])
        assert "Last word: " in text and f"twoway queue give-up {row['id']}" in text, text

        # Five failures in a row, and the peer is left alone; a retry dials it all the same.
        for attempts in range(2, 7):
            assert demo.a.command("queue", "retry", row["id"])["retried"] == 1
            wait_for("another attempt", lambda attempts=attempts: failed(attempts))
        assert demo.a.command("queue", "retry", "--domain", "c.test")["retried"] == 1
        assert demo.a.command("queue", "retry", "--all")["complete"]

        ended = demo.a.command("queue", "give-up", row["id"])["given_up"]
        assert [(item["status"], item["reported"]) for item in ended] == [("failed", True)], ended
        again = demo.a.command("queue", "give-up", row["id"])["given_up"]
        assert [(item["status"], item["reported"]) for item in again] == [("failed", False)], again
        assert alice.wait_sent(message, recipient, "failed")["detail"]
        report = wait_report(alice, envelope_id)
        assert report.one()["Action"] == "failed" and report.one()["Status"] == "5.0.0", report.raw
        assert b"given up by the administrator" in report.raw, report.raw
        assert queued(demo.a) == {} and not demo.a.command("queue", "why", row["id"])["open"]
        assert demo.a.refused("queue", "retry", row["id"])["code"] == "not-queued"
        assert demo.a.refused("queue", "why", "x" * 24)["code"] == "no-such-item"
        demo.a.refused("queue", "list", "--limit", "0", status=2)


@CASES.add
def waiting_message():
    """What waits for its recipient's decision is in the queue of its origin alone; given up, it can't be let in any more."""
    with Demo() as demo:
        erin, frank = demo.a.new_account(), demo.b.new_account("on")
        subject, message = erin.write(frank)
        frank.wait_contact(erin)
        erin.wait_sent(message, frank, "noticed")
        row = queued(demo.a)[frank.address]
        assert row["state"] == "waiting" and row["next_attempt"] > row["since"], row
        assert queued(demo.b) == {}
        assert "look alike from here" in demo.a.command("queue", "why", row["id"])["meaning"]
        demo.a.command("queue", "give-up", row["id"])
        erin.wait_sent(message, frank, "failed")
        frank.command("contacts", "allow", erin.address)
        later, _ = erin.write(frank)
        frank.find(later)
        assert not frank.has(subject)
        wait_for("the queues to run empty", lambda: not queued(demo.a) and not queued(demo.b))


@CASES.add
def domains():
    """The records to publish are those that the demo publishes, as far as it does; what is wrong is named."""
    with Demo() as demo:
        listed = {row["domain"]: row for row in demo.a.command("domain", "list")}
        assert listed["a.test"]["accounts"] >= 1 and listed["a.test"]["catch_all"] is None, listed
        records = demo.a.command("domain", "records", "a.test")
        assert [row["type"] for row in records] == ["MX", "A", "TXT", "SRV", "TXT"] + ["SRV"] * 4, records
        assert all(row["line"] == f"{row['name']}. {row['type']} {row['value']}" for row in records), records
        assert records[3]["value"] == f"0 10 {demo.a.ports['retrieval']} mx.a.test.", records
        access = {row["name"]: row["value"] for row in records[5:]}
        ranks = {"imaps": 0, "imap": 10, "submissions": 0, "submission": 10}
        offered = {f"_{name}._tcp.a.test": f"{rank} 1 {demo.a.ports[name]} mx.a.test." for name, rank in ranks.items()}
        assert access == offered, access
        lines = plain(demo.a, "domain", "records", "a.test").splitlines()
        assert [line for line in lines if not line.startswith(";")] == [row["line"] for row in records]

        checked = demo.a.command("domain", "check", "a.test")
        assert checked["ok"] and checked["domain"] == "a.test", checked
        assert [row["status"] for row in checked["records"]] == ["ok", "ok", "ok", "ok", "missing"], checked
        assert {right["role"]: right["status"] for right in checked["rights"]} == {"send": "allowed", "receive": "allowed"}, checked
        assert demo.a.refused("domain", "check", "b.test")["code"] == "not-our-domain"


@CASES.add
def unpublished_domain():
    """A domain with nothing in DNS is checked without a server: exit status 1, and what each absence means."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            run = node.run("domain", "check", "example.test")
            checked = json.loads(run.stdout)
            assert run.returncode == 1 and not checked["ok"], run
            assert {row["status"] for row in checked["records"]} == {"missing"} and all(row["meaning"] for row in checked["records"])
            assert "refused" in {right["status"] for right in checked["rights"]}, checked
            dns.publish_domain("example.test", "127.0.0.1", node.ports["retrieval"])
            assert node.command("domain", "check", "example.test")["ok"]
            dns.publish("example.test", "TXT", "v=spf1 ip4:192.0.2.1 -all")
            checked = json.loads(node.run("domain", "check", "example.test").stdout)
            assert [row["status"] for row in checked["records"] if row["name"] == "example.test"] == ["ok", "ok"] or not checked["ok"]


@CASES.add
def accounts():
    """Aliases, catch-alls and passwords come and go, with the server running and without."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            carol, dave = node.add_account("carol"), node.add_account("dave")
            node.command("account", "alias", carol.address, "sales@example.test")
            assert node.command("account", "unalias", carol.address, "sales@example.test")["changed"]
            node.start()
            node.command("account", "alias", dave.address, "sales@example.test")
            node.command("account", "alias", dave.address, "*@example.test")
            assert node.refused("account", "unalias", carol.address, "sales@example.test")["code"] == "not-its-alias"
            shown = node.command("account", "show", "sales@example.test")
            assert shown["address"] == dave.address and shown["aliases"] == ["*@example.test", "sales@example.test"], shown
            assert "*@example.test" in plain(node, "account", "list")
            subject, message = carol.write("sales@example.test")
            dave.find(subject)
            carol.wait_sent(message, "sales@example.test", "delivered")
            assert node.command("account", "unalias", dave.address, "*@example.test")["changed"]
            assert not node.command("account", "unalias", dave.address, "*@example.test")["changed"]
            carol.password = token()
            node.command("account", "password", carol.address, "--password-stdin", stdin=carol.password.encode())
            carol.find(carol.write(carol)[0])
            gone = node.command("account", "delete", dave.address)
            assert gone == {"deleted": dave.address, "unsent": 0, "uncollected": 0, "mail": 1}, gone


# Every command that needs no more than an account, with what its document is.
DOCUMENTS = [
    ("account list", list), ("account show {carol}", dict), ("account alias {carol} sales@example.test", dict),
    ("account unalias {carol} sales@example.test", dict), ("mode {carol}", dict), ("allow {carol} add @example.net", dict),
    ("allow {carol} list", list), ("allow {carol} remove @example.net", dict), ("block {carol} list", list),
    ("expected {carol} add @example.net", dict), ("expected {carol} list", list), ("history {carol} list", list),
    ("contacts {carol} list", list), ("sent {carol} list", list), ("mail {carol} list", list), ("queue list", list),
    ("queue summary", dict), ("queue retry --all", dict), ("queue retry --domain example.net", dict), ("domain list", list),
    ("domain records example.test", list), ("config check", dict), ("check", dict),
]
REFUSALS = [
    ("account show nobody@example.test", 1), ("account alias {carol} sales@example.net", 1), ("account password {carol}", 2),
    ("account unalias {carol} {carol}", 1), ("account delete nobody@example.test", 1), ("mode nobody@example.test", 1),
    ("allow {carol} remove @example.org", 1), ("contacts {carol} dismiss @example.org", 1), ("mail {carol} show nothing", 2),
    ("sent {carol} withdraw xxxxxxxxxxxxxxxxxxxxxxxx", 1), ("queue why xxxxxxxxxxxxxxxxxxxxxxxx", 1), ("queue retry", 2),
    ("queue retry nothing", 1), ("queue give-up nothing", 1), ("queue list --state lost", 2), ("domain records example.net", 1),
    ("domain check example.net", 1), ("frobnicate", 2), ("history {carol} undo nothing", 2),
]


@CASES.add
def documents_and_errors():
    """Every command prints one document, or one error with its exit status; the same with a server and without."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            carol = node.add_account("carol")
            for is_running in (False, True):
                if is_running:
                    node.start()
                for line, kind in DOCUMENTS:
                    words = line.format(carol=carol.address).split()
                    assert isinstance(node.command(*words), kind), line
                    # What is removed can't be removed again.
                    assert "remove" in words or plain(node, *words).strip(), f"{line} prints nothing for people"
                for line, status in REFUSALS:
                    node.refused(*line.format(carol=carol.address).split(), status=status)


@CASES.add
def completions():
    """There are completions for five shells; bash takes them, and completes."""
    for shell in ("bash", "zsh", "fish", "elvish", "powershell"):
        script = subprocess.run([binary(), "completions", shell], capture_output=True, check=True).stdout
        assert b"give-up" in script, shell
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder:
        path = os.path.join(folder, "twoway")
        with open(path, "wb") as file:
            file.write(subprocess.run([binary(), "completions", "bash"], capture_output=True, check=True).stdout)
        probe = f'. "{path}" && COMP_WORDS=(twoway queue g) COMP_CWORD=2 && _twoway twoway g queue && echo "${{COMPREPLY[@]}}"'
        run = subprocess.run(["bash", "-c", probe], capture_output=True, check=True)
        assert run.stdout.split() == [b"give-up"] and not run.stderr, run


@CASES.add
def manual():
    """There is a page of the manual for every command, none of them empty."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder:
        subprocess.run([binary(), "man", folder], capture_output=True, check=True)
        pages = sorted(os.listdir(folder))
        for page in ("twoway.1", "twoway-queue.1", "twoway-queue-give-up.1", "twoway-domain-records.1", "twoway-man.1"):
            assert page in pages, pages
        formatter = next((tool for tool in (["mandoc", "-a"], ["groff", "-man", "-Tascii"]) if shutil.which(tool[0])), None)
        for page in pages:
            path = os.path.join(folder, page)
            with open(path, encoding="utf-8") as file:
                assert ".SH NAME" in file.read(), page
            if formatter:
                shown = subprocess.run([*formatter, path], capture_output=True, check=True).stdout
                assert len(shown) > 300, page
        main = subprocess.run([binary(), "man"], capture_output=True, check=True).stdout
        assert b"Two\\-Way" in main or b"Two-Way" in main, main[:400]
