//! A peer that misbehaves in every way it can: its names are in order, and nothing that it says need be.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use delivery::dns::Name;
use sha2::{Digest as _, Sha256};

use super::cast::{DOMAINS, HOSTILE};
use super::life::Life;
use super::trouble::HOSTILE_ADDRESS;
use super::utter::{self, Offer, Then};
use crate::Sim;
use crate::chance::Chance;
use crate::client::Talk;
use crate::executor::Owner;
use crate::host::EXCHANGE_PORT;
use crate::network::{Host, Network, Program};
use server::world::{Boxed, Wire};

/// Its computer.
pub(crate) const HOSTILE_HOST: Host = Host(2_000);

const RETRIEVAL_PORT: u16 = 2626;
/// How long it listens to anybody.
const PATIENCE: Duration = Duration::from_mins(3);
/// What it says in one session.
const LINES_MAX: u64 = 30;

/// The peer.
pub(crate) struct Hostile {
    network: Arc<Network>,
    state: Mutex<State>,
}

struct State {
    chance: Chance,
    is_gone: bool,
    offers: Vec<Offer>,
    /// Ids that it was told.
    told: Vec<String>,
}

/// One of its ports.
struct Door {
    hostile: Arc<Hostile>,
    is_tls_from_the_start: bool,
}

impl Program for Door {
    fn serve(self: Arc<Self>, wire: Box<dyn Wire>) -> Boxed<'static, ()> {
        Box::pin(async move {
            let deadline = self.hostile.network.executor.now() + PATIENCE;
            let mut talk = Talk::new(wire, deadline);
            if self.is_tls_from_the_start && talk.wire.start_tls_as_server(deadline).await.is_err() {
                return;
            }
            // However it ends, nobody minds.
            drop(self.hostile.listen(&mut talk).await);
        })
    }
}

impl Hostile {
    /// Makes it, and publishes what an honest domain would.
    pub(crate) fn settle(sim: &Sim, chance: Chance) -> Arc<Self> {
        let network = Arc::clone(&sim.0.network);
        let state = State { chance, is_gone: false, offers: vec![], told: vec![] };
        let hostile = Arc::new(Self { network: Arc::clone(&network), state: Mutex::new(state) });
        let host = format!("mx.{HOSTILE}");
        if let (Some(domain), Some(name)) = (Name::new(HOSTILE), Name::new(&host)) {
            sim.0.dns.add_mail_domain(&domain, &name, HOSTILE_ADDRESS, RETRIEVAL_PORT);
        }
        network.certify(HOSTILE_HOST, [host]);
        for (port, is_tls_from_the_start) in [(EXCHANGE_PORT, false), (RETRIEVAL_PORT, true)] {
            let door = Door { hostile: Arc::clone(&hostile), is_tls_from_the_start };
            network.listen_program(SocketAddr::new(HOSTILE_ADDRESS, port), HOSTILE_HOST, Arc::new(door));
        }
        hostile
    }

    /// From now on it hangs up on everybody, and on those it talks to now.
    pub(crate) fn leave(&self) {
        self.state().is_gone = true;
        self.network.executor.kill(Owner::Host(HOSTILE_HOST.0));
    }

