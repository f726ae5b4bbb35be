"""What a server uses: processor time of all its processes by a cgroup, and syncs by strace."""

import atexit
import collections
import os
import re
import statistics
import time

from server import token

SYNCS = "fsync,fdatasync,sync_file_range,msync,syncfs,sync"


def cgroups():
    """Where the cgroups of version 2 are mounted."""
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


class Meter:
    """A cgroup for one server. Children are born into it, so it has the time of those that have ended as well."""

    def __init__(self):
        self.path = os.path.join(cgroups(), f"twoway-bench-{token()}")
        os.mkdir(self.path)
        # Also when the run fails.
        atexit.register(self.close)
        # Words to put in front of the server's command.
        self.wrapper = ["sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', self.path]

    def cpu_seconds(self):
        """Of all processes together, since the beginning: in user mode and in the kernel."""
        with open(os.path.join(self.path, "cpu.stat"), encoding="utf-8") as file:
            return int(dict(line.split() for line in file)["usage_usec"]) / 1e6

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

    def close(self):
        """Removes the group, whose processes have ended."""
        atexit.unregister(self.close)
        for _ in range(100):
            try:
                os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.05)


def syncing(output):
    """Words that note every sync of what stands behind them in this file."""
    return ["strace", "-D", "-f", "--seccomp-bpf", "-o", output, "-e", f"trace={SYNCS}"]


def syncs(path):
    """How many of each there were."""
    counts = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if found := re.match(r"\d+ +(\w+)\(", line):
                counts[found[1]] += 1
    return counts


class Rows:
    """Numbers by row and column, a list of one number for each round."""

    def __init__(self, title):
        self.title = title
        self.rows = {}

    def add(self, row, **numbers):
        """What one round gave."""
        for column, number in numbers.items():
            self.rows.setdefault(row, {}).setdefault(column, []).append(number)
        print(f"  {row}: " + ", ".join(f"{column} {number:.4g}" for column, number in numbers.items()), flush=True)

    def median(self, row, column):
        """Of all rounds."""
        return statistics.median(self.rows[row][column])

    def show(self):
        """Prints medians, with the least and the most in parentheses."""
        print(f"\n{self.title}: medians of {max(len(v) for row in self.rows.values() for v in row.values())} rounds (least, most)")
        for row, columns in self.rows.items():
            print(f"  {row}")
            for column, numbers in columns.items():
                print(f"    {column.replace('_', ' '):28} {statistics.median(numbers):10.4g}  ({min(numbers):.4g}, {max(numbers):.4g})")

    def ratio(self, words, over, under, column):
        """Prints how often `under` goes into `over`."""
        print(f"  {words}: {self.median(over, column) / self.median(under, column):.2f}")
