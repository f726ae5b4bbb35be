//! We as another domain: what its servers shall do, and what they saw. The sessions themselves are in `serve`.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::certificates::{PeerFile, forged};
use crate::crypto::{fresh_word, read_file, server_config};
use crate::grammar;
use crate::serve::{Port, Services, attend};
use crate::trace::Trace;

/// How our retrieval service answers one RETRIEVE.
#[derive(Debug, Clone)]
pub(crate) enum Serving {
    Honestly,
    /// After this time, for a peer that can wait.
    After(Duration),
    /// With the digest of something else.
    WithWrongDigest,
    /// Only so many octets, then the connection is cut.
    CutAfter(usize),
    /// Says that there are so many octets.
    ClaimingOctets(u64),
    /// Refuses with this reply.
    Refusing(&'static str),
    /// Says this instead, and hangs up.
    Saying(Vec<u8>),
    /// Says this after the content.
    Adding(&'static [u8]),
    /// Says nothing until the other side hangs up.
    NotAtAll,
}

/// How our exchange port answers one NOTICE.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Saying(&'static str),
    /// Only once the case has called [`Peer::release`].
    Held,
}

/// What the server under test did with a message we keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Retrieve { offset: u64 },
    Confirm,
    Decline { status: String, text: String },
}

/// A message that we keep for a recipient of the server under test.
pub(crate) struct Offer {
    pub(crate) trace: Trace,
    pub(crate) to: String,
    pub(crate) octets: Vec<u8>,
    pub(crate) mail_from: String,
    /// One for each RETRIEVE; the last one repeats.
    pub(crate) servings: VecDeque<Serving>,
    /// One for each CONFIRM; the last one repeats.
    pub(crate) confirmations: VecDeque<&'static str>,
    pub(crate) seen: Vec<Seen>,
    /// The case is over: 554 from now on.
    pub(crate) withdrawn: bool,
}

/// A mailbox of ours that the server under test shall give notices for.
pub(crate) struct Mailbox {
    pub(crate) trace: Trace,
    /// One for each NOTICE; the last one repeats.
    pub(crate) answers: VecDeque<Answer>,
    pub(crate) lines: Vec<String>,
    pub(crate) released: bool,
    pub(crate) pushed: Vec<Pushed>,
}

/// All that our servers of one domain share.
#[derive(Default)]
pub(crate) struct Pages {
    pub(crate) offers: BTreeMap<String, Offer>,
    pub(crate) mailboxes: BTreeMap<String, Mailbox>,
    /// Commands of the server under test that break the grammar.
    pub(crate) violations: Vec<String>,
    /// MAIL commands: somebody tried to push.
    pub(crate) pushes: usize,
    /// Sessions of the exchange port that reached EHLO under TLS.
    pub(crate) secured_ehlos: usize,
    /// The exchange port does not offer the extension at present.
    pub(crate) keyword_stripped: bool,
    /// Nor at any time; and it takes what is pushed.
    pub(crate) takes_mail: bool,
    pub(crate) collecting: usize,
    pub(crate) collecting_now: usize,
    pub(crate) collecting_at_once_max: usize,
}

/// The pages, and word of every change.
#[derive(Default)]
pub(crate) struct Book {
    pages: Mutex<Pages>,
    changed: Condvar,
}

impl Book {
    pub(crate) fn read(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> T {
        let result = change(&mut self.read());
        self.changed.notify_all();
        result
    }

    /// Waits until `found` finds something, at most for this time.
    pub(crate) fn wait<T>(&self, within: Duration, found: impl Fn(&Pages) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        let mut pages = self.read();
        loop {
            if let Some(result) = found(&pages) {
                return Some(result);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            pages = self.changed.wait_timeout(pages, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What a domain shows for a certificate at its retrieval service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    Vouched,
    Forged,
}

/// What a domain's servers have heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Extension,
    OrdinaryMail,
}

/// A message that the server under test pushed to a mailbox of ours.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    /// The MAIL command.
    pub(crate) mail: String,
    pub(crate) octets: Vec<u8>,
}

/// One domain of ours, its servers running.
pub(crate) struct Peer {
    pub(crate) domain: String,
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    book: Arc<Book>,
}

impl Peer {
    /// Listens on the peer's address; the files are looked for in `directory`.
    pub(crate) fn start(file: &PeerFile, directory: &Path, certificate: Certificate, speaks: Speaks) -> Result<Self> {
        let vouched = server_config(&read_file(&directory.join(&file.cert))?, &read_file(&directory.join(&file.key))?)?;
        let at_retrieval = match certificate {
            Certificate::Vouched => Arc::clone(&vouched),
            Certificate::Forged => {
                let (cert, key) = forged(&file.host)?;
                server_config(cert.as_bytes(), key.as_bytes())?
            }
        };
        let book = Arc::new(Book::default());
        book.write(|pages| pages.takes_mail = speaks == Speaks::OrdinaryMail);
        let services =
            Arc::new(Services { host: file.host.clone(), exchange_tls: vouched, retrieval_tls: at_retrieval, book: Arc::clone(&book) });
        for (port, number) in [(Port::Exchange, file.exchange_port), (Port::Retrieval, file.retrieval_port)] {
            let listener = TcpListener::bind((file.address, number))
                .with_context(|| format!("{} listens on {}:{number}; is another run under way?", file.domain, file.address))?;
            let services = Arc::clone(&services);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let services = Arc::clone(&services);
                    thread::spawn(move || attend(&services, stream, port));
                }
            });
        }
        Ok(Self { domain: file.domain.clone(), host: file.host.clone(), address: file.address, book })
    }

