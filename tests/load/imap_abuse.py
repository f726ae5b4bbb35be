"""IMAP sessions that lie, nest and repeat: each gets a clear answer in bounded time and memory, and others are served meanwhile."""

import contextlib
import socket
import time
import zlib

import mails
from cases import Cases, Skipped
from crowd import forget_peak, memory
from imap import OnTwoway, Session

CASES = Cases("IMAP abuse")

# For one command, in a debug build beside compilers.
SECONDS_MAX = 15
# What any of this may add to the server's memory at its highest, in MiB.
MEMORY_MIB_MAX = 64
DEPTH = 20_000
ELEMENTS = 100_000


@contextlib.contextmanager
def bounded(server, what, seconds_max=SECONDS_MAX):
    """The block takes no longer than this, and no more memory."""
    node = server.server if server.is_ours else None
    before = forget_peak(node) if node else 0
    begun = time.monotonic()
    yield
    seconds = time.monotonic() - begun
    grown = (memory(node, "VmHWM") - before) / 1024 if node else 0
    print(f"        {what}: {seconds:.2f} s, {grown:.1f} MiB")
    assert seconds < seconds_max, f"{what}: {seconds:.1f} s"
    assert grown < MEMORY_MIB_MAX, f"{what}: {grown:.1f} MiB"


def still_there(place):
    """Somebody else is served."""
    with place.session() as session:
        session.must("SELECT INBOX")
        session.must("LOGOUT")


MALFORMED = (
    "", "FETCH", "FETCH 1", "FETCH 0 FLAGS", "FETCH 1 (FLAGS", "FETCH 1 FLAGS)", "FETCH 1 BODY[", "FETCH 1 BODY[]<1.>", "FETCH 1 BODY[0]", "FETCH 4294967296 FLAGS",
    "FETCH 1:2:3 FLAGS", "FETCH 1,,2 FLAGS", "FETCH ,1 FLAGS", "FETCH 1 BODY[HEADER.FIELDS ()]", "UID", "UID NOOP", "UID FETCH a FLAGS", "STORE 1 FLAGS", "STORE 1 +FLAGS (\\)",
    "SEARCH", "SEARCH (", "SEARCH )", "SEARCH OR ALL", "SEARCH SINCE 32-Jan-2026", "SEARCH SINCE x", "SEARCH HEADER x", "SEARCH CHARSET", "SEARCH LARGER -1",
    'SEARCH SUBJECT "open', 'LIST "" ', "LIST", "LIST a b c", "STATUS INBOX", "STATUS INBOX ()", "STATUS INBOX (NOTHING)", "CREATE", "DELETE", "RENAME a", "SELECT", "SELECT INBOX (", "APPEND INBOX",
    "APPEND INBOX {x}", "APPEND INBOX {-1}", "APPEND INBOX (\\Seen", "LOGIN", "LOGIN a", "AUTHENTICATE", "AUTHENTICATE NOTHING", "COPY 1", "MOVE", "SORT (DATE)", "SORT () UTF-8 ALL", "THREAD NOTHING UTF-8 ALL",
    "IDLE now", "NOTIFY SET", "ENABLE", "SETQUOTA", "GETMETADATA", "SETMETADATA INBOX", "COMPRESS ZIP", "NOSUCHCOMMAND", "XTWOWAY", "FETCH 1 \x01", "NOOP \x7f", "STARTTLS",
)


@CASES.add
def malformed(server):
    """Each of many malformed commands gets BAD or NO with a text, and the session goes on."""
    place = server.place()
    with place.session() as session, bounded(server, f"{len(MALFORMED)} malformed commands", 60):
        session.append("INBOX", mails.letter(1))
        session.must("SELECT INBOX")
        for text in MALFORMED:
            try:
                reply = session.command(text)
            except (AssertionError, OSError):
                # So many mistakes: it may have been let go.
                session.close()
                session = place.session()
                session.must("SELECT INBOX")
                reply = session.command(text)
            assert reply.status in ("BAD", "NO") and reply.text.strip(), f"{text!r}: {reply}"
            if "BYE" in str(reply.data):
                session = place.session()
                session.must("SELECT INBOX")
    still_there(place)


def said_then_closed(place, octets, login=True):
    """All that a new session is told after these octets, until a BYE, the end or 5 s of silence."""
    session = place.session(timeout=5) if login else Session(place, timeout=5)
    said = b""
    with session:
        try:
            session.send(octets)
            while True:
                line = session.read()
                said += line + b"\r\n"
                if not line or line.startswith((b"* BYE", b"a77 ")):
                    return said
        except (TimeoutError, OSError):
            return said


