"""A server with many connections: who opens them, from where, and what they cost."""

import contextlib
import os
import re
import resource
import selectors
import socket
import ssl
import tempfile

from cases import Skipped
from dns import Dns
from node import Node

ALL_MAX = 10_000
PER_ADDRESS_MAX = 50
# Connections that are begun and not yet greeted, so that the ports' queues hold them.
AT_ONCE = 200


@contextlib.contextmanager
def a_server(connections_max=ALL_MAX, limits=""):
    """A server that takes so many connections, with these lines of [limits] as well."""
    with tempfile.TemporaryDirectory(prefix="twoway-load-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            keys = ("connections_max", "connections_submission_max", "connections_exchange_max")
            node.configure(tables="\n".join(["[limits]", *(f"{key} = {connections_max}" for key in keys), limits]))
            node.publish = dns.publish
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


def forget_peak(node):
    """From here on VmHWM is that of what follows; returns what is in memory now, in KiB."""
    with open(f"/proc/{node.process.pid}/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")
    return memory(node, "VmRSS")


def descriptors(node):
    """How many a server has open."""
    return len(os.listdir(f"/proc/{node.process.pid}/fd"))


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

    def disturbed(self):
        """How many were told something since, or closed."""
        with selectors.DefaultSelector() as said:
            for one in self.sockets:
                said.register(one, selectors.EVENT_READ)
            return len(said.select(0))

    def encrypt(self, node, count):
        """So many connections in TLS, each greeted."""
        context = ssl.create_default_context(cafile=node.ca_pem)
        for _ in range(count):
            plain = socket.create_connection((node.address, node.ports["submissions"]), 30, (source(len(self.sockets)), 0))
            encrypted = context.wrap_socket(plain, server_hostname=node.hostname)
            self.sockets.append(encrypted)
            assert encrypted.recv(512).startswith(b"220 ")
