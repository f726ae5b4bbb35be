//! The server under test as destination of an honest origin: it fetches, keeps every octet, and confirms.

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Need};
use crate::crypto::fresh_word;
use crate::lab::Lab;
use crate::message::{long_body, with_fields};
use crate::offered::Offered;
use crate::peer::{Seen, Serving};

pub(crate) const CASES: &[Case] = &[
    Case::honest(
        "destination-fetches-and-confirms",
        "4 Arrival",
        "What an open mailbox is noticed of is retrieved and confirmed",
        fetches_and_confirms,
    ),
    Case::honest("destination-fetches-once", "3 NOTICE", "A repeat of the notice after that brings no second retrieval", fetches_once),
    Case::honest("destination-id-case", "3", "Two ids that differ only in case are two messages", id_case),
    Case::honest("destination-gone", "4 Arrival", "After 554 it asks no more", gone).needing(&[Need::RetrieveAgain]),
    Case::honest("destination-four-connections", "4", "At most four connections at a time to one peer", four_connections),
    Case::honest(
        "destination-octet-for-octet",
        "3 RETRIEVE",
        "Eight bits, dots and odd line ends are stored octet for octet",
        octet_for_octet,
    )
    .needing(&[Need::Command]),
    Case::honest("destination-lone-lf", "3 RETRIEVE", "A binary message with lone LF and NUL is stored octet for octet", lone_lf)
        .needing(&[Need::Command]),
    Case::honest("destination-empty-body", "3 RETRIEVE", "A message without a body is stored as it is", empty_body)
        .needing(&[Need::Command]),
    Case::honest("destination-large", "3 RETRIEVE", "Five million octets are stored octet for octet", large).needing(&[Need::Command]),
    Case::honest("destination-prepends", "3 RETRIEVE", "Return-Path and Received are prepended, and nothing else is changed", prepends)
        .needing(&[Need::Command]),
    Case::honest("destination-confirms-again", "4 Arrival", "CONFIRM answered 4xx is repeated, and not the retrieval", confirms_again)
        .needing(&[Need::RetrieveAgain]),
    Case::honest(
        "destination-resumes",
        "3 RETRIEVE",
        "After a cut connection it goes on with OFFSET where it stopped, or from the start",
        resumes,
    )
    .needing(&[Need::RetrieveAgain]),
];

fn fetches_and_confirms(lab: &Lab<'_>) -> Result<()> {
    let offered = lab.honest()?.offer(lab.open()?)?;
    lab.give(&offered)?;
    let seen = lab.see_confirmed(&offered)?;
    ensure!(seen == [Seen::Retrieve { offset: 0 }, Seen::Confirm], "one RETRIEVE and one CONFIRM, not {seen:?}");
    Ok(())
}

fn fetches_once(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let offered = peer.offer(lab.open()?)?;
    lab.give(&offered)?;
    let seen = lab.see_confirmed(&offered)?;
    let mut session = lab.exchange(peer)?;
    session.ask(&offered.notice.line(), "250 2.0.0")?;
    session.quit()?;
    // To confirm again is right: the origin may have missed it.
    let retrieves = |seen: &[Seen]| seen.iter().filter(|what| matches!(what, Seen::Retrieve { .. })).count();
    let more = peer.wait_seen(&offered.notice.id, lab.bounds.quiet, |now| retrieves(now) > retrieves(&seen));
    ensure!(more.is_none(), "after the repeat: {more:?}");
    Ok(())
}

fn id_case(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.open()?);
    let (mut one, mut other) = (peer.offer(account)?, peer.offer(account)?);
    let word = fresh_word()?;
    one.notice = one.notice.but("ID", &format!("CaseCaseCaseCase{word}"));
    other.notice = other.notice.but("ID", &format!("cASEcASEcASEcASE{word}"));
    lab.give(&one)?;
    lab.give(&other)?;
    lab.see_confirmed(&one)?;
    lab.see_confirmed(&other).map(|_seen| ())
}

fn gone(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let offered = peer.offer(lab.open()?)?.served(&[Serving::Refusing("554 5.4.7 it expired")]);
    lab.give(&offered)?;
    lab.see_retrieve(&offered)?;
    let as_long_as_it_retries = lab.bounds.retrieve_again.context("--retrieve-again")?;
    let more = peer.wait_seen(&offered.notice.id, as_long_as_it_retries, |seen| seen.len() > 1);
    ensure!(more.is_none(), "it asked again, or confirmed what it never had: {more:?}");
    lab.was_not_stored(&offered)
}

fn four_connections(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.open()?);
    let slowly = std::time::Duration::from_millis(400);
    let offers = (0..12).map(|_| Ok(peer.offer(account)?.served(&[Serving::After(slowly)]))).collect::<Result<Vec<_>>>()?;
    let mut session = lab.exchange(peer)?;
    for offered in &offers {
        lab.keep(offered);
        session.ask(&offered.notice.line(), "250 2.0.0")?;
    }
    session.quit()?;
    for offered in &offers {
        lab.see_confirmed(offered)?;
    }
    let most = peer.collecting_at_once_max();
    lab.trace.note(format!("{most} connections at a time at most"));
    ensure!(most <= 4, "{most} connections to one peer at a time");
    Ok(())
}

