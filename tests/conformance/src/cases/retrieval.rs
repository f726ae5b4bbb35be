//! RETRIEVE, CONFIRM, DECLINE and PENDING at the origin: exact octets to whom they are for, one refusal for everybody else.

use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::case::Case;
use crate::crypto::{digest, fresh_id};
use crate::grammar::xtext;
use crate::lab::{Kept, Lab};
use crate::message::{LARGE, long_body};
use crate::peer::{Answer, Peer};
use crate::reply::Reply;
use crate::session::{Served, Session};

const NOTED: &[Answer] = &[Answer::Saying("250 2.0.0 noted")];

pub(crate) const CASES: &[Case] = &[
    Case::honest("retrieve-whole", "3 RETRIEVE", "SIZE, DIGEST and MAILFROM are right, and exactly so many octets follow", whole),
    Case::honest("retrieve-at-exchange-port", "3 RETRIEVE", "The exchange port serves as well", at_exchange_port),
    Case::honest("retrieve-unchanged", "3 RETRIEVE", "Fields are prepended at most; what was submitted comes unchanged", unchanged),
    Case::honest("retrieve-no-dot-stuffing", "3 RETRIEVE", "Lines that begin with dots are served as they are", no_dot_stuffing),
    Case::honest("retrieve-null-reverse-path", "3 RETRIEVE", "An empty reverse-path is written <>", null_reverse_path),
    Case::honest("retrieve-resumes", "3 RETRIEVE", "OFFSET gives the rest of the same octets, under the same digest", resumes),
    Case::honest("retrieve-offset-at-size", "3 RETRIEVE", "OFFSET equal to the size transfers nothing", offset_at_size),
    Case::hostile("retrieve-offset-beyond-size", "3 RETRIEVE", "OFFSET beyond the size: 501", offset_beyond_size),
    Case::honest("retrieve-twice", "4 Transfer", "What was served may be retrieved again until it is confirmed", twice),
    Case::honest("retrieve-pipelined", "3", "Four unanswered RETRIEVEs are answered in order, content and all", pipelined),
    Case::honest(
        "retrieve-before-notice-answered",
        "4 Transfer",
        "A destination faster than the origin's record of its 250 is served",
        before_notice_answered,
    ),
    Case::hostile("retrieve-lease", "3 RETRIEVE", "A second connection during a transfer: 450 4.3.0; after it, the message", lease),
    Case::hostile(
        "retrieve-one-refusal",
        "3",
        "Unknown id, wrong recipient, not authorised: one and the same 550 5.7.1, octet for octet",
        one_refusal,
    ),
    Case::hostile(
        "retrieve-cross-domain",
        "3",
        "Another domain can neither retrieve, confirm nor decline; the message stays",
        cross_domain,
    ),
    Case::hostile("retrieve-id-case", "3", "An id in letters of the other case is another id", id_case),
    Case::honest("confirm-repeats", "3 CONFIRM", "CONFIRM may be repeated; after it RETRIEVE is answered 554", confirm_repeats),
    Case::honest(
        "confirm-without-retrieve",
        "4 Transfer",
        "CONFIRM is taken in every state that has not ended otherwise",
        confirm_without_retrieve,
    ),
    Case::honest("decline-ends", "3 DECLINE", "DECLINE may be repeated; after it RETRIEVE is answered 554", decline_ends),
    Case::honest("pending-counts", "3 PENDING", "PENDING counts what waits for the pair, and the notices come again", pending_counts),
    Case::hostile(
        "pending-not-authorised",
        "3 PENDING",
        "PENDING for somebody else's recipient: the same 550 5.7.1 as ever",
        pending_not_authorised,
    ),
];

fn retrieve(kept: &Kept) -> String {
    format!("RETRIEVE ID={} TO:<{}>", kept.id, kept.to)
}

fn confirm(kept: &Kept) -> String {
    format!("CONFIRM ID={} TO:<{}>", kept.id, kept.to)
}

/// Fetches all of it over a session of its own and checks what must always hold.
fn fetched(lab: &Lab<'_>, peer: &Peer, kept: &Kept) -> Result<Served> {
    let mut session = lab.retrieval(peer)?;
    session.say(&retrieve(kept))?;
    let served = session.served(0)?;
    check(&served.reply, &served.octets)?;
    session.quit()?;
    Ok(served)
}

