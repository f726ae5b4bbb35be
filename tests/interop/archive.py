"""Mail as files of other programs, a backup under load, and a store that is restored while others remember more."""

import json
import mailbox
import os
import sqlite3
import tempfile
import threading

import postgres
from cases import Cases
from node import Node, PostgresNode
from pair import a_pair
from server import wait_for

# On the demo.
CASES = Cases("archive")
# On servers of their own.
ALONE = Cases("archive")


def octets_of(account):
    """All that lies in an account's mailboxes, octet for octet."""
    return sorted(account.raw(row["id"]) for row in account.inbox())


def import_from(account, path, *words):
    """Imports; returns how many were imported, there already, refused."""
    run = account.server.run("mail", account.address, "import", path, *words)
    done = json.loads(run.stdout)
    return [done[key] for key in ("imported", "already_there", "refused")], run.returncode


@CASES.add
def exports(demo):
    """What is exported reads back in another program octet for octet, and what that has written is imported."""
    carol = demo.b.new_account()
    alice = demo.a.account("alice@a.test")
    bodies = ["From here on\r\n>From there\r\n", "8-bit: \u00e4\r\n", "x" * 70_000 + "\r\n", "\r\n.\r\n"]
    for body in bodies:
        subject, _ = alice.write(carol, body=body)
        carol.find(subject)
    before = octets_of(carol)
    with tempfile.TemporaryDirectory() as folder:
        for form, reader in (("maildir", mailbox.Maildir), ("mbox", mailbox.mbox)):
            path = os.path.join(folder, form)
            assert carol.server.command("mail", carol.address, "export", path, "--format", form)["exported"] == len(bodies)
            there = reader(path) if form == "maildir" else reader(os.path.join(path, "INBOX.mbox"))
            # Python does not take the marks off quoted lines: nor do we look at them here.
            found = sorted(there.get_bytes(key).replace(b"\n>From ", b"\nFrom ").replace(b"\n>>From ", b"\n>From ") for key in there.keys())
            if form == "maildir":
                found = sorted(there.get_bytes(key) for key in there.keys())
            assert found == before, form
            dave = demo.b.new_account()
            assert import_from(dave, path) == ([len(bodies), 0, 0], 0)
            assert octets_of(dave) == before
            assert import_from(dave, path) == ([0, len(bodies), 0], 0)
        theirs = mailbox.Maildir(os.path.join(folder, "theirs"), create=True)
        theirs.add(b"Subject: one\n\nFrom x\n")
        theirs.add_folder("Old").add(b"Subject: two\n\nHi")
        erin = demo.b.new_account()
        assert import_from(erin, os.path.join(folder, "theirs")) == ([2, 0, 0], 0)
        assert sorted(row["mailbox"] for row in erin.inbox()) == ["INBOX", "Old"]
        boxed = mailbox.mbox(os.path.join(folder, "theirs.mbox"), create=True)
        boxed.add(b"Subject: three\n\nFrom y\n>From z\n")
        boxed.flush()
        assert import_from(erin, os.path.join(folder, "theirs.mbox"), "--mailbox", "Boxed") == ([1, 0, 0], 0)


# UIDVALIDITY of every mailbox.
VALIDITY = "SELECT account || '/' || name, uidvalidity FROM mailbox"


class OnSqlite:
    """A server whose backup has everything in it."""

    def __init__(self, node, folder):
        self.node, self.backup = node, os.path.join(folder, f"backup-{node.domain}")

    def save(self):
        """Makes a backup."""
        done = self.node.command("backup", self.backup)
        assert done["ok"] and done["files"] > 2, done

    def restore(self):
        """Puts the backup in the place of what a server has that is stopped."""
        before = self.validity()
        assert self.node.refused("restore", self.backup)["code"] == "store-present"
        self.load()
        restored = self.node.command("restore", self.backup, "--replace")
        assert restored["violations"] == [] and restored["replaced"], restored
        after = self.validity()
        assert after and all(value > before.get(name, 0) for name, value in after.items()), (before, after)
        assert self.node.command("check") == {"ok": True, "violations": []}
        lost = os.path.join(self.node.data_dir, "lost+found")
        assert restored["superfluous"] == sum(len(files) for _, _, files in os.walk(lost)), restored
        return restored["superfluous"]

    def load(self):
        """What comes before a restore."""

    def validity(self):
        """UIDVALIDITY of every mailbox."""
        database = sqlite3.connect(os.path.join(self.node.data_dir, "twoway.sqlite"))
        rows = dict(database.execute(VALIDITY))
        database.close()
        return rows


