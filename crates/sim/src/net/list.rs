//! A mailing list whose server speaks the extension, and does as it should: one stored issue, a notice to each subscriber.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use delivery::consent::{EntryList, Who};
use delivery::dns::Name;
use mail::time::Timestamp;
use server::world::{Boxed, Wire};
use sha2::{Digest as _, Sha256};

use super::cast::DOMAINS;
use super::life::Life;
use super::utter;
use crate::Sim;
use crate::chance::Chance;
use crate::client::Talk;
use crate::executor::Owner;
use crate::host::EXCHANGE_PORT;
use crate::network::{Host, Network, Program};

/// The List-Id.
pub(crate) const LIST_ID: &str = "news.lists.test";
/// Who its messages are from.
pub(crate) const LIST_SENDER: &str = "news@lists.test";

const DOMAIN: &str = "lists.test";
const LIST_HOST: Host = Host(2_003);
const LIST_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 5, 5, 5));
const RETRIEVAL_PORT: u16 = 2626;
/// Less than the calm at the end lasts: what hangs then is tried again.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two attempts to give a notice.
const PAUSE: Duration = Duration::from_secs(5);
/// Longer than any server is down.
const ATTEMPTS_MAX: u32 = 200;

/// What became of an issue for one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Notifying,
    Waiting,
    Served,
    Confirmed,
    Refused,
}

/// An issue on its way to one subscriber.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) issue: usize,
    pub(crate) person: usize,
    pub(crate) id: String,
    pub(crate) to: String,
    pub(crate) begun: Timestamp,
    pub(crate) content: Vec<u8>,
    pub(crate) standing: Standing,
}

/// The list's server.
pub(crate) struct ListServer {
    network: Arc<Network>,
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    issues: usize,
    copies: Vec<Copy>,
}

/// One of its ports.
struct Door {
    list: Arc<ListServer>,
    is_tls_from_the_start: bool,
}

impl Program for Door {
    fn serve(self: Arc<Self>, wire: Box<dyn Wire>) -> Boxed<'static, ()> {
        Box::pin(async move {
            let deadline = self.list.network.executor.now() + PATIENCE;
            let mut talk = Talk::new(wire, deadline);
            if self.is_tls_from_the_start && talk.wire.start_tls_as_server(deadline).await.is_err() {
                return;
            }
            // A connection that breaks is the destination's to open again.
            drop(self.list.listen(&mut talk, deadline).await);
        })
    }
}

impl ListServer {
    /// Makes it, and publishes where it is.
    pub(crate) fn settle(sim: &Sim, chance: Chance) -> Arc<Self> {
        let network = Arc::clone(&sim.0.network);
        let state = State { chance, issues: 0, copies: vec![] };
        let list = Arc::new(Self { network: Arc::clone(&network), state: Mutex::new(state) });
        let host = format!("mx.{DOMAIN}");
        if let (Some(domain), Some(name)) = (Name::new(DOMAIN), Name::new(&host)) {
            sim.0.dns.add_mail_domain(&domain, &name, LIST_ADDRESS, RETRIEVAL_PORT);
        }
        network.certify(LIST_HOST, [host]);
        for (port, is_tls_from_the_start) in [(EXCHANGE_PORT, false), (RETRIEVAL_PORT, true)] {
            let door = Door { list: Arc::clone(&list), is_tls_from_the_start };
            network.listen_program(SocketAddr::new(LIST_ADDRESS, port), LIST_HOST, Arc::new(door));
        }
        list
    }

    /// Everything it has sent, as it is now.
    pub(crate) fn copies(&self) -> Vec<Copy> {
        self.state().copies.clone()
    }

    async fn listen(&self, talk: &mut Talk, deadline: Timestamp) -> Result<(), String> {
        talk.write(b"220 mx.lists.test\r\n").await?;
        loop {
            let line = talk.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let reply: &[u8] = match verb.as_str() {
                "EHLO" => {
                    b"250-mx.lists.test\r\n250-STARTTLS\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                            250-ENHANCEDSTATUSCODES\r\n250 XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000\r\n"
                }
                "STARTTLS" => {
                    talk.write(b"220 go on\r\n").await?;
                    talk.wire.start_tls_as_server(deadline).await.map_err(|error| error.to_string())?;
                    continue;
                }
                "RETRIEVE" => {
                    let reply = self.serve(&line);
                    talk.write(&reply).await?;
                    continue;
                }
                "CONFIRM" => self.settle_copy(&line, Standing::Confirmed),
                "DECLINE" => self.settle_copy(&line, Standing::Refused),
                "PENDING" => b"250 2.0.0 0\r\n",
                "QUIT" => {
                    talk.write(b"221 2.0.0 bye\r\n").await?;
                    return Ok(());
                }
                "NOOP" | "RSET" => b"250 2.0.0 ok\r\n",
                _ => b"550 5.7.1 nobody reads mail here\r\n",
            };
            talk.write(reply).await?;
        }
    }

