//! `twoway serve`: a whole server, from its configuration to its end.

pub mod open;
pub mod ports;
pub mod process;
mod secret;
mod systemd;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use store::OpenError;
use tokio::net::UnixListener;

use crate::accept::{self, Doorway, Places};
use crate::admin::{Desk, Fault, socket};
use crate::config::Config;
use crate::dns::{Resolver, ResolverError};
use crate::events::Events;
use crate::listen::Service;
use crate::listen::imap::elsewhere;
use crate::metrics::{self, Metrics, Watched};
use crate::node::{Node, Signal};
use crate::passwords;
use crate::real::{Machine, RealWorld};
use crate::roles::Role;
use crate::tls::{Pem, Tls, TlsError};
use crate::work;
use crate::world::{First, World, first};
use ports::{Port, Ports};
use process::ProcessError;

/// How long what is under way may take to finish; what has not is handed back.
const STOPPING: Duration = Duration::from_secs(30);

/// A server that runs. Dropping it does not end it: [`Running::stop`] does.
pub struct Running {
    /// What its sessions and workers share.
    pub node: Arc<Node>,
    /// Where each service listens, as bound: by port name (`submission`, `exchange` ...), in the order of the configuration.
    pub addresses: BTreeMap<&'static str, Vec<SocketAddr>>,
    /// Where the command line is answered.
    pub admin_socket: PathBuf,
    tls: Tls,
    world: Arc<RealWorld>,
    opened: open::Opened,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("data_dir {}: {error}", directory.display())]
    DataDirectory {
        /// Which.
        directory: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Another process holds it.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The store cannot be opened.
    #[error("store: {0}")]
    Store(#[from] OpenError),
    /// The certificate, its key or the authorities.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
    /// The resolver.
    #[error(transparent)]
    Dns(#[from] ResolverError),
    /// A port cannot be listened on.
    #[error("listen.{service}: {address}: {error}")]
    Listen {
        /// Its key.
        service: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The process cannot be, or must not be, what it is.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// No hash could be made: there is no memory for one.
    #[error("no password can be hashed")]
    Decoy,
    /// The command line's socket.
    #[error("{}: {error}", path.display())]
    AdminSocket {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl StartError {
    /// Whose move is next.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Decoy | Self::Locked(_) | Self::Store(OpenError::Locked(_) | OpenError::Store(_)) => Fault::Temporary,
            Self::DataDirectory { .. }
            | Self::Store(OpenError::NewerSchema { .. } | OpenError::Url(_))
            | Self::Tls(_)
            | Self::Dns(_)
            | Self::Listen { .. }
            | Self::Process(_)
            | Self::AdminSocket { .. } => Fault::Usage,
        }
    }
}

/// What only root may open, and a server keeps: opened before root's privileges are given up.
#[derive(Default)]
pub struct Privileged {
    ports: Option<Ports>,
    pem: Option<Pem>,
}

impl Privileged {
    /// Opens it if this process is root, and gives up being root. To be called before there are threads.
    ///
    /// # Errors
    /// Something is not there, or the process must not run as it is.
    pub fn take(config: &Config) -> Result<Self, StartError> {
        let taken = if process::gives_up_privileges(config) {
            let pem = config.tls.identity.as_ref().map(Pem::read).transpose()?;
            Self { ports: Some(ports::bind(config)?), pem }
        } else {
            Self::default()
        };
        process::settle(config)?;
        Ok(taken)
    }
}

/// Starts a server: its store, ports, workers and the command line's socket. To be called on a tokio runtime.
///
/// # Errors
/// Something it needs is not there; nothing of it runs.
pub async fn start(config: &Config, events: Events) -> Result<Running, StartError> {
    start_with(config, events, Privileged::default()).await
}

async fn start_with(config: &Config, events: Events, privileged: Privileged) -> Result<Running, StartError> {
    let machine = Machine::new();
    let opened = open::open(config, &machine).await?;
    match prepare(config, &machine, privileged).await {
        Ok(prepared) => Ok(run_all(config, events, &machine, opened, prepared)),
        Err(error) => {
            // The next start finds the store free.
            opened.close().await;
            Err(error)
        }
    }
}

/// All that can fail beside the store, before anything runs.
struct Prepared {
    tls: Tls,
    resolver: Resolver,
    ports: Ports,
    admin: UnixListener,
    decoy_hash: String,
    secret: [u8; 32],
}

async fn prepare(config: &Config, machine: &Machine, privileged: Privileged) -> Result<Prepared, StartError> {
    let path = config.admin_socket();
    Ok(Prepared {
        tls: match privileged.pem {
            Some(pem) => Tls::of(&config.tls, pem)?,
            None => Tls::load(&config.tls, &config.hostname, &config.data_dir)?,
        },
        resolver: Resolver::new(&config.dns)?,
        ports: privileged.ports.map_or_else(|| ports::bind(config), Ok)?,
        admin: socket::listen(&path).map_err(|error| StartError::AdminSocket { path, error })?,
        decoy_hash: passwords::decoy(machine).await.ok_or(StartError::Decoy)?,
        secret: secret::load(&config.data_dir, machine)?,
    })
}

fn run_all(config: &Config, events: Events, machine: &Machine, opened: open::Opened, prepared: Prepared) -> Running {
    let Prepared { tls, resolver, ports, admin, decoy_hash, secret } = prepared;
    let metrics = Metrics::default();
    opened.count(metrics.clone());
    let counting = metrics.clone();
    let events = events.and(move |event| counting.happened(event));
    let world = RealWorld::new(machine.clone(), resolver, tls.clone(), config.outbound.clone());
    let world = Arc::new(world.counting(metrics.clone()));
    let own_world = Arc::clone(&world) as Arc<dyn World>;
    let node = Node { events, metrics, ..Node::new(own_world, opened.store.clone(), config.settings(), decoy_hash, secret) };
    let node = Arc::new(node);
    let does_jobs = config.roles.contains(&Role::Work);
    let watched = Watched::new(Arc::clone(&node), tls.clone(), config.data_dir.clone(), ports.services.len(), does_jobs);
    metrics::serve(watched, ports.metrics);
    let places = Places::new(config.connections);
    let mut addresses: BTreeMap<&'static str, Vec<SocketAddr>> = BTreeMap::new();
    for Port { service, listener, address } in ports.services {
        addresses.entry(service.as_str()).or_default().push(address);
        tracing::info!(service = service.as_str(), %address, "listening");
        let tls = match service {
            Service::Submission | Service::Submissions | Service::Imap | Service::Imaps => tls.clone(),
            Service::Exchange | Service::Retrieval => tls.asking_clients(),
        };
        let doorway = Doorway { node: Arc::clone(&node), places: places.clone(), tls, machine: machine.clone() };
        world.spawn("port", Box::pin(accept::serve_port(doorway, service, listener)));
    }
    let admin_socket = config.admin_socket();
    let desk = Desk::of(&node, config, is_being_retrieved(&node));
    world.spawn("admin", Box::pin(socket::serve(admin, admin_socket.clone(), desk, node.stop.clone())));
    if does_jobs {
        work::start(&node);
    }
    if config.roles.contains(&Role::Imap) {
        world.spawn("elsewhere", Box::pin(elsewhere::ask(Arc::clone(&node))));
    }
    Running { node, addresses, admin_socket, tls, world, opened }
}

fn is_being_retrieved(node: &Arc<Node>) -> Arc<dyn Fn(&mail::id::NoticeId) -> bool + Send + Sync> {
    let node = Arc::clone(node);
    Arc::new(move |id| node.retrievals.is_held(id, node.world.now()))
}

impl Running {
    /// Ends the server: nothing new begins, what is under way finishes or is handed back, in half a minute at most.
    pub async fn stop(self) {
        self.node.stop.raise();
        self.node.due.raise();
        let deadline = self.world.now() + STOPPING;
        if let First::Right(()) = first(self.world.idle(), self.world.sleep_until(deadline)).await {
            tracing::warn!("sessions were still open after {} s; what they had not acknowledged is asked for again", STOPPING.as_secs());
        }
        self.opened.close().await;
    }
}

/// Runs a server until SIGTERM or SIGINT.
///
/// # Errors
/// It does not start.
pub async fn run(config: &Config, privileged: Privileged) -> Result<(), StartError> {
    let stop = Signal::default();
    systemd::raise_on_signals(&stop);
    let running = start_with(config, Events::default(), privileged).await?;
    systemd::reload_on_signal(running.tls.clone());
    systemd::keep_watchdog(&running);
    systemd::notify("READY=1");
    stop.raised().await;
    tracing::info!("stopping");
    systemd::notify("STOPPING=1");
    running.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests;
