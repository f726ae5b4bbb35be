//! The server under test as origin, up to the moment somebody collects: the notices it gives, and what it tells the sender.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::Value;

use crate::case::{Case, Need};
use crate::crypto::fresh_word;
use crate::lab::{Kept, Lab};
use crate::message::{LARGE, long_body, message};
use crate::peer::Answer;
use crate::stamp::{DAY, now};

/// Clocks of two servers may differ by so many seconds.
const CLOCKS_DIFFER_MAX: i64 = 300;

pub(crate) const CASES: &[Case] = &[
    Case::honest(
        "origin-gives-notice",
        "3",
        "Submitted mail is noticed in the grammar's words, with its size, times and a fresh id",
        gives_notice,
    ),
    Case::honest("origin-pushes-nothing", "1", "To a server with the extension nothing is pushed", pushes_nothing),
    Case::honest("origin-id-for-every-recipient", "3", "Two recipients of one message get two ids", id_for_every_recipient),
    Case::honest("origin-notices-again-after-4xx", "4 Transfer", "A notice answered 4xx is given again under the same id", notices_again)
        .needing(&[Need::NoticeAgain]),
    Case::hostile("origin-refused-notice-stays-refused", "4 Transfer", "A notice answered 5xx is not given again", refused_for_good),
    Case::honest("origin-tells-noticed", "6", "After 250 the sender sees the status noticed", tells_noticed).needing(&[Need::Command]),
    Case::honest("origin-tells-kept", "6", "After 4xx the sender sees the status kept", tells_kept).needing(&[Need::Command]),
    Case::honest("origin-tells-failed", "6", "After 5xx the sender sees the status failed, and why", tells_failed)
        .needing(&[Need::Command]),
    Case::honest("origin-tells-delivered", "6", "After CONFIRM the sender sees the status delivered", tells_delivered)
        .needing(&[Need::Command]),
    Case::honest("origin-tells-declined", "6", "After DECLINE the sender sees the status failed, with the text", tells_declined)
        .needing(&[Need::Command]),
    Case::honest("origin-takes-back", "4 Transfer", "Mail taken back before it was collected is answered 554", takes_back)
        .needing(&[Need::Command]),
    Case::hostile(
        "origin-no-taking-back-under-lease",
        "4 Transfer",
        "Mail cannot be taken back while it is being handed over",
        no_taking_back_under_lease,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "origin-keyword-stripped",
        "7",
        "A server that offered the extension and no longer does: nothing is pushed",
        keyword_stripped,
    ),
];

fn gives_notice(lab: &Lab<'_>) -> Result<()> {
    let kept = lab.kept(lab.honest()?)?;
    let noticed = &kept.noticed;
    ensure!(noticed.from == kept.from, "FROM:<{}> is not the author", noticed.from);
    let content = u64::try_from(kept.content.len())?;
    ensure!(noticed.size >= content, "SIZE={} is less than the {content} octets submitted", noticed.size);
    ensure!((noticed.date - now()).abs() <= CLOCKS_DIFFER_MAX, "DATE is {} seconds away from now", noticed.date - now());
    let days = (noticed.expires - now()) / DAY;
    ensure!((6..=30).contains(&days), "EXPIRES is {days} days away; 7 to 30 are allowed");
    ensure!(noticed.id.len() >= 22, "an id of less than 128 random bits");
    Ok(())
}

fn pushes_nothing(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    lab.kept(peer)?;
    ensure!(peer.pushes() == 0, "MAIL was tried {} times", peer.pushes());
    Ok(())
}

fn id_for_every_recipient(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.open()?);
    let recipients = [peer.fresh_address()?, peer.fresh_address()?, peer.fresh_address()?];
    for recipient in &recipients {
        peer.open_mailbox(recipient, &lab.trace, &[Answer::Saying("250 2.0.0 noted")]);
    }
    let content = message(&account.address, &recipients.join(", "), &format!("conformance {}", fresh_word()?), b"To all of you.\r\n")?;
    lab.submit(&account.address, &recipients, &content)?;
    let mut ids = BTreeSet::new();
    for recipient in &recipients {
        let noticed = lab.noticed(peer, recipient, 1, lab.bounds.patience)?;
        ensure!(ids.insert(noticed.id), "two recipients share an id");
    }
    Ok(())
}

fn notices_again(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, b"Later.\r\n", &[Answer::Saying("451 4.3.0 not now"), Answer::Saying("250 2.0.0 noted")])?;
    let again = lab.noticed(peer, &kept.to, 2, lab.bounds.notice_again.context("--notice-again")?)?;
    ensure!(again.id == kept.id, "given again under another id");
    ensure!(again.size == kept.noticed.size, "given again with another size");
    Ok(())
}

fn refused_for_good(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, b"Never.\r\n", &[Answer::Saying("550 5.1.1 no such mailbox")])?;
    ensure!(peer.wait_notice(&kept.to, 2, lab.bounds.quiet).is_none(), "it was given again after 550");
    Ok(())
}

