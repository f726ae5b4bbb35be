//! NOTICE at the destination: one answer for every mailbox, definite refusals for everything else.

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::case::{Case, Need, Skip};
use crate::cases::session::limits;
use crate::lab::Lab;
use crate::notice::Notice;
use crate::reply::Reply;
use crate::session::Session;
use crate::stamp::{DAY, now, stamp};

/// NOTICE commands in one write.
const BATCH: u64 = 50;

pub(crate) const CASES: &[Case] = &[
    Case::honest("notice-accepted", "3 NOTICE", "A notice to an open mailbox is answered 250 2.0.0", notice_accepted),
    Case::hostile("notice-same-octets", "3 NOTICE", "Open, screened and repeated: the same reply, octet for octet", notice_same_octets),
    Case::hostile(
        "notice-blocked-same-octets",
        "3 NOTICE",
        "A blocked sender gets the same reply, octet for octet",
        notice_blocked_same_octets,
    )
    .needing(&[Need::Command]),
    Case::honest("notice-unknown-mailbox", "3 NOTICE", "A mailbox that does not exist: 550 5.1.1", notice_unknown_mailbox),
    Case::honest("notice-not-our-domain", "3 NOTICE", "A recipient of another domain: 550 5.1.2", notice_not_our_domain),
    Case::hostile("notice-unpublished-address", "3 NOTICE", "From an address that nobody published: 550 5.7.1", notice_unpublished_address),
    Case::hostile("notice-for-other-domain", "3 NOTICE", "For a domain that one does not run: 550 5.7.1", notice_for_other_domain),
    Case::hostile("notice-for-their-domain", "3 NOTICE", "For the server's own domain, from outside: 550 5.7.1", notice_for_their_domain),
    Case::hostile("notice-unknown-domain", "3 NOTICE", "For a domain that does not exist: refused for good", notice_unknown_domain),
    Case::hostile("notice-subdomain", "2", "Records do not inherit to subdomains: 550 for one of our own", notice_subdomain),
    Case::honest("notice-size", "3 NOTICE", "A message larger than SIZE: 552 5.3.4; one of exactly SIZE: 250", notice_size),
    Case::hostile(
        "notice-size-huge",
        "3 NOTICE",
        "The largest number the grammar allows is a size like any other: 552 5.3.4",
        notice_size_huge,
    ),
    Case::honest("notice-expired", "3 NOTICE", "EXPIRES in the past: 554 5.4.7", notice_expired),
    Case::honest("notice-far-future", "3", "EXPIRES beyond KEEPMAX is clamped, not refused", notice_far_future),
    Case::honest("notice-body-types", "3 NOTICE", "Every body type is taken or refused with 554 5.6.3", notice_body_types),
    Case::honest("notice-smtputf8", "3 NOTICE", "A path in UTF-8 is taken where SMTPUTF8 is offered, and only there", notice_smtputf8),
    Case::honest("notice-kinds", "3", "Every kind of notice is taken", notice_kinds),
    Case::honest("notice-any-order", "3", "Parameters come in any order and letters of either case", notice_any_order),
    Case::honest("notice-recipient-forms", "5", "Case and plus-tag of the recipient's local part do not matter", notice_recipient_forms),
    Case::honest("notice-expires-may-grow", "3 NOTICE", "A repeat with another EXPIRES is answered as the first", notice_expires_may_grow),
    Case::honest("notice-at-retrieval-port", "3", "The retrieval port takes notices as well", notice_at_retrieval_port),
    Case::hostile("noticemax", "3", "Beyond NOTICEMAX in one session: 452 4.5.3", noticemax),
];

fn ask(lab: &Lab<'_>, notice: &Notice, wanted: &str) -> Result<Reply> {
    let mut session = lab.exchange(lab.honest()?)?;
    let reply = session.ask(&notice.line(), wanted)?;
    session.quit()?;
    Ok(reply)
}

fn notice_accepted(lab: &Lab<'_>) -> Result<()> {
    ask(lab, &lab.honest()?.notice(lab.open()?)?, "250 2.0.0").map(|_reply| ())
}

fn notice_same_octets(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let (open, screened) = (peer.notice(lab.open()?)?, peer.notice(lab.screened()?)?);
    let first = ask(lab, &open, "250 2.0.0")?;
    for (who, notice) in [("screened", &screened), ("screened, repeated", &screened), ("open, repeated", &open)] {
        let reply = ask(lab, notice, "250 2.0.0")?;
        ensure!(reply.octets == first.octets, "{who}: another reply than for a fresh notice to an open mailbox");
    }
    Ok(())
}

