//! The command line's side: asks the running server, or opens the store itself if none is running.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::incoming::FromFile;
use super::socket::Reply;
use super::{AdminError, Desk, RawMail, Request, Response, commands};
use crate::config::Config;
use crate::real::Machine;
use crate::serve::{StartError, open, process};

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

/// Where commands are carried out: by the running server, or here. Several may follow one another.
pub enum Connection {
    /// The server.
    Server(BufReader<UnixStream>),
    /// The store, under its lock.
    Alone(Box<Alone>),
}

/// A store opened by the command line, and a runtime for what works on it.
pub struct Alone {
    runtime: tokio::runtime::Runtime,
    desk: Desk,
    opened: open::Opened,
}

/// Carries out one command, in the running server or here. Raw octets go to `raw`.
///
/// # Errors
/// As the command's own; and temporary ones, where the server or the store cannot be reached.
pub fn carry_out(config: &Config, request: &Request, raw: &mut dyn Write) -> Result<Answer, AdminError> {
    let mut connection = Connection::open(config)?;
    let answered = connection.ask(request, &mut io::empty(), raw);
    connection.close();
    answered
}

impl Connection {
    /// To the running server, or to the store itself if none is running.
    ///
    /// # Errors
    /// Neither can be reached.
    pub fn open(config: &Config) -> Result<Self, AdminError> {
        match UnixStream::connect(config.admin_socket()) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).map_err(|error| broken(&error))?;
                Ok(Self::Server(BufReader::new(stream)))
            }
            // Nobody listens: no server has run here, or it ended without time to tidy up.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Alone::open(config).map(|alone| Self::Alone(Box::new(alone)))
            }
            Err(error) => Err(AdminError::temporary("server", format!("{}: {error}", config.admin_socket().display()))),
        }
    }

    /// Carries out a command. The octets that follow it are read from `content`; raw octets go to `raw`.
    ///
    /// # Errors
    /// As the command's own; and temporary ones, where the server or the store cannot be reached any more.
    pub fn ask(&mut self, request: &Request, content: &mut (dyn Read + Send), raw: &mut dyn Write) -> Result<Answer, AdminError> {
        match self {
            Self::Server(reader) => ask(reader, request, content, raw).map_err(|error| broken(&error))?,
            Self::Alone(alone) => alone.ask(request, content, raw),
        }
    }

    /// Carries out a command that nothing follows, and whose answer is a document.
    ///
    /// # Errors
    /// As [`Connection::ask`].
    pub fn document(&mut self, request: &Request) -> Result<serde_json::Value, AdminError> {
        self.ask(request, &mut io::empty(), &mut io::sink()).map(|answer| answer.document)
    }

    /// Closes the store, if it was opened.
    pub fn close(self) {
        if let Self::Alone(alone) = self {
            let Alone { runtime, desk, opened } = *alone;
            drop(desk);
            runtime.block_on(opened.close());
        }
    }
}

fn broken(error: &io::Error) -> AdminError {
    AdminError::temporary("connection", format!("the connection to the server broke: {error}; it may have carried out the command"))
}

fn ask(
    reader: &mut BufReader<UnixStream>,
    request: &Request,
    content: &mut (dyn Read + Send),
    raw: &mut dyn Write,
) -> io::Result<Result<Answer, AdminError>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    reader.get_mut().write_all(&line)?;
    io::copy(&mut content.take(request.content_octets()), reader.get_mut())?;
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"));
    }
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

impl Alone {
    fn open(config: &Config) -> Result<Self, AdminError> {
        // Before there are threads, and before there are files that the server could not open.
        process::become_owner(&config.data_dir).map_err(|error| AdminError::usage("user", error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| AdminError::temporary("runtime", error.to_string()))?;
        let (desk, opened) = runtime.block_on(async {
            let machine = Machine::new();
            let unopened = |error: StartError| AdminError { fault: error.fault(), code: "store".to_owned(), message: error.to_string() };
            let opened = open::open(config, &machine).await.map_err(unopened)?;
            let desk = Desk::alone(opened.store.clone(), config, machine);
            Ok::<_, AdminError>((desk, opened))
        })?;
        Ok(Self { runtime, desk, opened })
    }

    fn ask(&self, request: &Request, content: &mut (dyn Read + Send), raw: &mut dyn Write) -> Result<Answer, AdminError> {
        self.runtime.block_on(async {
            let mut limited = content.take(request.content_octets());
            let mut incoming = FromFile(&mut limited);
            let Response { document, warnings, raw: content } = commands::run_with(&self.desk, request.clone(), &mut incoming).await?;
            let was_raw = content.is_some();
            if let Some(content) = content {
                write_out(content, raw).await?;
            }
            Ok(Answer { document, warnings, was_raw })
        })
    }
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
