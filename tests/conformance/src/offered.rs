//! Messages of our own domains: kept by us, noticed to the server under test, and served as the case wants.

use anyhow::{Result, ensure};

use crate::crypto::fresh_word;
use crate::lab::Lab;
use crate::message::message;
use crate::notice::Notice;
use crate::peer::{Peer, Serving};
use crate::target::Account;

/// A message that we keep for a recipient of the server under test.
pub(crate) struct Offered<'a> {
    pub(crate) peer: &'a Peer,
    pub(crate) notice: Notice,
    pub(crate) sender: String,
    pub(crate) subject: String,
    pub(crate) octets: Vec<u8>,
    pub(crate) servings: Vec<Serving>,
    pub(crate) confirmations: Vec<&'static str>,
}

impl Peer {
    /// A notice by nobody the server under test has heard of, of a message that is not there.
    pub(crate) fn notice(&self, to: &Account) -> Result<Notice> {
        Notice::fresh(&self.fresh_address()?, &to.address)
    }

    /// A message, as honest as can be unless the case says otherwise.
    pub(crate) fn offer(&self, to: &Account) -> Result<Offered<'_>> {
        let sender = self.fresh_address()?;
        let subject = format!("conformance {}", fresh_word()?);
        let octets = message(&sender, &to.address, &subject, b"Kept at its origin until it is collected.\r\n")?;
        let notice = Notice::fresh(&sender, &to.address)?.but("SIZE", &octets.len().to_string());
        Ok(Offered {
            peer: self,
            notice,
            sender,
            subject,
            octets,
            servings: vec![Serving::Honestly],
            confirmations: vec!["250 2.0.0 done"],
        })
    }
}

impl Offered<'_> {
    /// Fails if the message is asked for.
    pub(crate) fn is_not_fetched(&self, lab: &Lab<'_>) -> Result<()> {
        let seen = self.peer.wait_seen(&self.notice.id, lab.bounds.quiet, |seen| !seen.is_empty());
        ensure!(seen.is_none(), "without consent: {seen:?}");
        Ok(())
    }

    /// With these octets, and the size noticed accordingly.
    pub(crate) fn content(mut self, octets: Vec<u8>) -> Self {
        self.notice = self.notice.but("SIZE", &octets.len().to_string());
        self.octets = octets;
        self
    }

    /// Served so, one for each RETRIEVE; the last one repeats.
    pub(crate) fn served(mut self, servings: &[Serving]) -> Self {
        self.servings = servings.to_vec();
        self
    }

    /// CONFIRM answered so, one for each; the last one repeats.
    pub(crate) fn confirmed_by(mut self, replies: &[&'static str]) -> Self {
        self.confirmations = replies.to_vec();
        self
    }
}