    /// The reply to RETRIEVE, with the content; recorded before the last octet leaves.
    fn serve(&self, line: &str) -> Vec<u8> {
        let offset = line.split("OFFSET=").nth(1).and_then(|rest| rest.trim().parse::<usize>().ok()).unwrap_or(0);
        let mut state = self.state();
        let Some(copy) = state.copies.iter_mut().find(|copy| is_about(line, copy)) else { return b"550 5.7.1 no\r\n".to_vec() };
        if copy.standing != Standing::Confirmed {
            copy.standing = Standing::Served;
        }
        let digest = BASE64URL_NOPAD.encode(&Sha256::digest(&copy.content));
        let first = format!("250 2.0.0 SIZE={} DIGEST=sha-256:{digest} MAILFROM=news-bounces@{DOMAIN}\r\n", copy.content.len());
        [first.as_bytes(), copy.content.get(offset..).unwrap_or_default()].concat()
    }

    fn settle_copy(&self, line: &str, standing: Standing) -> &'static [u8] {
        let mut state = self.state();
        let Some(copy) = state.copies.iter_mut().find(|copy| is_about(line, copy)) else { return b"550 5.7.1 no\r\n" };
        copy.standing = standing;
        b"250 2.0.0 ok\r\n"
    }

    /// Gives the notice of a copy, again and again until somebody takes it or refuses it for good.
    async fn notify(self: Arc<Self>, to: (SocketAddr, String), id: String, line: String) {
        for _ in 0..ATTEMPTS_MAX {
            let standing = match self.give(&to, &line).await {
                Ok(reply) if reply.starts_with('2') => Some(Standing::Waiting),
                Ok(reply) if reply.starts_with('5') => Some(Standing::Refused),
                Ok(_) | Err(_) => None,
            };
            if let (Some(standing), Some(copy)) = (standing, self.state().copies.iter_mut().find(|copy| copy.id == id)) {
                if copy.standing == Standing::Notifying {
                    copy.standing = standing;
                }
                return;
            }
            self.network.executor.sleep_until(self.network.executor.now() + PAUSE).await;
        }
    }

    async fn give(&self, (address, host): &(SocketAddr, String), line: &str) -> Result<String, String> {
        let deadline = self.network.executor.now() + PATIENCE;
        let dialled = self.network.dial(LIST_HOST, LIST_ADDRESS, *address, deadline).await;
        let mut talk = Talk::new(dialled.map_err(|error| error.to_string())?, deadline);
        talk.reply().await?;
        talk.ask("EHLO mx.lists.test").await?;
        talk.ask("STARTTLS").await?;
        talk.start_tls(host).await?;
        talk.ask("EHLO mx.lists.test").await?;
        let reply = talk.ask(line).await?;
        drop(talk.ask("QUIT").await);
        Ok(reply)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a command names this copy, and its subscriber.
fn is_about(line: &str, copy: &Copy) -> bool {
    line.contains(&format!("ID={} ", copy.id)) && line.contains(&format!("TO:<{}>", copy.to))
}

impl Life {
    /// People decide about the list before it writes: by its List-Id, or not at all.
    pub(crate) fn subscribe(&mut self) {
        for person in 0..self.book.people.len() {
            let entry = *self.chance.pick(&[Some(EntryList::Allow), Some(EntryList::Block), None, None]).unwrap_or(&None);
            let Some(user) = self.book.people.get(person).map(|person| person.user.clone()) else { continue };
            if let Some(list) = entry
                && user.try_enter(list, Who::List(LIST_ID.to_owned())).is_ok()
            {
                self.book.list_entries.insert(person, list);
            }
        }
    }

    /// The list has something to say to everybody.
    pub(crate) fn issue(&mut self) {
        let Some(list) = self.list.clone() else { return };
        let mut state = list.state();
        let issue = state.issues;
        state.issues += 1;
        let lines = state.chance.index(2_000);
        let now = self.sim.now();
        let expires = now + self.retention();
        let mut notices = vec![];
        for (person, to) in self.book.people.iter().enumerate() {
            let Some(domain) = DOMAINS.get(to.server) else { continue };
            let server = self.sim.0.with_server(&self.sim.0.domain(domain), |server| (server.address, server.hostname.to_string()));
            let content = format!(
                "From: <{LIST_SENDER}>\r\nTo: <{LIST_SENDER}>\r\nList-Id: <{LIST_ID}>\r\nSubject: l{issue}\r\n\r\n{}",
                "News.\r\n".repeat(lines)
            );
            let id = utter::id(&mut state.chance);
            let line = format!(
                "NOTICE FROM:<{LIST_SENDER}> TO:<{}> ID={id} SIZE={} DATE={} EXPIRES={} KIND=list LIST={LIST_ID}",
                to.address,
                content.len(),
                now.to_stamp(),
                expires.to_stamp()
            );
            notices.push((SocketAddr::new(server.0, EXCHANGE_PORT), server.1, id.clone(), line));
            let (to, content) = (to.address.clone(), content.into_bytes());
            state.copies.push(Copy { issue, person, id, to, begun: now, content, standing: Standing::Notifying });
        }
        drop(state);
        for (address, host, id, line) in notices {
            let notify = Arc::clone(&list).notify((address, host), id, line);
            self.sim.0.executor.spawn(Owner::Host(LIST_HOST.0), Box::pin(notify));
        }
    }
}
