//! The configuration file: TOML in, valid values out; every fault with file, line, key and what was expected.

mod listen;
mod policy;
mod reader;
mod routes;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use delivery::dialling::Dialling;
use delivery::relay::Routes;
use delivery::schedule::Timers;
use mail::address::{Domain, Mailbox};
use proto::limits::Limits;
use store::postgres::PostgresUrl;
use store::quota::Quota;

pub use listen::Listen;
pub use policy::{parse_duration, parse_moment};
pub use reader::Fault;

use crate::node::Settings;
use crate::roles::Role;
use reader::{Reader, Section};

/// A whole configuration: every path absolute or relative to the working directory, every value checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from.
    pub file: PathBuf,
    /// This server's own name.
    pub hostname: Domain,
    /// The domains whose mailboxes are here; at least one.
    pub domains: Vec<Domain>,
    /// Who gets mail for `postmaster` where nobody has that address.
    pub postmaster: Option<Mailbox>,
    /// Where everything durable is.
    pub data_dir: PathBuf,
    /// Which database.
    pub store: Database,
    /// The addresses to dial from, at most one of each family; none leaves it to the system.
    pub outbound: Vec<IpAddr>,
    /// Where names are asked for.
    pub dns: Dns,
    /// Certificates, our own and those we trust.
    pub tls: Tls,
    /// What this process does of it all; the command line's choice, all by default.
    pub roles: Vec<Role>,
    /// Who it runs as.
    pub process: Process,
    /// Which services listen where.
    pub listen: Listen,
    /// How many connections are taken.
    pub connections: Connections,
    /// What the log looks like.
    pub log: Log,
    /// The protocol's timers.
    pub timers: Timers,
    /// The limits of sessions.
    pub limits: Limits,
    /// What may lie in the mailboxes of accounts that have no limits of their own.
    pub quota: Quota,
    /// What may be dialled: on the Internet, or in a lab.
    pub dialling: Dialling,
    /// Where ordinary mail goes, if not where MX records say.
    pub routes: Routes,
}

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in `data_dir`.
    Sqlite,
    /// The URL of a PostgreSQL database; it may hold a password, so it is never printed.
    Postgres(String),
}

/// Where names are asked for.
#[derive(Debug, Clone, Default)]
pub struct Dns {
    /// Resolvers; those of the system if none.
    pub servers: Vec<SocketAddr>,
    /// A file of DNSKEY records to validate from; without it nothing is validated.
    pub trust_anchor: Option<PathBuf>,
}

/// Certificates.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The PEM files of our certificate (with its chain) and its key; self-signed if none.
    pub identity: Option<Identity>,
    /// A PEM file of authorities to trust besides the system's.
    pub extra_ca: Option<PathBuf>,
}

/// The PEM files of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate first, then its chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Who the process runs as once its ports are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// A user of the system; whoever started it, if none.
    pub user: Option<String>,
    /// A group of the system; the user's own, if none.
    pub group: Option<String>,
}

/// How many connections are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// On all ports together: each that works costs memory, up to about 1 MiB.
    pub all_max: usize,
    /// From one IPv4 address or one IPv6 /64: one peer must not take all there are.
    pub per_address_max: usize,
    /// On the ports where users hand in mail: they must not keep other servers out.
    pub submission_max: usize,
    /// On the ports where other servers call: they must not keep our users out.
    pub exchange_max: usize,
    /// On the ports where users read their mail: each program holds several, most of the time idle, at about 14 KiB.
    pub imap_max: usize,
}

impl Default for Connections {
    fn default() -> Self {
        Self { all_max: 12_000, per_address_max: 50, submission_max: 1_500, exchange_max: 1_500, imap_max: 10_000 }
    }
}

/// What the log looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged: a level, or directives such as `info,server::work=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// For whom the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// People.
    Text,
    /// Programs: one JSON object a line.
    Json,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// What it says is wrong: every fault there is, one a line.
    #[error("{}", lines(.0))]
    Faulty(Vec<Fault>),
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads the file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// The file cannot be read, or some of it is wrong.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let octets = std::fs::read(file).map_err(|error| ConfigError::Unreadable { file: file.to_owned(), error })?;
        let text = String::from_utf8(octets).map_err(|error| ConfigError::Faulty(vec![not_text(file, &error)]))?;
        Self::parse(file, &text)
    }

    /// Reads the text of `file`.
    ///
    /// # Errors
    /// Some of it is wrong.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let reader = Reader::new(file, text);
        let config = read(&reader.root(), file);
        let faults = reader.finish();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigError::Faulty(faults)),
        }
    }

    /// What sessions and workers need of it.
    pub fn settings(&self) -> Settings {
        Settings {
            hostname: self.hostname.clone(),
            domains: self.domains.clone(),
            postmaster: self.postmaster.clone(),
            timers: self.timers.clone(),
            limits: self.limits,
            dialling: self.dialling.clone(),
            routes: self.routes.clone(),
        }
    }

    /// The socket the command line speaks to.
    pub fn admin_socket(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }
}

/// The fault of a file that is no text at all.
fn not_text(file: &Path, error: &std::string::FromUtf8Error) -> Fault {
    let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let line = good.split(|octet| *octet == b'\n').count();
    let (problem, expected) = ("octets that are no text".to_owned(), "TOML in UTF-8".to_owned());
    Fault { file: file.to_owned(), line, key: String::new(), problem, expected }
}

