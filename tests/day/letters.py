"""Who writes what to whom in a day, drawn from a seed before the day begins."""

import random

from book import Letter, Recipient

DOMAINS = ("a.test", "b.test")
ELSEWHERE = "p.test"
SCREENINGS = ("off", "observe", "on", "on")
LEGACIES = ("deliver", "keep", "refuse")
NOTIFY = (None, None, "NEVER", "SUCCESS,FAILURE", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY")
# How far away in the list of people one's correspondents are, both ways: in each domain four, of whom none is too many for
# the list of contact attempts (docs/decisions/contact-caps.md).
STEPS = (1, -1, 7, -7)
# One more in each domain is written to, and never writes back.
STEP_TO_STRANGER = 13
# Letters to somebody who expects so many of them, and how many they send.
EXPECTED, EXPECTED_SENT = 3, 6
# One of so many letters is a few megabytes large.
HUGE_ONCE_IN, HUGE_FIRST = 500, 7
NAMES_ELSEWHERE = 110


class Person:
    """Somebody with an account of ours."""

    def __init__(self, number, domain, name):
        self.number = number
        self.domain = domain
        self.name = name
        self.address = f"{name}@{domain}"
        self.screening = SCREENINGS[number % 4]
        self.legacy = LEGACIES[number // 4 % 3]
        self.aliases = [f"alias.{name}@{domain}"]


def people(count):
    """So many people, half of them in each domain, in every mode."""
    half = count // 2
    everybody = [Person(number, DOMAINS[number // half], f"{'jürgen' if number % 10 == 3 else 'p'}{number}") for number in range(2 * half)]
    for at, domain in enumerate(DOMAINS):
        here = everybody[at * half : (at + 1) * half]
        # The last of each domain screens, and expects somebody.
        here[-1].screening, here[-1].legacy = "on", "keep"
        role = max(here[:-1], key=lambda person: (person.screening == "on", person.legacy == "refuse", -person.number))
        role.aliases.append(f"postmaster@{domain}")
    catch_all = next(person for person in everybody[half:] if (person.screening, person.legacy) == ("off", "deliver"))
    catch_all.aliases.append(f"*@{DOMAINS[1]}")
    return everybody


def name_elsewhere(number):
    """Somebody's name at the server of others."""
    return f"{'qürsel' if number % 10 == 4 else 'q'}{number}"


class Plan:
    """All letters of a day, in sessions, and all other things that people do, with their times."""

    def __init__(self, seed, count, accounts, seconds, has_elsewhere):
        self.seed = seed
        self.chance = random.Random(seed)
        self.people = people(accounts)
        self.half = len(self.people) // 2
        # Without those who expect somebody.
        self.ordinary = self.half - 1
        self.has_elsewhere = has_elsewhere
        self.letters = []
        # (time, server, author, letters): one connection each.
        self.sessions = []
        while len(self.letters) < count - 2 * EXPECTED_SENT:
            self.draw_session(seconds)
        self.draw_expected(seconds)
        self.sessions.sort(key=lambda session: session[0])
        # (time, domain): somebody there decides about somebody; an author takes something back.
        self.decisions = sorted((self.chance.uniform(0, seconds), self.chance.choice(DOMAINS)) for _ in range(count // 12))
        self.regrets = sorted((self.chance.uniform(0, seconds), self.chance.choice(DOMAINS)) for _ in range(count // 40))

    def draw_session(self, seconds):
        """A connection on which somebody hands in some letters."""
        at, size = self.chance.uniform(0, seconds), self.chance.choice((1, 2, 4, 6, 10))
        if self.has_elsewhere and self.chance.random() < 0.2:
            letters = [self.push() for _ in range(size)]
            self.sessions.append((at, ELSEWHERE, None, letters))
            return
        author = self.people[self.chance.randrange(2) * self.half + self.chance.randrange(self.ordinary)]
        self.sessions.append((at, author.domain, author, [self.submission(author) for _ in range(size)]))

    def draw_expected(self, seconds):
        """Those who are expected write, more often than that."""
        for at, author in ((1, self.people[0]), (0, self.people[self.half])):
            reader = self.people[(at + 1) * self.half - 1]
            for _ in range(EXPECTED_SENT):
                recipient = Recipient(reader.address, person=reader.number)
                letter = self.letter("expected", author.number, author.domain, author.address, [recipient])
                self.sessions.append((self.chance.uniform(0, seconds), author.domain, author, [letter]))

    def expecting(self):
        """(person, whom they expect)."""
        return [(self.people[-1], self.people[0]), (self.people[self.half - 1], self.people[self.half])]

    def correspondent(self, number):
        """Somebody whom this person writes to, and who writes to them."""
        return self.neighbour(number, self.chance.choice(STEPS))

    def neighbour(self, number, step):
        """Somebody in either domain, so far away."""
        within = (number % self.half + step) % self.ordinary
        return self.people[self.chance.randrange(2) * self.half + within]

    def to(self, person):
        """One of the addresses of a person, as a recipient."""
        address = self.chance.choice(
            [person.address] * 5 + [f"alias.{person.address}", f"{person.name}+tag@{person.domain}", f"{person.name.upper()}@{person.domain}"]
        )
        return self.recipient(address if address.isascii() else person.address, person=person.number)

    def recipient(self, address, **place):
        """A recipient, with what the author wants to hear."""
        return Recipient(address, notify=self.chance.choice(NOTIFY), **place)

    def nobody(self, domain):
        """An address that nobody has; at the second domain somebody has all those."""
        owner = next((person.number for person in self.people if f"*@{domain}" in person.aliases), None)
        return self.recipient(f"nobody{self.chance.randrange(5)}@{domain}", person=owner)

    def postmaster(self, domain):
        """Whoever is the postmaster there."""
        owner = next(person.number for person in self.people if f"postmaster@{domain}" in person.aliases)
        return self.recipient(f"postmaster@{domain}", person=owner, is_role=True)

    def elsewhere(self):
        """Somebody at the server of others: with a mailbox, without, or with one that fails later."""
        if not self.has_elsewhere:
            return self.nobody(DOMAINS[0])
        name = self.chance.choice([name_elsewhere(self.chance.randrange(NAMES_ELSEWHERE))] * 6 + ["nobody", f"later{self.chance.randrange(9)}"])
        return self.recipient(f"{name}@{ELSEWHERE}", elsewhere=name)

    def submission(self, author):
        """A letter of somebody with an account."""
        one = self.to(self.correspondent(author.number))
        several = [self.to(self.correspondent(author.number)) for _ in range(self.chance.randint(2, 5))]
        several += [self.elsewhere()] * self.chance.randrange(2) + [self.nobody(DOMAINS[0])] * (self.chance.random() < 0.25)
        kinds = [
            (10, "to one", [one]),
            (3, "to a stranger", [self.to(self.neighbour(author.number, STEP_TO_STRANGER))]),
            (3, "elsewhere", [self.elsewhere()]),
            (4, "to several", several),
            (1, "to oneself", [self.to(author)]),
            (1, "to nobody", [self.nobody(self.chance.choice(DOMAINS))]),
            (1, "to a postmaster", [self.postmaster(self.chance.choice(DOMAINS))]),
            (1, "without reverse-path", [one]),
            (1, "two-way only", [one, self.elsewhere()]),
            (1, "binary", [one, *[self.elsewhere()] * (self.chance.random() < 0.3)]),
        ]
        _, kind, recipients = self.chance.choices(kinds, [weight for weight, _, _ in kinds])[0]
        letter = self.letter(kind, author.number, author.domain, author.address, recipients)
        letter.is_binary, letter.is_two_way_only = kind == "binary", kind == "two-way only"
        letter.reverse_path = "" if kind == "without reverse-path" else author.address
        letter.params += " XTWOWAY=ONLY" if letter.is_two_way_only else ""
        return letter

    def push(self):
        """A letter of somebody elsewhere, to one of ours or to neighbours; those of a person's number and of the two before it write to them."""
        at = self.chance.randrange(2)
        first = self.chance.randrange(self.ordinary)
        name = name_elsewhere(first)
        neighbours = range(3) if self.chance.random() < 0.25 else [self.chance.randrange(3)]
        recipients = [self.to(self.people[at * self.half + (first - step) % self.ordinary]) for step in neighbours]
        recipients += [self.nobody(DOMAINS[at])] * (self.chance.random() < 0.1) + [self.postmaster(DOMAINS[at])] * (self.chance.random() < 0.05)
        letter = self.letter("pushed", None, ELSEWHERE, f"{name}@{ELSEWHERE}", recipients)
        letter.reverse_path = "" if self.chance.random() < 0.1 else letter.sender
        return letter

    def letter(self, kind, author, server, sender, recipients):
        """A letter that names each mailbox once."""
        named = {}
        for recipient in recipients:
            named.setdefault(recipient.address if recipient.person is None else recipient.person, recipient)
        letter = Letter(len(self.letters), kind, author, server, sender, list(named.values()))
        letter.params = f" ENVID=m{letter.number}{self.chance.choice(('', ' RET=FULL', ' RET=HDRS'))}"
        self.letters.append(letter)
        return letter

    def content_of(self, letter):
        """The octets of a letter: always the same."""
        to = ", ".join(f"<{recipient.address}>" for recipient in letter.recipients)
        header = (
            f"From: <{letter.sender}>\r\nTo: {to}\r\nSubject: {letter.subject}\r\n"
            f"Date: Sat, 21 Nov 2026 09:30:00 +0000\r\nMessage-ID: <m{letter.number}@book.test>\r\n\r\n"
        )
        return header.encode() + body(letter, random.Random(f"{self.seed} {letter.number}"))


def body(letter, chance):
    """One of the kinds of bodies."""
    if letter.is_binary:
        return chance.randbytes(chance.randrange(3_000)) + b"a\nb\rc\n.\r\n.\n\r\nno end"
    if letter.number % HUGE_ONCE_IN == HUGE_FIRST:
        return lines(chance, chance.randint(1_000_000, 4_000_000))
    kind = chance.randrange(60)
    if kind == 0:
        return lines(chance, chance.randint(32_000, 200_000))
    if kind < 6:
        return b""
    if kind < 11:
        return b".\r\n..\r\n.dots\r\n\r\n.\r\n"
    if kind < 16:
        return "Grüße – 日本\r\n".encode() * 20
    if kind < 21:
        return b"\x80\xff\xfe\xe4\r\n\xa0 8-bit\r\n" + bytes(range(128, 256)) + b"\r\n"
    if kind < 24:
        return b"\r\n\r\n \r\n\t\r\ntext  \t\r\n" + b"x" * 998 + b"\r\n." + b"y" * 997 + b"\r\n\r\n"
    return b"An ordinary line of ordinary mail.\r\n" * chance.randint(1, 40)


def lines(chance, octets):
    """About so many octets, no line like another."""
    line = chance.randbytes(300).hex().encode()
    return b"".join(b"%08d %s\r\n" % (number, line) for number in range(octets // (len(line) + 11)))
