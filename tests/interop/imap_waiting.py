"""How soon an idle client hears of a message: IDLE and NOTIFY, for what is appended, submitted and pushed."""

import statistics
import time

import mails
import smtp
from cases import Cases, Skipped

CASES = Cases("waiting clients")

ROUNDS = 20
# From the commit to the line at the client, in ms. The aim is 50, for a server that is not a debug build beside compilers.
AIM_MS = 50
BOUND_MS = 500


def judge(server, what, seconds):
    """Prints the times from the reply that followed the commit; holds ours to the bounds. (Dovecot waits half a second on purpose.)"""
    times = sorted(each * 1e3 for each in seconds)
    print(f"        {what}: {statistics.median(times):.1f} ms after the reply (median), {times[-1]:.1f} ms (last)")
    assert not server.is_ours or (statistics.median(times) < AIM_MS and times[-1] < BOUND_MS), times


def delays(session, deliver, waits_for):
    """Of some rounds: from the end of `deliver` until the idle session is told, or nothing if it is told before."""
    taken = []
    for number in range(ROUNDS):
        deliver(number)
        committed = time.monotonic()
        session.wait(waits_for(number))
        taken.append(max(0.0, time.monotonic() - committed))
    return taken


@CASES.add
def idle(server):
    """A message that another session appends is seen by an idle one at once."""
    place = server.place()
    with place.session() as waiting, place.session() as other:
        waiting.must("SELECT INBOX")
        tag = waiting.begin("IDLE")
        waiting.wait(rb"^\+")
        judge(server, "IDLE, APPEND", delays(waiting, lambda number: other.append("INBOX", mails.letter(number)), lambda number: rb"^\* %d EXISTS" % (number + 1)))
        waiting.send(b"DONE\r\n")
        assert waiting.end(tag).status == "OK"


@CASES.add
def notify(server):
    """NOTIFY tells of messages in folders that are not selected, and of the selected one with what was asked for."""
    place = server.place()
    with place.session() as waiting, place.session() as other:
        waiting.must("CREATE Lists")
        waiting.must("SELECT INBOX")
        waiting.must("NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (personal (MessageNew MessageExpunge MailboxName))")
        judge(server, "NOTIFY, another folder", delays(waiting, lambda number: other.append("Lists", mails.letter(number)), lambda number: rb'^\* STATUS "?Lists"? \(.*MESSAGES %d' % (number + 1)))
        if server.is_ours:  # Dovecot 2.3 waits for a command
            judge(server, "NOTIFY, the selected folder", delays(waiting, lambda number: other.append("INBOX", mails.letter(number)), lambda number: rb"^\* %d FETCH \(.*UID %d" % (number + 1, number + 1)))
        waiting.must("NOTIFY NONE")


@CASES.add
def pushed(server):
    """A message pushed by a server of others is seen by an idle client at once after the 250 that follows the commit."""
    if not server.is_ours:
        raise Skipped("it takes no mail by SMTP")
    place = server.place()
    node = server.server
    with place.session() as waiting, smtp.Session(node.address, node.ports["exchange"], node.hostname, node.tls_context(), tls="later") as giver:
        giver.hello()
        waiting.must("SELECT INBOX")
        tag = waiting.begin("IDLE")
        waiting.wait(rb"^\+")

        def deliver(number):
            giver.submit("author@other.test", [place.user], mails.letter(number)).must_be(250)

        judge(server, "IDLE, a message pushed by SMTP", delays(waiting, deliver, lambda number: rb"^\* %d EXISTS" % (number + 1)))
        waiting.send(b"DONE\r\n")
        assert waiting.end(tag).status == "OK"
