"""The account book against the evidence: every message is for each recipient in exactly one state, and everybody was told the truth."""

import collections

from book import BLOCKED, IN, LISTED, PERHAPS, REFUSED, TAKEN
from letters import ELSEWHERE, EXPECTED

# Longer than an outage, a retry, and what waits before it: whoever is let in for so long has what was sent to them.
SETTLING_SECONDS = 120
# Who died may be seen to have acted so much later: clocks of files and of this test are not read at the same moment.
DEATH_SECONDS = 2.0


class Audit:
    """One comparison; it changes neither book nor evidence. `quiet` is when nobody did anything any more, `end` when it was read."""

    def __init__(self, book, evidence, quiet, end):
        self.book = book
        self.evidence = evidence
        self.quiet = quiet
        self.end = end
        self.faults = list(evidence.faults)
        self.tally = collections.Counter()
        # What is accounted for, and what of the reports is not yet.
        self.seen_statuses = set()
        self.stray_reports = collections.Counter(evidence.reports)
        self.delivered_as_expected = collections.Counter()
        self.existing_as_expected = collections.Counter()

    def run(self):
        """Compares everything; returns the faults."""
        for letter in self.book.letters:
            self.whole(letter)
            for recipient in letter.recipients:
                if letter.author is None:
                    self.pushed(letter, recipient)
                else:
                    self.submitted(letter, recipient)
        self.expectations()
        self.nothing_else()
        self.contact_lists()
        return self.faults

    def fault(self, letter, recipient, what):
        """Something that can't be."""
        whom = f"{recipient.address} ({recipient.notify})" if recipient else ""
        self.faults.append(f"{letter} to {whom}: {what}; withdrawals {letter.withdrawals}")

    def whole(self, letter):
        """Everybody was handed in, and refused only for want of a recipient."""
        if letter.outcome not in (TAKEN, PERHAPS, REFUSED) or letter.outcome == REFUSED and any(one.is_named for one in letter.recipients):
            self.fault(letter, None, "no server took it")
        for recipient in letter.recipients:
            has_nobody = recipient.person is None and (recipient.elsewhere is None or recipient.elsewhere.startswith("nobody"))
            if recipient.is_refused and not has_nobody:
                self.fault(letter, recipient, "refused without reason")
        self.tally[f"answered: {letter.outcome}"] += 1

    # What people with an account submitted.

    def submitted(self, letter, recipient):
        """One letter, one recipient."""
        key = letter.number, recipient.address.casefold()
        statuses = self.evidence.statuses.get(key, [])
        self.seen_statuses.add(key)
        is_owed = letter.outcome == TAKEN and recipient.is_named
        if len(statuses) > 1 or statuses and not (recipient.is_named and letter.may_exist()):
            self.fault(letter, recipient, f"it is known to its server as {statuses}")
        elif not statuses:
            if is_owed:
                self.fault(letter, recipient, "answered 250, and not known to its server")
            if self.copies(letter, recipient):
                self.fault(letter, recipient, "not known to its server, and it arrived")
            self.tally[f"{letter.kind}: not taken"] += 1
        else:
            self.tally[f"{letter.kind}: {statuses[0]}"] += 1
            self.told_truly(letter, recipient, statuses[0])
            self.reported(letter, recipient, statuses[0])

    def copies(self, letter, recipient):
        """When each copy of it came to this recipient."""
        return self.evidence.copies.get((letter.number, recipient.elsewhere if recipient.person is None else recipient.person), [])

    def told_truly(self, letter, recipient, status):
        """The status is what the mailbox says, and what the recipient wanted."""
        may_be_withdrawn = any(answer is None or answer for answer in letter.withdrawals)
        if status == "withdrawn" and not may_be_withdrawn:
            self.fault(letter, recipient, "withdrawn by nobody")
        if len(letter.recipients) == 1 and any(letter.withdrawals) and status != "withdrawn":
            self.fault(letter, recipient, f"withdrawn, and {status}")
        if recipient.person is not None:
            copies = len(self.copies(letter, recipient))
            # Exactly once, as this is two-way mail all the way.
            if copies != (status == "delivered"):
                self.fault(letter, recipient, f"{status}, and it lies there {copies} times")
            self.consented(letter, recipient, status)
        elif recipient.elsewhere is None or recipient.elsewhere.startswith("nobody"):
            if status not in ("failed", "withdrawn") or self.copies(letter, recipient):
                self.fault(letter, recipient, f"nobody has that address, and it is {status}")
        elif letter.is_two_way_only or letter.is_binary:
            if status not in ("failed", "withdrawn") or self.copies(letter, recipient):
                self.fault(letter, recipient, f"it can't go there, and it is {status}")
        else:
            self.relayed(letter, recipient, status)

    def consented(self, letter, recipient, status):
        """Nothing arrived without consent, and nothing waits that has it."""
        standing, soon = self.book.standing, letter.answered + SETTLING_SECONDS
        person, sender = recipient.person, letter.sender
        if (person, sender) in self.book.expected:
            self.existing_as_expected[person, sender] += 1
            self.delivered_as_expected[person, sender] += status == "delivered"
            may_be_in, must_be_in = True, False
        else:
            ever = standing(person, sender, letter.begun, self.end)
            may_be_in = IN in ever or recipient.is_role
            is_in_now = standing(person, sender, self.quiet, self.end) == {IN}
            was_in = soon < self.quiet and standing(person, sender, letter.answered, soon) == {IN}
            must_be_in = is_in_now or was_in or recipient.is_role
            if status == "noticed" and ever == {LISTED} and not self.book.put_away(person, sender, letter.begun):
                self.tally["waits as a contact attempt"] += 1
                if self.evidence.contacts[person].get(sender) != "notice":
                    self.fault(letter, recipient, "it waits, and its author is not shown")
        if status == "delivered" and not may_be_in:
            self.fault(letter, recipient, "delivered without consent")
        if status == "noticed" and must_be_in:
            self.fault(letter, recipient, "it waits, and its author is let in")
        if status not in ("delivered", "noticed", "withdrawn"):
            self.fault(letter, recipient, f"{status} after all has come to rest")

    def relayed(self, letter, recipient, status):
        """Ordinary mail arrives at least once, and twice only if somebody died over it."""
        at = sorted(self.copies(letter, recipient))
        servers = (letter.server, ELSEWHERE)
        fails_later = recipient.elsewhere.startswith("later")
        if status == "relayed":
            if fails_later == bool(at):
                self.fault(letter, recipient, f"relayed, and it is there {len(at)} times")
        elif status != "withdrawn" or at:
            self.fault(letter, recipient, f"{status}, and it is there {len(at)} times")
        self.doubled(letter, recipient, at, servers)

    def doubled(self, letter, recipient, at, servers):
        """A death explains each copy after the first: one since it was handed in, as the first may have waited in a queue meanwhile."""
        for one, next_one in zip(at, at[1:]):
            self.tally["arrived once more, as somebody died"] += 1
            if not self.book.died_between(servers, letter.begun, next_one + DEATH_SECONDS):
                self.fault(letter, recipient, f"it is there twice, at {one:.3f} and {next_one:.3f}, and nobody died")

    def reported(self, letter, recipient, status):
        """Every report of ours that is owed, once; and those of Postfix on what it took."""
        ours = f"mx.{letter.server}"
        for action, wish, reported in (("delivered", "SUCCESS", "delivered"), ("failed", "FAILURE", "failed")):
            owed = int(status == reported and letter.wishes(recipient, wish))
            self.owed(letter, recipient, action, ours, owed, owed)
        is_passed_on = recipient.elsewhere and not recipient.elsewhere.startswith("nobody") and not letter.is_two_way_only and not letter.is_binary
        if status not in ("relayed", "withdrawn") or not is_passed_on:
            return
        # A report is ordinary mail to its author, who may take none.
        is_heard = self.book.people[letter.author].legacy != "refuse"
        fails_later = recipient.elsewhere.startswith("later")
        copies = len(self.copies(letter, recipient))
        action, wish = ("failed", "FAILURE") if fails_later else ("delivered", "SUCCESS")
        owed = int(is_heard and letter.wishes(recipient, wish))
        deaths = len(self.book.deaths.get(letter.server, [])) + len(self.book.deaths.get(ELSEWHERE, []))
        self.owed(letter, recipient, action, f"mx.{ELSEWHERE}", owed * (status == "relayed"), owed * (deaths + max(1, copies)))

    def owed(self, letter, recipient, action, reporter, least, most):
        """So many of these reports are owed."""
        key = letter.number, recipient.address.casefold(), action, reporter
        count = self.stray_reports.pop(key, 0)
        self.tally[f"reports of {reporter}: {action}"] += count
        if not least <= count <= most:
            self.fault(letter, recipient, f"reported as {action} by {reporter} {count} times, not {least} to {most}")

    # What came in by ordinary mail.

    def pushed(self, letter, recipient):
        """One letter that Postfix was handed for one of ours."""
        person = None if recipient.person is None else self.book.people[recipient.person]
        is_refused = person is None or person.legacy == "refuse" and not recipient.is_role
        must_exist = letter.outcome == TAKEN and recipient.is_named
        fails = int(is_refused and letter.wishes(recipient, "FAILURE"))
        relays = int(not is_refused and letter.wishes(recipient, "SUCCESS"))
        deaths = len(self.book.deaths.get(ELSEWHERE, [])) + (person is not None and len(self.book.deaths.get(person.domain, [])))
        for action, owed in (("failed", fails), ("relayed", relays)):
            self.owed(letter, recipient, action, f"mx.{ELSEWHERE}", owed * must_exist, owed * (deaths + 1))
        key = letter.number, recipient.person
        at, opened = sorted(self.evidence.copies.get(key, [])), sorted(self.evidence.opened.get(key, []))
        if is_refused or not letter.may_exist():
            self.tally["pushed: refused" if is_refused else "pushed: not taken"] += 1
            if at or opened:
                self.fault(letter, recipient, f"it is refused, and lies there {len(at) + len(opened)} times")
            return
        self.doubled(letter, recipient, at if at else opened, (person.domain, ELSEWHERE))
        self.weigh_pushed(letter, recipient, person, (at, opened), must_exist)

    def weigh_pushed(self, letter, recipient, person, found, must_exist):
        """What lies in the mailbox, and what it kept aside, is what its owner wanted."""
        at, opened = found
        soon = letter.answered + SETTLING_SECONDS
        standing = self.book.standing(person.number, letter.sender, letter.begun, soon) if not recipient.is_role else {IN}
        is_direct = person.legacy == "deliver" or recipient.is_role
        may_be_put_away = self.book.put_away(person.number, letter.sender, letter.begun)
        was_released = self.book.released(person.number, letter.sender, soon, self.end)[0]
        may_be_released = self.book.released(person.number, letter.sender, letter.begun, self.end)[1]
        if standing == {BLOCKED}:
            self.tally["pushed: dropped"] += 1
            if at or opened:
                self.fault(letter, recipient, f"its author is blocked, and it lies there {len(at)} times, {len(opened)} kept aside")
            return
        may_be_dropped = BLOCKED in standing or not is_direct and may_be_put_away
        if must_exist and not may_be_dropped and not (at or opened):
            self.fault(letter, recipient, "answered 250, and it is lost")
        if is_direct and opened or not is_direct and at and not may_be_released:
            self.fault(letter, recipient, f"{person.legacy}, and it lies there {len(at)} times, {len(opened)} kept aside")
        if opened and was_released and not may_be_put_away:
            self.fault(letter, recipient, "its author was allowed long after it came, and it is still kept aside")
        if opened and not may_be_put_away and self.evidence.contacts[person.number].get(letter.sender) != "legacy":
            self.fault(letter, recipient, "it is kept aside, and its author is not shown")
        self.tally[f"pushed: {'delivered' if at else 'kept aside' if opened else 'dropped'}"] += 1

    # All the rest.

    def expectations(self):
        """Of those who were expected so many times, so many got in."""
        for key, delivered in self.delivered_as_expected.items():
            person, sender = key
            if delivered != min(EXPECTED, self.existing_as_expected[key]):
                self.faults.append(f"{sender} was expected {EXPECTED} times by {self.book.people[person].address}, and got in {delivered} times")
            self.tally["expected, and let in"] += delivered

    def nothing_else(self):
        """What was not asked for above is nobody's."""
        self.faults += [f"a report that nobody is owed: {key}, {self.book.letters[key[0]]}" for key in self.stray_reports]
        self.faults += [f"sent by nobody: {key}" for key in set(self.evidence.statuses) - self.seen_statuses]
        for number, whose in [*self.evidence.copies, *self.evidence.opened]:
            letter = self.book.letters[number]
            if whose not in [recipient.elsewhere if recipient.person is None else recipient.person for recipient in letter.recipients]:
                self.faults.append(f"{letter} lies with {whose}, to whom it was not written")

    def contact_lists(self):
        """Nobody is shown as a contact attempt who is let in, or blocked."""
        for person, contacts in self.evidence.contacts.items():
            for sender, kind in contacts.items():
                standing = self.book.standing(person, sender, self.quiet, self.end)
                is_screened = self.book.people[person].screening == "on"
                is_expected = (person, sender) in self.book.expected
                if standing == {BLOCKED} or kind == "notice" and (standing == {IN} or not is_screened) and not is_expected:
                    self.faults.append(f"{sender} is a contact attempt of {self.book.people[person].address}, and {standing}")
                self.tally[f"contact attempts: {kind}"] += 1
