"""Peers that are slow, or stop: each is ended by its time limit, costs little, and keeps nobody else waiting."""

import contextlib
import os
import re
import socket
import ssl
import tempfile
import threading
import time

import smtp
from cases import Cases
from crowd import forget_peak, memory
from dns import Dns
from pair import Pair
from server import token, wait_for

CASES = Cases("slow peers")

# The server's time limits, in seconds, lowered from minutes and hours (docs/admin/limits.md); and its slowest pace.
# The session's lies beyond what any other limit may take: it ends nobody whom they should.
PATIENCE, SESSION = 2, 18
LIMITS = f"""
[limits]
octets_per_second_min = 200000
connections_per_address_max = 1000
# Replies to 10,000 commands fit into what a system buffers, and their number would end a session before its time.
commands_max = 10000000
[limits.timeouts]
command = "{PATIENCE}s"
content = "{PATIENCE}s"
write = "{PATIENCE}s"
handshake = "{PATIENCE}s"
session = "{SESSION}s"
"""
# How much later than its limit a connection may end: three seconds of polite closing, and a busy machine.
GRACE = 8
# Of each kind, at the same time.
EACH, EACH_LONG = 10, 20
# A message that does not fit into the buffers of the system.
LARGE_OCTETS = 8 * 1024 * 1024
# What they may cost at the highest, in MiB beyond the server itself, for each of all.
MIB_MAX = 1
PAUSE = 0.1
# The longest that a message may take from a user of this server to one of another, in seconds, beside all of them.
HONEST_MAX = 15


class Peer:
    """One connection to a server; what kind of peer it is, `KINDS` says."""

    def __init__(self, stage):
        self.stage = stage
        self.socket = socket.socket()
        # As little as the system grants, so that what is not read stays at the server soon.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(60)
        self.socket.bind((stage.pair.b.address, 0))
        self.port = self.socket.getsockname()[1]
        self.begun = self.ended = None
        self.is_known = self.has_failed = False

    def connect(self, service):
        """Connects to this service of the server."""
        self.socket.connect((self.stage.pair.a.address, self.stage.pair.a.ports[service]))

    def session(self, service):
        """A session in TLS, past EHLO; past AUTH and DATA's 354 where mail is submitted."""
        self.connect(service)
        session = smtp.Session.over(self.socket, self.stage.pair.a.hostname, self.stage.context)
        self.socket = session.socket
        session.hello()
        if service == "submissions":
            session.auth_scram(self.stage.author.address, self.stage.author.password)
            session.command(f"MAIL FROM:<{self.stage.author}>").must_be(250)
            session.command(f"RCPT TO:<{self.stage.author}>").must_be(250)
        return session

    def send(self, octets, pause=0.0):
        """Sends from now on, for as long as the server takes it; octet by octet, if there is a pause."""
        self.begun = time.monotonic()
        step = 1 if pause else len(octets)
        while True:
            for at in range(0, len(octets), step):
                self.socket.sendall(octets[at : at + step])
                time.sleep(pause)

    def stay(self):
        """Does nothing from now on."""
        self.begun = time.monotonic()


def silent_in_the_handshake(peer):
    """says nothing where TLS is to begin"""
    peer.connect("submissions")
    peer.stay()


def half_a_handshake(peer):
    """stops amid a handshake"""
    peer.connect("retrieval")
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        peer.stage.context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="mx.a.test").do_handshake()
    peer.socket.sendall(outgoing.read()[:100])
    peer.stay()


def silent_after_starttls(peer):
    """asks for TLS, and then says nothing"""
    peer.connect("exchange")
    peer.socket.sendall(b"EHLO c.test\r\n")
    time.sleep(0.2)
    peer.socket.sendall(b"STARTTLS\r\n")
    peer.stay()


def command_octet_by_octet(peer):
    """sends a command an octet at a time"""
    peer.connect("exchange")
    peer.send(b"NOOP and so on ", PAUSE)


def endless_line(peer):
    """sends a line that never ends, as fast as it is read"""
    peer.connect("exchange")
    peer.send(b"x" * 16_384)


def message_octet_by_octet(peer):
    """sends a message an octet at a time"""
    peer.session("submissions").command("DATA").must_be(354)
    peer.send(b"Subject: slow\r\n", PAUSE)


def stops_amid_a_message(peer):
    """stops amid a message"""
    session = peer.session("submissions")
    session.command("DATA").must_be(354)
    session.send(b"Subject: never ends\r\n\r\n" + b"Hello.\r\n" * 10_000)
    peer.stay()


def stops_amid_a_chunk(peer):
    """announces more than it sends"""
    peer.session("submissions").send(b"BDAT 1000000 LAST\r\n" + b"x" * 1000)
    peer.stay()


def stops_amid_a_login(peer):
    """begins to log in, and stops"""
    peer.connect("submissions")
    peer.socket = peer.stage.context.wrap_socket(peer.socket, server_hostname="mx.a.test")
    peer.socket.sendall(b"EHLO c.test\r\nAUTH LOGIN\r\n")
    peer.stay()


def never_reads_replies(peer):
    """asks and asks, and never reads a reply"""
    peer.connect("exchange")
    peer.send(b"EHLO c.test\r\n" * 500)


def never_reads_content(peer):
    """retrieves a large message, and reads nothing of it"""
    session = peer.session("retrieval")
    session.send(peer.stage.retrieve())
    peer.stay()


def reads_octet_by_octet(peer):
    """retrieves a large message, and reads it an octet at a time"""
    session = peer.session("retrieval")
    session.send(peer.stage.retrieve())
    peer.begun = time.monotonic()
    # Below TLS, which would read a whole record.
    with socket.socket(fileno=os.dup(peer.socket.fileno())) as beneath:
        while beneath.recv(1):
            time.sleep(PAUSE)


