"""Contact requests in programs that have never heard of them: each lets a stranger in by moving a message to INBOX."""

import os
import re
import tempfile

from cases import Cases
from imap import Place
from imap_curl import curl
from imap_mbsync import Mbsync
from imap_neomutt import opened
from imap_python import by_imapclient, by_imaplib, done
from server import wait_for

CASES = Cases("contact requests")

REQUESTS = "Contact Requests"


class Knock:
    """A stranger's message that waits for somebody who screens."""

    def __init__(self, demo):
        self.reader, self.stranger = demo.b.new_account("on"), demo.a.new_account()
        self.subject, self.message = self.stranger.write(self.reader)
        self.reader.wait_contact(self.stranger)
        self.place = Place(demo.b, self.reader.address, self.reader.password)

    def assert_let_in(self, beside=0):
        """What waited is in INBOX, octet for octet as `mail show` has it; the request is gone; the sender is told."""
        with self.place.session() as session:
            session.must("SELECT INBOX")
            found = wait_for(f"{self.subject} in INBOX", lambda: session.must("NOOP") and session.must(f"UID SEARCH SUBJECT {self.subject}").one(rb"SEARCH([ \d]*)")[1].split())
            assert len(found) == 1, found
            whole = session.must(f"UID FETCH {found[0].decode()} (BODY.PEEK[])").one(rb"\{\d+\}\r\n(.*)\)$")[1]
            assert whole == self.reader.find(self.subject)
            assert len(session.must("UID SEARCH ALL").one(rb"SEARCH([ \d]*)")[1].split()) == 1 + beside
            assert session.must(f'STATUS "{REQUESTS}" (MESSAGES)').one(rb"MESSAGES 0")
        assert not self.reader.contacts()
        self.stranger.wait_sent(self.message, self.reader, "delivered")


@CASES.add
def shown(demo):
    """A request tells who knocks, is from nobody but the server, and can be answered to nobody."""
    knock = Knock(demo)
    with knock.place.session() as session:
        assert session.must('LIST "" "*"').one(rb'"Contact Requests"')
        selected = session.must(f'SELECT "{REQUESTS}"')
        assert selected.one(rb"^\* 1 EXISTS")
        fetched = session.must("FETCH 1 (FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE BODY.PEEK[])")
        text = fetched.one(rb"BODY\[\] \{\d+\}\r\n(.*)")[1].decode()
        assert f"Subject: Contact request: {knock.stranger}\r\n" in text
        assert re.search(r"^From: Contact Requests <no-reply@", text, re.MULTILINE)
        assert str(knock.stranger) not in "".join(re.findall(r"^(?:From|Reply-To|Sender|Return-Path): .*$", text, re.MULTILINE))
        assert knock.subject not in text and "://" not in text, "names and subjects are not shown unless asked for"


@CASES.add
def by_imapclient_move(demo):
    """imapclient: by MOVE."""
    knock = Knock(demo)
    client = by_imapclient(knock.place)
    client.select_folder(REQUESTS)
    client.move(client.search(), "INBOX")
    client.logout()
    knock.assert_let_in()


@CASES.add
def by_imaplib_copy(demo):
    """imaplib: by COPY, STORE and EXPUNGE, as programs do that do not know MOVE."""
    knock = Knock(demo)
    client = by_imaplib(knock.place)
    done(client.select(f'"{REQUESTS}"'))
    done(client.uid("COPY", "1", "INBOX"))
    done(client.uid("STORE", "1", "+FLAGS", "(\\Deleted)"))
    done(client.expunge())
    client.logout()
    knock.assert_let_in()


@CASES.add
def observed(demo):
    """While a mailbox only observes, who would have had to wait is there and is let in by MOVE; with screening on they still are."""
    reader, stranger = demo.b.new_account("observe"), demo.a.new_account()
    reader.find(stranger.write(reader)[0])
    client = by_imapclient(Place(demo.b, reader.address, reader.password))
    client.select_folder(REQUESTS)
    client.move(client.search(), "INBOX")
    assert client.search() == []
    client.logout()
    assert not reader.contacts()
    assert [(row["who"], row["reason"]) for row in reader.command("allow", "list")] == [(stranger.address, "contact request moved to INBOX")]
    reader.command("mode", "--screening", "on")
    reader.find(stranger.write(reader)[0])