@CASES.add
def literals_that_lie(server):
    """Literals that are too long, have no length, or never come: BAD, NO or BYE, and nothing is kept for them."""
    place = server.place()
    with bounded(server, "literals", 120):
        for login in (False, True):
            verb = b"APPEND INBOX" if login else b"LOGIN"
            for length in (b"4294967295", b"4294967296", b"99999999999999999999999", b"18446744073709551616"):
                for plus in (b"", b"+"):
                    said = said_then_closed(place, b"a77 %s {%s%s}\r\n" % (verb, length, plus), login)
                    assert b"a77 BAD" in said or b"a77 NO" in said or b"* BYE" in said or (plus and not said), (verb, length, plus, said)
        # Said to come, and the connection ends.
        for octets in (b"a77 APPEND INBOX {1000000}\r\n", b"a77 APPEND INBOX {1000+}\r\nFrom", b"a77 SEARCH SUBJECT {5+}\r\nab"):
            with place.session() as session:
                session.send(octets)
        # A quarter of a gigabyte that was not asked for, before a login.
        with Session(place, timeout=30) as session:
            with contextlib.suppress(OSError):
                session.send(b"a77 LOGIN {268435456+}\r\n")
                for _ in range(256):
                    session.send(b"x" * 2**20)
        # A line that does not end.
        with Session(place, timeout=30) as session:
            with contextlib.suppress(OSError):
                for _ in range(64):
                    session.send(b"y" * 2**20)
    with place.session() as session:
        assert session.must("STATUS INBOX (MESSAGES)").one(rb"MESSAGES 0")


@CASES.add
def nesting(server):
    """Keys, parentheses and sections nested thousands deep get BAD or an answer."""
    place = server.place()
    deep = {
        "parentheses": "SEARCH " + "(" * DEPTH + "ALL" + ")" * DEPTH,
        "NOT": "SEARCH " + "NOT " * DEPTH + "ALL",
        "OR": "SEARCH " + "OR ALL " * DEPTH + "ALL",
        "sections": f"FETCH 1 BODY[{'1.' * DEPTH}1]",
        "open": "SEARCH " + "(" * DEPTH,
        "LIST": 'LIST "" ' + "(" * DEPTH,
        "wildcards": 'LIST "" "' + "*a" * 400 + '*b"',
        "percents": 'LIST "" "' + "%" * 2_000 + 'x"',
    }
    with place.session() as session:
        session.append("INBOX", mails.letter(1))
        session.must("CREATE " + "a" * 200)
    for name, text in deep.items():
        with place.session() as session, bounded(server, f"nested {name}"):
            session.must("SELECT INBOX")
            tag = session.begin(text)
            try:
                reply = session.end(tag)
                assert reply.status in ("BAD", "NO", "OK"), reply
            except (AssertionError, OSError) as error:
                assert "ended" in str(error) or isinstance(error, OSError), error
    still_there(place)


