//! Pushed mail and the recipient's wishes: deliver, keep, refuse (protocol sections 5 and 7).

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{Case, Need};
use crate::lab::Lab;
use crate::pushing::Push;
use crate::reply::Reply;
use crate::target::Account;

pub(crate) const CASES: &[Case] = &[
    Case::honest("pushed-deliver", "5", "Pushed to a mailbox without screening, mail is delivered", pushed_deliver)
        .needing(&[Need::Command]),
    Case::honest("pushed-keep", "5", "With screening it is answered 250, kept aside, and shown as a contact attempt", pushed_keep)
        .needing(&[Need::Command]),
    Case::honest(
        "pushed-allowing-releases",
        "5",
        "Allowing its sender moves what was kept aside into the mailbox",
        pushed_allowing_releases,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "pushed-is-nobodys-word",
        "5",
        "An allow entry for From lets in no pushed mail that proves nothing",
        pushed_is_nobodys_word,
    )
    .needing(&[Need::Command]),
    Case::hostile("pushed-blocked", "5", "From a blocked sender it is answered like any other, and shown nowhere", pushed_blocked)
        .needing(&[Need::Command]),
    Case::hostile(
        "pushed-same-octets",
        "5, 10",
        "RCPT is answered octet for octet the same, whoever is allowed, blocked or unknown",
        pushed_same_octets,
    )
    .needing(&[Need::Command]),
    Case::hostile("pushed-refuse", "5", "With legacy=refuse RCPT is answered 550 5.7.1, the same for every sender", pushed_refuse)
        .needing(&[Need::Command]),
    Case::honest("pushed-refuse-not-notices", "5", "With legacy=refuse notices are taken as ever", pushed_refuse_not_notices)
        .needing(&[Need::Command]),
    Case::honest(
        "pushed-two-minds",
        "5",
        "One message to a mailbox that delivers and one that keeps: each as its owner wants",
        pushed_two_minds,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "pushed-header-injection",
        "10",
        "A subject with markup, bidi controls or escapes reaches the list of attempts as data",
        pushed_header_injection,
    )
    .needing(&[Need::Command]),
];

fn pushed_deliver(lab: &Lab<'_>) -> Result<()> {
    let push = Push::fresh(lab.honest()?, lab.open()?)?;
    lab.is_delivered_unchanged(&push).map(|_front| ())
}

fn pushed_keep(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let push = Push::fresh(peer, account)?;
    ensure!(lab.push(peer, &account.address, &push)?.says("250 2.0.0"), "kept mail is answered 250");
    let row = lab.until("the contact attempt", || lab.contact(&push.sender))?;
    ensure!(row.get("kind").and_then(Value::as_str) == Some("legacy"), "kind: {row}");
    ensure!(!lab.has(account, &push.subject)?, "it is in the mailbox");
    Ok(())
}

fn pushed_allowing_releases(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let one = Push::fresh(peer, account)?;
    let two = Push::by(&one.sender, account)?;
    for push in [&one, &two] {
        lab.push(peer, &account.address, push)?;
    }
    lab.until("the contact attempt", || lab.contact(&one.sender))?;
    lab.order(&["contacts", &account.address, "allow", &one.sender])?;
    lab.arrives(account, &one.subject)?;
    lab.arrives(account, &two.subject)
}

fn pushed_is_nobodys_word(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let push = Push::fresh(peer, account)?;
    lab.order(&["allow", &account.address, "add", &push.sender])?;
    lab.push(peer, &account.address, &push)?;
    lab.until("the contact attempt", || lab.contact(&push.sender))?;
    ensure!(!lab.has(account, &push.subject)?, "anybody could have written that From");
    Ok(())
}

fn pushed_blocked(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let push = Push::fresh(peer, account)?;
    lab.order(&["block", &account.address, "add", &push.sender])?;
    ensure!(lab.push(peer, &account.address, &push)?.says("250 2.0.0"), "as to anybody");
    // One that was sent later is there; this one is not.
    let later = Push::fresh(peer, account)?;
    lab.push(peer, &account.address, &later)?;
    lab.until("the later contact attempt", || lab.contact(&later.sender))?;
    ensure!(lab.contact(&push.sender)?.is_none() && !lab.has(account, &push.subject)?, "it is shown");
    Ok(())
}

fn pushed_same_octets(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let [unknown, allowed, blocked] = [peer.fresh_address()?, peer.fresh_address()?, peer.fresh_address()?];
    lab.order(&["allow", &account.address, "add", &allowed])?;
    lab.order(&["block", &account.address, "add", &blocked])?;
    same_answers(lab, account, &[unknown, allowed, blocked]).map(|_reply| ())
}

fn pushed_refuse(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let [unknown, allowed, blocked] = [peer.fresh_address()?, peer.fresh_address()?, peer.fresh_address()?];
    lab.order(&["allow", &account.address, "add", &allowed])?;
    lab.order(&["block", &account.address, "add", &blocked])?;
    lab.order(&["mode", &account.address, "--legacy", "refuse"])?;
    let answer = same_answers(lab, account, &[unknown, allowed, blocked, String::new()]);
    lab.order(&["mode", &account.address, "--legacy", "keep"])?;
    let answer = answer?;
    ensure!(answer.says("550 5.7.1"), "{:?}", answer.lines);
    Ok(())
}

fn pushed_refuse_not_notices(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let offered = peer.offer(account)?;
    lab.order(&["mode", &account.address, "--legacy", "refuse"])?;
    let given = lab.give(&offered);
    lab.order(&["mode", &account.address, "--legacy", "keep"])?;
    given
}

fn pushed_two_minds(lab: &Lab<'_>) -> Result<()> {
    let (peer, open, account) = (lab.other()?, lab.open()?, lab.screened()?);
    let push = Push::fresh(peer, open)?;
    let mut session = lab.exchange(peer)?;
    session.address(&push.sender, &open.address)?;
    session.ask(&format!("RCPT TO:<{}>", account.address), "250 2.1.5")?;
    ensure!(session.data(&push.content)?.says("250 2.0.0"), "it is taken for both");
    session.quit()?;
    lab.arrives(open, &push.subject)?;
    lab.until("the contact attempt", || lab.contact(&push.sender))?;
    ensure!(!lab.has(account, &push.subject)?, "it is in the screened mailbox");
    Ok(())
}

fn pushed_header_injection(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, lab.screened()?);

    let sender = peer.fresh_address()?;
    let mut push = Push::by(&sender, account)?;
    push.content = format!("From: {sender}\r\nSubject: =?utf-8?q?=E2=80=AE=1B[31m<b>=0D=0ABcc:_x?=\r\n\r\nText.\r\n").into_bytes();
    lab.push(peer, &account.address, &push)?;
    let row = lab.until("the contact attempt", || lab.contact(&push.sender))?.to_string();
    ensure!(!row.chars().any(|character| character.is_control() || character == '\u{202e}'), "{row:?}");
    Ok(())
}

/// The answer to RCPT that each of these gets, which must be one and the same.
fn same_answers(lab: &Lab<'_>, account: &Account, senders: &[String]) -> Result<Reply> {
    let mut first: Option<Reply> = None;
    for sender in senders {
        let mut session = lab.exchange(lab.other()?)?;
        session.ask(&format!("MAIL FROM:<{sender}>"), "250 2.1.0")?;
        let reply = session.reply_to(&format!("RCPT TO:<{}>", account.address))?;
        session.quit()?;
        let first = first.get_or_insert_with(|| reply.clone());
        ensure!(first.octets == reply.octets, "<{sender}> is answered otherwise: {:?}", reply.lines);
    }
    first.context("nobody asked")
}
