//! What a domain publishes about itself, and that it is obeyed: by those who push in its name, and those who give notices (section 2).

use anyhow::{Result, ensure};

use crate::case::{Case, Need};
use crate::lab::Lab;
use crate::message::with_fields;
use crate::notice::Notice;
use crate::peer::Peer;
use crate::pushing::Push;

pub(crate) const CASES: &[Case] = &[
    Case::hostile("record-enforce", "2", "Pushed mail from a domain with mode=enforce, unproved, is refused: 550 5.7.1", enforce)
        .needing(&[Need::Records]),
    Case::hostile("record-enforce-by-chunks", "2", "The same is refused by BDAT", enforce_by_chunks).needing(&[Need::Records]),
    Case::hostile(
        "record-enforce-whatever-path",
        "2",
        "From counts, not the reverse-path: also with another one, and with none",
        whatever_path,
    )
    .needing(&[Need::Records]),
    Case::hostile("record-enforce-among-authors", "2", "Such an author hidden among others, or in a second From, is found", among_authors)
        .needing(&[Need::Records]),
    Case::hostile("record-enforce-in-any-case", "2", "The case of the domain does not matter", in_any_case).needing(&[Need::Records]),
    Case::hostile("record-enforce-at-every-mailbox", "2", "Screened or not, the mailbox does not matter", at_every_mailbox)
        .needing(&[Need::Records, Need::Command]),
    Case::honest("record-enforce-not-below", "2", "Records do not inherit: below such a domain nothing is refused", not_below)
        .needing(&[Need::Records, Need::Command]),
    Case::honest("record-testing", "2", "With mode=testing it is delivered", testing).needing(&[Need::Records, Need::Command]),
    Case::honest("record-none", "2", "With mode=none it is delivered", mode_none).needing(&[Need::Records, Need::Command]),
    Case::honest("record-not-ours", "2", "A record that does not begin with v=TWM1 says nothing", not_ours)
        .needing(&[Need::Records, Need::Command]),
    Case::hostile("record-broken-pushed", "2", "A record with bad syntax is never absent: 451 to mail in its name", broken_pushed)
        .needing(&[Need::Records]),
    Case::hostile("record-broken-notice", "2", "And 451 to notices for it", broken_notice).needing(&[Need::Records]),
    Case::hostile("record-send-none", "2", "With send=none nobody gives notices for the domain, its own address neither", send_none)
        .needing(&[Need::Records]),
    Case::honest(
        "record-unknown-words",
        "2",
        "Unknown tags are ignored, unknown items match nothing, and what is known counts",
        unknown_words,
    )
    .needing(&[Need::Records]),
];

/// Somebody in a subdomain of ours with a record.
fn author(peer: &Peer, label: &str) -> Result<String> {
    Ok(peer.fresh_address()?.replacen('@', &format!("@{label}."), 1))
}

/// Pushes to the open mailbox what says to be by this author; the reply must say this.
fn pushed(lab: &Lab<'_>, label: &str, wanted: &str) -> Result<Push> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let push = Push::by(&author(peer, label)?, open)?;
    answered(lab, &push.sender, &push.content, wanted)?;
    Ok(push)
}

fn answered(lab: &Lab<'_>, reverse_path: &str, content: &[u8], wanted: &str) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.address(reverse_path, &lab.open()?.address)?;
    let reply = session.data(content)?;
    ensure!(reply.says(wanted), "{wanted} was expected, not {:?}", reply.lines);
    session.quit()
}

fn enforce(lab: &Lab<'_>) -> Result<()> {
    let push = pushed(lab, "enforce", "550 5.7.1")?;
    if lab.target.command.is_some() {
        lab.is_not_delivered(&push.subject)?;
    }
    Ok(())
}

