//! Two servers in one process, as two machines would have them: own address, ports, data, certificate; and their DNS.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use mail::address::{Domain, Mailbox};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use delivery::consent::Screening;

use crate::admin::{Desk, Request, commands};
use crate::config::Config;
use crate::demo::authority::Authority;
use crate::demo::dns::{DnsServer, Zones};
use crate::demo::narrate::Side;
use crate::demo::{DemoError, Peer, accounts, ports, zones};
use crate::events::{Event, Events};
use crate::serve::{self, Running, StartError};

/// Where the DNS of both domains, and of the peers, listens.
const DNS_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The demo, running.
pub struct Stage {
    /// The authoritative DNS for all domains.
    pub dns: DnsServer,
    /// a.test.
    pub origin: Actor,
    /// b.test.
    pub destination: Actor,
    /// What both servers tell.
    pub events: UnboundedReceiver<(Side, Event)>,
    /// Whether this is the first start of what is kept.
    pub is_first_start: bool,
    /// Where everything is.
    pub folder: PathBuf,
}

/// One of the servers.
pub struct Actor {
    /// Whose mail it is.
    pub domain: Domain,
    /// Its name.
    pub hostname: Domain,
    /// It listens here, and dials from here.
    pub address: IpAddr,
    /// Its configuration file.
    pub config_file: PathBuf,
    /// Its configuration.
    pub config: Config,
    /// The authority whose certificates it trusts.
    pub ca_pem: PathBuf,
    /// Who has a mailbox.
    pub accounts: Vec<accounts::Account>,
    /// The server itself.
    pub running: Running,
}

/// What one server is made from.
struct Role {
    side: Side,
    domain: &'static str,
    address: Ipv4Addr,
    users: &'static [(&'static str, Screening)],
}

const ROLES: [Role; 2] = [
    Role { side: Side::Origin, domain: "a.test", address: Ipv4Addr::new(127, 0, 0, 2), users: &[("alice@a.test", Screening::Off)] },
    Role {
        side: Side::Destination,
        domain: "b.test",
        address: Ipv4Addr::new(127, 0, 0, 3),
        users: &[("bob@b.test", Screening::On), ("carol@b.test", Screening::Off)],
    },
];

impl Stage {
    /// Sets everything up in `folder`, with what is there from an earlier start, and starts it.
    ///
    /// # Errors
    /// Something does not start; what did is stopped.
    pub async fn open(folder: &Path, peers: &[Peer]) -> Result<Self, DemoError> {
        fs::create_dir_all(folder).map_err(|error| DemoError::file(folder, &error))?;
        let is_first_start = !folder.join(accounts::FILE).exists();
        let passwords = accounts::Passwords::load(folder)?;
        let mut tries = 0;
        loop {
            let wish = if tries == 0 { ports::Wish::Memorable } else { ports::Wish::Any };
            match Self::open_at(folder, &passwords, peers, wish).await {
                // Another process, another demo perhaps, was faster by a moment.
                Err(DemoError::Start(StartError::Listen { .. })) if tries < 3 => tries += 1,
                opened => return opened.map(|stage| Self { is_first_start, ..stage }),
            }
        }
    }

    async fn open_at(folder: &Path, passwords: &accounts::Passwords, peers: &[Peer], wish: ports::Wish) -> Result<Self, DemoError> {
        let authority = Authority::load(folder)?;
        let ports = ROLES.each_ref().map(|role| ports::choose(IpAddr::V4(role.address), wish));
        let mut published = Zones::root();
        let mut mx_ports = Vec::new();
        for (role, ports) in ROLES.iter().zip(&ports) {
            let domain = zones::parse(role.domain)?;
            let exchange = zones::publish(&mut published, &domain, IpAddr::V4(role.address), ports.retrieval);
            mx_ports.push((exchange, ports.exchange));
        }
        for peer in peers {
            let exchange = zones::publish(&mut published, &peer.domain, peer.address, peer.retrieval_port);
            mx_ports.push((exchange, peer.exchange_port));
            if let Some(record) = &peer.record {
                zones::publish_record(&mut published, &peer.domain, record);
            }
        }
        let dns = DnsServer::start(SocketAddr::new(DNS_ADDRESS, 0), published).await.map_err(|error| DemoError::Dns(error.to_string()))?;
        let (sender, events) = unbounded_channel();
        let set = Set { folder, authority: &authority, passwords, peers, mx_ports: &mx_ports, dns: dns.address };
        let [origin_role, destination_role] = &ROLES;
        let [origin_ports, destination_ports] = &ports;
        let origin = set.start(origin_role, origin_ports, sender.clone()).await?;
        let destination = match set.start(destination_role, destination_ports, sender).await {
            Ok(destination) => destination,
            Err(error) => {
                origin.running.stop().await;
                return Err(error);
            }
        };
        Ok(Self { dns, origin, destination, events, is_first_start: true, folder: folder.to_owned() })
    }

    /// Stops both servers, each finishing what is under way.
    pub async fn close(self) {
        futures_util::future::join(self.origin.running.stop(), self.destination.running.stop()).await;
    }
}