/// Gives a message with this body and compares what is stored with what was served.
fn survives(lab: &Lab<'_>, body: &[u8], parameter: &str) -> Result<()> {
    let offered = lab.honest()?.offer(lab.open()?)?;
    let (from, to) = (format!("From: {}", offered.sender), format!("To: {}", lab.open()?.address));
    let octets = with_fields(&[&from, &to], &offered.subject, &offered.peer.domain, body)?;
    let mut offered = offered.content(octets);
    offered.notice = offered.notice.with(parameter);
    lab.give(&offered)?;
    lab.see_confirmed(&offered)?;
    is_stored(lab, &offered)
}

/// What is stored ends in exactly the octets that were served, behind whole fields of its own.
pub(super) fn is_stored(lab: &Lab<'_>, offered: &Offered<'_>) -> Result<()> {
    let stored = lab.stored(&offered.subject)?;
    let before = stored.strip_suffix(offered.octets.as_slice());
    lab.trace.note(format!("{} octets served, {} stored", offered.octets.len(), stored.len()));
    let before = before.context("what is stored does not end in the octets served")?;
    ensure!(before.is_empty() || before.ends_with(b"\r\n"), "what was prepended does not end in CRLF");
    Ok(())
}

fn octet_for_octet(lab: &Lab<'_>) -> Result<()> {
    survives(lab, ".\r\n..\r\n8-bit: grüße \r\n\t\r\nFrom the start\r\nno end of line".as_bytes(), "BODY=8BITMIME")
}

fn lone_lf(lab: &Lab<'_>) -> Result<()> {
    survives(lab, b"one\ntwo\rthree\r\n\n.\n\r\n.\r\nnul:\0 \xff\xfe\n", "BODY=BINARYMIME")
}

fn empty_body(lab: &Lab<'_>) -> Result<()> {
    survives(lab, b"", "BODY=7BIT")
}

fn large(lab: &Lab<'_>) -> Result<()> {
    survives(lab, &long_body(5_000_000), "BODY=7BIT")
}

fn prepends(lab: &Lab<'_>) -> Result<()> {
    let offered = lab.honest()?.offer(lab.open()?)?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered)?;
    let stored = lab.stored(&offered.subject)?;
    let before = stored.strip_suffix(offered.octets.as_slice()).context("what is stored does not end in the octets served")?;
    let before = std::str::from_utf8(before).context("what was prepended is no text")?;
    lab.trace.note(before.replace("\r\n", " | "));
    let return_path = format!("Return-Path: <{}>\r\n", offered.sender);
    ensure!(before.to_ascii_lowercase().contains(&return_path.to_ascii_lowercase()), "no {return_path:?}");
    ensure!(before.lines().any(|line| line.starts_with("Received: ")), "no Received");
    Ok(())
}

fn confirms_again(lab: &Lab<'_>) -> Result<()> {
    let offered = lab.honest()?.offer(lab.open()?)?.confirmed_by(&["451 4.3.0 not now", "250 2.0.0 done"]);
    lab.give(&offered)?;
    let within = lab.bounds.retrieve_again.context("--retrieve-again")?;
    let confirms = |seen: &[Seen]| seen.iter().filter(|what| **what == Seen::Confirm).count();
    let seen = lab.see(&offered, "CONFIRM again", within, |seen| confirms(seen) == 2)?;
    ensure!(seen.len() == 3, "RETRIEVE, CONFIRM and CONFIRM again, not {seen:?}");
    Ok(())
}

fn resumes(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.hostile()?;
    let offered = peer.offer(lab.open()?)?;
    let (from, to) = (format!("From: {}", offered.sender), format!("To: {}", lab.open()?.address));
    let octets = with_fields(&[&from, &to], &offered.subject, &peer.domain, &long_body(300_000))?;
    let offered = offered.content(octets).served(&[Serving::CutAfter(150_000), Serving::Honestly]);
    lab.give(&offered)?;
    let within = lab.bounds.retrieve_again.context("--retrieve-again")?;
    let seen = lab.see(&offered, "RETRIEVE again and CONFIRM", within, |seen| seen.contains(&Seen::Confirm))?;
    let offsets: Vec<u64> =
        seen.iter().filter_map(|what| if let Seen::Retrieve { offset } = what { Some(*offset) } else { None }).collect();
    lab.trace.note(format!("retrieved from octets {offsets:?}"));
    ensure!(matches!(offsets.as_slice(), [0, again] if *again <= 150_000), "first all of it, then the rest; not {offsets:?}");
    if lab.target.command.is_some() {
        is_stored(lab, &offered)?;
    }
    Ok(())
}
