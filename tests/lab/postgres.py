"""Databases of their own in the PostgreSQL of the run."""

import contextlib
import glob
import os
import shutil
import socket
import ssl
import struct
import subprocess
import urllib.parse

from cases import Skipped
from server import ROOT, token


class PostgresServer:
    """A server of its own for a test that stops it now and then; what asks for databases gets them there."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "postgres")
        os.environ["TWOWAY_TEST_POSTGRES"] = self.run("start").strip()

    def run(self, word):
        """What tests/postgres says."""
        script = os.path.join(ROOT, "tests", "postgres")
        return subprocess.run([script, word, self.folder], check=True, timeout=120, stdout=subprocess.PIPE, text=True).stdout

    def stop(self):
        """As a crash would."""
        self.run("stop")

    def start(self):
        """Once more, with what it has."""
        self.run("again")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@contextlib.contextmanager
def database():
    """The URL of a new database, dropped in the end. Skips the case where there is no PostgreSQL."""
    url = os.environ.get("TWOWAY_TEST_POSTGRES")
    if not url:
        raise Skipped("TWOWAY_TEST_POSTGRES is not set")
    name = f"twoway_{token()}"
    psql(url, f"CREATE DATABASE {name}")
    try:
        yield f"{url.rsplit('/', 1)[0]}/{name}"
    finally:
        psql(url, f"DROP DATABASE {name} WITH (FORCE)")


def certificate(url):
    """The certificate of the server behind a URL, as PEM."""
    where = urllib.parse.urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((where.hostname, where.port), 10) as plain:
        # SSLRequest: a length, and a version of the protocol that there never was.
        plain.sendall(struct.pack("!II", 8, 80877103))
        if plain.recv(1) != b"S":
            raise Skipped("this PostgreSQL speaks no TLS")
        with context.wrap_socket(plain) as wrapped:
            return ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True))


def psql(url, statement):
    """Has PostgreSQL carry out a statement; returns its rows, columns parted by a tab."""
    command = [program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t", url, "--command", statement]
    return subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE, text=True).stdout.splitlines()


def dump(url, path):
    """Writes a database into a file, as docs/admin/backup.md has it."""
    subprocess.run([program("pg_dump"), "--format=custom", f"--file={path}", url], check=True, timeout=60)


def load(url, path):
    """Puts what was dumped in the place of what is there, as docs/admin/backup.md has it."""
    subprocess.run([program("pg_restore"), "--clean", "--if-exists", "--single-transaction", f"--dbname={url}", path], check=True, timeout=60)


def empty(url):
    """Removes all that is in a database."""
    psql(url, "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def program(name):
    """The path of one of PostgreSQL's programs; Debian keeps most of them out of PATH."""
    return shutil.which(name) or sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))[-1]