def busy_for_ever(peer):
    """asks one thing after the other, in time, and reads every reply"""
    peer.connect("exchange")
    peer.begun = time.monotonic()
    while peer.socket.recv(4096):
        time.sleep(PAUSE)
        peer.socket.sendall(b"NOOP\r\n")


# Each kind of peer, and within how many seconds it is to be ended. (A line without an end has a size at which it is ended.)
KINDS = {
    silent_in_the_handshake: PATIENCE,
    half_a_handshake: PATIENCE,
    silent_after_starttls: PATIENCE,
    command_octet_by_octet: PATIENCE,
    endless_line: 0,
    message_octet_by_octet: PATIENCE,
    stops_amid_a_message: PATIENCE,
    stops_amid_a_chunk: PATIENCE,
    stops_amid_a_login: PATIENCE,
    never_reads_replies: PATIENCE,
    never_reads_content: PATIENCE,
    reads_octet_by_octet: PATIENCE,
    busy_for_ever: SESSION,
}


class Stage:
    """Two servers; large messages wait at one of them, and the slow ones come from where the other is."""

    def __init__(self, pair, retrievals):
        self.pair = pair
        self.context = pair.a.tls_context()
        self.author, self.reader, self.stranger = pair.a.add_account("ann"), pair.b.add_account("bob"), pair.b.new_account("on", "eve")
        self.retrievals = self.let_wait(retrievals)

    def let_wait(self, count):
        """A large message waits for so many addresses of somebody who lets nobody in; the commands that retrieve it."""
        names = [f"eve+{number}@b.test" for number in range(count)]
        body = "Not to be read at once.\r\n" * (LARGE_OCTETS // 25)
        message = self.author.submit(names, self.author.message("eve@b.test", token(), body))

        def noticed():
            rows = self.author.transfers(message).values()
            return rows if all(row["status"] == "noticed" for row in rows) else None

        return [f"RETRIEVE ID={row['transfer']} TO:<{row['recipient']}>\r\n".encode() for row in wait_for("all to be noticed", noticed)]

    def retrieve(self):
        """A command that retrieves a message that nobody else is retrieving."""
        return self.retrievals.pop()


def ports_held(node):
    """The ports of those whose connections a server holds, as the system tells."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{node.process.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(f"/proc/{node.process.pid}/fd/{descriptor}")))
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return {int(row[2].split(":")[1], 16) for row in rows if row[9] in inodes}


def behave(peer, kind):
    """Is a peer of this kind until it is ended."""
    try:
        kind(peer)
    except OSError:
        peer.has_failed = True


@contextlib.contextmanager
def a_stage(retrievals):
    """Two servers, of which the first has the time limits of this file."""
    with tempfile.TemporaryDirectory(prefix="twoway-load-") as folder, Dns() as dns:
        pair = Pair(folder, dns)
        pair.limits = LIMITS
        with pair.running():
            yield Stage(pair, retrievals)


@CASES.add
def all_are_ended(is_long):
    """Thirteen kinds of slow peers are ended in time, in bounded memory, while mail flows beside them."""
    each = EACH_LONG if is_long else EACH
    with a_stage(2 * each) as stage:
        node = stage.pair.a
        base = forget_peak(node)
        peers = [(Peer(stage), kind) for kind in KINDS for _ in range(each)]
        threads = [threading.Thread(target=behave, args=pair, daemon=True) for pair in peers]
        for thread in threads:
            thread.start()
        honest = threading.Thread(target=write_honestly, args=(stage, took := []), daemon=True)
        honest.start()
        watch(node, peers)
        honest.join(60)
        for kind in KINDS:
            lasted = sorted(peer.ended - peer.begun for peer, its in peers if its is kind)
            print(f"        {lasted[0]:4.1f} to {lasted[-1]:4.1f} s: {kind.__doc__}")
        peak = (memory(node, "VmHWM") - base) / 1024 / len(peers)
        print(f"        {peak:.2f} MiB for each of {len(peers)} at the highest; mail beside them took up to {max(took):.1f} s")
        late = {kind.__name__ for peer, kind in peers if peer.ended - peer.begun > KINDS[kind] + GRACE}
        early = {kind.__name__ for peer, kind in peers if peer.ended - peer.begun < KINDS[kind] / 2}
        assert not late and not early, f"too late: {late}, too early: {early}"
        assert peak < MIB_MAX, f"{peak:.2f} MiB for each"
        assert len(took) > 1 and max(took) < HONEST_MAX, took


def watch(node, peers):
    """Writes down when each of them is ended, until all are."""
    deadline = time.monotonic() + SESSION + 60
    while any(peer.ended is None for peer, _ in peers):
        begun = [peer for peer, _ in peers if peer.begun and not peer.ended]
        now, held = time.monotonic(), ports_held(node)
        for peer in begun:
            # One that was not taken yet has not ended.
            peer.is_known |= peer.port in held or peer.has_failed
            if peer.is_known and peer.port not in held:
                peer.ended = now
        open_now = {kind.__name__ for peer, kind in peers if peer.ended is None}
        assert now < deadline, f"still open: {open_now}"
        time.sleep(0.1)


def write_honestly(stage, took):
    """Messages cross from one server to the other, for as long as the slow ones are there."""
    until = time.monotonic() + SESSION
    while time.monotonic() < until:
        begun = time.monotonic()
        subject, _ = stage.author.write(stage.reader)
        stage.reader.find(subject)
        took.append(time.monotonic() - begun)
