//! The program of a person who sends mail: one submission over TLS, as any mail program would.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use mail::address::Mailbox;
use mail::time::Timestamp;
use server::world::Wire;

use crate::network::{DESK, Network};

/// How long a person's program waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// One message to hand in.
pub(crate) struct Letter {
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) password: &'static str,
    pub(crate) content: Vec<u8>,
    pub(crate) says_utf8: bool,
}

/// Hands a message in at a server's port for submissions over TLS.
///
/// # Errors
/// It was not taken, or nobody said so.
pub(crate) async fn submit(network: Arc<Network>, source: IpAddr, to: SocketAddr, host: String, letter: Letter) -> Result<(), String> {
    let deadline = network.executor.now() + PATIENCE;
    let wire = network.dial(DESK, source, to, deadline).await.map_err(|error| error.to_string())?;
    let mut talk = Talk::new(wire, deadline);
    talk.wire.start_tls_as_client(&host, deadline).await.map_err(|error| error.to_string())?;
    talk.expect("220").await?;
    talk.say("EHLO [192.0.2.1]", "250").await?;
    let login = BASE64.encode(format!("\0{}\0{}", letter.from, letter.password).as_bytes());
    talk.say(&format!("AUTH PLAIN {login}"), "235").await?;
    talk.transaction(&letter, " NOTIFY=SUCCESS,FAILURE").await
}

/// Pushes a message at a server's port 25, as a server without the extension does.
///
/// # Errors
/// It was not taken, or nobody said so.
pub(crate) async fn push(network: Arc<Network>, source: IpAddr, to: SocketAddr, letter: Letter) -> Result<(), String> {
    let deadline = network.executor.now() + PATIENCE;
    let wire = network.dial(DESK, source, to, deadline).await.map_err(|error| error.to_string())?;
    let mut talk = Talk::new(wire, deadline);
    talk.expect("220").await?;
    talk.say("EHLO mx.legacy.test", "250").await?;
    talk.transaction(&letter, "").await
}

/// One session, line by line.
pub(crate) struct Talk {
    pub(crate) wire: Box<dyn Wire>,
    unread: Vec<u8>,
    deadline: Timestamp,
}

impl Talk {
    pub(crate) fn new(wire: Box<dyn Wire>, deadline: Timestamp) -> Self {
        Self { wire, unread: vec![], deadline }
    }

    pub(crate) async fn start_tls(&mut self, host: &str) -> Result<(), String> {
        self.wire.start_tls_as_client(host, self.deadline).await.map(drop).map_err(|error| error.to_string())
    }

    /// One command and the last line of its reply.
    pub(crate) async fn ask(&mut self, command: &str) -> Result<String, String> {
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// The last line of the next reply.
    pub(crate) async fn reply(&mut self) -> Result<String, String> {
        loop {
            let line = self.line().await?;
            if line.get(3..4) != Some("-") {
                return Ok(line);
            }
        }
    }

    /// The content of a message and its end.
    pub(crate) async fn send_content(&mut self, octets: &[u8]) -> Result<(), String> {
        let mut content = vec![];
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            // RFC 5321 section 4.5.2.
            content.extend_from_slice(if line.starts_with(b".") { b"." } else { b"" });
            content.extend_from_slice(line);
        }
        content.extend_from_slice(b".\r\n");
        self.write(&content).await
    }

    /// One message and the end of the session; `wishes` stand behind every recipient.
    async fn transaction(&mut self, letter: &Letter, wishes: &str) -> Result<(), String> {
        let utf8 = if letter.says_utf8 { " SMTPUTF8" } else { "" };
        self.say(&format!("MAIL FROM:<{}> BODY=8BITMIME{utf8}", letter.from), "250").await?;
        for recipient in &letter.to {
            self.say(&format!("RCPT TO:<{recipient}>{wishes}"), "250").await?;
        }
        self.say("DATA", "354").await?;
        self.send_content(&letter.content).await?;
        self.expect("250").await?;
        // It is taken; how the session ends does not matter.
        drop(self.say("QUIT", "221").await);
        Ok(())
    }

    async fn say(&mut self, command: &str, code: &str) -> Result<(), String> {
        self.write(format!("{command}\r\n").as_bytes()).await?;
        self.expect(code).await
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) -> Result<(), String> {
        self.wire.write_all(octets, self.deadline).await.map_err(|error| error.to_string())
    }

    /// Reads one reply, all its lines.
    async fn expect(&mut self, code: &str) -> Result<(), String> {
        let line = self.reply().await?;
        if line.starts_with(code) { Ok(()) } else { Err(line) }
    }

    pub(crate) async fn line(&mut self) -> Result<String, String> {
        loop {
            if let Some(end) = self.unread.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let mut buffer = [0; 1024];
            let octets = self.wire.read(&mut buffer, self.deadline).await.map_err(|error| error.to_string())?;
            if octets == 0 {
                return Err("the server hung up".to_owned());
            }
            self.unread.extend(buffer.iter().take(octets));
        }
    }
}
