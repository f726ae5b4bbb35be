"""A large message whose retrieval is cut off in the middle arrives whole, and once."""

import os
import signal
import time

from cases import Cases
from octets import fields_in_front
from pair import a_pair
from server import token

CASES = Cases("cuts")

SIZE_OCTETS = 30_000_000
CUT_AT_OCTETS = 5_000_000


def octets_below(folder):
    """What the files below a folder hold together; files may come and go meanwhile."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.path.getsize(os.path.join(at, name))
            except FileNotFoundError:
                pass
    return total


def cut_off(choose_victim):
    """Kills a server while the destination has some of the message and not all; starts it again; the message arrives."""
    with a_pair() as pair:
        for node in pair.nodes():
            node.start()
        alice, carol = pair.a.new_account(), pair.b.new_account()
        subject = token()
        content = alice.message(carol, subject, ("x" * 998 + "\r\n") * (SIZE_OCTETS // 1000))
        message = alice.submit([carol.address], content)
        arriving = os.path.join(pair.b.data_dir, "content")
        deadline = time.monotonic() + 30
        while octets_below(arriving) < CUT_AT_OCTETS:
            assert time.monotonic() < deadline, "the destination fetches nothing"
        victim = choose_victim(pair)
        victim.stop(signal.SIGKILL)
        assert octets_below(arriving) < SIZE_OCTETS, "it was too late to cut"
        victim.start()
        fields_in_front(carol.find(subject, 60), content)
        alice.wait_sent(message, carol, "delivered")
        assert len(carol.inbox()) == 1
        for node in pair.nodes():
            assert node.command("check") == {"ok": True, "violations": []}


@CASES.add
def at_the_destination():
    """The destination is killed while it retrieves."""
    cut_off(lambda pair: pair.b)


@CASES.add
def at_the_origin():
    """The origin is killed while it serves."""
    cut_off(lambda pair: pair.a)
