"""`twoway serve` on both stores, its configuration, and what the command line's exit status says."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import urllib.parse

import postgres
import smtp
from cases import Cases
from dns import Dns
from node import Node
from server import binary, token

CASES = Cases("serving")


@contextlib.contextmanager
def one_node(top=""):
    """A server for example.test that is not started yet."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder, Dns() as dns:
        with Node(folder, "example.test", "127.0.0.1", dns.address) as node:
            node.configure(top)
            yield node


def to_a_neighbour(node):
    """Accounts made before the start, a message between them, a graceful stop, and everything still there afterwards."""
    sender, reader = node.add_account("carol"), node.add_account("dave")
    node.start()
    subject, message = sender.write(reader)
    content = reader.find(subject)
    sender.wait_sent(message, reader, "delivered")
    to_self, _ = sender.write(sender)
    sender.find(to_self)
    assert node.command("check") == {"ok": True, "violations": []}
    assert node.stop() == 0
    assert not os.path.exists(os.path.join(node.data_dir, "admin.sock"))
    # Now the command line opens the store itself.
    assert reader.find(subject) == content
    certificate = read(node.ca_pem)
    node.start()
    assert reader.find(subject) == content and read(node.ca_pem) == certificate
    assert node.stop() == 0
    for line in node.log().splitlines():
        assert json.loads(line)["timestamp"], line


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


@CASES.add
def on_sqlite():
    """On SQLite: start, submit, read, stop by SIGTERM, start again."""
    with one_node() as node:
        to_a_neighbour(node)


@CASES.add
def on_postgresql():
    """On PostgreSQL: the same."""
    with postgres.database() as url, one_node(f'store = "{url}"') as node:
        to_a_neighbour(node)


# Connections of ours to the database, in the clear and by TLS.
SPOKEN = "SELECT ssl, count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = current_database() \
          AND application_name LIKE 'twoway%' GROUP BY ssl"


