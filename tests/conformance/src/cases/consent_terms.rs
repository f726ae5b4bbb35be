//! Who is let in for a while, so many times, for one purpose, or by correspondence; and mailing lists (section 5).

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::consent_order::write;
use crate::case::{Case, Need};
use crate::crypto::fresh_id;
use crate::lab::Lab;
use crate::message::with_fields;
use crate::offered::Offered;
use crate::peer::Peer;
use crate::pushing::Push;
use crate::target::Account;

pub(crate) const CASES: &[Case] = &[
    Case::honest("expected-three", "5", "Who is expected, no more being said, gets in three times and not a fourth", expected_three)
        .needing(&[Need::Command]),
    Case::hostile("expected-until", "5", "Who was expected until then stays out afterwards", expected_until).needing(&[Need::Command]),
    Case::honest("expected-domain", "5", "An expected domain lets in its addresses, and nobody else's", expected_domain)
        .needing(&[Need::Command]),
    Case::honest("expected-by-ref", "5", "A REF that is expected lets its notice in", expected_by_ref).needing(&[Need::Command]),
    Case::hostile("expected-by-ref-only", "5", "Without the REF that is expected, or with another, nobody gets in", expected_by_ref_only)
        .needing(&[Need::Command]),
    Case::hostile("expected-ref-of-another", "5", "The REF that is expected, from another domain, lets nobody in", expected_ref_of_another)
        .needing(&[Need::Command]),
    Case::hostile("replied-to-one", "5", "To write to one address lets in nobody else of its domain", replied_to_one)
        .needing(&[Need::Command]),
    Case::hostile("replied-to-by-one", "5", "Whom another mailbox has written to is a stranger to this one", replied_to_by_one)
        .needing(&[Need::Command]),
    Case::honest("list-pair", "5", "A list that is allowed gets in from the domain that its List-Id is of", list_pair)
        .needing(&[Need::Command]),
    Case::hostile(
        "list-pair-of-another",
        "10, 5",
        "The List-Id of a list whose mail is here already lets no other domain in",
        list_pair_of_another,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "list-not-its-sender",
        "5",
        "An allowed list lets in the list, and not what its address writes otherwise",
        list_not_its_sender,
    )
    .needing(&[Need::Command]),
    Case::hostile("list-id-pushed", "10, 5", "Pushed mail that names an allowed List-Id proves nothing, and waits", list_id_pushed)
        .needing(&[Need::Command]),
    Case::honest("tag-of-recipient-is-kept", "5", "A plus-tag of the recipient reaches the mailbox, to be seen there", tag_is_kept)
        .needing(&[Need::Command]),
];

/// A message by the same author as another.
fn another_by<'a>(offered: &Offered<'a>, account: &Account) -> Result<Offered<'a>> {
    let next = offered.peer.offer(account)?;
    let from = format!("From: {}", offered.sender);
    let octets = with_fields(&[&from, &format!("To: {}", account.address)], &next.subject, &offered.peer.domain, b"Once more.\r\n")?;
    let mut next = Offered { sender: offered.sender.clone(), ..next }.content(octets);
    next.notice = next.notice.claiming_from(&offered.notice.from);
    Ok(next)
}

fn expects(lab: &Lab<'_>, account: &Account, who: &str, terms: &[&str]) -> Result<()> {
    lab.order(&[&["expected", &account.address, "add", who], terms].concat())
}

fn expected_three(lab: &Lab<'_>) -> Result<()> {
    let account = &lab.fresh_screened()?;
    let first = lab.other()?.offer(account)?;
    expects(lab, account, &first.sender, &[])?;
    lab.give(&first)?;
    lab.see_confirmed(&first)?;
    for _ in 0..2 {
        let next = another_by(&first, account)?;
        lab.give(&next)?;
        lab.see_confirmed(&next)?;
    }
    let fourth = another_by(&first, account)?;
    lab.give(&fourth)?;
    fourth.is_not_fetched(lab)
}

fn expected_until(lab: &Lab<'_>) -> Result<()> {
    let account = &lab.fresh_screened()?;
    let in_time = lab.other()?.offer(account)?;
    expects(lab, account, &in_time.sender, &["--until", "5s"])?;
    lab.give(&in_time)?;
    lab.see_confirmed(&in_time)?;
    lab.trace.note("its time goes by");
    thread::sleep(Duration::from_secs(6));
    let late = another_by(&in_time, account)?;
    lab.give(&late)?;
    late.is_not_fetched(lab)
}

fn expected_domain(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, &lab.fresh_screened()?);
    expects(lab, account, &format!("@{}", peer.domain), &[])?;
    let elsewhere = lab.honest()?.offer(account)?;
    lab.give(&elsewhere)?;
    elsewhere.is_not_fetched(lab)?;
    let offered = peer.offer(account)?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

/// A message that is announced for this sign-up.
fn confirming<'a>(peer: &'a Peer, account: &Account, reference: &str) -> Result<Offered<'a>> {
    let mut offered = peer.offer(account)?;
    offered.notice = offered.notice.with("KIND=confirm").with(&format!("REF={reference}"));
    Ok(offered)
}

