//! Who is let in: the rules of section 5 and their order, as the mailbox owner sets them and as origins see them.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{Case, Need};
use crate::crypto::fresh_word;
use crate::lab::Lab;
use crate::target::Account;

pub(crate) const CASES: &[Case] = &[
    Case::honest("order-block-address-first", "5", "A blocked address is blocked though its domain is allowed", order_block_address_first)
        .needing(&[Need::Command]),
    Case::honest(
        "order-allow-address-before-block-domain",
        "5",
        "An allowed address gets in though its domain is blocked",
        order_allow_address_before_block_domain,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "order-block-and-allow-one-address",
        "5",
        "Whoever is on the block list stays out, also if allowed; and is there once blocked last",
        order_block_and_allow_one_address,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "order-block-domain-before-allow-domain",
        "5",
        "A domain that is blocked stays out, though with its subdomains it is allowed",
        order_block_domain_before_allow_domain,
    )
    .needing(&[Need::Command]),
    Case::honest("order-allow-domain", "5", "An allowed domain lets everybody there in", order_allow_domain).needing(&[Need::Command]),
    Case::honest(
        "order-allow-domain-with-subdomains",
        "5",
        "A domain allowed with its subdomains lets in itself as well",
        order_allow_domain_with_subdomains,
    )
    .needing(&[Need::Command]),
    Case::hostile("order-other-domain", "5", "An allowed domain lets nobody of another one in", order_other_domain)
        .needing(&[Need::Command]),
    Case::honest("order-removed", "5", "An entry that was removed lets nobody in any more", order_removed).needing(&[Need::Command]),
    Case::honest("order-sender-case", "5", "The case of the sender's local part does not matter", order_sender_case)
        .needing(&[Need::Command]),
    Case::hostile(
        "order-sender-tag",
        "5",
        "A plus-tag of the sender is a name of its own: who allowed the bare address did not allow it",
        order_sender_tag,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "order-recipient-tag",
        "5",
        "A plus-tag of the recipient does not matter: the lists are the mailbox's",
        order_recipient_tag,
    )
    .needing(&[Need::Command]),
    Case::honest("order-expected", "5", "An expected sender gets in, as often as was said and no more", order_expected)
        .needing(&[Need::Command]),
    Case::honest("order-block-before-expected", "5", "A blocked sender stays out though expected", order_block_before_expected)
        .needing(&[Need::Command]),
    Case::hostile(
        "order-expected-not-by-notice",
        "5",
        "A notice alone uses nothing up: only what was stored counts",
        order_expected_not_by_notice,
    )
    .needing(&[Need::Command]),
    Case::honest("order-replied-to", "5", "Whom one has written to gets in", order_replied_to).needing(&[Need::Command]),
    Case::hostile("order-vacation", "10, 5", "An automatic answer lets nobody in", order_vacation).needing(&[Need::Command]),
    Case::hostile("order-null-reverse-path", "5", "Nor does what is sent with the null reverse-path", order_null_reverse_path)
        .needing(&[Need::Command]),
    Case::hostile("order-read-receipt", "5", "Nor does a read receipt", order_read_receipt).needing(&[Need::Command]),
    Case::honest(
        "order-block-before-replied-to",
        "5",
        "A blocked sender stays out though one has written to them",
        order_block_before_replied_to,
    )
    .needing(&[Need::Command]),
    Case::hostile("order-list-id", "10, 5", "To name a List-Id that is known is not to be that list", order_list_id)
        .needing(&[Need::Command]),
    Case::honest(
        "order-block-without-screening",
        "5",
        "Who is blocked stays out of a mailbox without screening, too",
        order_block_without_screening,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "order-allowing-after-blocking",
        "4 Arrival",
        "What was dropped as blocked is fetched once its sender is allowed",
        order_allowing_after_blocking,
    )
    .needing(&[Need::Command]),
    Case::honest("order-observe", "5", "With screening=observe what would have waited is delivered, and shown", order_observe)
        .needing(&[Need::Command]),
    Case::honest(
        "order-switching-off-releases",
        "5",
        "When screening is switched off, what waits is fetched",
        order_switching_off_releases,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "order-same-octets",
        "10, 3 NOTICE",
        "Unknown, allowed, blocked, expected: NOTICE is answered octet for octet the same",
        order_same_octets,
    )
    .needing(&[Need::Command]),
];

fn order_block_address_first(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "block", &offered.sender)?;
    let _other = Entry::add(lab, account, "allow", &format!("@{}", peer.domain))?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_allow_address_before_block_domain(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &offered.sender)?;
    let _other = Entry::add(lab, account, "block", &format!("@{}", peer.domain))?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

/// A server may keep both decisions, or only the later one: its own lists say which, and it has to act by them.
fn order_block_and_allow_one_address(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, &lab.fresh_screened()?);
    for [first, last] in [["allow", "block"], ["block", "allow"]] {
        let offered = peer.offer(account)?;
        for list in [first, last] {
            lab.order(&[list, &account.address, "add", &offered.sender])?;
        }
        ensure!(is_on(lab, account, last, &offered.sender)?, "{last} came last, and is not on that list");
        lab.give(&offered)?;
        if is_on(lab, account, "block", &offered.sender)? {
            offered.is_not_fetched(lab)?;
        } else {
            lab.see_confirmed(&offered)?;
        }
    }
    Ok(())
}

fn is_on(lab: &Lab<'_>, account: &Account, list: &str, who: &str) -> Result<bool> {
    let rows = lab.json(&[list, &account.address, "list"])?;
    let rows = rows.as_array().context("a list of entries")?;
    Ok(rows.iter().any(|row| row.get("who").and_then(Value::as_str) == Some(who)))
}

