"""The numbers and the health of a running server, as Prometheus and scripts read them."""

import json
import os
import socket
import subprocess

from cases import Cases
from node import free_port
from server import wait_for
from serving import one_node

CASES = Cases("watching")


def get(address, path, method="GET"):
    """The status and the body of an answer."""
    with socket.create_connection(address, 10) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        octets = b""
        while piece := connection.recv(65536):
            octets += piece
    head, _, body = octets.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def value(text, name):
    """The value of one sample, or none."""
    for line in text.splitlines():
        if line.rsplit(" ", 1)[0] == name:
            return float(line.rsplit(" ", 1)[1])
    return None


def health(node):
    """`twoway health`: its exit status and its document, if it has one."""
    run = subprocess.run([node.twoway, "health", "--config", node.config, "--json"], capture_output=True, timeout=30, check=False)
    return run.returncode, json.loads(run.stdout) if run.stdout else None


@CASES.add
def numbers():
    """A message is counted on each step of its way, and the server says what it costs the system."""
    with one_node() as node:
        address = (node.address, free_port(node.address))
        node.configure(tables=f'metrics = "{address[0]}:{address[1]}"')
        assert health(node) == (75, None)
        node.start()
        wait_for("a server that is ready", lambda: get(address, "/readyz")[0] == 200)
        assert get(address, "/healthz") == (200, "alive\n")
        assert health(node) == (0, {"ready": True, "troubles": []})
        sender, reader = node.new_account(), node.new_account()
        message = sender.write(reader)[1]
        sender.wait_sent(message, reader, "delivered")
        text = get(address, "/metrics")[1]
        assert text.endswith("# EOF\n")
        for event in ("kept", "noted", "notice-accepted", "stored", "confirmed"):
            assert value(text, f'twoway_events_total{{event="{event}",how=""}}') == 1, (event, text)
        assert value(text, 'twoway_connections_total{service="submissions"}') >= 1
        assert value(text, "twoway_ready") == 1 and value(text, "twoway_ports_listening") == 4
        assert value(text, 'twoway_store_batch_seconds_count{access="write"}') >= 3
        assert value(text, 'twoway_transfers{state="waiting"}') == 0
        assert value(text, "process_resident_memory_bytes") > 1e6 and value(text, "process_cpu_seconds_total") > 0
        assert value(text, "twoway_certificate_expires_seconds") > 1.7e9 and value(text, "twoway_disk_free_bytes") > 0
        for secret in (sender.address, reader.address, "127.0.0.1", "example.test"):
            assert secret not in text, f"{secret} in the numbers"
        assert get(address, "/")[0] == 404 and get(address, "/metrics", "POST")[0] == 405
        assert get(address, "/metrics", "HEAD") == (200, "")
        assert node.stop() == 0


@CASES.add
def misuse():
    """A client of the metrics port that says nothing, or too much, keeps nobody else from an answer."""
    with one_node() as node:
        address = (node.address, free_port(node.address))
        node.configure(tables=f'metrics = "{address[0]}:{address[1]}"')
        node.start()
        idle = [socket.create_connection(address, 10) for _ in range(9)]
        with socket.create_connection(address, 30) as chatty:
            chatty.sendall(b"x" * 9000)
            assert chatty.recv(100).startswith(b"HTTP/1.1 431 ")
        assert get(address, "/healthz")[0] == 200
        for one in idle:
            one.close()
        os.rename(node.config, f"{node.config}.away")
        node.configure()
        run = subprocess.run([node.twoway, "health", "--config", node.config], capture_output=True, timeout=30, check=False)
        assert run.returncode == 2 and b"listen.metrics is not set" in run.stderr