class OnPostgres(OnSqlite):
    """A server whose database has means of its own, which come first."""

    def __init__(self, node, folder):
        super().__init__(node, folder)
        self.url, self.dump = node.database, os.path.join(folder, f"{node.domain}.dump")

    def save(self):
        postgres.dump(self.url, self.dump)
        # What is written in between is in the backup, and not in the database that is restored; those under way were noted in it.
        there = self.large()
        wait_for("more large contents", lambda: self.large() > there + 4, 60)
        super().save()

    def large(self):
        """How many large contents there have been."""
        return sum(len(files) for _, _, files in os.walk(os.path.join(self.node.data_dir, "content")))

    def restore(self):
        assert super().restore() > 0

    def load(self):
        postgres.empty(self.url)
        assert self.node.refused("restore", self.backup, "--replace")["code"] == "database-empty"
        postgres.load(self.url, self.dump)

    def validity(self):
        rows = (row.split("\t") for row in postgres.psql(self.url, VALIDITY))
        return {name: int(value) for name, value in rows}


@ALONE.add
def restores():
    """A backup under load is whole; after its restore the exchange goes on, nothing is doubled, nothing lost but what came later"""
    with tempfile.TemporaryDirectory() as folder, a_pair() as pair, pair.running():
        play_restore(OnSqlite(pair.a, folder), OnSqlite(pair.b, folder))


@ALONE.add
def restores_on_postgresql():
    """The same on PostgreSQL, whose own dump is the first half of the backup"""
    with tempfile.TemporaryDirectory() as folder, a_pair(PostgresNode) as pair, pair.running():
        play_restore(OnPostgres(pair.a, folder), OnPostgres(pair.b, folder))


def play_restore(origin, destination):
    """The story of the cases before."""
    a, b = origin.node, destination.node
    alice, bob = a.add_account("alice"), b.add_account("bob")
    sent, stop = [], threading.Event()

    def traffic():
        while not stop.is_set() and len(sent) < 400:
            size = 50_000 if len(sent) % 3 == 0 else 10
            sent.append(alice.write(bob, body="x" * size + "\r\n")[0])

    writer = threading.Thread(target=traffic)
    writer.start()
    try:
        wait_for("some mail", lambda: len(sent) > 5)
        origin.save()
        destination.save()
        more = len(sent) + 5
        wait_for("more mail", lambda: len(sent) >= more)
    finally:
        stop.set()
        writer.join()
    wait_for("all of it to arrive", lambda: len(bob.inbox()) == len(sent), 120)
    b.stop()
    destination.restore()
    b.start()
    had = len(bob.inbox())
    subjects = [row["subject"] for row in bob.inbox()]
    assert set(subjects) <= set(sent) and len(set(subjects)) == len(subjects)
    # What had been confirmed after the backup is gone at the origin: the loss is that of the backup's age, and no more.
    after = [alice.write(bob)[0] for _ in range(5)]
    for subject in after:
        bob.find(subject, 60)
    subjects = [row["subject"] for row in bob.inbox()]
    assert len(set(subjects)) == len(subjects) >= had + 5
    # Now the origin: what it has forgotten to have sent is announced again, known by its id, and not doubled.
    a.stop()
    origin.restore()
    a.start()
    last = alice.write(bob)[0]
    bob.find(last, 60)
    wait_for("the origin to hear of all it has", lambda: all(row["status"] == "delivered" for row in alice.command("sent", "list")), 120)
    subjects = [row["subject"] for row in bob.inbox()]
    assert len(set(subjects)) == len(subjects) >= had + 6
    for node in (a, b):
        assert node.command("check") == {"ok": True, "violations": []}


@ALONE.add
def repairs():
    """What is damaged behind the server's back is repaired where that takes no guess, and told where it would"""
    with tempfile.TemporaryDirectory() as folder, Node(folder, "a.test", "127.0.0.33", "127.0.0.33:9") as node:
        node.add_account("alice")
        database = sqlite3.connect(os.path.join(node.data_dir, "twoway.sqlite"))
        database.executescript("DELETE FROM mailbox; UPDATE directory SET account = 'x';")
        database.close()
        run = node.run("check")
        assert run.returncode == 1 and len(json.loads(run.stdout)["violations"]) == 2, run.stdout
        mended = node.command("check", "--repair")
        assert mended["ok"] and len(mended["repaired"]) == 2, mended
        assert node.command("check") == {"ok": True, "violations": []}