fn tells_noticed(lab: &Lab<'_>) -> Result<()> {
    let kept = lab.kept(lab.honest()?)?;
    lab.status(&kept.to, "noticed").map(|_row| ())
}

fn tells_kept(lab: &Lab<'_>) -> Result<()> {
    let kept = lab.kept_with(lab.honest()?, b"Not yet.\r\n", &[Answer::Saying("451 4.3.0 not now")])?;
    lab.status(&kept.to, "kept").map(|_row| ())
}

fn tells_failed(lab: &Lab<'_>) -> Result<()> {
    let kept = lab.kept_with(lab.honest()?, b"Never.\r\n", &[Answer::Saying("550 5.1.1 nobody of that name")])?;
    let row = lab.status(&kept.to, "failed")?;
    ensure!(detail(&row).contains("nobody of that name"), "the sender is not told why: {row}");
    Ok(())
}

fn tells_delivered(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let mut session = lab.retrieval(peer)?;
    session.say(&format!("RETRIEVE ID={} TO:<{}>", kept.id, kept.to))?;
    session.served(0)?;
    session.ask(&format!("CONFIRM ID={} TO:<{}>", kept.id, kept.to), "250 2.0.0")?;
    session.quit()?;
    lab.status(&kept.to, "delivered").map(|_row| ())
}

fn tells_declined(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let mut session = lab.retrieval(peer)?;
    session.say(&format!("RETRIEVE ID={} TO:<{}>", kept.id, kept.to))?;
    session.served(0)?;
    session.ask(&format!("DECLINE ID={} TO:<{}> 5.7.1 it carries a virus", kept.id, kept.to), "250 2.0.0")?;
    session.quit()?;
    let row = lab.status(&kept.to, "failed")?;
    ensure!(detail(&row).contains("it carries a virus"), "the sender is not told why: {row}");
    Ok(())
}

fn takes_back(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    withdraw(lab, &kept)?;
    let mut session = lab.retrieval(peer)?;
    session.ask(&format!("RETRIEVE ID={} TO:<{}>", kept.id, kept.to), "554 5.4.7")?;
    session.quit()?;
    lab.status(&kept.to, "withdrawn").map(|_row| ())
}

fn no_taking_back_under_lease(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, &long_body(LARGE), &[Answer::Saying("250 2.0.0 noted")])?;
    let mut session = lab.retrieval(peer)?;
    session.say(&format!("RETRIEVE ID={} TO:<{}>", kept.id, kept.to))?;
    session.expect("250 2.0.0")?;
    session.some_content(1000)?;
    let refused = withdraw(lab, &kept).is_err();
    lab.trace.note(format!("taking back while it is handed over: {}", if refused { "refused" } else { "allowed" }));
    ensure!(refused, "the sender was told that it is taken back, while the recipient's server was reading it");
    Ok(())
}

fn withdraw(lab: &Lab<'_>, kept: &Kept) -> Result<()> {
    let row = lab.until("the message in the list of sent mail", || lab.sent(&kept.to))?;
    let transfer = row.get("transfer").and_then(Value::as_str).ok_or_else(|| anyhow!("a row without transfer: {row}"))?;
    lab.order(&["sent", &kept.from, "withdraw", transfer])
}

fn detail(row: &Value) -> &str {
    row.get("detail").and_then(Value::as_str).unwrap_or_default()
}

fn keyword_stripped(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.forger()?, lab.open()?);
    lab.kept(peer).context("the first message, with the extension offered")?;
    peer.strip_keyword(true);
    lab.trace.note("from now on the keyword is missing from our EHLO reply");
    let result = nothing_is_pushed(lab, &account.address);
    peer.strip_keyword(false);
    result
}

fn nothing_is_pushed(lab: &Lab<'_>, author: &str) -> Result<()> {
    let peer = lab.forger()?;
    let to = peer.fresh_address()?;
    peer.open_mailbox(&to, &lab.trace, &[Answer::Saying("250 2.0.0 noted")]);
    let (before, content) = (peer.secured_ehlos(), message(author, &to, &format!("conformance {}", fresh_word()?), b"Not by force.\r\n")?);
    lab.submit(author, std::slice::from_ref(&to), &content)?;
    // A server may also keep an old session in use, where the keyword was offered, and give its notice there; then this says nothing.
    let asked = peer.wait_secured_ehlos(before, lab.bounds.patience);
    lab.trace.note(if asked { "the server came and asked what we offer" } else { "the server did not come" });
    ensure!(!peer.wait_pushes(0, lab.bounds.quiet), "the message was pushed with MAIL");
    let was_noticed = peer.wait_notice(&to, 1, Duration::ZERO).is_some();
    if lab.target.command.is_some() && asked && !was_noticed {
        lab.status(&to, "kept")?;
    }
    Ok(())
}
