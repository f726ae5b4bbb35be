"""Debian's Dovecot: as the one who puts mail into mailboxes (LMTP), and as the one who shows them (IMAP)."""

import os
import signal
import socket
import subprocess

from mta import Mta
from node import free_port
from server import wait_for

# Its programs know where they are.
IN_NAMESPACE = 'mount -t overlay -o "lowerdir=$2/usr:/usr" overlay /usr; mount --bind "$1" /etc; shift 3; exec "$@"'

COMMON = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
listen = {address}
first_valid_uid = 1
"""

BY_LMTP = """
protocols = lmtp
ssl = no
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

# Limits for one user and one address are lifted, as ours are where the load comes from one.
BY_IMAP = """
protocols = imap
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = yes
mail_location = maildir:~/Maildir
mail_plugins = {plugins}
mail_fsync = {fsync}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home={folder}/mail/%u allow_all_users=yes
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=20G
}}
protocol imap {{
  mail_plugins = {imap_plugins}
  mail_max_userip_connections = 20000
  imap_hibernate_timeout = {hibernate}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    special_use = \\Drafts
    auto = subscribe
  }}
  mailbox Junk {{
    special_use = \\Junk
    auto = subscribe
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = subscribe
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Archive {{
    special_use = \\Archive
    auto = subscribe
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
  service_count = {login_service_count}
  process_limit = 12000
  client_limit = {login_client_limit}
}}
service imap {{
  process_limit = 12000
  unix_listener imap-master {{
    user = dovecot
  }}
}}
service imap-hibernate {{
  unix_listener imap-hibernate {{
    mode = 0666
  }}
  client_limit = 12000
}}
service anvil {{
  client_limit = 40000
}}
service auth {{
  client_limit = 40000
}}
service stats {{
  client_limit = 40000
}}
"""


class Dovecot(Mta):
    """One instance that takes mail, with one mailbox for everybody. It listens on a socket in its folder."""

    logs = ("log",)
    peers = ("more",)
    in_namespace = IN_NAMESPACE
    ports = {}

    def start(self, *wrapper):
        """Writes the configuration and starts it, behind the words of `wrapper` if there are any."""
        self.socket = os.path.join(self.folder, "run", "delivery")
        self.start_with(BY_LMTP, wrapper)

    def start_with(self, configuration, wrapper, **values):
        """Starts it with this configuration."""
        self.make_folder("run", "root")
        self.make_folder("etc/dovecot", "root")
        self.write_file("etc/dovecot/dovecot.conf", (COMMON + configuration).format(folder=self.folder, address=self.address, **values))
        # In the foreground.
        self.run(["/usr/sbin/dovecot", "-F"], wrapper)

    def listens(self):
        """Whether its socket takes connections; fails if the process has ended."""
        if not super().listens():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0


class Mailboxes(Dovecot):
    """One instance that shows mailboxes. Everybody has one, and the same password."""

    def __init__(self, folder, domain, address, hibernate="0", fsync="optimized", logins_per_process=1, plugins="quota", imap_plugins="quota imap_quota"):
        super().__init__(folder, domain, address)
        self.ports = {"imap": free_port(address), "imaps": free_port(address)}
        self.password = "open-sesame"
        self.values = {"hibernate": hibernate, "fsync": fsync, "login_service_count": 1 if logins_per_process == 1 else 0, "login_client_limit": logins_per_process}
        self.values.update(plugins=plugins, imap_plugins=imap_plugins)
        self.ca_pem = self.make_certificate()

    def make_certificate(self):
        """One of its own, for its name; returns where it is."""
        certificate, key = os.path.join(self.folder, "cert.pem"), os.path.join(self.folder, "key.pem")
        words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj", f"/CN={self.hostname}"]
        names = ["-addext", f"subjectAltName=DNS:{self.hostname}", "-keyout", key, "-out", certificate]
        subprocess.run(["openssl", "req", "-x509", *words, *names], check=True, capture_output=True)
        return certificate

    def start(self, *wrapper):
        """Writes the configuration and starts it, behind the words of `wrapper` if there are any."""
        self.start_with(BY_IMAP, wrapper, **self.ports, **self.values, password=self.password)

    def listens(self):
        """Whether its ports take connections; fails if the process has ended."""
        return Mta.listens(self)

    def kill(self):
        """Ends all its processes at once, without a word, and returns when they have ended."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_for("its ports to be free", lambda: not any(self.accepts(port) for port in self.ports.values()))

    def accepts(self, port):
        """Whether somebody listens there."""
        with socket.socket() as probe:
            return probe.connect_ex((self.address, port)) == 0
