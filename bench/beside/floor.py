"""What durability and TLS cost on this machine, whatever server uses them."""

import os
import subprocess



def measure(options, folder, _dns, rows):
    """So many rounds, each the median of a hundred."""
    for number in range(options.rounds):
        own = os.path.join(folder, str(number))
        os.mkdir(own)
        command = [os.environ["TWOWAY_BENCH"], "--folder", own, "floor"]
        printed = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True).stdout
        numbers = dict(line.split() for line in printed.splitlines())
        rows.add("this machine", sync_ms=float(numbers["sync"]), handshake_ms=float(numbers["handshake"]))
