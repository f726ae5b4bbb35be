"""Python packages of others, each of one version, in the user's cache; installed by pip when they are first needed."""

import importlib
import os
import subprocess
import sys
import venv

VERSIONS = {"imapclient": "4.1.0", "pyte": "0.8.2"}


def package(name):
    """The imported package."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "twoway", "python")
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folder = os.path.join(cache, f"{python}-{name}-{VERSIONS[name]}")
    if not os.path.exists(os.path.join(folder, "complete")):
        venv.create(folder, with_pip=True, clear=True)
        pip = [os.path.join(folder, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", f"{name}=={VERSIONS[name]}"]
        subprocess.run(pip, check=True, timeout=300)
        with open(os.path.join(folder, "complete"), "w", encoding="ascii"):
            pass
    packages = os.path.join(folder, "lib", f"python{python}", "site-packages")
    if packages not in sys.path:
        sys.path.append(packages)
    return importlib.import_module(name)
