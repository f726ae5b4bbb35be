"""Watching and killing a server by strace."""

import collections
import re

SYNCS = "fdatasync,fsync"
READS = "read,readv,recvfrom,recvmsg"
WRITES = "write,writev,sendto,sendmsg"


def wrapper(output, *options):
    """Words in front of a command: strace as a bystander, so that the command stays our own child."""
    return ["strace", "-D", "-f", "-o", output, *options]


def killing(output, calls, number):
    """Kills the process when one of its threads makes one of these calls for this time.

    Without --seccomp-bpf: strace 6.1 does not inject with it.
    """
    return wrapper(output, "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}")


def counting(output, calls):
    """Notes these calls and nothing else."""
    return wrapper(output, "--seccomp-bpf", "-e", f"trace={calls}")


def watching(output):
    """Notes every sync, read and write with descriptors by name, and what is written."""
    return wrapper(output, "--seccomp-bpf", "-yy", "-s", "4096", "-e", f"trace={SYNCS},{READS},{WRITES}")


def calls_by_thread(path):
    """How often each thread made each call: {(thread, call): count}."""
    counts = collections.Counter()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = re.match(r"(\d+) +(\w+)\(", line)
            if found:
                counts[found[1], found[2]] += 1
    return counts


class Call:
    """One call that did something: what it was, on what, when it began and when it was done (as line numbers)."""

    def __init__(self, name, text, began, done, result):
        self.name = name
        self.text = text
        self.began = began
        self.done = done
        self.result = result

    @property
    def kind(self):
        """sync, read or write."""
        return next(kind for kind, names in (("sync", SYNCS), ("read", READS), ("write", WRITES)) if self.name in names.split(","))

    @property
    def connection(self):
        """The TCP connection as (local, remote), each `address:port`; none for other files."""
        found = re.search(r"<TCP:\[([\d.:]+)->([\d.:]+)\]>", self.text)
        return found and (found[1], found[2])


def calls_in(path):
    """The calls of a trace in the order in which they were done. Those that failed or moved nothing are left out."""
    unfinished, calls = {}, []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            found = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)", line)
            if not found:
                continue
            thread, name, text = found.groups()
            if text.endswith("<unfinished ...>"):
                unfinished[thread] = (number, text)
                continue
            began, first = unfinished.pop(thread, (number, ""))
            result = int((re.search(r"\) += (-?\d+)", text[-200:]) or [0, "-1"])[1])
            if result > 0 or name in SYNCS.split(",") and result == 0:
                calls.append(Call(name, first + text, began, number, result))
    return calls
