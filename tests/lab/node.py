"""`twoway serve` with a configuration of its own."""

import contextlib
import json
import os
import pwd
import random
import signal
import socket
import subprocess

import postgres
from server import Server, binary, wait_for

SERVICES = ("submission", "submissions", "exchange", "retrieval")


def free_port(address):
    """A port that nobody listens on now, nor dials from later: a server that starts again must find it free."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first, last = map(int, file.read().split())
    ports = [*range(10_000, first), *range(last + 1, 65_536)] or [0]
    for port in random.SystemRandom().choices(ports, k=100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            return probe.getsockname()[1]
    raise OSError(f"none of a hundred ports of {address} is free")


class Node(Server):
    """One server process; `start` and `stop` it as often as needed."""

    # Whether each has a database of its own there. Otherwise they have SQLite, or what their configuration says.
    on_postgresql = False

    def __init__(self, folder, domain, address, dns):
        self.folder = os.path.join(folder, domain)
        os.mkdir(self.folder)
        self.data_dir = os.path.join(self.folder, "data")
        super().__init__(
            binary(),
            {
                "domain": domain,
                "hostname": f"mx.{domain}",
                "address": address,
                "config": os.path.join(self.folder, "twoway.toml"),
                "ca_pem": os.path.join(self.data_dir, "tls", "self-signed.pem"),
                "ports": {service: free_port(address) for service in SERVICES},
                "accounts": [],
            },
        )
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        self.databases = contextlib.ExitStack()
        self.database = self.databases.enter_context(postgres.database()) if self.on_postgresql else None
        self.dns = dns
        # A file of keys, if what DNS says is to be proved.
        self.trust_anchor = None
        self.configure()

    def configure(self, top="", tables="", outbound=()):
        """Writes the configuration, with these lines added, and more addresses to dial from."""
        listen = "\n".join(f'{service} = "{self.address}:{port}"' for service, port in self.ports.items())
        if self.database:
            top = f'store = "{self.database}"\n{top}'
        anchor = f"trust_anchor = {json.dumps(self.trust_anchor)}\n" if self.trust_anchor else ""
        text = (
            f'hostname = "{self.hostname}"\ndomains = ["{self.domain}"]\ndata_dir = "data"\n'
            f'outbound_address = {json.dumps([self.address, *outbound])}\n{top}\n'
            f'[process]\nuser = "{pwd.getpwuid(os.geteuid()).pw_name}"\n[dns]\nservers = ["{self.dns}"]\n{anchor}'
            f'[log]\nformat = "json"\n[listen]\n{listen}\n{tables}\n'
        )
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def add_account(self, name):
        """Adds an account; its password is remembered."""
        return self.new_account(name=name)

    def start(self, *wrapper):
        """Starts it, behind the words of `wrapper` if there are any; returns once it listens."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*wrapper, self.twoway, "serve", "--config", self.config], stdout=log, stderr=log)
        wait_for(f"{self.hostname} to listen", self.listens, 60)

    def listens(self):
        """Whether every service listens; fails if the process has ended."""
        assert self.process.poll() is None, f"{self.hostname} ended with {self.process.returncode}: {self.log()[-4000:]}"
        return self.admin_listens() and all(self.accepts(port) for port in self.ports.values())

    def admin_listens(self):
        """Whether the command line is answered."""
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(os.path.join(self.data_dir, "admin.sock")) == 0

    def accepts(self, port):
        """Whether somebody listens there."""
        with socket.socket() as probe:
            return probe.connect_ex((self.address, port)) == 0

    def log(self):
        """What it has logged."""
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def stop(self, number=signal.SIGTERM):
        """Ends it by a signal; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(40)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.databases.close()
        if failure:
            print(self.log()[-8000:])
        return False


class PostgresNode(Node):
    """The same, with a new database."""

    on_postgresql = True
