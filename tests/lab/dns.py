"""An authoritative DNS on UDP for a handful of names: everything below `test` that it does not know does not exist."""

import socket
import struct
import threading

TYPES = {"A": 1, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
NO_ERROR, SERVER_FAILURE, NAME_ERROR, REFUSED = 0, 2, 3, 5


def encoded_name(name):
    """A name as it stands in messages, without compression."""
    labels = [label for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def encoded_data(kind, data):
    """The data of a record."""
    if kind == "A":
        return socket.inet_aton(data)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, data)
    if kind == "TXT":
        return bytes([len(data)]) + data.encode()
    if kind == "MX":
        preference, host = data
        return struct.pack("!H", preference) + encoded_name(host)
    priority, weight, port, target = data
    return struct.pack("!HHH", priority, weight, port) + encoded_name(target)


class Dns:
    """The server; it answers from a thread of its own for as long as the `with` block runs."""

    def __init__(self, ttl=1):
        self.ttl = ttl
        self.records = {}
        # Every name there is, and every one above it.
        self.names = set()
        self.failing = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]

    def publish(self, name, kind, data):
        """Adds a record."""
        self.replace_all(name, [*self.records.get(name, []), (kind, data)])

    def replace(self, name, kind, data):
        """This record, and no other of its kind."""
        others = [(known, old) for known, old in self.records.get(name, []) if known != kind]
        self.replace_all(name, [*others, (kind, data)])

    def replace_all(self, name, records):
        """These records, and no others."""
        self.records[name] = records
        labels = name.split(".")
        self.names.update(".".join(labels[at:]) for at in range(len(labels)))

    def publish_domain(self, domain, address, retrieval_port):
        """What a domain needs that gives notices from, and is reached at, one address."""
        self.publish(domain, "MX", (10, f"mx.{domain}"))
        self.publish(domain, "TXT", f"v=spf1 ip4:{address} -all")
        self.publish(f"mx.{domain}", "A", address)
        self.publish(f"_twoway._tcp.{domain}", "SRV", (0, 10, retrieval_port, f"mx.{domain}"))

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.close()

    def serve(self):
        """Answers until the socket is closed."""
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                self.socket.sendto(self.answer(query), peer)
            except OSError:
                return

    def answer(self, query):
        """The reply to one question."""
        name, end = question(query)
        kind = struct.unpack("!H", query[end : end + 2])[0]
        found = [(kind, data) for type_name, data in self.records.get(name, []) if TYPES[type_name] == kind]
        code = NO_ERROR if self.exists(name) else NAME_ERROR if name.split(".")[-1] == "test" else REFUSED
        if name in self.failing:
            found, code = [], SERVER_FAILURE
        authority = 0 if found or code in (REFUSED, SERVER_FAILURE) else 1
        # QR and AA; RD as it was asked.
        flags = 0x8400 | (query[2] & 1) << 8 | code
        reply = query[:2] + struct.pack("!HHHHH", flags, 1, len(found), authority, 0) + query[12 : end + 4]
        for type_number, data in found:
            type_name = next(word for word, number in TYPES.items() if number == type_number)
            reply += record(b"\xc0\x0c", type_number, encoded_data(type_name, data), self.ttl)
        if authority:
            # RFC 2308 section 3: an absence comes with the zone's SOA.
            numbers = struct.pack("!IIIII", 1, 3600, 600, 86400, self.ttl)
            reply += record(encoded_name("test"), TYPES["SOA"], encoded_name("test") * 2 + numbers, self.ttl)
        return reply

    def exists(self, name):
        """Whether there is such a name, or one below it."""
        return name in self.names


def question(query):
    """The name asked about, in lower case, and where its type begins."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    return ".".join(labels), at + 1


def record(owner, type_number, data, ttl):
    """One resource record of class IN."""
    return owner + struct.pack("!HHIH", type_number, 1, ttl, len(data)) + data