def seconds_to_probes(port):
    """When each connection to this port of loopback asks next whether the other end is there: the keepalive timers in proc(5)."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            words = line.split()
            timer, _, ticks = words[5].partition(":")
            # Who waits for an acknowledgement has another timer meanwhile.
            if words[2] == f"0100007F:{port:04X}" and words[3] == "01" and timer != "01":
                yield int(ticks, 16) / os.sysconf("SC_CLK_TCK") if timer == "02" else float("inf")


@CASES.add
def on_postgresql_by_tls():
    """On PostgreSQL by TLS: a server is believed by its certificate and its name, and none that has another."""
    with postgres.database() as url, one_node() as node:
        trusted, other = (os.path.join(node.folder, name) for name in ("trusted.pem", "other.pem"))
        with open(trusted, "w", encoding="ascii") as file:
            file.write(postgres.certificate(url))
        # Another certificate: our own.
        node.start()
        assert node.stop() == 0
        os.rename(node.ca_pem, other)
        by_tls = f"{url}?sslmode=verify-full&sslrootcert="
        for store, status, named in (
            (by_tls + other, 75, "certificate"),
            (url.replace("127.0.0.1", "localhost") + f"?sslmode=verify-full&sslrootcert={trusted}", 75, "localhost"),
            (url.replace("//twoway:", "//twoway:not-"), 75, "password"),
            (by_tls + os.path.join(node.folder, "nothing.pem"), 2, "nothing.pem"),
        ):
            node.configure(f'store = "{store}"')
            error = node.refused("check", status=status)
            assert named in error["message"], error
        node.configure(f'store = "{by_tls}{trusted}"')
        carol = node.add_account("carol")
        node.start()
        subject, _ = carol.write(carol)
        carol.find(subject)
        spoken = postgres.psql(url, SPOKEN)
        assert [row.split("\t")[0] for row in spoken] == ["t"], spoken
        # A machine that vanishes while it owes us an answer is noticed in seconds, not in the system's two hours.
        probes = list(seconds_to_probes(urllib.parse.urlsplit(url).port))
        assert probes and all(seconds <= 11 for seconds in probes), probes
        assert node.stop() == 0


@CASES.add
def graceful_stop():
    """SIGTERM lets a session that is in the middle of a message finish, or tells it 421; the process ends with status 0."""
    with one_node() as node:
        carol = node.add_account("carol")
        node.start()
        idle = node.connect("submissions")
        session = carol.session()
        session.command(f"MAIL FROM:<{carol}>").must_be(250)
        session.command(f"RCPT TO:<{carol}>").must_be(250)
        session.command("DATA").must_be(354)
        subject = token()
        node.process.send_signal(signal.SIGTERM)
        idle.reply().must_be(421)
        with contextlib.suppress(OSError):
            session.send(carol.message(carol, subject) + b".\r\n")
        answered = session.reply()
        assert answered.code in (250, 421), answered
        assert node.process.wait(40) == 0
        node.start()
        later, _ = carol.write(carol)
        carol.find(later)
        assert carol.has(subject) == (answered.code == 250)


@CASES.add
def one_server_for_one_folder():
    """A second server on the same data directory is refused, and the first goes on."""
    with one_node() as node:
        carol = node.add_account("carol")
        node.start()
        run = subprocess.run([node.twoway, "serve", "--config", node.config], capture_output=True, timeout=60, check=False)
        assert run.returncode in (2, 75), run
        subject, _ = carol.write(carol)
        carol.find(subject)


def faults(text):
    """What `config check` says of this configuration; checked for its exit status and form."""
    with tempfile.TemporaryDirectory(prefix="twoway-interop-") as folder:
        path = os.path.join(folder, "wrong.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        run = subprocess.run([binary(), "config", "check", "--config", path], capture_output=True, timeout=60, check=False)
        as_json = subprocess.run([binary(), "config", "check", "--config", path, "--json"], capture_output=True, timeout=60, check=False)
        assert run.returncode == as_json.returncode == 2, run
        assert json.loads(as_json.stderr)["error"]["code"], as_json
        return run.stderr.decode().replace(path, "FILE")


RIGHT = 'hostname = "mx.example.test"\ndomains = ["example.test"]\ndata_dir = "data"\n'


@CASES.add
def configuration_errors():
    """Every fault of a configuration is named with file, line, key and what was expected."""
    for lines, line, key in (
        ('hostnam = "x"\n', 4, "hostnam"),
        ('store = "mysql"\n', 4, "store"),
        ('[listen]\nsubmission = "nowhere"\n', 5, "listen.submission"),
        ('[timers]\nnotice = ["soon"]\n', 5, "timers.notice"),
        ("[limits]\nrecipients_max = -1\n", 5, "limits.recipients_max"),
        ('[lab]\nenabled = "yes"\n', 5, "lab.enabled"),
        ("[[listen]]\n", 4, "listen"),
        ("outbound_address = [1, 2\n", 4, ""),
    ):
        said = faults(RIGHT + lines)
        assert f"FILE:{line}" in said and key in said and "expected" in said, said
    for key in ("hostname", "domains", "data_dir"):
        rest = "".join(line for line in RIGHT.splitlines(True) if not line.startswith(key))
        said = faults(rest)
        assert "FILE" in said and key in said, said
    said = faults(RIGHT + 'store = "mysql"\n[limits]\nrecipients_max = 0\n')
    assert "store" in said and "limits.recipients_max" in said, said


@CASES.add
def configuration_accepted():
    """A right configuration is called right."""
    with one_node() as node:
        run = subprocess.run([binary(), "config", "check", "--config", node.config], capture_output=True, timeout=60, check=False)
        assert run.returncode == 0, run


@CASES.add
def exit_statuses():
    """Exit status 0 is done, 1 refused, 2 usage or configuration, 75 temporary; errors are JSON on stderr."""
    with one_node() as node:
        node.add_account("carol")
        node.refused("mode", "nobody@example.test", status=1)
        node.refused("mail", "carol@example.test", "show", "nothing", status=2)
        node.refused("account", "add", "not an address", status=2)
        node.refused("frobnicate", status=2)
        node.refused("contacts", "carol@example.test", "allow", status=2)
        node.configure('store = "postgresql://nobody@127.0.0.1:1/nothing"')
        node.refused("check", status=75)
        os.remove(node.config)
        node.refused("check", status=2)


@CASES.add
def guessing():
    """Who guesses passwords is turned away by address, whichever session and however right the next one; others log in."""
    with one_node() as node:
        node.configure(tables="[limits]\nauth_failures_per_hour_max = 3")
        node.start()
        account = node.new_account()
        right = smtp.encoded(f"\0{account.address}\0{account.password}")
        for _ in range(3):
            with node.connect("submissions") as session:
                session.hello()
                session.command(f"AUTH PLAIN {smtp.encoded(f'{chr(0)}{account.address}{chr(0)}wrong')}").must_be(535, "5.7.8")
        with node.connect("submissions") as session:
            session.hello()
            session.command(f"AUTH PLAIN {right}").must_be(421, "4.7.0")
            assert session.is_closed()
        with node.connect("submissions", source="127.0.0.77") as session:
            session.hello()
            session.command(f"AUTH PLAIN {right}").must_be(235)
