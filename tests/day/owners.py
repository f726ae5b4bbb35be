"""What else happens in the day: owners decide about who writes to them, authors take back, and servers die."""

import json
import random
import signal
import time

from book import ALLOW, BLOCK, DISMISS, NOT_SENT, TAKEN
from letters import ELSEWHERE, STEP_TO_STRANGER, name_elsewhere
from town import TownNode

# The longest that a server stays dead.
DEATH_SECONDS_MAX = 1.5
# Authors take back one of so many of the latest letters of their server.
RECENT = 40
# What the command line answers when a server dies while it is asked, or is busy: it may be done, or not.
UNCERTAIN = 75


class Owners:
    """The people of one server, with its command line, one after another."""

    def __init__(self, town, plan, book, domain, clients):
        self.town = town
        self.plan = plan
        self.book = book
        self.domain = domain
        self.clients = clients
        self.chance = random.Random(f"{plan.seed} {domain}")

    def work(self):
        """Does each thing when its time has come."""
        decisions = [(at, self.decide) for at, domain in self.plan.decisions if domain == self.domain]
        regrets = [(at, self.take_back) for at, domain in self.plan.regrets if domain == self.domain]
        for at, act in sorted(decisions + regrets, key=lambda due: due[0]):
            time.sleep(max(0.0, self.clients.started + at - time.monotonic()))
            act()

    def decide(self):
        """Somebody allows, blocks or dismisses somebody who writes to them."""
        here = [person for person in self.plan.people if person.domain == self.domain][: self.plan.ordinary]
        person = self.chance.choice(here)
        who = self.stranger(person)
        account = self.town.accounts[person.number]
        what, words = self.chance.choice(
            [(ALLOW, ("contacts", "allow")), (ALLOW, ("contacts", "allow")), (ALLOW, ("allow", "add")), (ALLOW, ("allow", "add"))]
            + [(BLOCK, ("contacts", "block")), (BLOCK, ("block", "add")), (DISMISS, ("contacts", "dismiss"))]
        )
        begun = time.time()
        run = account.server.run(words[0], account.address, words[1], who)
        is_refused = run.returncode == 1 and what == DISMISS
        assert run.returncode in (0, UNCERTAIN) or is_refused, (words, who, run)
        if not is_refused:
            self.book.act(person.number, who, what, begun, time.time(), run.returncode == 0)

    def stranger(self, person):
        """Somebody who may write to this person."""
        if self.plan.has_elsewhere and self.chance.random() < 0.35:
            within = person.number % self.plan.half
            return f"{name_elsewhere((within + self.chance.randrange(3)) % self.plan.ordinary)}@{ELSEWHERE}"
        if self.chance.random() < 0.3:
            return self.plan.neighbour(person.number, -STEP_TO_STRANGER).address
        return self.plan.correspondent(person.number).address

    def take_back(self):
        """The author of one of the latest letters takes it back. Nobody takes back what they don't know to be kept."""
        handed_in = sorted((one for one in self.book.letters if one.server == self.domain and one.outcome != NOT_SENT), key=lambda one: one.begun)
        known = [letter for letter in handed_in[-RECENT:] if letter.outcome == TAKEN and letter.kept_as and letter.kind != "expected"]
        if not known:
            return
        letter = self.chance.choice(known)
        account = self.town.accounts[letter.author]
        run = account.server.run("sent", account.address, "withdraw", letter.kept_as)
        assert run.returncode in (0, 1, UNCERTAIN), run
        withdrawn = json.loads(run.stdout)["withdrawn"] if run.returncode == 0 else []
        letter.withdrawals.append({0: withdrawn, 1: []}.get(run.returncode))


class Deaths:
    """One server dies so many times, each time after so many letters, and comes back."""

    def __init__(self, server, domain, count, plan, book, clients):
        self.server = server
        self.domain = domain
        self.book = book
        self.clients = clients
        self.chance = random.Random(f"{plan.seed} deaths of {domain}")
        self.after = sorted(self.chance.uniform(0.03, 0.97) * len(plan.letters) for _ in range(count))

    def work(self):
        """Dies whenever so many letters were handed in."""
        for after in self.after:
            while self.clients.handed_in < after:
                time.sleep(0.02)
            # Not at the moment when a letter was answered.
            time.sleep(self.chance.uniform(0, 0.3))
            self.die()

    def die(self):
        """Ours is killed outright; Postfix is stopped."""
        if self.domain == ELSEWHERE:
            self.book.death(self.domain)
            self.server.stop()
        else:
            assert self.server.stop(signal.SIGKILL) == -signal.SIGKILL
        self.book.death(self.domain)
        time.sleep(self.chance.uniform(0, DEATH_SECONDS_MAX))
        self.server.start()


class DatabaseDeaths(Deaths):
    """The same of the database that both of ours work with: they go on without it as well as they can."""

    def __init__(self, town, count, plan, book, clients):
        super().__init__(town.database, "the database", count, plan, book, clients)
        self.town = town

    def die(self):
        """No server starts meanwhile: it would not find its store."""
        with TownNode.database_door:
            self.note()
            self.server.stop()
            time.sleep(self.chance.uniform(0, DEATH_SECONDS_MAX))
            self.server.start()
            self.note()

    def note(self):
        """To both it is as if they had died."""
        for domain in self.town.nodes:
            self.book.death(domain)