impl Actor {
    /// The command line's place at this server.
    pub fn desk(&self) -> Desk {
        let node = std::sync::Arc::clone(&self.running.node);
        let held = std::sync::Arc::clone(&node);
        Desk::of(&node, &self.config, std::sync::Arc::new(move |id| held.retrievals.is_held(id, held.world.now())))
    }

    /// One of its ports, by the name of its service.
    pub fn port(&self, service: &str) -> u16 {
        self.running.addresses.get(service).and_then(|addresses| addresses.first()).map_or(0, SocketAddr::port)
    }

    /// The account of this address.
    pub fn account(&self, address: &str) -> Option<&accounts::Account> {
        self.accounts.iter().find(|account| account.address.to_string() == address)
    }
}

/// What both servers are set up with.
struct Set<'a> {
    folder: &'a Path,
    authority: &'a Authority,
    passwords: &'a accounts::Passwords,
    peers: &'a [Peer],
    mx_ports: &'a [(Domain, u16)],
    dns: SocketAddr,
}

impl Set<'_> {
    async fn start(&self, role: &Role, ports: &ports::Ports, told: UnboundedSender<(Side, Event)>) -> Result<Actor, DemoError> {
        let domain = zones::parse(role.domain)?;
        let hostname = zones::exchange_of(&domain);
        let folder = self.folder.join(role.domain);
        fs::create_dir_all(&folder).map_err(|error| DemoError::file(&folder, &error))?;
        self.authority.issue(&hostname, &folder)?;
        let ca_pem = self.authority.trusted_with(self.peers, &folder)?;
        let config_file = folder.join("twoway.toml");
        let text = self.configuration(&domain, &hostname, role, *ports);
        fs::write(&config_file, text).map_err(|error| DemoError::file(&config_file, &error))?;
        let config = Config::load(&config_file)?;
        let side = role.side;
        let events = Events::to(move |event| {
            if told.send((side, event.clone())).is_err() {
                tracing::trace!("nobody listens to the demo's events any more");
            }
        });
        let running = serve::start(&config, events).await?;
        let address = IpAddr::V4(role.address);
        let mut actor = Actor { domain, hostname, address, config_file, config, ca_pem, accounts: Vec::new(), running };
        for (user, screening) in role.users {
            match self.account(&actor, user, *screening).await {
                Ok(account) => actor.accounts.push(account),
                Err(error) => {
                    actor.running.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(actor)
    }

    /// The account, made if this is the first start.
    async fn account(&self, actor: &Actor, user: &str, screening: Screening) -> Result<accounts::Account, DemoError> {
        let address: Mailbox = user.parse().map_err(|error: mail::address::AddressError| DemoError::Account(error.to_string()))?;
        let password = self.passwords.of(user, &*actor.running.node.world);
        // Written down before the account knows it: a start that is interrupted here can be repeated.
        self.passwords.save(self.folder)?;
        if actor.running.node.store.account(&address).await.map_err(|error| DemoError::Account(error.to_string()))?.is_none() {
            let request = Request::AccountAdd {
                address: address.clone(),
                password: crate::admin::request::Password(password.clone()),
                screening: Some(screening),
                legacy: None,
            };
            commands::run(&actor.desk(), request).await.map_err(|error| DemoError::Account(error.to_string()))?;
        }
        Ok(accounts::Account { address, password, screening })
    }

    /// Written as a person would write it: it can be read, changed and served by `twoway serve`.
    fn configuration(&self, domain: &Domain, hostname: &Domain, role: &Role, ports: ports::Ports) -> String {
        let address = role.address;
        // RFC 5321 section 4.5.1: mail for postmaster is taken. Here by whoever screens nobody.
        let postmaster = role.users.last().map_or_else(String::new, |(user, _)| format!("postmaster = \"{user}\"\n"));
        let mx_ports = self.mx_ports.iter().map(|(host, port)| format!("\"{host}\" = {port}")).collect::<Vec<_>>().join(", ");
        let ports::Ports { submission, submissions, exchange, retrieval, imap, imaps } = ports;
        format!(
            "# {domain} of the demo: a server on a loopback address, with a DNS and an authority of its own.\n\
             hostname = \"{hostname}\"\n\
             domains = [\"{domain}\"]\n\
             {postmaster}\
             data_dir = \"data\"\n\
             store = \"sqlite\"\n\
             outbound_address = \"{address}\"\n\n\
             [dns]\nservers = [\"{dns}\"]\n\n\
             [tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\nextra_ca = \"ca.pem\"\n\n\
             [listen]\n\
             submission = \"{address}:{submission}\"\n\
             submissions = \"{address}:{submissions}\"\n\
             exchange = \"{address}:{exchange}\"\n\
             retrieval = \"{address}:{retrieval}\"\n\
             imap = \"{address}:{imap}\"\n\
             imaps = \"{address}:{imaps}\"\n\n\
             # Nobody waits hours for a demo.\n\
             [timers]\n\
             notice = [\"0s\", \"1s\", \"2s\", \"5s\", \"10s\", \"30s\"]\n\
             retrieve = [\"0s\", \"1s\", \"2s\", \"5s\", \"10s\", \"30s\"]\n\n\
             [lab]\nenabled = true\nmx_ports = {{ {mx_ports} }}\n",
            dns = self.dns,
        )
    }
}
