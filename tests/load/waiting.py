"""Connections that were greeted and say nothing: their memory, and the mail that flows beside them."""

import socket

import smtp
from cases import Cases
from crowd import ALL_MAX, PER_ADDRESS_MAX, Crowd, a_server, allow_descriptors, memory, source
from server import wait_for

CASES = Cases("waiting connections")

# Of these, so many are kept for those who send meanwhile.
BESIDE = 10
TLS = 500
TLS_LONG = 3_000
# What one costs beyond the server itself, in KiB: as measured (13 plain, 21 in TLS, in the dev profile), and some more.
PLAIN_KIB_MAX = 20
TLS_KIB_MAX = 40


@CASES.add
def in_the_clear(_is_long):
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
def in_tls(is_long):
    """Those in TLS cost a bounded amount of memory as well."""
    count = TLS_LONG if is_long else TLS
    allow_descriptors(count + 500)
    with a_server() as node, Crowd() as crowd:
        crowd.encrypt(node, 50)  # what is made once, at the first
        base = memory(node, "VmRSS")
        crowd.encrypt(node, count)
        each = (memory(node, "VmRSS") - base) / count
        print(f"        {each:.1f} KiB for each of {count} in TLS")
        assert each < TLS_KIB_MAX, f"{each:.1f} KiB for each connection"


@CASES.add
def from_one_address(_is_long):
    """One address gets so many and no more, and others are not concerned."""
    with a_server() as node, Crowd() as crowd:
        crowd.grow(node, "exchange", PER_ADDRESS_MAX)
        address = (node.address, node.ports["exchange"])
        with socket.create_connection(address, 30, (source(0), 0)) as refused:
            assert refused.recv(512).startswith(b"421 4.7.0 ")
        with smtp.Session(*address, node.hostname, node.tls_context(), tls="later", source="127.0.100.1") as session:
            assert session.greeting.code == 220
