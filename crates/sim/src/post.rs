//! Messages handed in while the simulation goes on, with every reply written down: what a test keeps its own books by.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::BASE64;
use mail::time::Timestamp;

use crate::client::{PATIENCE, Talk};
use crate::executor::Owner;
use crate::host::{EXCHANGE_PORT, PASSWORD, SUBMISSIONS_PORT};
use crate::network::{DESK, Network};
use crate::sim::Inner;
use crate::{Sim, User};

/// Where the other server dials from.
const PUSHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9));
/// Where people dial from.
const DESK_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A message as it is handed in.
#[derive(Debug, Clone)]
pub struct Post {
    /// Without brackets; may be empty.
    pub reverse_path: String,
    /// What stands behind it: ` BODY=8BITMIME`.
    pub parameters: String,
    /// Each with what stands behind it: ` NOTIFY=NEVER`.
    pub recipients: Vec<(String, String)>,
    /// The content, lines with CRLF.
    pub content: Vec<u8>,
}

/// How it went.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The reply to each RCPT, as far as it came.
    pub recipients: Vec<String>,
    /// What became of the whole.
    pub answer: Answer,
    /// When that was known.
    pub at: Timestamp,
}

/// What a client knows at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Taken,
    /// It was refused, by this reply.
    Refused(String),
    /// All was sent, and no word came back.
    Unknown(String),
    /// It was not sent to its end: nobody can have it.
    NotSent(String),
}

/// The outcome, once it is known.
#[derive(Debug, Clone, Default)]
pub struct Pending(Arc<Mutex<Option<Posted>>>);

impl Pending {
    /// The outcome, if it is known.
    pub fn outcome(&self) -> Option<Posted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl User {
    /// Begins to hand a message in at their server.
    pub fn post(&self, post: Post) -> Pending {
        let (address, host) = self.sim.with_server(self.address().domain(), |server| (server.address, server.hostname.to_string()));
        let login = BASE64.encode(format!("\0{}\0{PASSWORD}", self.address()).as_bytes());
        let to = SocketAddr::new(address, SUBMISSIONS_PORT);
        Client { source: DESK_ADDRESS, to, login: Some((host, login)), post }.start(&self.sim)
    }
}

impl Sim {
    /// A server without the extension begins to push a message at the server of a domain.
    pub fn push(&self, domain: &str, post: Post) -> Pending {
        let address = self.0.with_server(&self.0.domain(domain), |server| server.address);
        Client { source: PUSHER_ADDRESS, to: SocketAddr::new(address, EXCHANGE_PORT), login: None, post }.start(&self.0)
    }
}

/// Somebody who hands one message in.
struct Client {
    source: IpAddr,
    to: SocketAddr,
    /// The host whose certificate is asked for, and the word for AUTH PLAIN.
    login: Option<(String, String)>,
    post: Post,
}

impl Client {
    fn start(self, sim: &Inner) -> Pending {
        let (pending, network) = (Pending::default(), Arc::clone(&sim.network));
        let place = pending.clone();
        let task = async move {
            let mut recipients = vec![];
            let answer = self.hand_in(&network, &mut recipients).await;
            let at = network.executor.now();
            *place.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Posted { recipients, answer, at });
        };
        sim.executor.spawn(Owner::Test, Box::pin(task));
        pending
    }

    async fn hand_in(&self, network: &Arc<Network>, replies: &mut Vec<String>) -> Answer {
        match self.before_content(network, replies).await {
            Err(answer) => answer,
            Ok(mut talk) => match talk.send_content(&self.post.content).await {
                Err(error) => Answer::NotSent(error),
                Ok(()) => match talk.reply().await {
                    Err(error) => Answer::Unknown(error),
                    Ok(reply) => {
                        drop(talk.ask("QUIT").await);
                        if reply.starts_with('2') { Answer::Taken } else { Answer::Refused(reply) }
                    }
                },
            },
        }
    }

    /// Everything up to the 354.
    async fn before_content(&self, network: &Arc<Network>, replies: &mut Vec<String>) -> Result<Talk, Answer> {
        let deadline = network.executor.now() + PATIENCE;
        let unreachable = |error: String| Answer::NotSent(error);
        let wire = network.dial(DESK, self.source, self.to, deadline).await.map_err(|error| unreachable(error.to_string()))?;
        let mut talk = Talk::new(wire, deadline);
        if let Some((host, _)) = &self.login {
            talk.start_tls(host).await.map_err(unreachable)?;
        }
        let mut lines = vec!["EHLO mx.legacy.test".to_owned()];
        lines.extend(self.login.iter().map(|(_, word)| format!("AUTH PLAIN {word}")));
        lines.push(format!("MAIL FROM:<{}>{}", self.post.reverse_path, self.post.parameters));
        let greeting = talk.reply().await.map_err(unreachable)?;
        if !greeting.starts_with('2') {
            return Err(Answer::NotSent(greeting));
        }
        for line in lines {
            let reply = talk.ask(&line).await.map_err(unreachable)?;
            if !reply.starts_with('2') {
                return Err(if reply.starts_with('5') { Answer::Refused(reply) } else { Answer::NotSent(reply) });
            }
        }
        for (recipient, wishes) in &self.post.recipients {
            replies.push(talk.ask(&format!("RCPT TO:<{recipient}>{wishes}")).await.map_err(unreachable)?);
        }
        if !replies.iter().any(|reply| reply.starts_with('2')) {
            drop(talk.ask("QUIT").await);
            return Err(Answer::Refused(replies.last().cloned().unwrap_or_default()));
        }
        let reply = talk.ask("DATA").await.map_err(unreachable)?;
        if reply.starts_with('3') { Ok(talk) } else { Err(Answer::NotSent(reply)) }
    }
}
