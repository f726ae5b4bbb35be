//! A few pages over HTTP/1.1, for machines: `/metrics`, `/healthz`, `/readyz`. One request a connection, strictly bounded.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::time::Timestamp;
use prometheus_client::registry::Registry;
use store::Census;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{gather, health, system};
use crate::node::Node;
use crate::tls::Tls;
use crate::world::{First, first};

/// Octets of a request, with its header.
const REQUEST_OCTETS_MAX: usize = 8 * 1024;
/// For the whole of one: the request, the numbers, the answer.
const EXCHANGE_MAX: Duration = Duration::from_secs(5);
/// At one time; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 8;
/// How often it is looked how late tasks run.
const PULSE: Duration = Duration::from_secs(1);

/// What there is to be watched of one server.
pub struct Watched {
    pub(super) node: Arc<Node>,
    pub(super) tls: Tls,
    pub(super) data_dir: PathBuf,
    /// How many ports take connections if all is well.
    pub(super) ports: i64,
    pub(super) does_jobs: bool,
    pub(super) registry: Registry,
    pub(super) census: Mutex<Option<(Timestamp, Census)>>,
}

impl Watched {
    /// Of a server with so many ports.
    pub fn new(node: Arc<Node>, tls: Tls, data_dir: PathBuf, ports: usize, does_jobs: bool) -> Self {
        let mut registry = Registry::default();
        node.metrics.register(registry.sub_registry_with_prefix("twoway"));
        // Without our prefix: dashboards know these by their names.
        registry.register_collector(Box::new(system::System));
        Self { node, tls, data_dir, ports: i64::try_from(ports).unwrap_or(i64::MAX), does_jobs, registry, census: Mutex::default() }
    }
}

/// Answers at these sockets until the server stops.
pub fn serve(watched: Watched, listeners: Vec<std::net::TcpListener>) {
    if listeners.is_empty() {
        return;
    }
    let watched = Arc::new(watched);
    let world = Arc::clone(&watched.node.world);
    world.spawn("pulse", Box::pin(feel_pulse(Arc::clone(&watched.node))));
    for listener in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => world.spawn("metrics", Box::pin(serve_port(Arc::clone(&watched), listener))),
            Err(error) => tracing::error!(%error, "metrics are not served"),
        }
    }
}

/// Sleeps, and looks how much later than asked for it woke.
async fn feel_pulse(node: Arc<Node>) {
    while !node.stop.is_raised() {
        let due = node.world.after(PULSE);
        first(node.world.sleep_until(due), node.stop.raised()).await;
        node.metrics.loop_lag_seconds.set(node.world.now().since(due).as_secs_f64());
    }
}

async fn serve_port(watched: Arc<Watched>, listener: TcpListener) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(service = "metrics", %address, "listening");
    }
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let world = Arc::clone(&watched.node.world);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        match first(watched.node.stop.raised(), accepted).await {
            First::Left(()) => return,
            First::Right((Ok((stream, peer)), place)) => {
                let watched = Arc::clone(&watched);
                let answer = async move {
                    let deadline = watched.node.world.sleep_until(watched.node.world.after(EXCHANGE_MAX));
                    match first(answer(&watched, stream), deadline).await {
                        First::Left(Ok(())) => {}
                        First::Left(Err(error)) => tracing::debug!(%error, %peer, "a request for metrics broke"),
                        First::Right(()) => tracing::debug!(%peer, "a request for metrics took too long"),
                    }
                    drop(place);
                };
                world.spawn("request", Box::pin(answer));
            }
            First::Right((Err(error), _)) => {
                tracing::warn!(%error, service = "metrics", "cannot take connections");
                world.sleep_until(world.after(PULSE)).await;
            }
        }
    }
}

async fn answer(watched: &Watched, mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|octets| octets == b"\r\n\r\n") && request.len() <= REQUEST_OCTETS_MAX {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            octets => request.extend_from_slice(buffer.get(..octets).unwrap_or_default()),
        }
    }
    let page = match Asked::of(&request) {
        Ok(asked) => asked.page(watched).await,
        Err(refusal) => refusal,
    };
    stream.write_all(page.encode(request.starts_with(b"HEAD ")).as_bytes()).await?;
    stream.shutdown().await
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Metrics,
    Alive,
    Ready,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    status: &'static str,
    kind: &'static str,
    text: String,
}

impl Asked {
    /// RFC 9112 section 3: method, target, version.
    fn of(request: &[u8]) -> Result<Self, Page> {
        if request.len() > REQUEST_OCTETS_MAX {
            return Err(Page::plain("431 Request Header Fields Too Large", "too long"));
        }
        let line = request.split(|octet| *octet == b'\r').next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["GET" | "HEAD", target, version] if version.starts_with("HTTP/1.") => match target.split('?').next() {
                Some("/metrics") => Ok(Self::Metrics),
                Some("/healthz") => Ok(Self::Alive),
                Some("/readyz") => Ok(Self::Ready),
                _ => Err(Page::plain("404 Not Found", "expected /metrics, /healthz or /readyz")),
            },
            [_, _, version] if version.starts_with("HTTP/1.") => Err(Page::plain("405 Method Not Allowed", "expected GET")),
            _ => Err(Page::plain("400 Bad Request", "expected HTTP/1.1")),
        }
    }

    async fn page(self, watched: &Watched) -> Page {
        match self {
            Self::Metrics => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                Page { status: "200 OK", kind, text: gather::text(watched).await }
            }
            Self::Alive => Page::plain("200 OK", "alive"),
            Self::Ready => {
                let troubles = health::troubles(watched).await;
                if troubles.is_empty() {
                    Page::plain("200 OK", "ready")
                } else {
                    Page::plain("503 Service Unavailable", &troubles.join("\n"))
                }
            }
        }
    }
}

impl Page {
    fn plain(status: &'static str, text: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", text: format!("{text}\n") }
    }

    fn encode(&self, is_head_only: bool) -> String {
        let Self { status, kind, text } = self;
        let body = if is_head_only { "" } else { text };
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", text.len())
    }
}

/// Where a server answers, of the addresses it was told.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        // Everywhere is not an address to dial.
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_for_one_of_three_pages_or_refused() {
        let status = |request: &str| Asked::of(request.as_bytes()).map_err(|page| page.status.split(' ').next().unwrap_or_default());
        let table = [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", Ok(Asked::Metrics)),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Ok(Asked::Metrics)),
            ("HEAD /healthz HTTP/1.1\r\n\r\n", Ok(Asked::Alive)),
            ("GET /readyz HTTP/1.1\r\n\r\n", Ok(Asked::Ready)),
            ("GET / HTTP/1.1\r\n\r\n", Err("404")),
            ("GET /metrics/../secret HTTP/1.1\r\n\r\n", Err("404")),
            ("POST /metrics HTTP/1.1\r\n\r\n", Err("405")),
            ("EHLO x\r\n\r\n", Err("400")),
            ("GET /metrics HTTP/2.0\r\n\r\n", Err("400")),
            ("\r\n\r\n", Err("400")),
        ];
        for (request, expected) in table {
            assert_eq!(status(request), expected, "{request}");
        }
        assert_eq!(status(&"x".repeat(REQUEST_OCTETS_MAX + 1)), Err("431"));
    }

    #[test]
    fn an_answer_says_how_long_it_is_and_head_leaves_it_out() {
        let page = Page::plain("200 OK", "ready");
        assert!(page.encode(false).ends_with("Content-Length: 6\r\nConnection: close\r\n\r\nready\n"));
        assert!(page.encode(true).ends_with("Content-Length: 6\r\nConnection: close\r\n\r\n"));
    }
}