fn check(reply: &Reply, octets: &[u8]) -> Result<()> {
    ensure!(reply.value("SIZE") == Some(octets.len().to_string().as_str()), "SIZE does not tell {} octets", octets.len());
    ensure!(reply.value("DIGEST") == Some(digest(octets).as_str()), "DIGEST should be {}", digest(octets));
    Ok(())
}

fn whole(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let served = fetched(lab, peer, &kept)?;
    ensure!(u64::try_from(served.octets.len()) == Ok(kept.noticed.size), "the notice said SIZE={}", kept.noticed.size);
    let mail_from = served.reply.value("MAILFROM").and_then(xtext);
    ensure!(mail_from.as_deref() == Some(kept.from.as_str()), "MAILFROM should be the xtext of {}, not {mail_from:?}", kept.from);
    Ok(())
}

fn at_exchange_port(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let mut session = lab.exchange(peer)?;
    session.say(&retrieve(&kept))?;
    let served = session.served(0)?;
    check(&served.reply, &served.octets)?;
    session.ask(&confirm(&kept), "250 2.0.0")?;
    session.quit()
}

fn unchanged(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, "8-bit: grüße\r\n\r\n\r\ntrailing spaces   \r\nno change\r\n".as_bytes(), NOTED)?;
    ends_with(&fetched(lab, peer, &kept)?.octets, &kept.content)
}

fn no_dot_stuffing(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, b".\r\n..\r\n.dot\r\n\r\n.\r\n", NOTED)?;
    ends_with(&fetched(lab, peer, &kept)?.octets, &kept.content)
}

fn ends_with(octets: &[u8], submitted: &[u8]) -> Result<()> {
    ensure!(octets.ends_with(submitted), "what was served does not end in the {} octets submitted", submitted.len());
    Ok(())
}

fn null_reverse_path(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.open()?);
    let to = peer.fresh_address()?;
    let content = crate::message::message(&account.address, &to, "conformance, without a way back", b"No reports, please.\r\n")?;
    peer.open_mailbox(&to, &lab.trace, NOTED);
    lab.submit("", std::slice::from_ref(&to), &content)?;
    let noticed = lab.noticed(peer, &to, 1, lab.bounds.patience)?;
    ensure!(noticed.from == account.address, "FROM is the author, also without a reverse-path");
    let kept = Kept { id: noticed.id.clone(), to, from: account.address.clone(), noticed, content };
    let served = fetched(lab, peer, &kept)?;
    ensure!(served.reply.value("MAILFROM") == Some("<>"), "MAILFROM should be <>, not {:?}", served.reply.value("MAILFROM"));
    Ok(())
}

fn resumes(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, &long_body(100_000), NOTED)?;
    let served = fetched(lab, peer, &kept)?;
    let mut session = lab.retrieval(peer)?;
    for offset in [1, 1000, 65_536, served.octets.len() - 1] {
        session.say(&format!("{} OFFSET={offset}", retrieve(&kept)))?;
        let rest = session.served(offset)?;
        ensure!(rest.reply.octets == served.reply.octets, "another reply with OFFSET={offset}");
        ensure!(served.octets.get(offset..) == Some(rest.octets.as_slice()), "other octets from OFFSET={offset} on");
    }
    session.quit()
}

fn offset_at_size(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let size = usize::try_from(kept.noticed.size)?;
    let mut session = lab.retrieval(peer)?;
    session.say(&format!("{} OFFSET={size}", retrieve(&kept)))?;
    let served = session.served(size)?;
    ensure!(served.octets.is_empty() && served.reply.value("DIGEST").is_some(), "the digest and no octets");
    session.ask("NOOP", "250")?;
    session.quit()
}

fn offset_beyond_size(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let mut session = lab.retrieval(peer)?;
    for offset in [kept.noticed.size + 1, 9_999_999_999_999_999_999] {
        session.ask(&format!("{} OFFSET={offset}", retrieve(&kept)), "501")?;
    }
    session.quit()
}

fn twice(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let (first, second) = (fetched(lab, peer, &kept)?, fetched(lab, peer, &kept)?);
    ensure!(first.octets == second.octets && first.reply.octets == second.reply.octets, "other octets the second time");
    Ok(())
}

