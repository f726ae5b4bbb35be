"""Notices recorded, by a server of ours that records and does not decide."""

import os
import re
import subprocess



def measure(options, folder, _dns, rows):
    """So many rounds, a server of its own in each."""
    for number in range(options.rounds):
        own = os.path.join(folder, str(number))
        os.mkdir(own)
        command = [os.environ["TWOWAY_BENCH"], "--folder", own, "notices", "--twoway", os.environ["TWOWAY_BIN"]]
        printed = subprocess.run(command, check=True, timeout=300, capture_output=True, text=True).stdout
        found = [float(word) for word in re.findall(r"([\d.]+) a second", printed)]
        rows.add("Twoway", per_second=found[0], per_cpu_second=found[1])