fn expected_by_ref(lab: &Lab<'_>) -> Result<()> {
    let (peer, account, reference) = (lab.other()?, &lab.fresh_screened()?, fresh_id()?);
    expects(lab, account, &format!("@{}", peer.domain), &[&format!("--ref={reference}")])?;
    let offered = confirming(peer, account, &reference)?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn expected_by_ref_only(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, &lab.fresh_screened()?);
    expects(lab, account, &format!("@{}", peer.domain), &[&format!("--ref={}", fresh_id()?)])?;
    for offered in [peer.offer(account)?, confirming(peer, account, &fresh_id()?)?] {
        lab.give(&offered)?;
        offered.is_not_fetched(lab)?;
    }
    Ok(())
}

fn expected_ref_of_another(lab: &Lab<'_>) -> Result<()> {
    let (account, reference) = (&lab.fresh_screened()?, fresh_id()?);
    expects(lab, account, &format!("@{}", lab.other()?.domain), &[&format!("--ref={reference}")])?;
    let offered = confirming(lab.honest()?, account, &reference)?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn replied_to_one(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, &lab.fresh_screened()?);
    let (known, unknown) = (peer.offer(account)?, peer.offer(account)?);
    write(lab, account, &known.sender, &account.address, "")?;
    lab.give(&unknown)?;
    unknown.is_not_fetched(lab)?;
    lab.give(&known)?;
    lab.see_confirmed(&known).map(|_seen| ())
}

fn replied_to_by_one(lab: &Lab<'_>) -> Result<()> {
    let (peer, account, other) = (lab.other()?, &lab.fresh_screened()?, &lab.fresh_screened()?);
    let offered = peer.offer(account)?;
    write(lab, other, &offered.sender, &other.address, "")?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

/// A message of a list.
fn of_list<'a>(peer: &'a Peer, account: &Account, list: &str) -> Result<Offered<'a>> {
    let mut offered = peer.offer(account)?;
    offered.notice = offered.notice.with("KIND=list").with(&format!("LIST={list}"));
    Ok(offered)
}

/// A mailbox that allows a list of the other domain's.
fn subscriber(lab: &Lab<'_>) -> Result<(Account, String)> {
    let (account, list) = (lab.fresh_screened()?, format!("news.{}", lab.other()?.domain));
    lab.order(&["allow", &account.address, "add", &format!("list:{list}")])?;
    Ok((account, list))
}

fn list_pair(lab: &Lab<'_>) -> Result<()> {
    let (account, list) = subscriber(lab)?;
    for _ in 0..2 {
        let offered = of_list(lab.other()?, &account, &list)?;
        lab.give(&offered)?;
        lab.see_confirmed(&offered)?;
    }
    Ok(())
}

fn list_pair_of_another(lab: &Lab<'_>) -> Result<()> {
    let (account, list) = subscriber(lab)?;
    let genuine = of_list(lab.other()?, &account, &list)?;
    lab.give(&genuine)?;
    lab.see_confirmed(&genuine)?;
    let forged = of_list(lab.honest()?, &account, &list)?;
    lab.give(&forged)?;
    forged.is_not_fetched(lab)
}

fn list_not_its_sender(lab: &Lab<'_>) -> Result<()> {
    let (account, list) = subscriber(lab)?;
    let genuine = of_list(lab.other()?, &account, &list)?;
    lab.give(&genuine)?;
    lab.see_confirmed(&genuine)?;
    let private = another_by(&genuine, &account)?;
    lab.give(&private)?;
    private.is_not_fetched(lab)
}

fn list_id_pushed(lab: &Lab<'_>) -> Result<()> {
    let (account, list) = subscriber(lab)?;
    let peer = lab.other()?;
    let mut push = Push::fresh(peer, &account)?;
    push.content.splice(..0, format!("List-Id: <{list}>\r\n").into_bytes());
    ensure!(lab.push(peer, &account.address, &push)?.says("250 2.0.0"), "kept mail is answered 250");
    lab.until("the contact attempt", || lab.contact_of(&account, &push.sender))?;
    ensure!(!lab.has(&account, &push.subject)?, "anybody could have written that List-Id");
    Ok(())
}

fn tag_is_kept(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.other()?, lab.open()?);
    let tagged = open.address.replacen('@', "+shop.k7x@", 1);
    let mut offered = peer.offer(open)?;
    offered.notice = offered.notice.addressed_to(&format!("<{tagged}>"));
    lab.give(&offered)?;
    lab.see_confirmed(&offered)?;
    let stored = lab.stored(&offered.subject)?;
    let front = stored.strip_suffix(offered.octets.as_slice()).unwrap_or_default();
    let front = String::from_utf8_lossy(front);
    lab.trace.note(front.replace("\r\n", " | "));
    ensure!(front.contains(&tagged), "nothing in front of the message says that it came to {tagged}");
    Ok(())
}