/// Reads every section, so that every fault is found; `None` if there was one.
fn read(root: &Section<'_, '_>, file: &Path) -> Option<Config> {
    let hostname = root.required("hostname", DOMAIN, |value| value.as_str()?.parse().ok());
    let domains = root.required("domains", "a list of at least one domain, each once", |value| {
        let domains: Option<Vec<Domain>> = value.as_array()?.iter().map(|item| item.as_ref().as_str()?.parse().ok()).collect();
        let is_set = |domains: &Vec<Domain>| domains.iter().collect::<BTreeSet<_>>().len() == domains.len();
        domains.filter(|domains| !domains.is_empty() && is_set(domains))
    });
    let postmaster = root.optional("postmaster", "an address here, such as \"ann@example.org\"", |value| value.as_str()?.parse().ok());
    let data_dir = root.required("data_dir", "the path of a directory", |value| path(file, value.as_str()?));
    let store = root.optional("store", r#""sqlite" or a URL postgresql://USER:PASSWORD@HOST/DATABASE"#, |value| database(value.as_str()?));
    let outbound = root.optional("outbound_address", "an IP address, or one of each family", |value| {
        let addresses: Vec<IpAddr> = listen::one_or_more(value, |text| text.parse().ok())?;
        let of_v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
        (of_v4 <= 1 && addresses.len() - of_v4 <= 1).then_some(addresses)
    });
    let config = (dns(&root.section("dns"), file), tls(&root.section("tls"), file), Listen::read(&root.section("listen")));
    let limits = root.section("limits");
    let (connections, session_limits, quota) = (connections(&limits), policy::limits(&limits), policy::quota(&limits));
    limits.refuse_unknown();
    let process = process(&root.section("process"));
    let (log, timers, dialling) = (log(&root.section("log")), policy::timers(&root.section("timers")), policy::dialling(root));
    let routes = routes::routes(root, file);
    root.refuse_unknown();
    let (dns, tls, listen) = config;
    Some(Config {
        file: file.to_owned(),
        hostname: hostname?,
        domains: domains?,
        postmaster,
        data_dir: data_dir?,
        store: store.unwrap_or(Database::Sqlite),
        outbound: outbound.unwrap_or_default(),
        dns,
        tls,
        roles: Role::ALL.to_vec(),
        process,
        listen,
        connections,
        log,
        timers,
        limits: session_limits,
        quota,
        dialling,
        routes,
    })
}

const DOMAIN: &str = "a domain name such as mx.example.org";

/// A path in `file`, relative to its folder.
fn path(file: &Path, text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| file.parent().unwrap_or(Path::new("")).join(text))
}

fn database(text: &str) -> Option<Database> {
    if text == "sqlite" {
        return Some(Database::Sqlite);
    }
    PostgresUrl::is_url(text).then(|| Database::Postgres(text.to_owned()))
}

fn dns(section: &Section<'_, '_>, file: &Path) -> Dns {
    let dns = Dns {
        servers: section.or("servers", Vec::new(), r#"a list of addresses such as "192.0.2.53:53""#, |value| {
            // Port 53 unless said otherwise.
            let address = |text: &str| text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
            value.as_array()?.iter().map(|item| address(item.as_ref().as_str()?)).collect()
        }),
        trust_anchor: section.optional("trust_anchor", "the path of a file of DNSKEY records", |value| path(file, value.as_str()?)),
    };
    section.refuse_unknown();
    dns
}

fn tls(section: &Section<'_, '_>, file: &Path) -> Tls {
    let pem = |key| section.optional(key, "the path of a PEM file", |value| path(file, value.as_str()?));
    let (cert, key, extra_ca) = (pem("cert"), pem("key"), pem("extra_ca"));
    section.refuse_unknown();
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Some(Identity { cert, key }),
        // One that is there and wrong was told already.
        (Some(_), None) if !section.has("key") => section.fault("key", "missing", "the key of tls.cert beside it"),
        (None, Some(_)) if !section.has("cert") => section.fault("cert", "missing", "the certificate of tls.key beside it"),
        (Some(_) | None, Some(_) | None) => None,
    };
    Tls { identity, extra_ca }
}

fn process(section: &Section<'_, '_>) -> Process {
    let name = |key, expected| {
        section.optional(key, expected, |value| Some(value.as_str()?.to_owned()).filter(|name| !name.is_empty() && !name.contains('\0')))
    };
    let process = Process { user: name("user", "the name of a user"), group: name("group", "the name of a group") };
    if let Process { user: None, group: Some(_) } = process {
        section.fault::<()>("user", "missing", "the user of process.group beside it");
    }
    section.refuse_unknown();
    process
}

fn connections(section: &Section<'_, '_>) -> Connections {
    let default = Connections::default();
    // tokio's semaphores count to 2^61; nobody needs more than this.
    let number = |key, default: usize| {
        section.or(key, default, "a number from 1 to 1000000", |value| {
            reader::integer(value).and_then(|number| usize::try_from(number).ok()).filter(|number| (1..=1_000_000).contains(number))
        })
    };
    Connections {
        all_max: number("connections_max", default.all_max),
        per_address_max: number("connections_per_address_max", default.per_address_max),
        submission_max: number("connections_submission_max", default.submission_max),
        exchange_max: number("connections_exchange_max", default.exchange_max),
        imap_max: number("connections_imap_max", default.imap_max),
    }
}

fn log(section: &Section<'_, '_>) -> Log {
    let log = Log {
        format: section.or("format", LogFormat::Text, r#""text" or "json""#, |value| match value.as_str()? {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }),
        filter: section.or("filter", Log::default().filter, r#"a level such as "info", or directives "info,server=debug""#, |value| {
            let text = value.as_str()?;
            text.parse::<tracing_subscriber::EnvFilter>().is_ok().then(|| text.to_owned())
        }),
    };
    section.refuse_unknown();
    log
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgresql",
        })
    }
}

#[cfg(test)]
mod tests;