@CASES.add
def sequence_sets(server):
    """Sets of 100,000 elements: ascending, repeated, overlapping, in a mailbox with few messages; an answer in bounded time."""
    place = server.place()
    sets = {
        "odd": ",".join(str(number) for number in range(1, 2 * ELEMENTS, 2)),
        "repeated": ",".join(["1"] * ELEMENTS),
        "overlapping": ",".join(["1:*"] * ELEMENTS),
        "descending": ",".join(str(number) for number in range(ELEMENTS, 0, -1)),
        "ranges": ",".join(f"{number}:{number + 50_000}" for number in range(1, ELEMENTS // 2)),
    }
    with place.session() as session:
        session.append_many("INBOX", [mails.letter(number) for number in range(30)])
        for name, text in sets.items():
            for command in ("UID FETCH {} (FLAGS)", "UID SEARCH UID {}", "UID STORE {} +FLAGS.SILENT (\\Seen)"):
                with bounded(server, f"{command.split(' {')[0]}, {name}"):
                    session.must("SELECT INBOX")
                    reply = session.command(command.format(text))
                    assert reply.status in ("OK", "BAD", "NO"), reply
                    if reply.status == "OK" and command.startswith("UID FETCH"):
                        told = [match[1] for match in reply.having(rb"UID (\d+)")]
                        assert len(told) == len(set(told)), "told twice"
    still_there(place)


def bombs():
    """Messages that are small to send and large to understand: {what: octets}."""
    depth = 3_000
    nested = "".join(f'Content-Type: multipart/mixed; boundary="b{at}"\r\n\r\n--b{at}\r\n' for at in range(depth))
    forwarded = "Content-Type: message/rfc822\r\n\r\n" * depth
    wide = 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + "--b\r\n\r\nx\r\n" * 60_000 + "--b--\r\n"
    prefixes = 'Content-Type: multipart/mixed; boundary="' + "a" * 60 + '"\r\n\r\n' + ("--" + "a" * 59 + "\r\n") * 20_000
    headers = "".join(f"X-Field-{at}: value\r\n" for at in range(50_000)) + "\r\nHello\r\n"
    addresses = "To: " + ",\r\n ".join(f"a{at} <a{at}@example.test>" for at in range(30_000)) + "\r\n\r\nHello\r\n"
    comments = "To: " + "(" * 50_000 + ")" * 50_000 + " a@example.test\r\n\r\nHello\r\n"
    groups = "To: " + "g:" * 50_000 + ";\r\n\r\nHello\r\n"
    parameters = "Content-Type: text/plain" + "".join(f";\r\n p*{at}*=utf-8''%41" for at in range(30_000)) + "\r\n\r\nHello\r\n"
    words = "Subject: " + "\r\n ".join("=?utf-8?B?Q29uIHRlIGFhYWFh?=" for _ in range(20_000)) + "\r\n\r\nHello\r\n"
    references = "Message-ID: <r@x>\r\nReferences: " + "\r\n ".join(f"<{at}@x>" for at in range(40_000)) + "\r\n\r\nHello\r\n"
    return {
        "nested multiparts": nested, "nested messages": forwarded, "60,000 parts": wide, "nearly boundaries": prefixes, "50,000 fields": headers, "30,000 addresses": addresses,
        "comments": comments, "groups": groups, "parameters": parameters, "encoded words": words, "references": references,
    }


@CASES.add
def mime_bombs(server):
    """Messages made to be expensive are kept, fetched, searched, sorted and threaded in bounded time and memory."""
    place = server.place()
    commands = (
        "UID FETCH {} (ENVELOPE BODYSTRUCTURE RFC822.SIZE)", "UID FETCH {} (BODY.PEEK[1.1.1.1.1] BODY.PEEK[HEADER.FIELDS (Subject)])", "UID FETCH {} (BODY.PEEK[{section}])", "UID FETCH {} (PREVIEW BINARY.SIZE[1])",
        "UID SEARCH UID {} TEXT needle", "UID SORT (SUBJECT FROM SIZE) UTF-8 UID {}", "UID THREAD REFERENCES UTF-8 UID {}", "UID THREAD ORDEREDSUBJECT UTF-8 UID {}",
    )
    with place.session() as session:
        session.must("SELECT INBOX")
        for name, text in bombs().items():
            content = ("From: a@example.test\r\n" + text).encode()
            with bounded(server, f"{name}, {len(content) >> 10} KiB"):
                reply = session.command("APPEND INBOX ", content)
                assert reply.status in ("OK", "NO"), reply
                if reply.status == "OK":
                    uid = reply.code("APPENDUID").split()[1].decode()
                    for command in commands:
                        reply = session.command(command.format(uid, section="1." * 200 + "1"))
                        assert reply.status in ("OK", "NO", "BAD"), reply
                    assert session.must(f"UID FETCH {uid} (BODY.PEEK[])").one(rb"\{\d+\}\r\n(.*)\)$")[1] == content
    still_there(place)


@CASES.add
def compressed_bomb(server):
    """A gigabyte of nothing that travels as one megabyte (COMPRESS=DEFLATE) takes no memory."""
    place = server.place()
    with place.session() as session:
        if b"COMPRESS=DEFLATE" not in session.must("CAPABILITY").data[0]:
            raise Skipped("without COMPRESS=DEFLATE")
        session.must("COMPRESS DEFLATE")
        with bounded(server, "a bomb of DEFLATE", 60):
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            chunk = b"z" * 2**20
            with contextlib.suppress(OSError):
                for _ in range(1_024):
                    session.send(packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH))
    still_there(place)


@CASES.add
def never_reads(server):
    """Who asks for everything a thousand times and reads nothing costs little, and others are served."""
    place = server.place()
    with place.session() as session:
        session.append_many("INBOX", [mails.letter(number) for number in range(200)])
        session.append("INBOX", b"Subject: large\r\n\r\n" + (b"x" * 76 + b"\r\n") * 100_000)
    with bounded(server, "asked a thousand times, read nothing", 60), contextlib.ExitStack() as stack:
        for _ in range(5):
            deaf = stack.enter_context(place.session())
            deaf.must("SELECT INBOX")
            deaf.socket.settimeout(3)
            with contextlib.suppress(OSError, socket.timeout):
                deaf.send(b"".join(b"d%d UID FETCH 1:* (BODY.PEEK[])\r\n" % at for at in range(1_000)))
        still_there(place)


def play(score):
    """All of these against a server of ours."""
    if score.wants(CASES):
        with OnTwoway().running() as server:
            score.play(CASES, server)