fn pipelined(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = [lab.kept(peer)?, lab.kept_with(peer, &long_body(200_000), NOTED)?];
    let [one, other] = &kept;
    let mut session = lab.retrieval(peer)?;
    let commands = [retrieve(one), retrieve(other), format!("{} OFFSET=10", retrieve(one)), retrieve(one), "NOOP".to_owned()];
    session.say_octets(format!("{}\r\n", commands.join("\r\n")).as_bytes())?;
    for (wanted, offset) in [(one, 0), (other, 0), (one, 10), (one, 0)] {
        let served = session.served(offset)?;
        ensure!(served.reply.value("SIZE") == Some(wanted.noticed.size.to_string().as_str()), "answers out of order");
        if offset == 0 {
            check(&served.reply, &served.octets)?;
        }
    }
    session.expect("250")?;
    session.quit()
}

fn before_notice_answered(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, b"Quicker than a reply.\r\n", &[Answer::Held])?;
    let result = fetched(lab, peer, &kept).and_then(|_served| {
        let mut session = lab.retrieval(peer)?;
        session.ask(&confirm(&kept), "250 2.0.0")?;
        session.quit()
    });
    peer.release(&kept.to);
    result?;
    if lab.target.command.is_some() {
        lab.status(&kept.to, "delivered")?;
    }
    Ok(())
}

