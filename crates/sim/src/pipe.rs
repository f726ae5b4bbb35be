//! What is under way on one connection: octets with the time they arrive, and how the connection ends.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use mail::time::Timestamp;
use server::world::WireError;

use crate::chance::Chance;
use crate::faults::{Listener, Way};
use crate::network::{DELAY_MILLIS_MAX, Host, Weather};

/// Octets a connection holds that nobody has read; beyond it the writer waits.
const WINDOW_OCTETS: usize = 64 * 1024;

/// Both ways of one connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Who dialled, and who was dialled.
    pub(crate) hosts: [Host; 2],
    /// When it began.
    pub(crate) since: Timestamp,
    /// Whether faults listen.
    pub(crate) between_servers: bool,
    pub(crate) listener: Listener,
    /// Where bad weather breaks it.
    pub(crate) breaks: Option<Break>,
    /// Ends that somebody holds.
    pub(crate) open_ends: u8,
    /// Whether who dialled holds its end.
    pub(crate) is_dialler_there: bool,
    /// What its delays are drawn from.
    pub(crate) delays: Chance,
    to_server: Pipe,
    to_client: Pipe,
}

/// An octet at which a connection breaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Break {
    pub(crate) way: Way,
    pub(crate) after: usize,
}

/// One way.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    under_way: VecDeque<(Timestamp, Parcel)>,
    unread_octets: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Nobody will read what is written.
    pub(crate) is_deaf: bool,
}

/// What travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parcel {
    Octets(Vec<u8>),
    /// One half of the handshake that stands for TLS: the name the client asks for.
    Hello(Option<String>),
    End,
    Broken,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Parcel(Parcel),
    /// Something, but not before then.
    NotBefore(Timestamp),
    Nothing,
}

impl Break {
    /// Most often early, where the commands and replies are.
    pub(crate) fn somewhere(chance: &mut Chance) -> Self {
        let way = if chance.once_in(2) { Way::ToServer } else { Way::ToClient };
        let reach = if chance.once_in(4) { 20_000 } else { 1_200 };
        Self { way, after: chance.index(reach) }
    }
}

impl Connection {
    pub(crate) fn new(hosts: [Host; 2], since: Timestamp, between_servers: bool, breaks: Option<Break>, delays: Chance) -> Self {
        let (listener, to_server, to_client) = Default::default();
        Self { hosts, since, between_servers, listener, breaks, open_ends: 2, is_dialler_there: true, delays, to_server, to_client }
    }

    /// How long its next packet takes.
    pub(crate) fn delay(&mut self, weather: Weather) -> Duration {
        let late = if self.delays.once_in(4) { self.delays.below(weather.late_millis_max) } else { 0 };
        Duration::from_millis(1 + self.delays.below(DELAY_MILLIS_MAX) + late)
    }

    /// Where octets going this way are written to.
    pub(crate) fn pipe(&mut self, way: Way) -> &mut Pipe {
        match way {
            Way::ToServer => &mut self.to_server,
            Way::ToClient => &mut self.to_client,
        }
    }

    /// Breaks both ways: what is under way still arrives.
    pub(crate) fn cut(&mut self, now: Timestamp) -> Vec<Waker> {
        let mut wakers = self.wakers();
        for way in [Way::ToServer, Way::ToClient] {
            let pipe = self.pipe(way);
            wakers.extend(pipe.push(now, Parcel::Broken));
            pipe.is_deaf = true;
        }
        wakers
    }

    /// All who wait on this connection.
    pub(crate) fn wakers(&mut self) -> Vec<Waker> {
        let pipes = [&mut self.to_server, &mut self.to_client];
        pipes.into_iter().flat_map(|pipe| pipe.reader.take().into_iter().chain(pipe.writer.take())).collect()
    }
}

impl Pipe {
    /// Puts something behind what is under way; it arrives no earlier.
    #[must_use = "the reader waits for it"]
    pub(crate) fn push(&mut self, arrives: Timestamp, parcel: Parcel) -> Option<Waker> {
        if let Parcel::Octets(octets) = &parcel {
            self.unread_octets += octets.len();
        }
        let arrives = self.under_way.back().map_or(arrives, |(last, _)| arrives.max(*last));
        self.under_way.push_back((arrives, parcel));
        self.reader.take()
    }

    /// Whether a writer has to wait, and is woken when it need not.
    pub(crate) fn is_full(&mut self, waker: &Waker) -> bool {
        let is_full = self.unread_octets >= WINDOW_OCTETS;
        if is_full {
            self.writer = Some(waker.clone());
        }
        is_full
    }

    /// What has arrived, up to so many octets of it. An end stays an end.
    pub(crate) fn take(&mut self, now: Timestamp, octets_max: usize, waker: &Waker) -> (Found, Option<Waker>) {
        let found = match self.under_way.front_mut() {
            None => Found::Nothing,
            Some((arrives, _)) if now < *arrives => Found::NotBefore(*arrives),
            Some((_, Parcel::Octets(octets))) if octets_max < octets.len() => {
                let rest = octets.split_off(octets_max);
                Found::Parcel(Parcel::Octets(std::mem::replace(octets, rest)))
            }
            Some((_, end @ (Parcel::End | Parcel::Broken))) => Found::Parcel(end.clone()),
            Some(_) => self.under_way.pop_front().map_or(Found::Nothing, |(_, parcel)| Found::Parcel(parcel)),
        };
        match &found {
            Found::Parcel(Parcel::Octets(octets)) => {
                self.unread_octets = self.unread_octets.saturating_sub(octets.len());
                (found, self.writer.take())
            }
            Found::Parcel(_) => (found, None),
            Found::NotBefore(_) | Found::Nothing => {
                self.reader = Some(waker.clone());
                (found, None)
            }
        }
    }
}

/// What the end of a connection that broke looks like.
pub(crate) fn lost() -> WireError {
    WireError::Lost("the connection broke".to_owned())
}
