"""Octets that reach a disk: a file system of the servers' own, ext4 on a loop device that counts."""

import os

from volume import Volume, run


class Disk(Volume):
    """A file system with the options that are the default; `octets` since it was made."""

    def options(self):
        """Of the mount."""
        return "loop"

    def octets(self):
        """All that was written, its journal included, once nothing is left to write."""
        run("sync", "--file-system", self.directory)
        device = os.stat(self.directory).st_dev
        with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat", encoding="ascii") as file:
            # Sectors, of 512 octets whatever the device's are.
            return int(file.read().split()[6]) * 512

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run("umount", "--lazy", self.directory, check=False)
        os.unlink(self.image)
        return False


def disk(folder):
    """One in a folder of this folder's, where every user can get to."""
    own = new_folder(folder)
    made = Disk(os.path.join(own, "image"), os.path.join(own, "d"))
    os.chmod(made.directory, 0o711)
    return made


def new_folder(folder):
    """One more, with a short name: sockets below it have names of limited length."""
    os.chmod(folder, 0o711)
    path = os.path.join(folder, str(len(os.listdir(folder))))
    os.mkdir(path, 0o711)
    return path