    /// The messages that it offered.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        self.state().offers.clone()
    }

    /// Dials a server, and says all sorts of things: notices of its own among them, and ids that it was told or overheard.
    pub(crate) fn call(self: Arc<Self>, life: &mut Life) {
        let person = life.chance.index(life.book.people.len());
        let Some((to, server)) = life.book.people.get(person).map(|to| (to.address.clone(), to.server)) else { return };
        // Sometimes a server that knows nobody of that name.
        let server = if life.chance.once_in(8) { 0 } else { server };
        let Some(domain) = DOMAINS.get(server) else { return };
        let address = life.sim.0.with_server(&life.sim.0.domain(domain), |server| (server.address, server.hostname.to_string()));
        let overheard = super::forger::overheard(&life.sim);
        let mut chance = life.chance.fork();
        let own = if chance.once_in(2) { to.clone() } else { format!("h{}@{HOSTILE}", chance.below(3)) };
        life.sim.strike("hostile session");
        let task = async move {
            drop(self.talk_to(address, &to, &own, overheard, &mut chance).await);
        };
        life.sim.0.executor.spawn(Owner::Host(HOSTILE_HOST.0), Box::pin(task));
    }

    async fn talk_to(
        &self,
        (address, host): (std::net::IpAddr, String),
        to: &str,
        own: &str,
        mut ids: Vec<String>,
        chance: &mut Chance,
    ) -> Result<(), String> {
        let deadline = self.network.executor.now() + PATIENCE;
        let (port, is_tls) = if chance.once_in(4) { (RETRIEVAL_PORT, true) } else { (EXCHANGE_PORT, false) };
        let dialled = self.network.dial(HOSTILE_HOST, HOSTILE_ADDRESS, SocketAddr::new(address, port), deadline).await;
        let mut talk = Talk::new(dialled.map_err(|error| error.to_string())?, deadline);
        if is_tls {
            talk.start_tls(&host).await?;
        }
        talk.reply().await?;
        talk.ask("EHLO mx.hostile.test").await?;
        if !is_tls && !chance.once_in(6) && talk.ask("STARTTLS").await?.starts_with('2') {
            talk.start_tls(&host).await?;
            talk.ask("EHLO mx.hostile.test").await?;
        }
        ids.extend(self.state().told.iter().cloned());
        for _ in 0..chance.below(LINES_MAX) {
            let line = if chance.once_in(2) {
                let offer = self.offer(to);
                utter::notice(chance, self.network.executor.now(), &offer)
            } else {
                utter::command(chance, &ids, own, &format!("h@{HOSTILE}"))
            };
            let ended = if chance.once_in(20) { format!("{line}\n") } else { format!("{line}\r\n") };
            talk.write(ended.as_bytes()).await?;
            match chance.below(10) {
                0 => self.pause(chance.below(5)).await,
                // The replies to a whole batch are read later, or never.
                1..=3 => {}
                4 if chance.once_in(4) => return Ok(()),
                _ => drop(talk.reply().await?),
            }
        }
        Ok(())
    }

    /// A message that it may offer: its own, or one that claims to be somebody else's.
    fn offer(&self, to: &str) -> Offer {
        let mut state = self.state();
        let number = state.offers.len();
        let from = format!("h{}@{HOSTILE}", state.chance.below(40));
        let author = if state.chance.once_in(5) { "p0@a.test".to_owned() } else { from.clone() };
        let second = if state.chance.once_in(12) { "From: <p0@b.test>\r\n" } else { "" };
        let lines = state.chance.index(400);
        let content = format!("From: <{author}>\r\n{second}To: <{to}>\r\nSubject: h{number}\r\n\r\n{}", "Buy!\r\n".repeat(lines));
        let content = if state.chance.once_in(10) { vec![0xff; 40] } else { content.into_bytes() };
        let offer = Offer { id: utter::id(&mut state.chance), from, to: to.to_owned(), content };
        state.offers.push(offer.clone());
        offer
    }

    /// Answers whoever dialled.
    async fn listen(&self, talk: &mut Talk) -> Result<(), String> {
        if self.state().is_gone {
            return Ok(());
        }
        self.answer(talk, "220 mx.hostile.test").await?;
        loop {
            let line = talk.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    let proper = utter::capabilities(&mut self.state().chance);
                    self.answer(talk, &proper).await?;
                }
                "STARTTLS" => {
                    talk.write(b"220 go on\r\n").await?;
                    if self.state().chance.once_in(10) {
                        talk.write(b"250 smuggled\r\n").await?;
                    }
                    let deadline = self.network.executor.now() + PATIENCE;
                    talk.wire.start_tls_as_server(deadline).await.map_err(|error| error.to_string())?;
                }
                "NOTICE" => {
                    let id = line.split("ID=").nth(1).and_then(|rest| rest.split(' ').next());
                    let known = id.map(str::to_owned);
                    self.state().told.extend(known);
                    self.answer(talk, "250 2.0.0 ok").await?;
                }
                "RETRIEVE" => self.serve(talk, &line).await?,
                "DATA" => self.answer(talk, "354 go on").await?,
                "QUIT" => return self.answer(talk, "221 2.0.0 bye").await,
                _ => self.answer(talk, "250 2.0.0 ok").await?,
            }
        }
    }

    /// Serves what it offered, or something else under its name.
    async fn serve(&self, talk: &mut Talk, line: &str) -> Result<(), String> {
        let id = line.split("ID=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let offset = line.split("OFFSET=").nth(1).and_then(|rest| rest.trim().parse::<usize>().ok()).unwrap_or(0);
        let found = self.state().offers.iter().find(|offer| offer.id == id).cloned();
        let Some(offer) = found else { return self.answer(talk, "550 5.7.1 no").await };
        let choice = self.state().chance.below(12);
        let mut content = offer.content.get(offset..).unwrap_or_default().to_vec();
        let mut size = offer.content.len();
        let mut digest = Sha256::digest(&offer.content).to_vec();
        match choice {
            0 => size = size.saturating_add(1),
            1 => digest.reverse(),
            2 => content.truncate(content.len() / 2),
            3 => content.extend_from_slice(b"250 2.0.0 ok\r\n"),
            4 => size = usize::MAX / 4,
            5 => return self.answer(talk, "554 5.4.7 gone").await,
            6 => return self.answer(talk, "450 4.3.0 later").await,
            _ => {}
        }
        let reverse_path = if choice == 7 { "x+00y" } else { "h@hostile.test" };
        let announced = format!("250 2.0.0 SIZE={size} DIGEST=sha-256:{} MAILFROM={reverse_path}\r\n", BASE64URL_NOPAD.encode(&digest));
        talk.write(announced.as_bytes()).await?;
        talk.write(&content).await?;
        if choice == 2 { Err("that is all".to_owned()) } else { Ok(()) }
    }

    async fn answer(&self, talk: &mut Talk, proper: &str) -> Result<(), String> {
        let (octets, then) = utter::reply(&mut self.state().chance, proper);
        talk.write(&octets).await?;
        match then {
            Then::GoOn => Ok(()),
            Then::HangUp => Err("hung up".to_owned()),
            Then::Stall(seconds) => {
                self.pause(seconds).await;
                Ok(())
            }
        }
    }

    async fn pause(&self, seconds: u64) {
        self.network.executor.sleep_until(self.network.executor.now() + Duration::from_secs(seconds)).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
