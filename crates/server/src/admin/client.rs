//! The command line's side: asks the running server, or opens the store itself if none is running.

use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::socket::Reply;
use super::{AdminError, Desk, RawMail, Request, Response, commands};
use crate::config::Config;
use crate::real::Machine;
use crate::serve::{StartError, open};

/// A busy server takes a moment; a check of much data takes more.
const PATIENCE: Duration = Duration::from_mins(10);

/// What came of a command, its raw octets already written.
pub struct Answer {
    /// For programs.
    pub document: serde_json::Value,
    /// For people.
    pub warnings: Vec<String>,
    /// Whether raw octets were written in place of the document.
    pub was_raw: bool,
}

/// Carries out a command, in the running server or here. Raw octets go to `raw`.
///
/// # Errors
/// As the command's own; and temporary ones, where the server or the store cannot be reached.
pub fn carry_out(config: &Config, request: Request, raw: &mut dyn Write) -> Result<Answer, AdminError> {
    match UnixStream::connect(config.admin_socket()) {
        Ok(stream) => ask(stream, &request, raw).map_err(|error| broken(&error))?,
        // Nobody listens: no server has run here, or it ended without time to tidy up.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => alone(config, request, raw),
        Err(error) => Err(AdminError::temporary("server", format!("{}: {error}", config.admin_socket().display()))),
    }
}

fn broken(error: &io::Error) -> AdminError {
    AdminError::temporary("connection", format!("the connection to the server broke: {error}; it may have carried out the command"))
}

fn ask(stream: UnixStream, request: &Request, raw: &mut dyn Write) -> io::Result<Result<Answer, AdminError>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    match serde_json::from_str(&line)? {
        Reply::Error { error, fault } => Ok(Err(AdminError { fault, code: error.code, message: error.message })),
        Reply::Done { document, warnings, content_octets } => {
            if let Some(octets) = content_octets {
                let copied = io::copy(&mut reader.take(octets), raw)?;
                raw.flush()?;
                if copied != octets {
                    return Err(io::Error::other(format!("{copied} of {octets} octets came")));
                }
            }
            Ok(Ok(Answer { document, warnings, was_raw: content_octets.is_some() }))
        }
    }
}

/// Opens the store under its lock, for one command.
fn alone(config: &Config, request: Request, raw: &mut dyn Write) -> Result<Answer, AdminError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| AdminError::temporary("runtime", error.to_string()))?;
    runtime.block_on(async {
        let machine = Machine::new();
        let unopened = |error: StartError| AdminError { fault: error.fault(), code: "store".to_owned(), message: error.to_string() };
        let opened = open::open(config, &machine).await.map_err(unopened)?;
        let desk = Desk::alone(opened.store.clone(), config.domains.clone(), machine);
        let answered = match commands::run(&desk, request).await {
            Ok(Response { document, warnings, raw: content }) => {
                let was_raw = content.is_some();
                let written = match content {
                    Some(content) => write_out(content, raw).await,
                    None => Ok(()),
                };
                written.map(|()| Answer { document, warnings, was_raw })
            }
            Err(error) => Err(error),
        };
        drop(desk);
        opened.close().await;
        answered
    })
}

async fn write_out(mut content: RawMail, raw: &mut dyn Write) -> Result<(), AdminError> {
    loop {
        let piece = content.next().await?;
        if piece.is_empty() {
            return raw.flush().map_err(|error| AdminError::temporary("output", error.to_string()));
        }
        raw.write_all(&piece).map_err(|error| AdminError::temporary("output", error.to_string()))?;
    }
}
