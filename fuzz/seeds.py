#!/usr/bin/env python3
"""The seeds of the fuzz targets: one file for each target, an input a line, as a Python bytes literal.

fuzz/seeds.py unpack TARGET FOLDER            writes each input into a file of its own, where libFuzzer finds it
fuzz/seeds.py pack TARGET PROGRAM CORPUS      chooses anew, from what a long run has found: the smallest inputs that together
                                              reach most, by the built target itself
"""

import ast
import hashlib
import heapq
import os
import subprocess
import sys
import tempfile

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
# Of each target. Together they are read in a moment, and a person can look through them.
INPUTS_MAX = 300
OCTETS_MAX = 300


def file_of(target):
    """Where the inputs of a target are kept."""
    return os.path.join(SEEDS, f"{target}.txt")


def unpack(target, folder):
    """Nothing for a target without seeds."""
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(file_of(target)):
        return
    with open(file_of(target), encoding="ascii") as lines:
        for line in lines:
            octets = ast.literal_eval(line)
            with open(os.path.join(folder, hashlib.sha256(octets).hexdigest()[:16]), "wb") as file:
                file.write(octets)


def pack(target, program, corpus):
    """Keeps the inputs that reach most; libFuzzer writes down which one reached what."""
    with tempfile.TemporaryDirectory() as folder:
        short, chosen = os.path.join(folder, "short"), os.path.join(folder, "chosen")
        os.mkdir(short)
        os.mkdir(chosen)
        for name in os.listdir(corpus):
            path = os.path.join(corpus, name)
            if os.path.getsize(path) <= OCTETS_MAX:
                os.link(path, os.path.join(short, name))
        notes = os.path.join(folder, "notes")
        command = [program, "-set_cover_merge=1", f"-merge_control_file={notes}", chosen, short]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=600)
        kept = []
        for name in best(dict(read_notes(notes))):
            with open(name, "rb") as file:
                kept.append(file.read())
    os.makedirs(SEEDS, exist_ok=True)
    with open(file_of(target), "w", encoding="ascii") as file:
        file.writelines(f"{octets!r}\n" for octets in sorted(kept))


def best(reached):
    """Those that reach what the ones before them do not: at each turn the one that reaches most, of two the smaller."""
    waiting = [(-len(edges), os.path.getsize(name), name) for name, edges in reached.items()]
    heapq.heapify(waiting)
    new, chosen = set(), []
    while waiting and len(chosen) < INPUTS_MAX:
        _, octets, name = heapq.heappop(waiting)
        # What others have reached since does not count: it may no longer be the first.
        gain = len(reached[name] - new)
        if not gain:
            continue
        if waiting and (-gain, octets, name) > waiting[0]:
            heapq.heappush(waiting, (-gain, octets, name))
            continue
        chosen.append(name)
        new |= reached[name]
    return chosen


def read_notes(notes):
    """The inputs, in the order of libFuzzer's control file, and the edges that each reached (of its FT lines)."""
    with open(notes, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    files = lines[2 : 2 + int(lines[0])]
    for line in lines[2 + len(files) :]:
        kind, number, *features = line.split()
        if kind == "FT":
            # libFuzzer counts eight for each edge: how often it is passed, roughly. That there are such edges matters more here.
            yield files[int(number)], {int(feature) // 8 for feature in features}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["unpack", target, folder]:
            unpack(target, folder)
        case ["pack", target, program, corpus]:
            pack(target, program, corpus)
        case _:
            sys.exit(__doc__)
