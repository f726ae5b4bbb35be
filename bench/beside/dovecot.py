"""Debian's Dovecot as the one who puts mail into mailboxes (LMTP), with a configuration and mailboxes of its own."""

import os
import socket

from mta import Mta

# Its programs know where they are.
IN_NAMESPACE = 'mount -t overlay -o "lowerdir=$2/usr:/usr" overlay /usr; mount --bind "$1" /etc; shift 3; exec "$@"'

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = {address}
protocols = lmtp
ssl = no
first_valid_uid = 1
mail_location = maildir:{folder}/mail/all
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={folder}/mail allow_all_users=yes
}}
service lmtp {{
  unix_listener delivery {{
    mode = 0666
  }}
}}
"""


class Dovecot(Mta):
    """One instance, with one mailbox for everybody. It listens on a socket in its folder."""

    logs = ("log",)
    peers = ("more",)
    in_namespace = IN_NAMESPACE
    ports = {}

    def start(self, *wrapper):
        """Writes the configuration and starts it, behind the words of `wrapper` if there are any."""
        self.make_folder("run", "root")
        self.socket = os.path.join(self.folder, "run", "delivery")
        self.make_folder("etc/dovecot", "root")
        self.write_file("etc/dovecot/dovecot.conf", CONFIGURATION.format(folder=self.folder, address=self.address))
        # In the foreground.
        self.run(["/usr/sbin/dovecot", "-F"], wrapper)

    def listens(self):
        """Whether its socket takes connections; fails if the process has ended."""
        if not super().listens():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0
