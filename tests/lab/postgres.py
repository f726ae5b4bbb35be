"""Databases of their own in the PostgreSQL of the run."""

import contextlib
import glob
import os
import shutil
import subprocess

from cases import Skipped
from server import token


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


def psql(url, statement):
    """Has PostgreSQL carry out a statement."""
    program = shutil.which("psql") or sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
    subprocess.run([program, "--no-psqlrc", "--quiet", url, "--command", statement], check=True, timeout=60)
