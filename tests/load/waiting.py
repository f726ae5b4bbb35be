"""Connections that were greeted and say nothing: their memory, and the mail that flows beside them."""

import contextlib
import re
import resource
import selectors
import socket
import ssl
import tempfile

import smtp
from cases import Cases, Skipped
from dns import Dns
from node import Node
from server import wait_for

CASES = Cases("waiting connections")

ALL_MAX = 10_000
PER_ADDRESS_MAX = 50
# Of these, so many are kept for those who send meanwhile.
BESIDE = 10
TLS = 500
TLS_LONG = 3_000
# What one costs beyond the server itself, in KiB: as measured (13 plain, 21 in TLS, in the dev profile), and some more.
PLAIN_KIB_MAX = 20
TLS_KIB_MAX = 40
# Connections that are begun and not yet greeted, so that the ports' queues hold them.
AT_ONCE = 200


@contextlib.contextmanager
def a_server():
    """A server that takes ALL_MAX connections."""
    with tempfile.TemporaryDirectory(prefix="twoway-load-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            limits = [f"{key} = {ALL_MAX}" for key in ("connections_max", "connections_submission_max", "connections_exchange_max")]
            node.configure(tables="[limits]\n" + "\n".join(limits))
            node.start()
            yield node


def allow_descriptors(count):
    """Raises our own limit; skips where the system does not grant so many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        raise Skipped(f"ulimit -Hn is {hard}, expected {count}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def memory(node, field):
    """VmRSS or VmHWM of a server, in KiB."""
    with open(f"/proc/{node.process.pid}/status", encoding="utf-8") as status:
        return int(re.search(rf"^{field}:\s+(\d+) kB", status.read(), re.MULTILINE)[1])


def source(number):
    """The address from which the connection of this number comes: not more from one than may."""
    block = number // PER_ADDRESS_MAX
    return f"127.0.{1 + block // 200}.{1 + block % 200}"


class Crowd:
    """Open connections, closed at the end."""

    def __init__(self):
        self.sockets = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.sockets:
            one.close()

    def grow(self, node, port, count):
        """So many more connections, each greeted."""
        begun = 0
        with selectors.DefaultSelector() as waiting:
            while begun < count or waiting.get_map():
                while begun < count and len(waiting.get_map()) < AT_ONCE:
                    one = socket.socket()
                    one.setblocking(False)
                    one.bind((source(len(self.sockets)), 0))
                    one.connect_ex((node.address, node.ports[port]))
                    self.sockets.append(one)
                    waiting.register(one, selectors.EVENT_READ)
                    begun += 1
                ready = waiting.select(30)
                assert ready, f"no greeting within 30 s, after {len(self.sockets)} connections"
                for key, _ in ready:
                    said = key.fileobj.recv(512)
                    assert said.startswith(b"220 "), (said, len(self.sockets))
                    waiting.unregister(key.fileobj)

    def encrypt(self, node, count):
        """So many connections in TLS, each greeted."""
        context = ssl.create_default_context(cafile=node.ca_pem)
        for _ in range(count):
            plain = socket.create_connection((node.address, node.ports["submissions"]), 30, (source(len(self.sockets)), 0))
            encrypted = context.wrap_socket(plain, server_hostname=node.hostname)
            self.sockets.append(encrypted)
            assert encrypted.recv(512).startswith(b"220 ")


@CASES.add
def in_the_clear(_tls):
    """10,000 cost a bounded amount of memory, mail flows beside them, and the next is told 421."""
    allow_descriptors(ALL_MAX + 500)
    with a_server() as node, Crowd() as crowd:
        sender, reader = node.add_account("ann"), node.add_account("bob")
        before, _ = sender.write(reader)
        reader.find(before)
        base = memory(node, "VmRSS")
        crowd.grow(node, "exchange", ALL_MAX - BESIDE)
        each = (memory(node, "VmRSS") - base) / (ALL_MAX - BESIDE)
        peak = (memory(node, "VmHWM") - base) / (ALL_MAX - BESIDE)
        print(f"        {each:.1f} KiB for each of {len(crowd.sockets)} in the clear, {peak:.1f} at the highest; {base / 1024:.0f} MiB without")
        assert peak < PLAIN_KIB_MAX, f"{peak:.1f} KiB for each connection"
        # Somebody else, from another address.
        subject, _ = sender.write(reader)
        reader.find(subject)

        crowd.grow(node, "exchange", BESIDE)
        with socket.create_connection((node.address, node.ports["exchange"]), 30, ("127.0.100.1", 0)) as refused:
            assert refused.recv(512).startswith(b"421 4.7.0 "), "one too many"
        # Whoever leaves makes room.
        crowd.sockets.pop().close()

        def let_in():
            with socket.create_connection((node.address, node.ports["exchange"]), 30, ("127.0.100.1", 0)) as one:
                return one.recv(512).startswith(b"220 ")

        wait_for("a place that became free", let_in)


@CASES.add
def in_tls(count):
    """Those in TLS cost a bounded amount of memory as well."""
    allow_descriptors(count + 500)
    with a_server() as node, Crowd() as crowd:
        crowd.encrypt(node, 50)  # what is made once, at the first
        base = memory(node, "VmRSS")
        crowd.encrypt(node, count)
        each = (memory(node, "VmRSS") - base) / count
        print(f"        {each:.1f} KiB for each of {count} in TLS")
        assert each < TLS_KIB_MAX, f"{each:.1f} KiB for each connection"


@CASES.add
def from_one_address(_tls):
    """One address gets so many and no more, and others are not concerned."""
    with a_server() as node, Crowd() as crowd:
        crowd.grow(node, "exchange", PER_ADDRESS_MAX)
        address = (node.address, node.ports["exchange"])
        with socket.create_connection(address, 30, (source(0), 0)) as refused:
            assert refused.recv(512).startswith(b"421 4.7.0 ")
        with smtp.Session(*address, node.hostname, node.tls_context(), tls="later", source="127.0.100.1") as session:
            assert session.greeting.code == 220