fn enforce_by_chunks(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let push = Push::by(&author(peer, "enforce")?, open)?;
    let mut session = lab.exchange(peer)?;
    session.address(&push.sender, &open.address)?;
    let (one, other) = push.content.split_at(push.content.len() / 2);
    ensure!(session.chunk(one, false)?.says("250"), "a chunk that is not the last");
    let reply = session.chunk(other, true)?;
    ensure!(reply.says("550 5.7.1"), "550 5.7.1 was expected, not {:?}", reply.lines);
    session.quit()
}

fn whatever_path(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    for reverse_path in [String::new(), peer.fresh_address()?] {
        let push = Push::by(&author(peer, "enforce")?, open)?;
        answered(lab, &reverse_path, &push.content, "550 5.7.1")?;
    }
    Ok(())
}

fn among_authors(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let (own, theirs) = (peer.fresh_address()?, author(peer, "enforce")?);
    for fields in [
        vec![format!("From: {own}, {theirs}")],
        vec![format!("From: {own}"), format!("From: {theirs}")],
        vec![format!("From: us: {own}, \"Bank\" <{theirs}>;")],
        vec![format!("From: {own} (,\r\n\t), <{theirs}>")],
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let content = with_fields(&fields, "several", &peer.domain, b"By all of us.\r\n")?;
        answered(lab, &own, &content, "550 5.7.1")?;
    }
    Ok(())
}

fn in_any_case(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let push = Push::by(&author(peer, "enforce")?.to_uppercase(), open)?;
    answered(lab, &push.sender, &push.content, "550 5.7.1")
}

fn at_every_mailbox(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, &lab.fresh_screened()?);
    let push = Push::by(&author(peer, "enforce")?, account)?;
    ensure!(lab.push(peer, &account.address, &push)?.says("550 5.7.1"), "to a screened mailbox it was answered otherwise");
    one_that_is_kept(lab)?;
    ensure!(lab.contacts(account)?.is_empty(), "what was refused is shown");
    Ok(())
}

/// What is refused for its domain is refused: the same without a record is taken.
fn one_that_is_kept(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, &lab.fresh_screened()?);
    let push = Push::fresh(peer, account)?;
    ensure!(lab.push(peer, &account.address, &push)?.says("250 2.0.0"), "without a record it is taken");
    lab.until("the contact attempt", || lab.contact_of(account, &push.sender)).map(|_row| ())
}

fn not_below(lab: &Lab<'_>) -> Result<()> {
    let push = pushed(lab, "below.enforce", "250 2.0.0")?;
    lab.arrives(lab.open()?, &push.subject)
}

fn testing(lab: &Lab<'_>) -> Result<()> {
    let push = pushed(lab, "testing", "250 2.0.0")?;
    lab.arrives(lab.open()?, &push.subject)
}

fn mode_none(lab: &Lab<'_>) -> Result<()> {
    let push = pushed(lab, "none", "250 2.0.0")?;
    lab.arrives(lab.open()?, &push.subject)
}

fn not_ours(lab: &Lab<'_>) -> Result<()> {
    let push = pushed(lab, "foreign", "250 2.0.0")?;
    lab.arrives(lab.open()?, &push.subject)
}

fn broken_pushed(lab: &Lab<'_>) -> Result<()> {
    pushed(lab, "broken", "451").map(|_push| ())
}

/// Gives a notice of a message that is not there, for somebody in a subdomain.
fn noticed(lab: &Lab<'_>, label: &str, wanted: &str) -> Result<()> {
    let peer = lab.honest()?;
    let notice = Notice::fresh(&author(peer, label)?, &lab.screened()?.address)?;
    let mut session = lab.exchange(peer)?;
    session.ask(&notice.line(), wanted)?;
    session.quit()
}

fn broken_notice(lab: &Lab<'_>) -> Result<()> {
    noticed(lab, "broken", "451 4.4.3")
}

fn send_none(lab: &Lab<'_>) -> Result<()> {
    noticed(lab, "silent", "550 5.7.1")
}

fn unknown_words(lab: &Lab<'_>) -> Result<()> {
    noticed(lab, "newer", "250 2.0.0")
}
