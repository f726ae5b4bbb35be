"""Cases: each a function whose first sentence is its name; played one after another, with a result for each."""

import time
import traceback


class Skipped(Exception):
    """Raised by a case that cannot be played here; says what is missing."""


class Cases:
    """The cases of one file, in the order in which they stand there."""

    def __init__(self, topic):
        self.topic = topic
        self.bodies = []

    def add(self, body):
        """Adds a case; used as a decorator."""
        self.bodies.append(body)
        return body


class Score:
    """Plays cases, prints how each went, and counts."""

    def __init__(self, only=""):
        self.only = only
        self.passed = 0
        self.failed = 0

    def wants(self, cases):
        """Whether any of these is to be played."""
        return any(self.only in name_of(cases, body) for body in cases.bodies)

    def play(self, cases, *setting):
        """Plays the cases in this setting: each is called with it."""
        for body in cases.bodies:
            if self.only in name_of(cases, body):
                self.play_one(name_of(cases, body), body, setting)

    def play_one(self, name, body, setting):
        """Plays one case."""
        started = time.monotonic()
        try:
            body(*setting)
        except Skipped as why:
            print(f"skipped {name}: {why}", flush=True)
        except Exception:  # whatever went wrong, the other cases still tell something
            self.failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def finish(self):
        """Prints the counts; returns the exit status. To have played nothing is a failure too."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def name_of(cases, body):
    """The topic of a case and its first sentence."""
    sentence = " ".join((body.__doc__ or body.__name__).split("\n\n")[0].split())
    return f"{cases.topic}: {sentence.rstrip('.')}"
