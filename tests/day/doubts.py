"""Whether the audit would notice: the evidence of a day that was right is falsified, in one way after another."""

import copy

from audit import Audit

# What is falsified.
PARTS = ("copies", "opened", "reports", "statuses", "contacts", "faults")


def doubt(book, evidence, quiet, end, sample):
    """Falsifies the evidence in every way there is; returns those that the audit did not notice. `sample` is one message in a mailbox of
    ours: whose it is, its octets, when it came."""
    unnoticed = []
    for falsify in FALSIFICATIONS + (WITH_POSTFIX if any(letter.author is None for letter in book.letters) else []):
        false = copy.copy(evidence)
        for name in PARTS:
            setattr(false, name, copy.deepcopy(getattr(evidence, name)))
        what = falsify(book, false, sample)
        if not Audit(book, false, quiet, end).run():
            unnoticed.append(what)
    return unnoticed


def two_way(book, evidence):
    """A letter that was delivered between two people, with whose mailbox it is."""
    wanted = [(letter, one) for letter in book.letters if letter.author is not None and letter.kind == "to one" for one in letter.recipients]
    return next((letter, one.person) for letter, one in wanted if len(evidence.copies.get((letter.number, one.person), [])) == 1)


def lost(book, evidence, _):
    """A message that was delivered is gone."""
    letter, person = two_way(book, evidence)
    del evidence.copies[letter.number, person]
    return lost.__doc__


def doubled(book, evidence, _):
    """A message that was delivered is there twice."""
    letter, person = two_way(book, evidence)
    evidence.copies[letter.number, person] *= 2
    return doubled.__doc__


def astray(book, evidence, _):
    """A message lies in somebody else's mailbox as well."""
    letter, person = two_way(book, evidence)
    evidence.copies[letter.number, (person + 1) % len(book.people)].append(letter.answered)
    return astray.__doc__


def denied(book, evidence, _):
    """A message that was delivered is said to wait."""
    letter, _ = two_way(book, evidence)
    evidence.statuses[letter.number, letter.recipients[0].address.casefold()] = ["noticed"]
    return denied.__doc__


def unknown(book, evidence, _):
    """A message that was answered for is not known to its server."""
    letter, _ = two_way(book, evidence)
    del evidence.statuses[letter.number, letter.recipients[0].address.casefold()]
    return unknown.__doc__


def unreported(_, evidence, __):
    """A report is missing."""
    del evidence.reports[min(evidence.reports)]
    return unreported.__doc__


def reported_twice(_, evidence, __):
    """A report of ours is there twice."""
    evidence.reports[min(key for key in evidence.reports if key[3] != "mx.p.test")] += 1
    return reported_twice.__doc__


def hidden(book, evidence, _):
    """Somebody who waits is not shown."""
    for person in book.people:
        if person.screening == "on":
            evidence.contacts[person.number] = {}
    return hidden.__doc__


def changed(_, evidence, sample):
    """One bit of a message is another."""
    person, raw, at = sample
    evidence.sort(person, raw[:-5] + bytes([raw[-5] ^ 1]) + raw[-4:], at, evidence.copies)
    return changed.__doc__


def cut(_, evidence, sample):
    """The last octet of a message is missing."""
    person, raw, at = sample
    evidence.sort(person, raw[:-1], at, evidence.copies)
    return cut.__doc__


def added_to(_, evidence, sample):
    """A message has a field more than it should."""
    person, raw, at = sample
    evidence.sort(person, b"X-Scanned: yes\r\n" + raw, at, evidence.copies)
    return added_to.__doc__


def unwritten(_, evidence, sample):
    """There is a message that nobody wrote."""
    person, raw, at = sample
    evidence.sort(person, raw.replace(b"\r\nSubject: m", b"\r\nSubject: x"), at, evidence.copies)
    return unwritten.__doc__


def pushed_and_lost(book, evidence, _):
    """An ordinary message that Postfix took for us is nowhere."""
    for copies in (evidence.copies, evidence.opened):
        for number, whose in list(copies):
            if book.letters[number].author is None:
                del copies[number, whose]
    return pushed_and_lost.__doc__


def relayed_and_lost(_, evidence, __):
    """An ordinary message that was relayed to Postfix is not there."""
    for number, whose in list(evidence.copies):
        if isinstance(whose, str):
            del evidence.copies[number, whose]
    return relayed_and_lost.__doc__


FALSIFICATIONS = [lost, doubled, astray, denied, unknown, unreported, reported_twice, hidden, changed, cut, added_to, unwritten]
WITH_POSTFIX = [pushed_and_lost, relayed_and_lost]
