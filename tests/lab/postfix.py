"""Debian's Postfix, with a configuration, queue and mailboxes of its own."""

import os
import subprocess

from mta import GROUPS, USERS, Mta
from node import free_port

QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")

# Services in the form of master(5): name, type, private, unprivileged, chroot, wakeup, processes, command.
SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Mta):
    """One instance, with a mailbox for everybody whose name does not begin with `nobody`. Its other services are `smtpd` with options: {name: {parameter: value}}."""

    logs = ("maillog",)
    recipient_field = "Delivered-To"

    def __init__(self, folder, domain, address, services=None):
        super().__init__(folder, domain, address)
        self.services = {"smtp": {}, **(services or {})}
        self.ports = {name: free_port(address) for name in self.services}
        self.domains = [domain]
        # Transport maps and further lines of the configuration, and transports of their own.
        self.routes = []
        self.settings = {}
        self.transports = ""
        # Who has a mailbox here, and where: regexp_table(5).
        self.mailboxes = "if !/^nobody/\n/@/ all/\nendif\n"

    def start(self, *wrapper):
        """Writes the configuration and starts it, behind the words of `wrapper` if there are any."""
        self.config = self.make_folder("config", "root")
        self.make_queue()
        self.write_file("config/main.cf", "".join(f"{name} = {value}\n" for name, value in self.parameters().items()))
        self.write_file("config/master.cf", self.listeners() + SERVICES + self.transports)
        self.write_file("config/mailboxes", self.mailboxes)
        self.write_file("config/routes", "".join(f"{pattern} {transport}\n" for pattern, transport in self.routes))
        libraries = os.path.join(self.programs, "usr/lib/postfix")
        master = os.path.join(libraries, "sbin/master")
        self.run([master, "-c", self.config, "-d"], wrapper, {"LD_LIBRARY_PATH": libraries})

    def source(self, address, port, *options):
        """Runs smtp-source against this address and port, until it is done; returns what it printed."""
        environment = {**os.environ, "LD_LIBRARY_PATH": os.path.join(self.unpacked, "usr/lib/postfix"), "MAIL_CONFIG": self.config}
        command = [os.path.join(self.unpacked, "usr/sbin/smtp-source"), *map(str, options), f"{address}:{port}"]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, env=environment).stdout

    def make_queue(self):
        """The directories that `postfix start` would make."""
        self.make_folder("queue", "root")
        self.make_folder("data", "postfix", 0o700)
        for name in QUEUES:
            self.make_folder(f"queue/{name}", "postfix", 0o700)
        self.make_folder("queue/pid", "root")
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            os.chown(self.make_folder(f"queue/{name}", "postfix", mode), USERS["postfix"], GROUPS["postdrop"])
            os.chmod(os.path.join(self.folder, "queue", name), mode)

    def listeners(self):
        """The lines for what listens."""
        lines = ""
        for name, options in self.services.items():
            lines += f"{self.address}:{self.ports[name]} inet n - n - - smtpd\n"
            lines += "".join(f"  -o {parameter}={value}\n" for parameter, value in options.items())
        return lines

    def parameters(self):
        """What stands in main.cf."""
        return {
            "compatibility_level": "3.6",
            "queue_directory": f"{self.folder}/queue",
            "data_directory": f"{self.folder}/data",
            "command_directory": f"{self.programs}/usr/sbin",
            "daemon_directory": f"{self.programs}/usr/lib/postfix/sbin",
            "shlib_directory": f"{self.programs}/usr/lib/postfix",
            "meta_directory": f"{self.programs}/etc/postfix",
            "import_environment": "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C LD_LIBRARY_PATH",
            "maillog_file": f"{self.folder}/maillog",
            "maillog_file_prefixes": self.folder,
            "myhostname": self.hostname,
            "myorigin": self.domain,
            "mydestination": "",
            "alias_maps": "",
            "local_recipient_maps": "",
            # Postfix does not know that all of 127.0.0.0/8 is ours; where it listens stands with each service.
            "inet_interfaces": "all",
            "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtp_bind_address": self.address,
            # Everything on this machine is named by its address: no DNS.
            "smtpd_peername_lookup": "no",
            "smtp_dns_support_level": "disabled",
            "transport_maps": f"regexp:{self.config}/routes",
            "virtual_mailbox_domains": " ".join(self.domains),
            "virtual_mailbox_base": self.mail,
            "virtual_mailbox_maps": f"regexp:{self.config}/mailboxes",
            "virtual_uid_maps": f"static:{USERS['vmail']}",
            "virtual_gid_maps": f"static:{GROUPS['vmail']}",
            "virtual_mailbox_limit": 0,
            "message_size_limit": 100_000_000,
            **self.settings,
        }

    def offer_tls(self, certificate, key):
        """From its start on it offers STARTTLS, with this certificate, and uses it where it is offered."""
        self.settings.update(
            {
                "smtpd_tls_security_level": "may",
                "smtpd_tls_chain_files": f"{key}, {certificate}",
                "smtpd_tls_received_header": "yes",
                "smtp_tls_security_level": "may",
                "smtp_tls_loglevel": 1,
            }
        )
