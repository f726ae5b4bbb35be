"""Python's imaplib, and imapclient: through every command that they know."""

import datetime
import imaplib
import re
import time

import mails
from cases import Cases
from packages import package

CASES = Cases("Python")

FOLDER = "Entwürfe & 日本"


def by_imaplib(place):
    """A session of imaplib's, logged in."""
    with place.resolved():
        client = imaplib.IMAP4_SSL(place.hostname, place.ports["imaps"], ssl_context=place.tls_context(), timeout=60)
    done(client.login(place.user, place.password))
    return client


def by_imapclient(place, **options):
    """A session of imapclient's, logged in."""
    with place.resolved():
        client = package("imapclient").IMAPClient(place.hostname, place.ports["imaps"], ssl_context=place.tls_context(), timeout=60, **options)
    client.login(place.user, place.password)
    return client


def done(answer):
    """What imaplib returned beside OK."""
    status, data = answer
    assert status == "OK", answer
    return data


@CASES.add
def imaplib_reads(server):
    """imaplib: logs in behind STARTTLS, appends, selects, fetches, searches, sorts, threads."""
    place = server.place()
    with place.resolved():
        plain = imaplib.IMAP4(place.hostname, place.ports["imap"], timeout=60)
    assert "STARTTLS" in plain.capabilities and "LOGINDISABLED" in plain.capabilities, plain.capabilities
    try:
        plain.login(place.user, place.password)
        raise AssertionError("logged in in the clear")
    except imaplib.IMAP4.error:
        pass
    done(plain.starttls(place.tls_context()))
    done(plain.authenticate("PLAIN", lambda _: f"\0{place.user}\0{place.password}".encode()))
    assert plain.state == "AUTH"
    plain.logout()

    client = by_imaplib(place)
    for number in range(12):
        flags = "(\\Seen)" if number % 2 else None
        done(client.append("INBOX", flags, imaplib.Time2Internaldate(mails.BEGAN + number * 86_400), mails.letter(number)))
    assert done(client.select("INBOX")) == [b"12"]
    assert client.response("UIDVALIDITY")[1] and client.response("UIDNEXT")[1] == [b"13"]
    fetched = done(client.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
    bodies = [part for part in fetched if isinstance(part, tuple)]
    assert [body for _, body in bodies] == [mails.letter(number) for number in range(12)]
    for number, (head, body) in enumerate(bodies):
        assert int(re.search(rb"RFC822.SIZE (\d+)", head)[1]) == len(body)
        assert time.mktime(imaplib.Internaldate2tuple(head)) == mails.BEGAN + number * 86_400
    assert done(client.search(None, "UNSEEN")) == [b"1 3 5 7 9 11"]
    assert done(client.search(None, "SUBJECT", '"bridges"')) == [b"2 12"]
    client.literal = "Grüße".encode()
    assert done(client.search("UTF-8", "SUBJECT")) == [b"4"]
    client.literal = "Äpfel und Öl".encode()
    assert done(client.uid("SEARCH", "CHARSET", "UTF-8", "BODY")) == [b"5"], "8-bit in a body"
    assert done(client.sort("(REVERSE DATE)", "UTF-8", "ALL")) == [b"12 11 10 9 8 7 6 5 4 3 2 1"]
    assert done(client.sort("(SUBJECT)", "US-ASCII", "1:3")) == [b"1 2 3"]
    threads = done(client.thread("REFERENCES", "UTF-8", "ALL"))[0].decode()
    assert "(3 4 5)" in threads or "(4 5)" in threads, threads
    assert done(client.thread("ORDEREDSUBJECT", "UTF-8", "ALL"))
    assert [part[1] for part in done(client.uid("FETCH", "6", "(BODY.PEEK[2.MIME] BODY[1]<0.4>)")) if isinstance(part, tuple)][1] == b"Line"
    assert done(client.search(None, "UID", "6", "SEEN")) == [b"6"], "BODY[] sets \\Seen"
    done(client.noop())
    done(client.check())
    client.close()
    assert client.logout()[0] == "BYE"


@CASES.add
def imaplib_writes(server):
    """imaplib: stores flags, copies, moves, expunges, makes, renames, subscribes and deletes folders; UTF-8 names; quotas."""
    place = server.place()
    client = by_imaplib(place)
    for number in range(8):
        done(client.append("INBOX", None, None, mails.letter(number)))
    done(client.create('"Work/2026"'))
    done(client.subscribe('"Work/2026"'))
    listed = b"\n".join(done(client.list()))
    assert b'"Work/2026"' in listed or b"Work/2026" in listed, listed
    assert b"Work/2026" in b"\n".join(done(client.lsub('""', '*')))
    done(client.rename('"Work/2026"', '"Work/2027"'))
    assert b"Work/2027" in b"\n".join(done(client.list('""', "Work/%")))
    done(client.unsubscribe('"Work/2026"'))
    done(client.select("INBOX"))
    done(client.store("1:2", "+FLAGS", "(\\Flagged $Important)"))
    assert b"$Important" in done(client.fetch("1", "(FLAGS)"))[0]
    done(client.store("1", "FLAGS", "(\\Answered)"))
    assert re.search(rb"FLAGS \(\\Answered( \\Recent)?\)", done(client.fetch("1", "(FLAGS)"))[0])
    done(client.copy("1:3", '"Work/2027"'))
    assert client.response("COPYUID")[1][0], "UIDPLUS"
    done(client.uid("MOVE", "4:5", '"Work/2027"'))
    assert done(client.search(None, "ALL")) == [b"1 2 3 4 5 6"]
    done(client.store("1:2", "+FLAGS.SILENT", "(\\Deleted)"))
    assert len(client.response("EXPUNGE")[1]) == 2, "of those that were moved"
    assert len(done(client.expunge())) == 2
    done(client.uid("STORE", "6:7", "+FLAGS", "(\\Deleted)"))
    done(client.uid("EXPUNGE", "6"))
    assert done(client.uid("SEARCH", None, "ALL")) == [b"3 7 8"]
    done(client.unselect())
    assert b"MESSAGES 5" in done(client.status('"Work/2027"', "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"))[0]
    roots, quotas = done(client.getquotaroot("INBOX"))
    assert roots and b"STORAGE" in quotas[0], (roots, quotas)
    done(client.delete('"Work/2027"'))
    try:
        client.select('"Work/2027"')
        assert client.state == "AUTH"
    except imaplib.IMAP4.error:
        pass

    # With UTF8=ACCEPT, names and messages are as they are.
    if "UTF8=ACCEPT" in client.capabilities:
        done(client.enable("UTF8=ACCEPT"))
        name = f'"{FOLDER}"'
        done(client.create(name))
        assert FOLDER.encode() in b"\n".join(done(client.list()))
        letter = "From: Jürgen <jürgen@bücher.example>\r\nSubject: Grüße\r\n\r\nÖl\r\n".encode()
        done(client.append(name, None, None, letter))
        done(client.select(name))
        assert done(client.fetch("1", "(BODY.PEEK[])"))[0][1] == letter
        assert "Grüße".encode() in done(client.fetch("1", "(ENVELOPE)"))[0]
    client.logout()


@CASES.add
def imapclient_reads_and_writes(server):
    """imapclient: what imaplib does, and structures, envelopes, labels of its own, special folders, quotas, namespaces, ID."""
    place = server.place()
    client = by_imapclient(place)
    imapclient = package("imapclient")
    for number in range(16):
        client.append("INBOX", mails.letter(number), (imapclient.SEEN,) if number % 3 else (), datetime.datetime(2026, 1, 1 + number, 12, tzinfo=datetime.timezone.utc))
    assert client.has_capability("IDLE") and client.has_capability("MOVE")
    assert client.id_({"name": "imapclient"})
    assert client.namespace().personal[0][1] == "/"
    client.enable("CONDSTORE")
    selected = client.select_folder("INBOX")
    assert selected[b"EXISTS"] == 16 and selected[b"HIGHESTMODSEQ"] > 0, selected
    unseen = client.search("UNSEEN")
    assert unseen == [1, 4, 7, 10, 13, 16], unseen
    assert client.search(["SUBJECT", "Grüße"], "UTF-8") == [4, 15]
    assert client.search(["SINCE", datetime.date(2026, 1, 14)]) == [14, 15, 16]
    assert client.search(["OR", "UID", "1:3", ["NOT", "SMALLER", 3_000]])
    assert client.sort("REVERSE ARRIVAL")[:3] == [16, 15, 14]
    assert client.thread("REFERENCES")
    data = client.fetch([6, 8], ["ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "FLAGS", "MODSEQ", "BODY.PEEK[HEADER]", "BODY.PEEK[1]"])
    assert data[6][b"ENVELOPE"].message_id == b"<n.5@example.test>"
    assert data[6][b"BODYSTRUCTURE"].is_multipart and data[6][b"BODYSTRUCTURE"][0][1][1] == b"octet-stream", data[6][b"BODYSTRUCTURE"]
    assert data[8][b"BODYSTRUCTURE"][0][0][1].lower() == b"rfc822", data[8][b"BODYSTRUCTURE"]
    assert data[6][b"RFC822.SIZE"] == len(mails.letter(5)) and data[6][b"MODSEQ"]
    assert client.fetch(unseen, ["FLAGS"], modifiers=[f"CHANGEDSINCE {selected[b'HIGHESTMODSEQ']}"]) == {}
    client.add_flags([1], [imapclient.FLAGGED, "$Label1"])
    assert set(client.get_flags([1])[1]) >= {b"\\Flagged", b"$Label1"}
    client.remove_flags([1], [imapclient.FLAGGED])
    client.set_flags([2], [imapclient.ANSWERED])
    assert set(client.get_flags([2])[2]) - {b"\\Recent"} == {b"\\Answered"}
    client.create_folder(FOLDER)
    assert FOLDER in [name for *_, name in client.list_folders()]
    client.subscribe_folder(FOLDER)
    assert FOLDER in [name for *_, name in client.list_sub_folders()]
    client.copy([3], FOLDER)
    client.move([4, 5], FOLDER)
    assert client.folder_status(FOLDER, ["MESSAGES", "HIGHESTMODSEQ"])[b"MESSAGES"] == 3
    client.delete_messages([6])
    client.expunge()
    client.add_flags([7, 8], [imapclient.DELETED])
    client.uid_expunge([8])
    assert client.search() == [1, 2, 3, 7, *range(9, 17)]
    for use in (b"\\Sent", b"\\Drafts", b"\\Junk", b"\\Trash"):
        assert client.find_special_folder(use), use
    assert client.get_quota_root("INBOX")[0].quota_roots
    client.unselect_folder()
    assert client.folder_exists(FOLDER)
    client.rename_folder(FOLDER, "Ablage")
    client.delete_folder("Ablage")
    assert not client.folder_exists("Ablage")
    client.noop()
    client.logout()


@CASES.add
def imapclient_idles(server):
    """imapclient: hears of messages, flags and expunges while it idles."""
    place = server.place()
    client = by_imapclient(place)
    client.select_folder("INBOX")
    with place.session() as other:
        client.idle()
        other.append("INBOX", mails.letter(1))
        wait_told(client, lambda said: said == (1, b"EXISTS"))
        other.must("SELECT INBOX")
        other.must("STORE 1 +FLAGS (\\Flagged)")
        wait_told(client, lambda said: said[:2] == (1, b"FETCH") and b"\\Flagged" in said[2][said[2].index(b"FLAGS") + 1])
        other.must("STORE 1 +FLAGS (\\Deleted)")
        other.must("EXPUNGE")
        wait_told(client, lambda said: said == (1, b"EXPUNGE"))
        client.idle_done()
    client.logout()


def wait_told(client, wanted):
    """Returns once an idle client has been told this."""
    found, deadline = [], time.monotonic() + 30
    while not any(wanted(said) for said in found):
        assert time.monotonic() < deadline, found
        found += client.idle_check(1)