fn notice_blocked_same_octets(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let (usual, blocked) = (peer.notice(account)?, peer.notice(account)?);
    lab.order(&["block", &account.address, "add", blocked.from.trim_matches(['<', '>'])])?;
    let usual = ask(lab, &usual, "250 2.0.0")?;
    let reply = ask(lab, &blocked, "250 2.0.0")?;
    ensure!(reply.octets == usual.octets, "another reply than for a sender who is not blocked");
    let repeated = ask(lab, &blocked, "250 2.0.0")?;
    ensure!(repeated.octets == usual.octets, "another reply to the repeat");
    Ok(())
}

fn notice_unknown_mailbox(lab: &Lab<'_>) -> Result<()> {
    let nobody = format!("<nobody-here@{}>", lab.target.domain);
    ask(lab, &lab.honest()?.notice(lab.open()?)?.addressed_to(&nobody), "550 5.1.1").map(|_reply| ())
}

fn notice_not_our_domain(lab: &Lab<'_>) -> Result<()> {
    let elsewhere = format!("<{}>", lab.other()?.fresh_address()?);
    ask(lab, &lab.honest()?.notice(lab.open()?)?.addressed_to(&elsewhere), "550 5.1.2").map(|_reply| ())
}

fn notice_unpublished_address(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let notice = peer.notice(lab.screened()?)?;
    let mut session = lab.exchange_as_stranger(&peer.host)?;
    session.ask(&notice.line(), "550 5.7.1")?;
    session.quit()?;
    is_not_listed(lab, &notice)
}

fn notice_for_other_domain(lab: &Lab<'_>) -> Result<()> {
    let notice = lab.other()?.notice(lab.screened()?)?;
    ask(lab, &notice, "550 5.7.1")?;
    is_not_listed(lab, &notice)
}

fn notice_for_their_domain(lab: &Lab<'_>) -> Result<()> {
    let claimed = format!("<{}>", lab.open()?.address);
    ask(lab, &lab.honest()?.notice(lab.screened()?)?.claiming_from(&claimed), "550 5.7.1").map(|_reply| ())
}

fn notice_unknown_domain(lab: &Lab<'_>) -> Result<()> {
    let notice = lab.honest()?.notice(lab.screened()?)?.claiming_from("<someone@no-such-domain.test>");
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask_one_of(&notice.line(), &["550 5.7.1", "550 5.4.4", "550 5.7.27"])?;
    session.quit()
}

fn notice_subdomain(lab: &Lab<'_>) -> Result<()> {
    let claimed = format!("<someone@sub.{}>", lab.honest()?.domain);
    let notice = lab.honest()?.notice(lab.screened()?)?.claiming_from(&claimed);
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask_one_of(&notice.line(), &["550 5.7.1", "550 5.4.4", "550 5.7.27"])?;
    session.quit()
}

/// Where the command line can tell: nothing was listed.
fn is_not_listed(lab: &Lab<'_>, notice: &Notice) -> Result<()> {
    if lab.target.command.is_some() {
        let sender = notice.from.trim_matches(['<', '>']);
        ensure!(lab.contact(sender)?.is_none(), "{sender} was refused and is listed all the same");
    }
    Ok(())
}

fn notice_size(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let mut session = lab.exchange(peer)?;
    let size = limits(&session)?.size;
    session.ask(&peer.notice(account)?.but("SIZE", &(size + 1).to_string()).line(), "552 5.3.4")?;
    session.ask(&peer.notice(account)?.but("SIZE", &size.to_string()).line(), "250 2.0.0")?;
    session.ask(&peer.notice(account)?.but("SIZE", "0").line(), "250 2.0.0")?;
    session.quit()
}

fn notice_size_huge(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let mut session = lab.exchange(peer)?;
    session.ask(&peer.notice(account)?.but("SIZE", &"9".repeat(19)).line(), "552 5.3.4")?;
    session.ask(&peer.notice(account)?.but("SIZE", &"9".repeat(20)).line(), "501")?;
    session.quit()
}

fn notice_expired(lab: &Lab<'_>) -> Result<()> {
    let (date, expires) = (stamp(now() - 20 * DAY), stamp(now() - DAY));
    ask(lab, &lab.honest()?.notice(lab.screened()?)?.but("DATE", &date).but("EXPIRES", &expires), "554 5.4.7").map(|_reply| ())
}

fn notice_far_future(lab: &Lab<'_>) -> Result<()> {
    ask(lab, &lab.honest()?.notice(lab.screened()?)?.but("EXPIRES", "20991231T235959Z"), "250 2.0.0").map(|_reply| ())
}

fn notice_body_types(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let mut session = lab.exchange(peer)?;
    for body in ["7BIT", "8BITMIME", "BINARYMIME"] {
        session.ask_one_of(&peer.notice(account)?.with(&format!("BODY={body}")).line(), &["250 2.0.0", "554 5.6.3"])?;
    }
    session.ask(&peer.notice(account)?.with("BODY=9BIT").line(), "501")?;
    session.quit()
}