fn order_block_domain_before_allow_domain(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &format!("@.{}", peer.domain))?;
    let _other = Entry::add(lab, account, "block", &format!("@{}", peer.domain))?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_allow_domain(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &format!("@{}", peer.domain))?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_allow_domain_with_subdomains(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &format!("@.{}", peer.domain))?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_other_domain(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &format!("@{}", lab.honest()?.domain))?;
    let _other = Entry::add(lab, account, "allow", &format!("@x{}", peer.domain))?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_removed(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    drop(Entry::add(lab, account, "allow", &offered.sender)?);
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_sender_case(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &offered.sender.to_uppercase())?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_sender_tag(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let mut offered = peer.offer(account)?;
    let _allowed = Entry::add(lab, account, "allow", &offered.sender)?;
    let (local, domain) = offered.sender.split_once('@').context("an address")?;
    offered.notice = offered.notice.claiming_from(&format!("<{local}+tag@{domain}>"));
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_recipient_tag(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", &offered.sender)?;
    let (local, domain) = account.address.split_once('@').context("an address")?;
    let mut offered = offered;
    offered.notice = offered.notice.addressed_to(&format!("<{local}+tag@{domain}>"));
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_expected(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    lab.order(&["expected", &account.address, "add", &offered.sender, "--count", "1", "--until", "1h"])?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered)?;
    let mut second = peer.offer(account)?;
    second.notice = second.notice.claiming_from(&offered.notice.from);
    lab.give(&second)?;
    second.is_not_fetched(lab)
}

fn order_block_before_expected(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "block", &offered.sender)?;
    lab.order(&["expected", &account.address, "add", &offered.sender])?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_expected_not_by_notice(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let refused = peer.offer(account)?.content(Vec::from(&b"From: somebody@else.test\r\n\r\nText.\r\n"[..]));
    let mut refused = refused;
    refused.notice = refused.notice.claiming_from(&offered.notice.from);
    lab.order(&["expected", &account.address, "add", &offered.sender, "--count", "1"])?;
    lab.give(&refused)?;
    lab.see_retrieve(&refused)?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_replied_to(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    write(lab, account, &offered.sender, &account.address, "")?;
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_vacation(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    write(lab, account, &offered.sender, &account.address, "Auto-Submitted: auto-replied\r\n")?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_null_reverse_path(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    write(lab, account, &offered.sender, "", "")?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_read_receipt(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    write(
        lab,
        account,
        &offered.sender,
        &account.address,
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n",
    )?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_block_before_replied_to(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "block", &offered.sender)?;
    write(lab, account, &offered.sender, &account.address, "")?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_list_id(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let _one = Entry::add(lab, account, "allow", "list:news.list.test")?;
    let mut offered = offered;
    offered.notice = offered.notice.with("KIND=list").with("LIST=news.list.test");
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_block_without_screening(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.open()?);
    let offered = peer.offer(account)?;
    let _blocked = Entry::add(lab, account, "block", &offered.sender)?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)
}

fn order_allowing_after_blocking(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    let blocked = Entry::add(lab, account, "block", &offered.sender)?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)?;
    drop(blocked);
    lab.order(&["allow", &account.address, "add", &offered.sender])?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn order_observe(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    lab.order(&["mode", &account.address, "--screening", "observe"])?;
    let arrived = lab.give(&offered).and_then(|()| lab.see_confirmed(&offered));
    lab.order(&["mode", &account.address, "--screening", "on"])?;
    arrived.map(|_seen| ())
}

fn order_switching_off_releases(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let offered = peer.offer(account)?;
    lab.give(&offered)?;
    offered.is_not_fetched(lab)?;
    lab.order(&["mode", &account.address, "--screening", "off"])?;
    let arrived = lab.see_confirmed(&offered);
    lab.order(&["mode", &account.address, "--screening", "on"])?;
    arrived.map(|_seen| ())
}

fn order_same_octets(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);
    let mut first: Option<Vec<u8>> = None;
    for list in ["", "allow", "block", "expected"] {
        let offered = peer.offer(account)?;
        if !list.is_empty() {
            lab.order(&[list, &account.address, "add", &offered.sender])?;
        }
        lab.keep(&offered);
        let mut session = lab.exchange(peer)?;
        for _ in 0..2 {
            let octets = session.ask(&offered.notice.line(), "250 2.0.0")?.octets;
            ensure!(*first.get_or_insert_with(|| octets.clone()) == octets, "{list:?}: another reply");
        }
        session.quit()?;
    }
    Ok(())
}

/// An entry on one of a mailbox's lists, for as long as the case runs.
struct Entry<'a, 'b> {
    lab: &'a Lab<'b>,
    words: [String; 4],
}

impl<'a, 'b> Entry<'a, 'b> {
    fn add(lab: &'a Lab<'b>, account: &Account, list: &str, who: &str) -> Result<Self> {
        lab.order(&[list, &account.address, "add", who])?;
        Ok(Self { lab, words: [list, &account.address, "remove", who].map(str::to_owned) })
    }
}

impl Drop for Entry<'_, '_> {
    fn drop(&mut self) {
        let words = self.words.each_ref().map(String::as_str);
        if let Err(error) = self.lab.order(&words) {
            self.lab.trace.note(format!("could not be taken back: {error}"));
        }
    }
}

/// Sends a message of an account's.
pub(super) fn write(lab: &Lab<'_>, account: &Account, to: &str, reverse_path: &str, field: &str) -> Result<()> {
    let mut session = lab.submission_as(account)?;
    session.address(reverse_path, to)?;
    let message = format!("From: {}\r\nTo: {to}\r\nSubject: {}\r\n{field}\r\nText.\r\n", account.address, fresh_word()?);
    ensure!(session.data(message.as_bytes())?.says("250"), "it is taken");
    session.quit()
}
