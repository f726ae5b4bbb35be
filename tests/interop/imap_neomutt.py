"""neomutt on a terminal: opens, reads, marks as answered, saves to a folder, deletes, finds, quits."""

import contextlib
import os
import shutil
import tempfile

import mails
from cases import Cases, Skipped
from server import wait_for
from terminal import Terminal

CASES = Cases("neomutt")

CONFIGURATION = """
set folder = "imaps://{hostname}:{port}/"
set imap_user = "{user}"
set imap_pass = "{password}"
set spoolfile = "+INBOX"
set certificate_file = "{folder}/trusted.pem"
set ssl_use_system_certs = no
set ssl_verify_host = no
set header_cache = "{folder}/headers"
set message_cachedir = "{folder}/messages"
set tmpdir = "{folder}"
set charset = "utf-8"
set move = no
set confirmappend = no
set delete = yes
set quit = yes
set mark_old = no
set sort = mailbox-order
set imap_check_subscribed = yes
set timeout = 5
set sleep_time = 0
set record = ""
set sidebar_visible = no
set abort_nosubject = no
set wait_key = no
set index_format = "%C %Z %s"
"""


@contextlib.contextmanager
def opened(place, mailbox=None):
    """neomutt, with this mailbox open."""
    if not shutil.which("neomutt"):
        raise Skipped("neomutt is missing: apt-get install neomutt")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "trusted.pem"), "w", encoding="ascii") as file:
            file.write(place.certificate())
        rc = os.path.join(folder, "neomuttrc")
        with open(rc, "w", encoding="utf-8") as file:
            # No DNS that it could ask knows the server's name.
            file.write(CONFIGURATION.format(hostname=place.address, port=place.ports["imaps"], user=place.user, password=place.password, folder=folder))
        words = ["-f", f"imaps://{place.address}:{place.ports['imaps']}/{mailbox}"] if mailbox else []
        with Terminal(["neomutt", "-n", "-F", rc, *words], {"HOME": folder}) as terminal:
            yield terminal


def flags(session, uid):
    """Of one message."""
    return session.must(f"UID FETCH {uid} (FLAGS)").one(rb"FLAGS \(([^)]*)\)")[1].decode()


@CASES.add
def a_visit(server):
    """Opens, reads, flags, saves to a folder, deletes, finds, sees what is new, and quits."""
    place = server.place()
    with place.session() as session:
        session.append_many("INBOX", [mails.letter(number) for number in range(10)])
        session.must("CREATE Keepers")
        with opened(place) as neomutt:
            neomutt.wait("10 N   Re: Letter 8 about islands")
            neomutt.keys("1\n\n")
            neomutt.wait("Line 0 of letter 0 speaks of apples")
            neomutt.keys("q2\n")
            neomutt.wait("Letter 2 about clocks")
            neomutt.keys("wr")  # the flag of an answered message
            neomutt.keys("3\nF")
            neomutt.keys("4\ns")
            neomutt.wait("Save to mailbox")
            neomutt.keys("\x15=Keepers\n")
            neomutt.keys("5\nd")
            neomutt.keys("l")
            neomutt.wait("Limit to messages matching")
            neomutt.keys("=b about=\x15~b 'speaks of gardens'\n")
            neomutt.wait("Letter")
            neomutt.keys("l")
            neomutt.wait("Limit to messages matching")
            neomutt.keys("\x15all\n")
            neomutt.wait("Re: Letter 8 about islands")
            neomutt.keys("$")
            session.must("SELECT INBOX")
            wait_for("the deletions", lambda: session.must("NOOP") and session.must("UID SEARCH ALL").one(rb"SEARCH([ \d]*)")[1].split() == b"1 2 3 6 7 8 9 10".split())
            session.append("INBOX", mails.letter(21))
            neomutt.wait("Letter 21 about bridges")
            neomutt.keys("q")
            assert neomutt.wait_end() == 0
        session.must("NOOP")
        assert "\\Seen" in flags(session, 1) and "\\Answered" in flags(session, 2) and "\\Flagged" in flags(session, 3)
        session.must("EXAMINE Keepers")
        assert session.must("FETCH 1:* (BODY.PEEK[])").one(rb"\{\d+\}\r\n(.*)\)$")[1] == mails.letter(3)
