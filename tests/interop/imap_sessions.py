"""What well-known programs say in their first sessions, command for command: Thunderbird, iOS Mail, Outlook for phones, K-9.

Written from their public logs and sources; what is asserted is what these programs rely on.
"""

import base64
import re

import mails
from cases import Cases
from imap import Session

CASES = Cases("sessions")

THUNDERBIRD_HEADERS = "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To"


@CASES.add
def thunderbird(server):
    """Thunderbird: ENABLE, special folders, headers in batches, parts, IDLE, flags by keywords, deletion by MOVE, drafts."""
    place = server.place()
    with place.session() as filler:
        filler.append_many("INBOX", [mails.letter(number) for number in range(24)])
    with place.session() as session:
        capabilities = session.must("CAPABILITY").one(rb"^\* CAPABILITY (.*)$")[1].decode().split()
        assert {"IDLE", "NAMESPACE", "UIDPLUS", "CONDSTORE", "ENABLE", "MOVE", "LIST-EXTENDED", "SPECIAL-USE", "ID"} <= set(capabilities), capabilities
        session.must('ID ("name" "Thunderbird" "version" "140.0")').one(rb"^\* ID ")
        if "UTF8=ACCEPT" in capabilities:
            session.must("ENABLE UTF8=ACCEPT")
        session.must("ENABLE CONDSTORE")
        assert session.must("NAMESPACE").one(rb'^\* NAMESPACE \(\("" "/"\)\)')
        session.must('LIST (SUBSCRIBED) "" "*" RETURN (SPECIAL-USE)')
        special = session.must('LIST "" "*" RETURN (SPECIAL-USE SUBSCRIBED CHILDREN)')
        for use in (rb"\\Sent", rb"\\Drafts", rb"\\Trash", rb"\\Junk", rb"\\Archive"):
            assert special.one(use), use
        assert session.must('LIST "" ""').one(rb'"/"')
        session.must('LIST "" "INBOX"').one(rb"INBOX")
        selected = session.must("SELECT INBOX (CONDSTORE)")
        modseq = int(selected.code("HIGHESTMODSEQ"))
        assert selected.one(rb"^\* 24 EXISTS") and selected.code("UIDVALIDITY") and b"\\*" in selected.code("PERMANENTFLAGS")
        flags = session.must("UID FETCH 1:* (FLAGS)")
        assert len(flags.having(rb"UID \d+")) == 24 == len(flags.having(rb"FLAGS \("))
        heads = session.must(f"UID FETCH 1:24 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS ({THUNDERBIRD_HEADERS})])")
        assert len(heads.having(rb"Message-ID: <n\.\d+@")) == 24
        assert heads.having(rb"RFC822.SIZE (\d+)")[5][1] == str(len(mails.letter(5))).encode()
        structure = session.must("UID FETCH 6 (BODYSTRUCTURE)").one(rb"BODYSTRUCTURE (.*)")[1]
        assert re.search(rb'"octet-stream" \("name" "file 5.bin"\)', structure, re.IGNORECASE), structure
        part = session.must("UID FETCH 6 (BODY.PEEK[HEADER] BODY.PEEK[1.MIME] BODY.PEEK[1])")
        assert mails.text(5).encode() in part.data[0]
        whole = session.must("UID FETCH 6 (UID RFC822.SIZE BODY[])")
        assert mails.letter(5) in whole.data[0] and (b"\\Seen" in b"".join(whole.data))
        # It reads long messages in pieces.
        pieces = b"".join(session.must(f"UID FETCH 6 (UID BODY.PEEK[]<{at}.700>)").one(rb"\{\d+\}\r\n(.*)\)$")[1] for at in range(0, len(mails.letter(5)), 700))
        assert pieces == mails.letter(5)
        session.must("UID STORE 7 +FLAGS ($label1 NonJunk)")
        session.must("UID STORE 7 -FLAGS (Junk)")
        tag = session.begin("IDLE")
        session.wait(rb"^\+")
        with place.session() as other:
            other.append("INBOX", mails.letter(30))
        session.wait(rb"^\* 25 EXISTS")
        session.send(b"DONE\r\n")
        assert session.end(tag).status == "OK"
        assert session.must("UID FETCH 25:* (FLAGS)").one(rb"UID 25")
        changed = session.must(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        assert {int(match[1]) for match in changed.having(rb"UID (\d+)")} == {6, 7, 25}, changed
        moved = session.must("UID MOVE 8 Trash")
        assert moved.code("COPYUID"), moved
        draft = session.append("Drafts", mails.letter(31), "(\\Seen \\Draft)")
        session.must("STATUS Drafts (UIDNEXT MESSAGES UNSEEN RECENT)").one(rb"MESSAGES 1")
        session.must("SELECT Drafts (CONDSTORE)")
        assert session.must("UID SEARCH UNDELETED HEADER Message-ID n.31@example.test").one(rb"SEARCH (\d+)")[1] == str(draft).encode()
        session.must(f"UID STORE {draft} +FLAGS (\\Deleted)")
        session.must(f"UID EXPUNGE {draft}")
        session.must("SELECT INBOX (CONDSTORE)")
        session.must("UID SEARCH UNSEEN")
        session.must("CLOSE")
        assert session.must("LOGOUT").one(rb"^\* BYE")


@CASES.add
def ios_mail(server):
    """iOS Mail: STATUS of all folders, newest first by ranges, structures and first parts, UID SEARCH by dates, COPY with \\Deleted."""
    place = server.place()
    with place.session() as filler:
        filler.append_many("INBOX", [mails.letter(number) for number in range(40)])
    with place.session() as session:
        session.must('ID ("name" "iPhone Mail" "version" "22A000" "os" "iOS" "os-version" "18.0 (22A000)")')
        session.must('LIST "" "*"')
        session.must('LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UNSEEN))').one(rb"STATUS \"?INBOX\"? \(MESSAGES 40")
        selected = session.must("SELECT INBOX")
        assert selected.one(rb"^\* 40 EXISTS")
        session.must("FETCH 31:40 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (date subject from to cc message-id in-reply-to references content-type x-priority x-uniform-type-identifier x-universally-unique-identifier list-id list-unsubscribe bimi-indicator reply-to)])")
        rows = session.must("UID FETCH 36,38,40 (BODYSTRUCTURE BODY.PEEK[HEADER])")
        assert len(rows.having(rb"BODYSTRUCTURE \(")) == 3
        assert mails.text(37).encode() in session.must("UID FETCH 38 (BODY.PEEK[1]<0.131072> BODY.PEEK[1.MIME])").data[0]
        found = session.must("UID SEARCH 1:* SINCE 1-Jan-2026 NOT DELETED").one(rb"SEARCH([\d ]*)")[1].split()
        assert len(found) == 40
        session.must("UID STORE 40 +FLAGS.SILENT (\\Seen)")
        copied = session.must("UID COPY 39 Archive").code("COPYUID")
        assert copied and copied.split()[1] == b"39", copied
        session.must("UID STORE 39 +FLAGS.SILENT (\\Deleted)")
        session.must("UID EXPUNGE 39")
        session.must("UID SEARCH 1:* UNSEEN")
        tag = session.begin("IDLE")
        session.wait(rb"^\+")
        with place.session() as other:
            other.must("SELECT INBOX")
            other.must("UID STORE 1 +FLAGS (\\Flagged)")
        session.wait(rb"FETCH .*\\Flagged")
        session.send(b"DONE\r\n")
        assert session.end(tag).status == "OK"
        session.must("LOGOUT")


@CASES.add
def outlook_for_phones(server):
    """Outlook for phones: a service that logs in from afar, and asks for all of a year by ranges of UIDs, and for whole messages."""
    place = server.place()
    with place.session() as filler:
        filler.append_many("INBOX", [mails.letter(number) for number in range(40)])
    with place.session() as session:
        session.must('ID ("name" "com.microsoft.outlook" "version" "1.0")')
        session.must('LIST "" "*"')
        session.must('LSUB "" "*"')
        session.must("EXAMINE INBOX")
        session.must("UID SEARCH SINCE 1-Jan-2026")
        assert len(session.must("UID FETCH 1:40 (UID FLAGS INTERNALDATE ENVELOPE BODYSTRUCTURE RFC822.SIZE)").having(rb"ENVELOPE \(")) == 40
        assert mails.letter(12) in session.must("UID FETCH 13 (BODY.PEEK[])").data[0]
        session.must("STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")
        session.must("SELECT INBOX")
        session.must("UID STORE 13 +FLAGS (\\Seen)")
        session.must("NOOP")
        session.must("UID FETCH 1:* (UID FLAGS)")
        session.must("LOGOUT")


@CASES.add
def k9(server):
    """K-9 Mail: SASL with an initial response, folders by attributes, sizes first, then small messages whole and large ones in part."""
    place = server.place()
    with place.session() as filler:
        filler.append_many("INBOX", [mails.letter(number) for number in range(30)])
    with Session(place) as session:
        initial = base64.b64encode(f"\0{place.user}\0{place.password}".encode()).decode()
        session.must(f"AUTHENTICATE PLAIN {initial}")
        session.must('LIST "" "*" RETURN (SPECIAL-USE)')
        session.must("SELECT INBOX")
        session.must("UID SEARCH UID 6:30 NOT DELETED")
        session.must("UID FETCH 6:30 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (date subject from content-type to cc reply-to message-id references in-reply-to list-unsubscribe sender X-K9mail-Identity Chat-Version)])")
        session.must("UID FETCH 6 (UID BODYSTRUCTURE)")
        assert mails.text(5).encode() in session.must("UID FETCH 6 (UID BODY.PEEK[1])").data[0]
        session.must("UID FETCH 7 (UID BODY.PEEK[]<0.32768>)")
        session.must("UID STORE 7 +FLAGS.SILENT (\\Seen \\Answered)")
        session.must("UID COPY 7 Trash")
        session.must("CHECK")
        session.must("LOGOUT")
