//! The server under test as destination of an origin that lies, stalls or breaks the grammar: nothing wrong is stored, nobody else waits.

use anyhow::{Result, ensure};

use crate::case::{Case, Need};
use crate::cases::destination::is_stored;
use crate::crypto::digest;
use crate::lab::Lab;
use crate::message::with_fields;
use crate::offered::Offered;
use crate::peer::{Peer, Seen, Serving};

pub(crate) const CASES: &[Case] = &[
    Case::hostile("origin-wrong-digest", "3 RETRIEVE", "Octets that do not have the digest announced are never stored", wrong_digest),
    Case::hostile("origin-cuts-short", "3 RETRIEVE", "Fewer octets than announced are never stored", cuts_short),
    Case::hostile(
        "origin-claims-size",
        "3 RETRIEVE",
        "A size far beyond all limits is never read to its end, and never stored",
        claims_size,
    ),
    Case::hostile("origin-other-author", "3", "A From that is not the notice's FROM: DECLINE 5.7.1", other_author),
    Case::hostile("origin-two-authors", "3", "Two mailboxes in From: DECLINE", two_authors),
    Case::hostile("origin-two-from-fields", "3", "Two From fields: DECLINE", two_from_fields),
    Case::hostile("origin-no-author", "3", "No From at all: DECLINE", no_author),
    Case::hostile("origin-long-reply-line", "3", "A reply line of more than 512 octets is not believed", long_reply_line),
    Case::hostile("origin-garbage-reply", "3", "A reply that is none is not believed", garbage_reply),
    Case::hostile("origin-bare-lf-reply", "3", "A reply that ends in LF alone is not believed", bare_lf_reply),
    Case::hostile("origin-reply-without-digest", "3 RETRIEVE", "A reply without DIGEST is not believed", reply_without_digest),
    Case::hostile("origin-says-more", "3 RETRIEVE", "Octets behind the announced ones are no content", says_more).needing(&[Need::Command]),
    Case::hostile("origin-stalls", "3", "An origin that says nothing holds nobody else up", stalls),
    Case::hostile(
        "origin-refuses-own-notice",
        "4 Arrival",
        "550 to RETRIEVE of what was noticed: never stored, never declined",
        refuses_own_notice,
    ),
    Case::hostile(
        "origin-forged-certificate",
        "3",
        "A certificate nobody vouches for: nothing is retrieved, nothing declined",
        forged_certificate,
    ),
    Case::hostile(
        "peer-flood-of-notices",
        "10",
        "Notices from addresses nobody published bring no connection to the domain they name",
        flood_of_notices,
    ),
    Case::honest(
        "grammar-of-their-commands",
        "3",
        "All that the server under test said as a client in this run keeps to the grammar",
        grammar_kept,
    )
    .needing(&[Need::Everything]),
];

/// Served so, it is asked for, never stored, and the next message arrives.
fn never_stored(lab: &Lab<'_>, serving: impl Fn(&Offered<'_>) -> Serving) -> Result<()> {
    let peer = lab.hostile()?;
    let offered = peer.offer(lab.open()?)?;
    let serving = serving(&offered);
    let offered = offered.served(&[serving]);
    lab.give(&offered)?;
    lab.see_retrieve(&offered)?;
    lab.next_message_arrives(peer)?;
    lab.was_not_stored(&offered)
}

/// A reply and the content, right but for what the case does to the reply: whoever overlooks that would store it.
fn never_believed(lab: &Lab<'_>, spoil: impl Fn(String) -> String) -> Result<()> {
    never_stored(lab, |offered| {
        let octets = &offered.octets;
        let right = format!("250 2.0.0 SIZE={} DIGEST={} MAILFROM={}\r\n", octets.len(), digest(octets), offered.sender);
        let mut said = spoil(right).into_bytes();
        said.extend_from_slice(octets);
        Serving::Saying(said)
    })
}

fn wrong_digest(lab: &Lab<'_>) -> Result<()> {
    never_stored(lab, |_offered| Serving::WithWrongDigest)
}

fn cuts_short(lab: &Lab<'_>) -> Result<()> {
    never_stored(lab, |_offered| Serving::CutAfter(60))
}

fn claims_size(lab: &Lab<'_>) -> Result<()> {
    never_stored(lab, |_offered| Serving::ClaimingOctets(999_999_999_999_999_999))
}

fn long_reply_line(lab: &Lab<'_>) -> Result<()> {
    let long = format!("MAILFROM={}", "x".repeat(600));
    never_believed(lab, |reply| reply.replace("MAILFROM=", &long))?;
    let endless = format!("MAILFROM={}", "x".repeat(1_000_000));
    never_believed(lab, |reply| reply.replace("MAILFROM=", &endless))
}

fn garbage_reply(lab: &Lab<'_>) -> Result<()> {
    never_believed(lab, |reply| format!("<html>\0\r\n{reply}"))?;
    never_believed(lab, |reply| reply.replace("250 ", "250_"))?;
    never_believed(lab, |reply| reply.replace("250 ", "999 "))
}

fn bare_lf_reply(lab: &Lab<'_>) -> Result<()> {
    never_believed(lab, |reply| reply.replace("\r\n", "\n"))
}

