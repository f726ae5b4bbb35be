"""What a server uses: processor time and memory of all its processes by cgroups, and syncs by strace."""

import atexit
import collections
import os
import re
import threading
import time

from server import token

SYNCS = "fsync,fdatasync,sync_file_range,msync,syncfs,sync"
# How often its memory is looked at.
SAMPLE_SECONDS = 0.02


def mounts():
    """Where cgroups are mounted: {controller or "cgroup2": path}."""
    found = {}
    with open("/proc/mounts", encoding="utf-8") as lines:
        for line in lines:
            _, path, kind, options, *_ = line.split()
            if kind == "cgroup2":
                found["cgroup2"] = path
            elif kind == "cgroup" and "memory" in options.split(","):
                found["memory"] = path
    return found


class Meter:
    """Cgroups for one server. Children are born into them, so they have the time of those that have ended as well."""

    def __init__(self):
        where, name = mounts(), f"twoway-bench-{token()}"
        self.path = os.path.join(where["cgroup2"], name)
        self.paths = [self.path]
        if "memory" in where:
            self.memory = os.path.join(where["memory"], name)
            self.paths.append(self.memory)
        else:
            with open(os.path.join(where["cgroup2"], "cgroup.subtree_control"), "w", encoding="ascii") as file:
                file.write("+memory")
            self.memory = self.path
        for path in self.paths:
            os.mkdir(path)
        # Also when the run fails.
        atexit.register(self.close)
        # Words to put in front of the server's command.
        self.wrapper = ["sh", "-c", 'for group in $0; do echo $$ >"$group/cgroup.procs"; done; exec "$@"', " ".join(self.paths)]

    def cpu_seconds(self):
        """Of all processes together, since the beginning: in user mode and in the kernel."""
        return int(fields(os.path.join(self.path, "cpu.stat"))["usage_usec"]) / 1e6

    def settled(self):
        """The same, once nothing has been used for half a second: what is done behind a reply belongs to the message."""
        before = self.cpu_seconds()
        for _ in range(60):
            time.sleep(0.5)
            now = self.cpu_seconds()
            if now - before < 0.005:
                return now
            before = now
        raise AssertionError("the server does not come to rest")

    def memory_octets(self):
        """Of all processes together, now: what they allocated, without pages of files."""
        found = fields(os.path.join(self.memory, "memory.stat"))
        # The first is version 1's.
        return int(found.get("total_rss") or found["anon"])

    def close(self):
        """Removes the groups, whose processes have ended."""
        atexit.unregister(self.close)
        for path in self.paths:
            for _ in range(100):
                try:
                    os.rmdir(path)
                    break
                except OSError:
                    time.sleep(0.05)


def fields(path):
    """A file with a name and a number in each line."""
    with open(path, encoding="utf-8") as file:
        return dict(line.split() for line in file)


class Peak:
    """The most memory that some servers had together while the `with` block ran, as it was looked at."""

    def __init__(self, *meters):
        self.meters = meters
        self.octets = 0
        self.is_over = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def watch(self):
        """Looks again and again."""
        while True:
            self.octets = max(self.octets, sum(meter.memory_octets() for meter in self.meters))
            if self.is_over.wait(SAMPLE_SECONDS):
                return


def syncing(output, *, regains_rights=False):
    """Words that note every sync and every connection of what stands behind them in this file: when, and how long it took."""
    # The filter makes strace quick, and takes from what is behind it the right to become root by a bit of its file's mode.
    quick = [] if regains_rights else ["--seccomp-bpf"]
    return ["strace", "-D", "-f", "-ttt", "-T", *quick, "-o", output, "-e", f"trace={SYNCS},connect"]


def syncs(path):
    """How many of each there were."""
    counts = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            # One that another thread interrupts is written as two lines.
            if (found := re.match(r"\d+ +[\d.]+ (\w+)\(", line)) and found[1] != "connect":
                counts[found[1]] += 1
    return counts


def connects(path, address):
    """How many connections to this address were begun."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        return sum(1 for line in lines if " connect(" in line and f'inet_addr("{address}")' in line)


def sync_times(path):
    """When each began and ended, in seconds since 1970."""
    begun, times = {}, []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not (found := re.match(r"(\d+) +([\d.]+) (<\.\.\. )?\w+.*?(unfinished \.\.\.>|<([\d.]+)>)$", line.rstrip())):
                continue
            thread, when, is_rest, _, took = found.groups()
            if " connect" in line or "connect resumed" in line:
                continue
            if took is None:
                begun[thread] = float(when)
            else:
                start = begun.pop(thread, None) if is_rest else float(when)
                if start is not None:
                    times.append((start, start + float(took)))
    return times
