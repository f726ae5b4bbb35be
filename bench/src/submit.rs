//! A load of messages over many sessions, with TLS and a login or without; says when each was taken.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::now;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address and port.
    #[arg(long)]
    to: SocketAddr,
    /// Its authority as a PEM file: then STARTTLS comes first.
    #[arg(long)]
    authority: Option<PathBuf>,
    /// Its name on its certificate.
    #[arg(long, default_value = "localhost")]
    host: String,
    /// Who logs in, once for each session: a user's name and password.
    #[arg(long, requires = "password")]
    user: Option<String>,
    #[arg(long)]
    password: Option<String>,
    /// The author.
    #[arg(long)]
    from: String,
    /// The only recipient.
    #[arg(long)]
    recipient: String,
    /// Sessions at a time.
    #[arg(long, default_value_t = 32)]
    sessions: u32,
    /// Messages in each, one after the other.
    #[arg(long, default_value_t = 100)]
    messages: u32,
    /// Octets of each body.
    #[arg(long, default_value_t = 10_240)]
    octets: usize,
    /// Milliseconds between two messages of a session, counted from one's 250 to the next one's MAIL.
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// A file for one line for each message: its subject, when its 250 came in seconds since 1970, and the 250.
    #[arg(long)]
    record: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let options = Arc::new(options);
    let mut sessions = tokio::task::JoinSet::new();
    let begun = now();
    for number in 0..options.sessions {
        sessions.spawn(hold(Arc::clone(&options), number));
    }
    let (mut lines, mut messages) = (String::new(), 0_u32);
    while let Some(taken) = sessions.join_next().await {
        for (subject, seconds, reply) in taken?? {
            messages += 1;
            writeln!(lines, "{subject} {seconds:.6} {reply}")?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{messages} messages in {seconds:.3} s: {:.0} a second", f64::from(messages) / seconds);
    if let Some(path) = &options.record {
        std::fs::write(path, lines)?;
    }
    Ok(())
}

/// A message that was taken: its subject, when, and in which words.
type Taken = (String, f64, String);

async fn hold(options: Arc<Options>, number: u32) -> anyhow::Result<Vec<Taken>> {
    let plain = TcpStream::connect(options.to).await?;
    plain.set_nodelay(true)?;
    let mut wire = Wire { stream: plain, read: Vec::new() };
    wire.expect("220").await?;
    wire.command("EHLO load.example.test", "250").await?;
    let Some(authority) = &options.authority else {
        return send_all(wire, &options, number).await;
    };
    wire.command("STARTTLS", "220").await?;
    let stream = crate::tls::client(authority)?.connect(options.host.clone().try_into()?, wire.stream).await?;
    let mut wire = Wire { stream, read: Vec::new() };
    wire.command("EHLO load.example.test", "250").await?;
    send_all(wire, &options, number).await
}

async fn send_all<S>(mut wire: Wire<S>, options: &Options, number: u32) -> anyhow::Result<Vec<Taken>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let (Some(user), Some(password)) = (&options.user, &options.password) {
        let plain = data_encoding::BASE64.encode(format!("\0{user}\0{password}").as_bytes());
        wire.command(&format!("AUTH PLAIN {plain}"), "235").await?;
    }
    let line = "All work and no play makes a dull benchmark, so here is a line of text.\r\n";
    let body = line.repeat(options.octets.div_ceil(line.len()));
    let mut taken = Vec::new();
    for message in 0..options.messages {
        let (from, to) = (&options.from, &options.recipient);
        let subject = format!("m{number}-{message}");
        wire.command(&format!("MAIL FROM:<{from}>"), "250").await?;
        wire.command(&format!("RCPT TO:<{to}>"), "250").await?;
        wire.command("DATA", "354").await?;
        let header = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Mon, 06 Jul 2026 12:00:00 +0000\r\nMessage-ID: <{subject}@load.example.test>\r\n\r\n"
        );
        let reply = wire.command(&format!("{header}{body}."), "250").await?;
        taken.push((subject, UNIX_EPOCH.elapsed()?.as_secs_f64(), reply));
        if options.pause > 0 {
            tokio::time::sleep(Duration::from_millis(options.pause)).await;
        }
    }
    wire.command("QUIT", "221").await?;
    Ok(taken)
}

/// A connection on which commands are answered one by one.
struct Wire<S> {
    stream: S,
    read: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Sends a command; returns the last line of its reply.
    async fn command(&mut self, line: &str, code: &str) -> anyhow::Result<String> {
        self.stream.write_all(line.as_bytes()).await?;
        self.stream.write_all(b"\r\n").await?;
        self.stream.flush().await?;
        self.expect(code).await.with_context(|| format!("after {:?}", line.get(..40).unwrap_or(line)))
    }

    /// Reads one reply, which must have this code.
    async fn expect(&mut self, code: &str) -> anyhow::Result<String> {
        let mut buffer = [0; 4096];
        loop {
            let octets = self.stream.read(&mut buffer).await?;
            ensure!(octets > 0, "the server hung up");
            self.read.extend_from_slice(buffer.get(..octets).unwrap_or_default());
            let text = String::from_utf8_lossy(&self.read).into_owned();
            let last = text.lines().last().unwrap_or_default();
            if text.ends_with("\r\n") && last.get(3..4) == Some(" ") {
                ensure!(last.starts_with(code), "expected {code}, got {last}");
                self.read.clear();
                return Ok(last.to_owned());
            }
        }
    }
}
