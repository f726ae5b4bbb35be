"""Debian's Exim, with a configuration, queue and mailboxes of its own."""

from mta import Mta
from node import free_port

# What every instance has in common; the words in capitals are macros, set above.
CONFIGURATION = """
primary_hostname = mx.DOMAIN
qualify_domain = DOMAIN
exim_path = PROGRAMS/usr/sbin/exim4
spool_directory = FOLDER/spool
log_file_path = FOLDER/spool/log-%slog
pid_file_path = FOLDER/spool/pid
log_selector = +received_recipients
keep_environment =
add_environment = PATH=/usr/bin:/bin
exim_user = Debian-exim
exim_group = Debian-exim
never_users =
local_interfaces = ADDRESS
daemon_smtp_ports = SMTP_PORT
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 100
smtp_enforce_sync = true
message_size_limit = 100M
accept_8bitmime = true
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
tls_advertise_hosts = TLS_HOSTS
tls_certificate = CERTIFICATE
tls_privatekey = KEY
acl_smtp_rcpt = accept_or_not
acl_smtp_data = accept

begin acl

accept_or_not:
  deny domains = DOMAIN
       local_parts = ^nobody
       message = Unknown user
  accept

begin routers

here:
  driver = accept
  domains = DOMAIN
  transport = mailboxes

elsewhere:
  driver = manualroute
  domains = ! DOMAIN
  transport = smtp
  route_list = ROUTES
  self = send
  host_find_failed = defer

begin transports

mailboxes:
  driver = appendfile
  maildir_format
  directory = FOLDER/mail/all
  user = vmail
  group = vmail
  envelope_to_add
  return_path_add
  check_string =
  message_prefix =

smtp:
  driver = smtp
  interface = ADDRESS
  allow_localhost
  hosts_avoid_tls = AVOID_TLS
  hosts_try_dane =
  message_linelength_limit = 1000000

begin retry

* * F,1h,1s
"""


class Exim(Mta):
    """One instance, with a mailbox for everybody whose name does not begin with `nobody`."""

    logs = ("spool/log-mainlog", "spool/log-paniclog")
    recipient_field = "Envelope-to"

    def __init__(self, folder, domain, address):
        super().__init__(folder, domain, address)
        self.ports = {"smtp": free_port(address)}
        self.macros = {"TLS_HOSTS": "", "CERTIFICATE": "", "KEY": "", "AVOID_TLS": "*"}
        self.routes = []
        # Further lines of the configuration, and how often it looks at its queue.
        self.settings = ""
        self.queue_runs = "-q1s"

    def route(self, domain, address, port):
        """Mail for this domain goes there."""
        self.routes.append(f"{domain} {address}::{port}")

    def offer_tls(self, certificate, key):
        """From its start on it offers STARTTLS, with this certificate, and uses it where it is offered."""
        self.macros = {"TLS_HOSTS": "*", "CERTIFICATE": certificate, "KEY": key, "AVOID_TLS": ""}

    def start(self, *wrapper):
        """Writes the configuration and starts it, behind the words of `wrapper` if there are any."""
        self.make_folder("spool", "Debian-exim")
        macros = {
            "FOLDER": self.folder,
            "PROGRAMS": self.programs,
            "ADDRESS": self.address,
            "SMTP_PORT": self.ports["smtp"],
            "DOMAIN": self.domain,
            "ROUTES": "; ".join(self.routes),
            **self.macros,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in macros.items())
        # Where it was compiled to look: in other files it trusts nobody but root, which it does not stay.
        self.make_folder("etc/exim4", "root")
        self.write_file("etc/exim4/exim4.conf", lines + self.settings + CONFIGURATION)
        # In the foreground.
        self.run([f"{self.programs}/usr/sbin/exim4", "-bdf", self.queue_runs], wrapper)