@CASES.add
def by_curl(demo):
    """curl: by UID MOVE."""
    knock = Knock(demo)
    path = "Contact%20Requests"
    uid = curl(knock.place, f"{path}?ALL").split()[-1].decode()
    assert uid == "1"
    curl(knock.place, path, "--request", "MOVE 1 INBOX")
    knock.assert_let_in()


@CASES.add
def by_neomutt(demo):
    """neomutt: by saving it to INBOX, with keys."""
    knock = Knock(demo)
    with opened(knock.place, REQUESTS) as neomutt:
        neomutt.wait(f"Contact request: {knock.stranger}")
        neomutt.keys("s")
        neomutt.wait("Save to mailbox")
        neomutt.keys("\x15=INBOX\n")
        neomutt.keys("$")
        knock.assert_let_in()
        neomutt.keys("q")
        assert neomutt.wait_end() == 0


@CASES.add
def by_mbsync(demo):
    """mbsync: by moving a file between two Maildirs, which it does by APPEND and EXPUNGE."""
    knock = Knock(demo)
    with tempfile.TemporaryDirectory() as folder:
        mbsync = Mbsync(knock.place, folder, patterns='* !"Sent Status"')
        mbsync.run()
        [(path, octets)] = mbsync.files(REQUESTS).items()
        assert f"Subject: Contact request: {knock.stranger}\n".encode() in octets
        # A new name: mbsync keeps its UID of the old folder there.
        os.rename(path, os.path.join(mbsync.box("INBOX"), "cur", "1700000000.M1P1.here:2,S"))
        mbsync.run()
        # What it brought stays there, for it remembers that it is.
        knock.assert_let_in(beside=1)
        mbsync.run()
        assert not mbsync.files(REQUESTS)
        assert any(knock.subject.encode() in letter for letter in mbsync.files().values())


@CASES.add
def other_ways(demo):
    """To Junk blocks, to Trash or deleted dismisses, anywhere else is refused with a reason."""
    junked, trashed, deleted = (Knock(demo) for _ in range(3))
    with junked.place.session() as session:
        session.must(f'SELECT "{REQUESTS}"')
        session.must("CREATE Elsewhere")
        assert session.refused("MOVE 1 Elsewhere").text
        assert session.command("COPY 1 Elsewhere").status == "NO"
        session.must("MOVE 1 Junk")
    assert [row["who"] for row in junked.reader.command("block", "list")] == [junked.stranger.address], junked.reader.command("block", "list")
    with trashed.place.session() as session:
        session.must(f'SELECT "{REQUESTS}"')
        session.must("MOVE 1 Trash")
        assert session.must(f'STATUS "{REQUESTS}" (MESSAGES)').one(rb"MESSAGES 0")
    with deleted.place.session() as session:
        session.must(f'SELECT "{REQUESTS}"')
        session.must("STORE 1 +FLAGS (\\Deleted)")
        session.must("EXPUNGE")
    for knock in (trashed, deleted):
        assert not knock.reader.contacts() and not knock.reader.command("allow", "list")
        subject, _ = knock.stranger.write(knock.reader)
        knock.reader.wait_contact(knock.stranger)
        assert not knock.reader.has(subject)


@CASES.add
def counts_while_idle(demo):
    """A client that idles in the mailbox sees a stranger knock."""
    reader, stranger = demo.b.new_account("on"), demo.a.new_account()
    place = Place(demo.b, reader.address, reader.password)
    with place.session() as session:
        session.must(f'SELECT "{REQUESTS}"')
        tag = session.begin("IDLE")
        session.wait(rb"^\+")
        stranger.write(reader)
        session.wait(rb"^\* 1 EXISTS")
        session.send(b"DONE\r\n")
        assert session.end(tag).status == "OK"
        assert session.must("FETCH 1 (BODY.PEEK[HEADER.FIELDS (Subject)])").one(re.escape(str(stranger)).encode())
