//! Consent, as far as other domains and the mailbox owner can see it.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::case::{Case, Need};
use crate::lab::Lab;
use crate::offered::Offered;

pub(crate) const CASES: &[Case] = &[
    Case::honest("consent-nothing-fetched", "1", "What a screened mailbox did not ask for is not fetched: no connection", nothing_fetched),
    Case::honest("consent-listed", "5", "It is listed as a contact attempt, with size and expiry", listed).needing(&[Need::Command]),
    Case::honest("consent-one-row-for-a-sender", "5", "Two notices of one sender are one row, counted", one_row).needing(&[Need::Command]),
    Case::honest("consent-repeat-is-one", "3 NOTICE", "A notice repeated is counted once", repeat_is_one).needing(&[Need::Command]),
    Case::honest("consent-allowing-releases", "5", "Allowing the sender fetches and confirms all that waits from them", allowing_releases)
        .needing(&[Need::Command]),
    Case::honest("consent-allowed-beforehand", "5", "From a sender allowed beforehand it is fetched at once", allowed_beforehand)
        .needing(&[Need::Command]),
    Case::hostile("consent-blocked", "4 Arrival", "From a blocked sender nothing is fetched, listed or declined", blocked)
        .needing(&[Need::Command]),
    Case::honest("consent-dismissed", "4 Arrival", "A dismissed attempt is gone, and nothing is fetched", dismissed)
        .needing(&[Need::Command]),
];

fn unasked<'a>(lab: &Lab<'a>) -> Result<Offered<'a>> {
    lab.other()?.offer(lab.screened()?)
}

/// Fails if the message is asked for, or its domain's retrieval service dialled at all.
fn is_left_alone(lab: &Lab<'_>, offered: &Offered<'_>, connections_before: usize) -> Result<()> {
    offered.is_not_fetched(lab)?;
    let connections = offered.peer.collecting_connections() - connections_before;
    ensure!(connections == 0, "{connections} connections to the origin without consent");
    lab.trace.note(format!("no connection to {} within {:?}", offered.peer.host, lab.bounds.quiet));
    Ok(())
}

fn nothing_fetched(lab: &Lab<'_>) -> Result<()> {
    let before = lab.other()?.collecting_connections();
    let offered = unasked(lab)?;
    lab.give(&offered)?;
    is_left_alone(lab, &offered, before)
}

fn number(row: &Value, name: &str) -> Option<u64> {
    row.get(name).and_then(Value::as_u64)
}

fn listed(lab: &Lab<'_>) -> Result<()> {
    let offered = unasked(lab)?;
    lab.give(&offered)?;
    let row = lab.until("the contact attempt", || lab.contact(&offered.sender))?;
    lab.trace.note(row.to_string());
    ensure!(number(&row, "count") == Some(1), "count");
    ensure!(number(&row, "size_octets") == u64::try_from(offered.octets.len()).ok(), "size_octets");
    ensure!(row.get("kind").and_then(Value::as_str) == Some("notice"), "kind");
    ensure!(["first", "last", "expires"].iter().all(|name| row.get(name).is_some_and(Value::is_string)), "times");
    Ok(())
}

fn one_row(lab: &Lab<'_>) -> Result<()> {
    let (one, mut other) = (unasked(lab)?, unasked(lab)?);
    other.notice = other.notice.claiming_from(&one.notice.from);
    lab.give(&one)?;
    lab.give(&other)?;
    lab.until("one row that counts two", || Ok(lab.contact(&one.sender)?.filter(|row| number(row, "count") == Some(2)))).map(|_row| ())
}

fn repeat_is_one(lab: &Lab<'_>) -> Result<()> {
    let offered = unasked(lab)?;
    lab.give(&offered)?;
    lab.give(&offered)?;
    let row = lab.until("the contact attempt", || lab.contact(&offered.sender))?;
    ensure!(number(&row, "count") == Some(1), "a repeat was counted: {row}");
    Ok(())
}

fn allowing_releases(lab: &Lab<'_>) -> Result<()> {
    let account = lab.screened()?;
    let (one, other) = (unasked(lab)?, unasked(lab)?);
    // Both are from the first one's sender, in the notice and in From.
    let mut other = other.content(one.octets.clone());
    other.notice = other.notice.claiming_from(&one.notice.from);
    lab.give(&one)?;
    lab.give(&other)?;
    lab.until("one row that counts two", || Ok(lab.contact(&one.sender)?.filter(|row| number(row, "count") == Some(2))))?;
    ensure!(one.peer.seen(&one.notice.id).is_empty(), "fetched before it was allowed");
    lab.order(&["contacts", &account.address, "allow", &one.sender])?;
    lab.see_confirmed(&one)?;
    lab.see_confirmed(&other)?;
    ensure!(lab.contact(&one.sender)?.is_none(), "still listed after it was allowed");
    Ok(())
}

fn allowed_beforehand(lab: &Lab<'_>) -> Result<()> {
    let account = lab.screened()?;
    let offered = unasked(lab)?;
    lab.order(&["allow", &account.address, "add", &offered.sender])?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn blocked(lab: &Lab<'_>) -> Result<()> {
    let account = lab.screened()?;
    let before = lab.other()?.collecting_connections();
    let offered = unasked(lab)?;
    lab.order(&["block", &account.address, "add", &offered.sender])?;
    lab.give(&offered)?;
    is_left_alone(lab, &offered, before)?;
    ensure!(lab.contact(&offered.sender)?.is_none(), "a blocked sender is listed");
    Ok(())
}

fn dismissed(lab: &Lab<'_>) -> Result<()> {
    let account = lab.screened()?;
    // From a domain that has no row yet: a server caps the new rows of one domain.
    let offered = lab.hostile()?.offer(account)?;
    lab.give(&offered)?;
    lab.until("the contact attempt", || lab.contact(&offered.sender))?;
    lab.order(&["contacts", &account.address, "dismiss", &offered.sender])?;
    lab.until("the attempt gone", || Ok(lab.contact(&offered.sender)?.is_none().then_some(())))?;
    offered.is_not_fetched(lab)
}
