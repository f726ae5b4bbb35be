"""Root opens the ports and reads the key; the server runs as somebody else, and cannot go back."""

import os
import pwd
import re
import signal
import socket
import subprocess
import tempfile

from cases import Cases, Skipped
from dns import Dns
from node import Node
from server import token, wait_for

CASES = Cases("privileges")

NOBODY = "nobody"


def as_root():
    """Skips where nobody can become anybody."""
    if os.geteuid() != 0:
        raise Skipped("only root can become another user")


def settle(node, user, **paths):
    """Writes a configuration with this user, or none."""
    node.configure()
    with open(node.config, encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r'\[process\]\nuser = "[^"]*"\n', f'[process]\nuser = "{user}"\n' if user else "", text)
    lines = "".join(f'{key} = "{path}"\n' for key, path in paths.items())
    with open(node.config, "w", encoding="utf-8") as file:
        file.write(text + (f"[tls]\n{lines}" if lines else ""))


def a_node():
    """A folder that everybody may enter, DNS, and a server that is not started."""
    folder = tempfile.TemporaryDirectory(prefix="twoway-privileges-")
    os.chmod(folder.name, 0o755)
    dns = Dns()
    return folder, dns


def statuses(process):
    """`/proc/PID/status` of every thread of a process."""
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{thread}/status", encoding="utf-8") as status:
            yield dict(line.rstrip("\n").split(":", 1) for line in status)


def refused(node):
    """What a server says that does not start; its exit status is that of a wrong configuration."""
    run = subprocess.run([node.twoway, "serve", "--config", node.config], capture_output=True, timeout=60, check=False)
    assert run.returncode == 2, run
    return run.stderr.decode()


def low_port(address):
    """A port below 1024 that nobody listens on."""
    for port in range(1000, 1024):
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) != 0:
                return port
    raise Skipped("every port from 1000 to 1023 is taken")


@CASES.add
def given_up():
    """Every thread runs as the user, with a port below 1024 and a key that only root reads; mail flows; SIGHUP changes nothing."""
    as_root()
    nobody = pwd.getpwnam(NOBODY)
    folder, dns = a_node()
    with folder, dns as resolver, Node(folder.name, "example.test", "127.0.0.1", resolver.address) as node:
        node.ports["exchange"] = low_port(node.address)
        # A certificate and key of root's, made by a start as root.
        settle(node, "root")
        node.start()
        assert node.stop() == 0
        key = os.path.join(node.folder, "key.pem")
        cert = os.path.join(node.folder, "cert.pem")
        os.rename(os.path.join(node.data_dir, "tls", "self-signed.key"), key)
        os.rename(node.ca_pem, cert)
        node.ca_pem = cert
        os.chmod(key, 0o400)
        os.chmod(cert, 0o444)
        said = refused_with_data_of_root(node, cert, key)
        assert "belongs to user root" in said and f"chown -R {NOBODY}" in said, said
        subprocess.run(["chown", "-R", NOBODY, node.data_dir], check=True)

        node.start()
        threads = list(statuses(node.process))
        assert len(threads) > 2
        for status in threads:
            assert status["Uid"].split() == [str(nobody.pw_uid)] * 4, status["Uid"]
            assert status["Gid"].split() == [str(nobody.pw_gid)] * 4, status["Gid"]
            assert status["CapEff"].strip("\t0") == status["CapPrm"].strip("\t0") == "", status
            assert status["NoNewPrivs"].strip() == "1" and "0" not in status["Groups"].split()
        sender, reader = node.new_account(), node.new_account()
        subject, _ = sender.write(reader)
        reader.find(subject)
        # It cannot read the key again: the certificate stays, and so does the server.
        node.process.send_signal(signal.SIGHUP)
        wait_for("word of the certificate", lambda: "was not read again" in node.log())
        os.chmod(key, 0o444)
        node.process.send_signal(signal.SIGHUP)
        wait_for("word of the certificate", lambda: "the certificate was read again" in node.log())
        reader.find(sender.write(reader)[0])
        assert node.stop() == 0
        # The command line, as root and alone, makes no file that the server could not open.
        node.command("check")
        node.new_account(name=token())
        for at, folders, names in os.walk(node.data_dir):
            for name in folders + names:
                status = os.lstat(os.path.join(at, name))
                assert status.st_uid == nobody.pw_uid, f"{name} belongs to {status.st_uid}"
                assert status.st_mode & 0o077 == 0, f"{name}: {status.st_mode:o}"
        node.start()
        assert node.stop() == 0


def refused_with_data_of_root(node, cert, key):
    """Settles the server as nobody; what it says to data that is root's."""
    settle(node, NOBODY, cert=cert, key=key)
    return refused(node)


@CASES.add
def root_unasked():
    """Started as root with nobody named, it says what to set; somebody who is not there, or not root, is named."""
    as_root()
    folder, dns = a_node()
    with folder, dns as resolver, Node(folder.name, "example.test", "127.0.0.1", resolver.address) as node:
        settle(node, None)
        assert "set process.user" in refused(node)
        assert not os.path.exists(node.data_dir), "a start that is refused leaves nothing"
        settle(node, "no-such-user-here")
        assert "there is no user no-such-user-here" in refused(node)
        settle(node, NOBODY)
        node.start()
        assert os.stat(node.data_dir).st_uid == pwd.getpwnam(NOBODY).pw_uid, "made for its user"
        assert node.stop() == 0