fn reply_without_digest(lab: &Lab<'_>) -> Result<()> {
    never_believed(lab, |reply| reply.split(' ').filter(|word| !word.starts_with("DIGEST=")).collect::<Vec<_>>().join(" "))
}

/// With these fields for an author it is declined, never stored, and the next message arrives.
fn declined(lab: &Lab<'_>, fields: impl Fn(&str) -> Vec<String>) -> Result<()> {
    let (peer, account) = (lab.hostile()?, lab.open()?);
    let offered = peer.offer(account)?;
    let mut fields = fields(&offered.sender);
    fields.push(format!("To: {}", account.address));
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let octets = with_fields(&fields, &offered.subject, &peer.domain, b"Who wrote this?\r\n")?;
    let offered = offered.content(octets);
    lab.give(&offered)?;
    let seen = lab.see(&offered, "DECLINE", lab.bounds.patience, |seen| seen.iter().any(|what| matches!(what, Seen::Decline { .. })))?;
    let right = |what: &Seen| matches!(what, Seen::Decline { status, .. } if status == "5.7.1" || status.starts_with("5.6."));
    ensure!(seen.iter().any(right), "DECLINE 5.7.1, or 5.6 for what is no message, not {seen:?}");
    lab.was_not_stored(&offered)?;
    lab.next_message_arrives(peer)
}

fn other_author(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.hostile()?, lab.open()?);
    let offered = peer.offer(account)?;
    let (from, to) = (format!("From: ceo@{}", lab.target.domain), format!("To: {}", account.address));
    let octets = with_fields(&[&from, &to], &offered.subject, &peer.domain, b"Wire the money.\r\n")?;
    let offered = offered.content(octets);
    lab.give(&offered)?;
    let declined = |what: &Seen| matches!(what, Seen::Decline { status, .. } if status == "5.7.1");
    lab.see(&offered, "DECLINE 5.7.1", lab.bounds.patience, |seen| seen.iter().any(declined))?;
    lab.was_not_stored(&offered)
}

fn two_authors(lab: &Lab<'_>) -> Result<()> {
    declined(lab, |sender| vec![format!("From: {sender}, ceo@bank.test")])
}

fn two_from_fields(lab: &Lab<'_>) -> Result<()> {
    declined(lab, |sender| vec![format!("From: {sender}"), "From: ceo@bank.test".to_owned()])
}

fn no_author(lab: &Lab<'_>) -> Result<()> {
    declined(lab, |sender| vec![format!("Sender: {sender}")])
}

fn says_more(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.hostile()?;
    // An honest server would say nothing; this one answers a CONFIRM that is yet to come.
    let offered = peer.offer(lab.open()?)?.served(&[Serving::Adding(b"250 2.0.0 done\r\nX-Smuggled: yes\r\n"), Serving::Honestly]);
    lab.give(&offered)?;
    lab.see_retrieve(&offered)?;
    lab.next_message_arrives(peer)?;
    if lab.mail(&offered.subject)?.is_some() {
        is_stored(lab, &offered)?;
    } else {
        lab.trace.note("it was not stored, which is as good");
    }
    Ok(())
}

fn stalls(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.hostile()?;
    let offered = peer.offer(lab.open()?)?.served(&[Serving::NotAtAll]);
    lab.give(&offered)?;
    lab.see_retrieve(&offered)?;
    lab.next_message_arrives(lab.honest()?)?;
    lab.next_message_arrives(peer)?;
    lab.was_not_stored(&offered)
}

fn refuses_own_notice(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.hostile()?;
    let offered = peer.offer(lab.open()?)?.served(&[Serving::Refusing("550 5.7.1 not for you")]);
    lab.give(&offered)?;
    lab.see_retrieve(&offered)?;
    lab.next_message_arrives(peer)?;
    let seen = peer.seen(&offered.notice.id);
    ensure!(!seen.iter().any(|what| matches!(what, Seen::Decline { .. })), "declined: {seen:?}");
    lab.was_not_stored(&offered)
}

fn forged_certificate(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.forger()?;
    let before = peer.collecting_connections();
    let offered = peer.offer(lab.open()?)?;
    lab.give(&offered)?;
    ensure!(peer.wait_collecting_connections(before, lab.bounds.patience), "nobody came to retrieve");
    let seen = peer.wait_seen(&offered.notice.id, lab.bounds.quiet, |seen| !seen.is_empty());
    ensure!(seen.is_none(), "over a connection to somebody unknown: {seen:?}");
    lab.was_not_stored(&offered)
}

fn flood_of_notices(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.open()?);
    let before = peer.collecting_connections();
    let mut session = lab.exchange_as_stranger("mx.flood.test")?;
    for _ in 0..50 {
        session.ask_one_of(&peer.notice(account)?.line(), &["550 5.7.1", "450 4.7.28"])?;
    }
    session.quit()?;
    ensure!(!peer.wait_collecting_connections(before, lab.bounds.quiet), "the server under test dialled the domain that was named");
    Ok(())
}

fn grammar_kept(lab: &Lab<'_>) -> Result<()> {
    let violations: Vec<String> = lab.domains().iter().flat_map(Peer::violations).collect();
    ensure!(violations.is_empty(), "{}", violations.join("; "));
    Ok(())
}
