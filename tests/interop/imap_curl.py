"""curl: lists, fetches, searches, appends and moves by single commands."""

import subprocess
import tempfile
import urllib.parse

import mails
from cases import Cases

CASES = Cases("curl")


def curl(place, path, *words, stdin=None):
    """Runs curl over TLS on what this path names; returns what it printed."""
    run = curl_run(place, path, *words, stdin=stdin)
    assert run.returncode == 0, f"curl {path} {words}: {run.returncode}: {run.stderr.decode(errors='replace')}"
    return run.stdout


def curl_run(place, path, *words, stdin=None):
    """Runs curl; returns the finished process."""
    port = place.ports["imaps"]
    command = ["curl", "--silent", "--show-error", "--max-time", "60", "--cacert", place.ca_pem, "--resolve", f"{place.hostname}:{port}:{place.address}"]
    url = f"imaps://{place.hostname}:{port}/{path}"
    return subprocess.run([*command, "--user", f"{place.user}:{place.password}", url, *words], input=stdin, capture_output=True, timeout=120, check=False)


@CASES.add
def commands(server):
    """Lists, appends, fetches whole messages, parts and sections, searches, stores, moves; and is refused with a wrong password."""
    place = server.place()
    with tempfile.NamedTemporaryFile() as file:
        for number in range(6):
            file.seek(0)
            file.truncate()
            file.write(mails.letter(number))
            file.flush()
            curl(place, "INBOX", "--upload-file", file.name)
    assert b"INBOX" in curl(place, "")
    for number in range(6):
        assert curl(place, f"INBOX;UID={number + 1}") == mails.letter(number)
    assert curl(place, "INBOX;UID=2;SECTION=HEADER.FIELDS%20(Subject)").strip() == b"Subject: Letter 1 about bridges"
    assert curl(place, "INBOX;UID=6;SECTION=1") == mails.text(5).encode()
    assert curl(place, "INBOX;MAILINDEX=3;SECTION=TEXT").startswith(b"Preamble.\r\n")
    assert curl(place, "INBOX?" + urllib.parse.quote("SUBJECT bridges")).split() == b"* SEARCH 2".split()
    assert curl(place, "INBOX?ALL").split() == b"* SEARCH 1 2 3 4 5 6".split()
    curl(place, "INBOX", "--request", "STORE 1 +FLAGS (\\Flagged)")
    assert b"\\Flagged" in curl(place, "INBOX", "--request", "FETCH 1 (FLAGS)")
    curl(place, "", "--request", 'CREATE "Work 2026"')
    curl(place, "INBOX", "--request", 'UID MOVE 2 "Work 2026"')
    assert curl(place, "Work%202026;UID=1") == mails.letter(1)
    assert curl(place, "INBOX?ALL").split() == b"* SEARCH 1 2 3 4 5".split()
    assert b"QUOTAROOT" in curl(place, "", "--request", "GETQUOTAROOT INBOX")
    # RFC 5092 section 3: with the wrong UIDVALIDITY it is another mailbox.
    assert curl_run(place, "INBOX;UIDVALIDITY=7/;UID=1").returncode != 0
    assert curl_run(place, "Nowhere;UID=1").returncode != 0
    place.password = "wrong"
    assert curl_run(place, "").returncode == 67, "a login that is denied"
