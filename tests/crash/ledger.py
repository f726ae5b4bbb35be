"""What was promised and what became of it: every message that was answered for arrives once, and its author hears the truth."""

import collections
import time

from octets import fields_in_front
from outcomes import Report
from server import token, wait_for
from smtp import Closed, Unexpected


# After what happens next, a message is no more what the system remembers of it, but what a disk has.
READINGS = 2


class Promise:
    """One submission."""

    def __init__(self, author, reader, subject, wants_report):
        self.author = author
        self.reader = reader
        self.subject = subject
        self.wants_report = wants_report
        self.content = b""
        self.is_kept = False
        self.readings = 0


class Ledger:
    """All submissions between these accounts, whatever came of them."""

    def __init__(self):
        self.promises = []
        self.read_reports = {}

    def submit(self, author, reader, size_octets=500, wants_report=False):
        """Submits a message; remembers whether the server answered for it. It may be killed meanwhile."""
        promise = Promise(author, reader, token(), wants_report)
        self.promises.append(promise)
        promise.content = author.message(reader, promise.subject, "x" * 70 + "\r\n" + "y" * (size_octets - 72) + "\r\n")
        rcpt = {"rcpt_params": "NOTIFY=SUCCESS,FAILURE"} if wants_report else {"rcpt_params": "NOTIFY=FAILURE"}
        try:
            with author.session() as session:
                reply = session.submit(author.address, [reader.address], promise.content, mail_params=f"ENVID={promise.subject}", **rcpt)
                promise.is_kept = reply.code == 250
        except (OSError, Closed):
            pass
        except Unexpected as unexpected:
            assert 400 <= unexpected.reply.code < 500, unexpected
        return promise.is_kept

    def settle(self, seconds=60):
        """Waits until every author has heard of every message, then checks that what they heard is true."""
        for author in {promise.author for promise in self.promises}:
            seen = []

            def all_delivered():
                seen[:] = author.command("sent", "list")
                assert not [row for row in seen if row["status"] not in ("kept", "noticed", "delivered")], seen
                return all(row["status"] == "delivered" for row in seen)

            try:
                wait_for(f"the status delivered of all mail of {author}", all_delivered, seconds)
            except AssertionError as error:
                waiting = [row for row in seen if row["status"] != "delivered"]
                raise AssertionError(f"{error}; still waiting: {waiting}") from None
        self.nothing_lost_or_doubled()
        self.reports_are_true()

    def nothing_lost_or_doubled(self):
        """Each message that was answered for is there once and whole, each other at most once, and delivered is what arrived."""
        mailboxes = {reader: reader.inbox() for reader in {promise.reader for promise in self.promises}}
        arrived = collections.Counter()
        for promise in self.promises:
            found = [row["id"] for row in mailboxes[promise.reader] if row["subject"] == promise.subject]
            assert (1 if promise.is_kept else 0) <= len(found) <= 1, (promise.subject, promise.is_kept, found)
            arrived[promise.author] += len(found)
            if found and promise.readings < READINGS:
                fields_in_front(promise.reader.raw(found[0]), promise.content)
                promise.readings += 1
        for author, count in arrived.items():
            delivered = len(author.command("sent", "list"))
            assert delivered == count, f"{author}: {delivered} delivered by their status, {count} arrived"

    def reports_are_true(self):
        """Who asked for a report of success has exactly one; nobody else has one."""
        wanted = {promise.subject: promise for promise in self.promises if promise.wants_report and promise.is_kept}
        deadline = time.monotonic() + 20
        while True:
            told = collections.Counter()
            for author in {promise.author for promise in self.promises}:
                told.update(self.reported(author))
            if set(wanted) <= set(told) or time.monotonic() > deadline:
                break
        assert set(wanted) <= set(told), f"no report of {set(wanted) - set(told)}"
        unasked = {promise.subject for promise in self.promises if not promise.wants_report}
        assert not unasked & set(told), f"reports nobody asked for: {unasked & set(told)}"
        assert max(told.values(), default=1) == 1, f"reports given twice: {told}"

    def reported(self, author):
        """The envelope ids in this author's reports, each of which must say `delivered`."""
        ids = []
        own = {promise.subject for promise in self.promises}
        for row in author.inbox():
            if row["subject"] in own:
                continue
            if row["id"] not in self.read_reports:
                report = Report(author.raw(row["id"]))
                assert report.one()["Action"] == "delivered", report.raw
                self.read_reports[row["id"]] = str(report.whole["Original-Envelope-Id"])
            ids.append(self.read_reports[row["id"]])
        return ids
