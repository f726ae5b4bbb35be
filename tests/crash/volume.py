"""A file system of one's own for a server's data, ext4 on a loop device: it can be full, break, and lose power. Needs root."""

import contextlib
import ctypes
import fcntl
import os
import struct
import subprocess

from cases import Skipped
from node import Node

SIZE_OCTETS = 700 << 20
CLONE_NEWNS = 0x20000
# EXT4_IOC_SHUTDOWN, and not even its journal is written: what a power cut leaves is what was synced.
SHUTDOWN, WITHOUT_JOURNAL = 0x8004587D, 2


def run(*words, check=True):
    """Runs a program; returns its exit status."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout.decode(errors='replace')}"
    return done.returncode


class Mounts:
    """Mounts of this process and nobody else's: they go when it does."""

    is_private = False

    @classmethod
    def need(cls):
        """From now on mounts are private; skips where they cannot be."""
        if cls.is_private:
            return
        if os.geteuid() != 0:
            raise Skipped("only root can mount a file system")
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
            raise Skipped(f"no mounts of its own: {os.strerror(ctypes.get_errno())}")
        run("mount", "--make-rprivate", "/")
        cls.is_private = True


class Volume:
    """A file system on an image of its own."""

    def __init__(self, image, directory):
        Mounts.need()
        self.image = image
        self.directory = directory
        os.mkdir(directory, 0o700)
        with open(image, "wb") as file:
            file.truncate(SIZE_OCTETS)
        run("mkfs.ext4", "-q", "-F", "-m", "0", image)
        if run("mount", "-o", self.options(), image, directory, check=False) != 0:
            raise Skipped("no loop device can be mounted here")

    def options(self):
        """Those of the mount. A rename syncs nothing by itself, and the journal is written late: a loss is seen."""
        return "loop,errors=remount-ro,noauto_da_alloc,commit=300"

    def mount(self):
        """Mounts it (again): what its journal has is put in place."""
        run("mount", "-o", self.options(), self.image, self.directory)

    def unmount(self):
        """Nobody may have a file open there."""
        run("umount", self.directory)

    def mend(self):
        """What an administrator does after an error of the file system."""
        self.unmount()
        assert run("e2fsck", "-f", "-y", self.image, check=False) in (0, 1)
        self.mount()

    def fill(self):
        """Leaves no room, for anybody."""
        self.ballast = os.path.join(self.directory, "ballast")
        file = os.open(self.ballast, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            for octets in (64 << 20, 1 << 20, 64 << 10, 1 << 10):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file, os.fstat(file).st_size, octets)
        finally:
            os.close(file)

    def make_room(self):
        """There is as much room as before."""
        os.unlink(self.ballast)

    def break_down(self):
        """The file system finds an error in itself and takes no more writes, as the kernel does when a disk fails."""
        device = os.path.basename(subprocess.check_output(["findmnt", "-no", "SOURCE", self.directory]).decode().strip())
        with open(f"/sys/fs/ext4/{device}/trigger_fs_error", "w", encoding="ascii") as trigger:
            trigger.write("1")

    def lose_power(self):
        """From now on nothing reaches the disk."""
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.ioctl(directory, SHUTDOWN, struct.pack("I", WITHOUT_JOURNAL))
        finally:
            os.close(directory)


class VolumeNode(Node):
    """A server whose data directory is a file system of its own."""

    def __init__(self, folder, domain, address, dns):
        super().__init__(folder, domain, address, dns)
        self.volume = Volume(os.path.join(self.folder, "image"), self.data_dir)

    def __exit__(self, *failure):
        super().__exit__(*failure)
        run("umount", "--lazy", self.data_dir, check=False)
        return False


def shim(folder):
    """The library that makes syncs fail, built in this folder."""
    library = os.path.join(folder, "fault.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fault.c")
    run("cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl")
    return library


class Syncs:
    """The syncs of one server: `fail`, do nothing (`lie`), or `work`."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, f"{name}.fault")
        self.library = shim(folder)
        self.work()

    def wrapper(self):
        """Words in front of the server's command."""
        return "env", f"LD_PRELOAD={self.library}", f"FAULT_FILE={self.path}"

    def set(self, letter):
        """Says so to the library."""
        with open(f"{self.path}.new", "w", encoding="ascii") as file:
            file.write(letter)
        os.rename(f"{self.path}.new", self.path)

    def fail(self):
        """With an input/output error."""
        self.set("f")

    def lie(self):
        """They succeed, and do nothing."""
        self.set("l")

    def work(self):
        """As they should."""
        self.set("w")