fn notice_smtputf8(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let mut session = lab.exchange(peer)?;
    let notice = peer.notice(account)?.claiming_from(&format!("<grüße@{}>", peer.domain)).with("SMTPUTF8");
    if session.ehlo.keyword("SMTPUTF8").is_some() {
        session.ask(&notice.line(), "250 2.0.0")?;
    } else {
        session.ask_one_of(&notice.line(), &["553 5.6.7", "501"])?;
    }
    session.quit()
}

fn notice_kinds(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let mut session = lab.exchange(peer)?;
    for more in ["KIND=mail", "KIND=list LIST=talk.c.test", "KIND=forward", "KIND=confirm REF=AAAAAAAAAAAAAAAAAAAAAA", "KIND=report"] {
        let notice = more.split(' ').fold(peer.notice(account)?, Notice::with);
        session.ask(&notice.line(), "250 2.0.0")?;
    }
    session.quit()
}

fn notice_any_order(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let mut session = lab.exchange(peer)?;
    let reversed = peer.notice(account)?.with("NAME=Ann+20B+C3+B6ttcher").with("SUBJECT=+E2+82+AC+205").with("KIND=mail").reversed();
    session.ask(&reversed.line(), "250 2.0.0")?;
    let lowered = peer.notice(account)?.line().replace("NOTICE FROM:", "notice from:").replace(" TO:", " to:").replace(" ID=", " id=");
    session.ask(&lowered.replace(" EXPIRES=", " Expires="), "250 2.0.0")?;
    session.quit()
}

fn notice_recipient_forms(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let (local, domain) = account.address.split_once('@').context("an account is an address")?;
    let mut session = lab.exchange(peer)?;
    for path in [format!("<{}@{domain}>", local.to_uppercase()), format!("<{local}+tag@{domain}>")] {
        session.ask(&peer.notice(account)?.addressed_to(&path).line(), "250 2.0.0")?;
    }
    // RFC 5321 section 2.4 has domains in letters of either case; the extension has them written in lowercase.
    let path = format!("<{local}@{}>", domain.to_uppercase());
    session.ask_one_of(&peer.notice(account)?.addressed_to(&path).line(), &["250 2.0.0", "501"])?;
    session.quit()
}

fn notice_expires_may_grow(lab: &Lab<'_>) -> Result<()> {
    let notice = lab.honest()?.notice(lab.screened()?)?;
    let first = ask(lab, &notice, "250 2.0.0")?;
    for days in [20, 8] {
        let again = ask(lab, &notice.clone().but("EXPIRES", &stamp(now() + days * DAY)), "250 2.0.0")?;
        ensure!(again.octets == first.octets, "another reply to the repeat that expires in {days} days");
    }
    Ok(())
}

fn notice_at_retrieval_port(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let mut session = lab.retrieval(peer)?;
    session.ask(&peer.notice(lab.screened()?)?.line(), "250 2.0.0")?;
    session.quit()
}

fn noticemax(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let notice = peer.notice(lab.screened()?)?;
    let mut session = lab.exchange(peer)?;
    let notices = limits(&session)?.notices;
    if notices > 10_000 {
        return Err(anyhow!(Skip(format!("NOTICEMAX={notices} is too many to try"))));
    }
    // One notice again and again: it is one row there, and counts in the session each time.
    let mut given = 0;
    while given < notices {
        let count = BATCH.min(notices - given);
        let reply = batch(lab, &mut session, &notice, count)?;
        if reply.says("450 4.7.28") {
            return Err(anyhow!(Skip(format!("the server limits the rate after some {given} notices"))));
        }
        ensure!(reply.says("250 2.0.0"), "a notice within NOTICEMAX={notices}, after {given} others, must be taken");
        given += count;
    }
    session.ask(&notice.line(), "452 4.5.3")?;
    session.quit()
}

/// Gives the same notice so many times in one write; the first reply that is no 250, else the last.
fn batch(lab: &Lab<'_>, session: &mut Session, notice: &Notice, count: u64) -> Result<Reply> {
    let mut replies = Vec::new();
    let lines: String = (0..count).map(|_| notice.line() + "\r\n").collect();
    session.say_octets(lines.as_bytes())?;
    for _ in 0..count {
        replies.push(session.reply()?);
    }
    lab.trace.note(format!("{count} notices answered"));
    let refused = replies.iter().position(|reply| !reply.says("250 2.0.0")).unwrap_or(replies.len().saturating_sub(1));
    replies.into_iter().nth(refused).context("no replies")
}
