//! The running server's side of the command line: JSON lines over `data_dir/admin.sock`.
//!
//! One request a line; one line in reply: `{"document": .., "warnings": ..}` or `{"error": .., "fault": ..}`. With
//! `"content_octets"` in a request or a reply, so many raw octets follow it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::incoming::{FromConnection, Incoming as _};
use super::{AdminError, Desk, Fault, Request, Response, commands};
use crate::node::Signal;
use crate::world::{First, first};

/// Octets in one request.
const REQUEST_OCTETS_MAX: u64 = 64 * 1024;
/// Whoever says nothing for so long has gone.
const IDLE: Duration = Duration::from_mins(1);
/// Each may be hashing a password or reading a message.
const CONNECTIONS_MAX: usize = 16;

/// The first line of a reply.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// It is done.
    Done {
        /// For programs.
        document: serde_json::Value,
        /// For people.
        #[serde(default)]
        warnings: Vec<String>,
        /// So many octets follow.
        #[serde(default)]
        content_octets: Option<u64>,
    },
    /// It is not.
    Error {
        /// What programs read.
        error: ErrorBody,
        /// Whose move is next.
        fault: Fault,
    },
}

/// What programs read of an error.
#[derive(Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `no-such-account`
    pub code: String,
    /// For people.
    pub message: String,
}

impl From<AdminError> for Reply {
    fn from(error: AdminError) -> Self {
        Self::Error { error: ErrorBody { code: error.code, message: error.message }, fault: error.fault }
    }
}

/// Listens on the socket, for nobody but this user. Whoever holds the data directory's lock may call this: a socket that is
/// there already is a leftover.
///
/// # Errors
/// The directory cannot be written, or its path is too long for a socket.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let beside = path.with_extension("new");
    if fs::exists(&beside)? {
        fs::remove_file(&beside)?;
    }
    let listener = UnixListener::bind(&beside)?;
    // Not there under its name before it is private.
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))?;
    fs::rename(&beside, path)?;
    Ok(listener)
}

/// Serves the socket until the server stops, then removes it.
pub async fn serve(listener: UnixListener, path: PathBuf, desk: Desk, stop: Signal) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            // A place first: who finds none waits in the kernel's queue.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = match first(stop.raised(), accepted).await {
            First::Left(()) => break,
            First::Right(accepted) => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the command line's socket");
                pause().await;
                continue;
            }
        };
        let desk = desk.clone();
        begin(async move {
            if let Err(error) = answer_all(stream, &desk).await {
                tracing::debug!(%error, "a command's connection broke");
            }
            drop(place);
        });
    }
    if let Err(error) = fs::remove_file(&path) {
        tracing::debug!(%error, "the command line's socket stays behind");
    }
}

async fn answer_all(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut stream).take(REQUEST_OCTETS_MAX);
        if patiently(limited.read_until(b'\n', &mut line)).await?.is_none_or(|octets| octets == 0) {
            return Ok(());
        }
        let answered = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => run(desk, request, &mut stream).await?,
            Err(error) => Err(AdminError::usage("request", format!("not a request: {error}"))),
        };
        match answered {
            Ok(response) => send(stream.get_mut(), response).await?,
            Err(error) => send_line(stream.get_mut(), &Reply::from(error)).await?,
        }
    }
}

/// Carries out a request. What follows it is read to its end, whatever becomes of it: the next request begins there.
async fn run(desk: &Desk, request: Request, stream: &mut BufReader<UnixStream>) -> io::Result<Result<Response, AdminError>> {
    let mut incoming = FromConnection::new(stream, request.content_octets());
    let answered = commands::run_with(desk, request, &mut incoming).await;
    while !incoming.next().await?.is_empty() {}
    Ok(answered)
}

async fn send(stream: &mut UnixStream, response: Response) -> io::Result<()> {
    let Response { document, warnings, raw } = response;
    let content_octets = raw.as_ref().map(|raw| raw.size_octets);
    send_line(stream, &Reply::Done { document, warnings, content_octets }).await?;
    if let Some(mut raw) = raw {
        loop {
            // An error here ends the connection: the other side misses octets, and says so.
            let piece = raw.next().await.map_err(io::Error::other)?;
            if piece.is_empty() {
                break;
            }
            stream.write_all(&piece).await?;
        }
    }
    Ok(())
}

async fn send_line(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

#[expect(clippy::disallowed_methods, reason = "the command line is outside every World")]
async fn patiently<T>(read: impl Future<Output = io::Result<T>>) -> io::Result<Option<T>> {
    tokio::time::timeout(IDLE, read).await.ok().transpose()
}

#[expect(clippy::disallowed_methods, reason = "the command line is outside every World")]
async fn pause() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[expect(clippy::disallowed_methods, reason = "the command line is outside every World")]
fn begin(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
