"""Debian's OpenSMTPD, with a configuration, queue and mailboxes of its own."""

import os

from mta import Mta
from node import free_port

# It looks at places that are compiled in: its programs appear below /usr, its queue and its socket in folders of ours.
IN_NAMESPACE = """
mount -t overlay -o "lowerdir=$2/usr:/usr" overlay /usr
own="$(dirname "$1")"
for place in /var/spool /var/lib /run; do mount --bind "$own$place" "$place"; done
mount --bind "$1" /etc
shift 3
exec "$@"
"""

CONFIGURATION = """
table mailboxes {{ "@" = vmail }}
listen on {address} port {port} hostname {hostname}
action here maildir "{mail}/all" virtual <mailboxes>
match from any for domain "{domain}" action here
"""


class OpenSmtpd(Mta):
    """One instance, with one mailbox for everybody."""

    logs = ()
    peers = ("more",)
    in_namespace = IN_NAMESPACE

    def __init__(self, folder, domain, address):
        super().__init__(folder, domain, address)
        self.ports = {"smtp": free_port(address)}

    def start(self, *wrapper):
        """Writes the configuration and starts it, behind the words of `wrapper` if there are any."""
        for place in ("var/spool", "var/lib/opensmtpd/empty", "run"):
            self.make_folder(place, "root")
        text = CONFIGURATION.format(address=self.address, port=self.ports["smtp"], hostname=self.hostname, mail=self.mail, domain=self.domain)
        self.make_folder("etc", "root")
        os.chmod(self.write_file("etc/smtpd.conf", text), 0o600)
        # Names come from its own hosts, so that it asks nobody.
        self.write_file("etc/resolv.conf", "lookup file\n")
        # In the foreground.
        self.run(["/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"], wrapper)