fn lease(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept_with(peer, &long_body(LARGE), NOTED)?;
    let mut first = lab.retrieval(peer)?;
    first.say(&retrieve(&kept))?;
    first.expect("250 2.0.0")?;
    first.some_content(1000)?;
    let mut second = lab.retrieval(peer)?;
    second.ask(&retrieve(&kept), "450 4.3.0")?;
    lab.trace.note("the first connection is cut");
    drop(first);
    let deadline = Instant::now() + lab.bounds.patience;
    loop {
        second.say(&format!("{} OFFSET=1000", retrieve(&kept)))?;
        let reply = second.reply()?;
        if reply.says("250 2.0.0") {
            let rest = second.some_content(usize::try_from(kept.noticed.size)? - 1000)?;
            return ends_with(&rest, kept.content.get(kept.content.len() - LARGE / 2..).unwrap_or_default());
        }
        ensure!(reply.says("450 4.3.0"), "450 4.3.0 or the message was expected");
        if Instant::now() > deadline {
            bail!("the lease outlives its connection by more than {:?}", lab.bounds.patience);
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// What a verb is answered in each of the ways not to be entitled.
fn refusals(lab: &Lab<'_>, kept: &Kept, command: impl Fn(&str, &str) -> String) -> Result<Vec<(&'static str, Reply)>> {
    let (honest, other) = (lab.honest()?, lab.other()?);
    let unknown = fresh_id()?;
    let (wrong, elsewhere) = (honest.fresh_address()?, other.fresh_address()?);
    let mut replies = Vec::new();
    let mut ask = |session: &mut Session, why: &'static str, id: &str, to: &str| -> Result<()> {
        replies.push((why, session.ask(&command(id, to), "550 5.7.1")?));
        Ok(())
    };
    let mut session = lab.retrieval(honest)?;
    ask(&mut session, "unknown id", &unknown, &kept.to)?;
    ask(&mut session, "wrong recipient", &kept.id, &wrong)?;
    ask(&mut session, "another domain's recipient", &kept.id, &elsewhere)?;
    ask(&mut session, "a recipient at the origin itself", &kept.id, &kept.from)?;
    session.quit()?;
    let mut session = lab.retrieval(other)?;
    ask(&mut session, "another domain's server", &kept.id, &kept.to)?;
    ask(&mut session, "another domain's server, its own recipient", &kept.id, &elsewhere)?;
    session.quit()?;
    let mut session = lab.retrieval_as_stranger(&honest.host)?;
    ask(&mut session, "an address nobody published", &kept.id, &kept.to)?;
    ask(&mut session, "an address nobody published, unknown id", &unknown, &kept.to)?;
    session.quit()?;
    Ok(replies)
}

fn one_refusal(lab: &Lab<'_>) -> Result<()> {
    let kept = lab.kept(lab.honest()?)?;
    let mut replies = refusals(lab, &kept, |id, to| format!("RETRIEVE ID={id} TO:<{to}>"))?;
    replies.extend(refusals(lab, &kept, |id, to| format!("CONFIRM ID={id} TO:<{to}>"))?);
    replies.extend(refusals(lab, &kept, |id, to| format!("DECLINE ID={id} TO:<{to}> 5.7.1 not wanted"))?);
    let Some((_, first)) = replies.first() else { bail!("no replies") };
    for (why, reply) in &replies {
        ensure!(reply.octets == first.octets, "{why}: {} is not {}", reply.text(), first.text());
    }
    Ok(())
}

fn cross_domain(lab: &Lab<'_>) -> Result<()> {
    let (honest, other) = (lab.honest()?, lab.other()?);
    let kept = lab.kept(honest)?;
    let mut session = lab.retrieval(other)?;
    session.ask(&retrieve(&kept), "550 5.7.1")?;
    session.ask(&confirm(&kept), "550 5.7.1")?;
    session.ask(&format!("DECLINE ID={} TO:<{}> 5.7.1 gone", kept.id, kept.to), "550 5.7.1")?;
    session.quit()?;
    lab.trace.note("and it still waits for whom it is for");
    ends_with(&fetched(lab, honest, &kept)?.octets, &kept.content)
}

fn id_case(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let swap = |letter: char| if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
    let swapped: String = kept.id.chars().map(swap).collect();
    ensure!(swapped != kept.id, "an id without letters");
    let mut session = lab.retrieval(peer)?;
    session.ask(&format!("RETRIEVE ID={swapped} TO:<{}>", kept.to), "550 5.7.1")?;
    session.quit()
}

fn confirm_repeats(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    fetched(lab, peer, &kept)?;
    let mut session = lab.retrieval(peer)?;
    let first = session.ask(&confirm(&kept), "250 2.0.0")?;
    let second = session.ask(&confirm(&kept), "250 2.0.0")?;
    ensure!(first.octets == second.octets, "another reply to the repeat");
    session.ask(&retrieve(&kept), "554")?;
    session.quit()
}

fn confirm_without_retrieve(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let mut session = lab.retrieval(peer)?;
    session.ask(&confirm(&kept), "250 2.0.0")?;
    session.ask(&retrieve(&kept), "554")?;
    session.quit()
}

fn decline_ends(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    fetched(lab, peer, &kept)?;
    let decline = format!("DECLINE ID={} TO:<{}> 5.6.0 it is no message", kept.id, kept.to);
    let mut session = lab.retrieval(peer)?;
    session.ask(&decline, "250 2.0.0")?;
    session.ask(&decline, "250 2.0.0")?;
    session.ask(&retrieve(&kept), "554")?;
    session.ask(&confirm(&kept), "250 2.0.0")?;
    session.quit()
}

fn pending_counts(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let kept = lab.kept(peer)?;
    let mut session = lab.retrieval(peer)?;
    let pending = format!("PENDING FROM:<{}> TO:<{}>", kept.from, kept.to);
    let reply = session.ask(&pending, "250 2.0.0")?;
    ensure!(reply.lines.len() == 1, "to a session known by its address alone no ids are told");
    ensure!(reply.text().split(' ').nth(1) == Some("1"), "one message waits for the pair, not {:?}", reply.text());
    let again = lab.noticed(peer, &kept.to, 2, lab.bounds.patience)?;
    ensure!(again.id == kept.id, "the notice came again under another id");
    let reply = session.ask(&format!("PENDING FROM:<{}> TO:<{}>", kept.from, peer.fresh_address()?), "250 2.0.0")?;
    ensure!(reply.text().split(' ').nth(1) == Some("0"), "nothing waits for this pair, not {:?}", reply.text());
    session.quit()
}

fn pending_not_authorised(lab: &Lab<'_>) -> Result<()> {
    let (honest, other) = (lab.honest()?, lab.other()?);
    let kept = lab.kept(honest)?;
    let pending = format!("PENDING FROM:<{}> TO:<{}>", kept.from, kept.to);
    let mut session = lab.retrieval(other)?;
    let first = session.ask(&pending, "550 5.7.1")?;
    let unknown = session.ask(&format!("RETRIEVE ID={} TO:<{}>", fresh_id()?, kept.to), "550 5.7.1")?;
    session.quit()?;
    let mut session = lab.retrieval_as_stranger(&honest.host)?;
    let second = session.ask(&pending, "550 5.7.1")?;
    session.quit()?;
    ensure!(first.octets == second.octets && first.octets == unknown.octets, "not one and the same refusal");
    ensure!(honest.notices(&kept.to) == 1, "the notices came again, asked for by somebody else");
    Ok(())
}
