"""Debian's BIND with zones from the root down to each domain, signed or not, and altered after that if a test likes."""

import os
import subprocess

from mta import programs
from node import free_port
from server import wait_for

HEAD = "$TTL 1\n@ SOA ns.test. nobody.test. 1 60 60 60 1\n@ NS ns.test.\n"
ADDRESS = "127.0.0.1"


class SignedDns:
    """The server; `publish_domain`, then `serve`, as often as needed."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "dns")
        os.mkdir(self.folder)
        self.unpacked = programs()
        self.port = free_port(ADDRESS)
        self.address = f"{ADDRESS}:{self.port}"
        self.domains = {}
        self.anchor = os.path.join(self.folder, "anchor")
        self.process = None

    def publish_domain(self, domain, address, retrieval_port):
        """What a domain needs that gives notices from, and is reached at, one address."""
        self.domains[domain] = (
            f"@ MX 10 mx\n@ TXT \"v=spf1 ip4:{address} -all\"\nmx A {address}\n_twoway._tcp SRV 0 10 {retrieval_port} mx\n"
        )

    def serve(self, unsigned=(), alter=lambda domain, text: text):
        """Serves what is published: all of it signed but for the domains `unsigned`, and then as `alter` makes it."""
        self.stop()
        below = ""
        for domain, records in self.domains.items():
            below += f"{domain}. NS ns.test.\n"
            if domain in unsigned:
                self.write(f"{domain}.zone.signed", HEAD + records)
            else:
                below += self.sign(domain, records)
                with open(os.path.join(self.folder, f"{domain}.zone.signed"), encoding="ascii") as file:
                    text = file.read()
                self.write(f"{domain}.zone.signed", alter(domain, text))
        self.sign("", f"test. NS ns.test.\nns.test. A {ADDRESS}\n" + self.sign("test", f"ns.test. A {ADDRESS}\n{below}"))
        zones = "".join(f'zone "{zone}." {{ type primary; file "{zone}.zone.signed"; }};\n' for zone in ("", "test", *self.domains))
        options = f'directory "{self.folder}"; listen-on port {self.port} {{ {ADDRESS}; }}; listen-on-v6 {{ none; }}; recursion no;'
        self.write("named.conf", f'options {{ {options} pid-file "pid"; session-keyfile "session.key"; }};\ncontrols {{ }};\n{zones}')
        with open(os.path.join(self.folder, "log"), "wb") as log:
            named = [os.path.join(self.unpacked, "usr", "sbin", "named"), "-g", "-n", "1", "-c", os.path.join(self.folder, "named.conf")]
            self.process = subprocess.Popen(named, env=self.environment(), cwd=self.folder, stdout=log, stderr=log)
        wait_for("BIND to have its zones", self.is_ready, 30)

    def is_ready(self):
        """Whether it serves all zones; fails if it has ended."""
        assert self.process.poll() is None, self.log()
        return "all zones loaded" in self.log()

    def sign(self, zone, records):
        """Signs a zone with keys of its own, which it keeps; returns what the zone above it says of them."""
        self.write(f"{zone}.zone", HEAD + records)
        name = f"{zone}."
        if not any(file.startswith(f"K{name}+") for file in os.listdir(self.folder)):
            for words in (["-f", "KSK"], []):
                key = self.run("dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", *words, name).strip()
                if words and not zone:
                    with open(os.path.join(self.folder, f"{key}.key"), encoding="ascii") as file:
                        self.write("anchor", "".join(line for line in file if not line.startswith(";")))
        self.run("dnssec-signzone", "-q", "-S", "-o", name, "-f", f"{zone}.zone.signed", f"{zone}.zone")
        with open(os.path.join(self.folder, f"dsset-{name}"), encoding="ascii") as file:
            return file.read()

    def run(self, program, *words):
        """Runs one of its programs; returns what it says."""
        command = [os.path.join(self.unpacked, "usr", "bin", program), *words]
        run = subprocess.run(command, env=self.environment(), cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        assert run.returncode == 0, f"{words}: {run.stdout}{run.stderr}"
        return run.stdout

    def environment(self):
        """Where its libraries are."""
        return {**os.environ, "LD_LIBRARY_PATH": os.path.join(self.unpacked, "usr", "lib", f"{os.uname().machine}-linux-gnu")}

    def write(self, name, text):
        """Writes a file of its folder."""
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def log(self):
        """What it has logged."""
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """Ends it, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
