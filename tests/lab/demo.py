"""A running demo to test against: started once, stopped by pid."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from server import Server, binary, wait_for


class Demo:
    """`twoway demo --quiet`, for as long as the `with` block runs."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="twoway-interop-")
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def start(self):
        """Starts it, and returns once it is ready."""
        self.temporary = os.path.join(self.folder, "tmp")
        os.makedirs(self.temporary, exist_ok=True)
        self.describe = os.path.join(self.folder, "demo.json")
        if os.path.exists(self.describe):
            os.remove(self.describe)
        twoway = binary()
        with open(self.log_path(), "ab") as log:
            self.process = subprocess.Popen(
                [twoway, "demo", "--quiet", "--describe", self.describe, *self.options],
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": self.temporary},
            )
        wait_for("the demo to be ready", self.is_ready, 60)
        with open(self.describe, encoding="utf-8") as file:
            self.facts = json.load(file)
        assert self.facts["ready"] is True
        self.a, self.b = (Server(twoway, server) for server in self.facts["servers"])

    def is_ready(self):
        """Whether everything listens; fails if the demo has ended."""
        assert self.process.poll() is None, f"the demo ended: {self.log()}"
        return os.path.exists(self.describe)

    def log_path(self):
        """Where its output goes."""
        return os.path.join(self.folder, "log")

    def log(self):
        """What it has printed."""
        with open(self.log_path(), encoding="utf-8", errors="replace") as log:
            return log.read()

    def stop(self, number=signal.SIGINT):
        """Ends it by a signal; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(40)

    def __exit__(self, failure, *_):
        try:
            if self.process.poll() is None:
                self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the demo did not stop within 40 s") from None
        finally:
            if failure:
                print(self.log()[-20_000:], file=sys.stderr)
            shutil.rmtree(self.folder)
        return False
