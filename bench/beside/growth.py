"""How costs grow with what is stored: messages that wait at the origin, notices and allow entries at the destination."""

import os
import subprocess
import time

from endtoend import ALONE, OURS, Town
from figures import Rows

ACCOUNTS = 2_000
# Messages in the round of many; the mailbox that is written to has as many allow entries as its share is.
TOGETHER = 16 * 30


def measure(options, folder, dns, rows):
    """Fills, measures, fills further: 10^3, 10^4 ... waiting messages, as many notices, ten times as many allow entries."""
    with Town(folder, dns) as town:
        a, b = nodes = town.pair.nodes()
        there, entries = 0, 0
        for exponent in range(3, options.most + 1):
            count = 10**exponent
            added, added_entries = count - there, min(count * 10, options.entries) - entries
            seconds = fill(folder, (a, ["--waiting", added]), (b, ["--arrivals", added, "--entries", added_entries]))
            there, entries = count, entries + added_entries
            row = str(count)
            rows.add(row, entries=entries, filled_s=seconds, origin_mib=size(a) / 2**20, destination_mib=size(b) / 2**20)
            for name, node in (("origin", a), ("destination", b)):
                begun = time.monotonic()
                node.begin()
                rows.add(row, **{f"{name}_start_s": time.monotonic() - begun})
            for name, node in (("origin", a), ("destination", b)):
                node.meter.settled()
                rows.add(row, **{f"{name}_rest_mib": node.meter.memory_octets() / 2**20})
            for _ in range(options.rounds):
                one_size(rows, row, town)
            listings(rows, row, town)
            town.end(nodes)


def fill(folder, *fills):
    """Fills these stores, at the same time; returns the seconds it took."""
    begun, running = time.monotonic(), []
    for node, words in fills:
        command = [os.environ["TWOWAY_BENCH"], "fill", "--config", node.config, "--accounts", ACCOUNTS, *words]
        running.append(subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL))
    try:
        for one in running:
            assert one.wait(3600) == 0, f"bench fill ended with {one.returncode} in {folder}"
    finally:
        for one in running:
            one.kill()
            one.wait()
    return time.monotonic() - begun


def size(node):
    """Octets of its data directory."""
    return sum(os.path.getsize(os.path.join(folder, file)) for folder, _, files in os.walk(node.data_dir) for file in files)


def one_size(rows, row, town):
    """The walk of a message, alone and among others."""
    measured = Rows("")
    town.ours(measured, "alone", ALONE)
    town.ours(measured, "together", {"sessions": 16, "messages": TOGETHER // 16, "pause": 0})
    for how, columns in (("alone", ("median_ms", "noted_ms", "decided_ms", "retrieved_ms")), ("together", ("cpu_ms_first", "cpu_ms_second", "stored_per_second", "peak_mib"))):
        found = measured.rows[f"{OURS}, {how}"]
        rows.add(row, **{f"{how}_{column}": found[column][0] for column in columns})


def listings(rows, row, town):
    """What people ask: of one mailbox, and of the whole server."""
    a, b = town.pair.nodes()
    asked = {
        "sent": (a, ("sent", town.author.address, "list")),
        "queue": (a, ("queue", "list")),
        "summary": (a, ("queue", "summary")),
        "contacts": (b, ("contacts", town.reader.address, "list")),
        "allowed": (b, ("allow", town.reader.address, "list")),
    }
    for name, (node, words) in asked.items():
        begun = time.monotonic()
        node.command(*words)
        rows.add(row, **{f"{name}_s": time.monotonic() - begun})