    /// An address here that was never used.
    pub(crate) fn fresh_address(&self) -> Result<String> {
        Ok(format!("w{}@{}", fresh_word()?, self.domain))
    }

    /// Keeps a message under this id from now on.
    pub(crate) fn keep(&self, id: &str, offer: Offer) {
        self.book.write(|pages| pages.offers.insert(id.to_owned(), offer));
    }

    /// Ends a case: what it kept is answered 554, so that the server under test stops asking.
    pub(crate) fn withdraw(&self, id: &str) {
        self.book.write(|pages| pages.offers.get_mut(id).map(|offer| offer.withdrawn = true));
    }

    /// All that was done with a message so far.
    pub(crate) fn seen(&self, id: &str) -> Vec<Seen> {
        self.book.read().offers.get(id).map(|offer| offer.seen.clone()).unwrap_or_default()
    }

    /// Waits until the history of a message satisfies `enough`.
    pub(crate) fn wait_seen(&self, id: &str, within: Duration, enough: impl Fn(&[Seen]) -> bool) -> Option<Vec<Seen>> {
        self.book.wait(within, |pages| pages.offers.get(id).map(|offer| offer.seen.clone()).filter(|seen| enough(seen)))
    }

    /// Opens a mailbox whose notices are answered so.
    pub(crate) fn open_mailbox(&self, address: &str, trace: &Trace, answers: &[Answer]) {
        let answers = answers.iter().copied().collect();
        let mailbox = Mailbox { trace: trace.clone(), answers, lines: Vec::new(), released: false, pushed: Vec::new() };
        self.book.write(|pages| pages.mailboxes.insert(address.to_owned(), mailbox));
    }

    /// Waits for the `count`th notice to a mailbox, and reads it.
    pub(crate) fn wait_notice(&self, address: &str, count: usize, within: Duration) -> Option<Result<grammar::Noticed, String>> {
        let line = self.book.wait(within, |pages| pages.mailboxes.get(address)?.lines.get(count.checked_sub(1)?).cloned())?;
        Some(grammar::notice(&line))
    }

    /// Waits for the first message that is pushed to a mailbox.
    pub(crate) fn wait_pushed(&self, address: &str, within: Duration) -> Option<Pushed> {
        self.book.wait(within, |pages| pages.mailboxes.get(address)?.pushed.first().cloned())
    }

    /// How many notices a mailbox had so far.
    pub(crate) fn notices(&self, address: &str) -> usize {
        self.book.read().mailboxes.get(address).map_or(0, |mailbox| mailbox.lines.len())
    }

    /// Lets a held answer go.
    pub(crate) fn release(&self, address: &str) {
        self.book.write(|pages| pages.mailboxes.get_mut(address).map(|mailbox| mailbox.released = true));
    }

    /// Stops or starts offering the extension at the exchange port.
    pub(crate) fn strip_keyword(&self, stripped: bool) {
        self.book.write(|pages| pages.keyword_stripped = stripped);
    }

    /// Sessions of the exchange port so far that asked under TLS what is offered.
    pub(crate) fn secured_ehlos(&self) -> usize {
        self.book.read().secured_ehlos
    }

    /// Waits for more of those sessions.
    pub(crate) fn wait_secured_ehlos(&self, more_than: usize, within: Duration) -> bool {
        self.book.wait(within, |pages| (pages.secured_ehlos > more_than).then_some(())).is_some()
    }

    /// Connections to the retrieval service so far.
    pub(crate) fn collecting_connections(&self) -> usize {
        self.book.read().collecting
    }

    /// Waits for more of them.
    pub(crate) fn wait_collecting_connections(&self, more_than: usize, within: Duration) -> bool {
        self.book.wait(within, |pages| (pages.collecting > more_than).then_some(())).is_some()
    }

    /// The most connections to the retrieval service at one time.
    pub(crate) fn collecting_at_once_max(&self) -> usize {
        self.book.read().collecting_at_once_max
    }

    /// MAIL commands so far.
    pub(crate) fn pushes(&self) -> usize {
        self.book.read().pushes
    }

    /// Waits for more of them.
    pub(crate) fn wait_pushes(&self, more_than: usize, within: Duration) -> bool {
        self.book.wait(within, |pages| (pages.pushes > more_than).then_some(())).is_some()
    }

    /// Commands of the server under test that broke the grammar.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.book.read().violations.clone()
    }
}
