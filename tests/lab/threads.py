"""A server of ours that answers from threads, for as long as a `with` block runs."""

import contextlib
import socketserver
import threading


class ThreadedServer(socketserver.ThreadingTCPServer):
    """Listens from the moment it is made; serves while `running`."""

    daemon_threads = True

    @contextlib.contextmanager
    def running(self):
        """Serves for as long as the `with` block runs."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()
