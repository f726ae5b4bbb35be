//! Sessions as such: TLS first, commands in order, strict line ends, never a relay.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::case::{Case, Skip};
use crate::lab::Lab;
use crate::reply::{REPLY_LINE_OCTETS_MAX, Reply};
use crate::session::{Session, was_closed};

/// No second reply within this time, so there was none.
const SILENCE: Duration = Duration::from_millis(500);

pub(crate) const CASES: &[Case] = &[
    Case::honest("keyword-after-tls", "3", "XTWOWAY is offered after TLS, with its version and limits", keyword_after_tls),
    Case::honest("keyword-not-before-tls", "3", "Before TLS the exchange port offers STARTTLS and not XTWOWAY", keyword_not_before_tls),
    Case::honest(
        "retrieval-port-is-tls",
        "2",
        "The retrieval port speaks TLS at once, with a certificate for its name",
        retrieval_port_is_tls,
    ),
    Case::hostile("verbs-before-tls", "3", "Before TLS every verb of the extension is refused with 530 5.7.0", verbs_before_tls),
    Case::hostile("buffered-plaintext", "3", "What came in before STARTTLS is discarded, not obeyed under TLS", buffered_plaintext),
    Case::honest("greet-again-after-tls", "3", "After STARTTLS a verb before EHLO is out of order: 503 5.5.1", greet_again_after_tls),
    Case::hostile("starttls-twice", "3", "STARTTLS under TLS is refused, and the session goes on", starttls_twice),
    Case::hostile("unknown-verb", "3", "An unknown verb is refused with 500 or 502, and the session goes on", unknown_verb),
    Case::hostile("bare-lf", "3", "A bare LF ends no command", bare_lf),
    Case::hostile("bare-cr", "3", "A bare CR ends no command", bare_cr),
    Case::hostile("nul-in-command", "3", "A NUL in a command is refused", nul_in_command),
    Case::hostile("line-too-long", "3", "A command of more than 2048 octets is refused", line_too_long),
    Case::hostile("endless-line", "3", "A line of a million octets gets one refusal, or ends the connection", endless_line),
    Case::hostile("reply-lines-are-short", "3", "Reply lines stay within 512 octets whatever the command was", reply_lines_are_short),
    Case::hostile(
        "pipelined-batch",
        "3",
        "A pipelined batch is answered in order, and one failing leaves the others alone",
        pipelined_batch,
    ),
    Case::honest("assert-unknown", "3 ASSERT", "An assertion that proves nothing is refused, and the session goes on", assert_unknown),
    Case::hostile("assert-syntax", "3 ASSERT", "A malformed assertion is a syntax error", assert_syntax),
    Case::hostile("never-a-relay", "3", "Mail for other domains is refused", never_a_relay),
    Case::honest("mail-is-answered", "3", "MAIL is accepted, or refused with 550 5.7.1 and a reason", mail_is_answered),
    Case::honest("notice-in-transaction", "3 NOTICE", "NOTICE inside a mail transaction is out of order: 503", notice_in_transaction),
    Case::honest("quit", "3", "QUIT is answered 221 and the connection closed", quit),
];

fn keyword_after_tls(lab: &Lab<'_>) -> Result<()> {
    let session = lab.exchange(lab.honest()?)?;
    let offer = limits(&session)?;
    lab.trace.note(format!("offered: {offer:?}"));
    ensure!(offer.size >= 1_000_000, "SIZE={} is too small for mail", offer.size);
    ensure!(offer.notices >= 1, "NOTICEMAX={}", offer.notices);
    ensure!(offer.keep >= 7 * 86_400, "KEEPMAX={} is less than 7 days, the least that a notice may ask for", offer.keep);
    session.quit()
}

fn keyword_not_before_tls(lab: &Lab<'_>) -> Result<()> {
    let session = lab.plain(lab.honest()?)?;
    ensure!(session.ehlo.keyword("STARTTLS").is_some(), "STARTTLS is not offered");
    ensure!(session.ehlo.keyword("XTWOWAY").is_none(), "XTWOWAY is offered before TLS");
    session.quit()
}

fn retrieval_port_is_tls(lab: &Lab<'_>) -> Result<()> {
    let session = lab.retrieval(lab.honest()?)?;
    limits(&session)?;
    ensure!(session.ehlo.keyword("STARTTLS").is_none(), "STARTTLS is offered under TLS");
    session.quit()
}

fn verbs_before_tls(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let notice = peer.notice(lab.open()?)?;
    let (id, to) = (&notice.id, &notice.to);
    let mut session = lab.plain(peer)?;
    for command in [
        notice.line(),
        format!("PENDING FROM:{to} TO:{}", notice.from),
        format!("RETRIEVE ID={id} TO:{}", notice.from),
        format!("CONFIRM ID={id} TO:{}", notice.from),
        format!("DECLINE ID={id} TO:{} 5.7.1 no", notice.from),
    ] {
        session.ask(&command, "530 5.7.0")?;
    }
    session.quit()
}

fn buffered_plaintext(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let mut session = lab.plain(peer)?;
    session.say_octets(b"STARTTLS\r\nNOOP injected\r\n")?;
    let reply = session.reply()?;
    if reply.refuses() {
        lab.trace.note("refused altogether, which is as good");
        return Ok(());
    }
    ensure!(reply.says("220"), "STARTTLS with more behind it is obeyed or refused");
    let mut session = lab.handshake(session, lab.trace.clone())?;
    session.must_be_silent(SILENCE).context("the injected command was answered under TLS")?;
    session.greet(&peer.host)?;
    session.must_be_silent(SILENCE).context("the injected command was answered under TLS")?;
    session.quit()
}

fn greet_again_after_tls(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let session = lab.plain(peer)?;
    let mut session = lab.secured(session, lab.trace.clone())?;
    session.ask(&peer.notice(lab.open()?)?.line(), "503 5.5.1")?;
    session.quit()
}

fn starttls_twice(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.say("STARTTLS")?;
    ensure!(session.reply()?.refuses(), "STARTTLS under TLS must be refused for good");
    goes_on(session)
}

fn unknown_verb(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask_one_of("XYZZY", &["500", "502"])?;
    session.ask_one_of("NOTICES FROM:<a@b.test>", &["500", "502"])?;
    goes_on(session)
}

fn bare_lf(lab: &Lab<'_>) -> Result<()> {
    one_refusal(lab, b"NOOP x\nNOOP\r\n")
}

fn bare_cr(lab: &Lab<'_>) -> Result<()> {
    one_refusal(lab, b"NOOP x\rNOOP\r\n")
}

fn nul_in_command(lab: &Lab<'_>) -> Result<()> {
    one_refusal(lab, b"NOOP a\0b\r\n")
}

fn line_too_long(lab: &Lab<'_>) -> Result<()> {
    let mut line = lab.honest()?.notice(lab.open()?)?.line();
    line.push_str(" LIST=");
    while line.len() < 2047 {
        line.push('x');
    }
    one_refusal(lab, format!("{line}\r\n").as_bytes())
}

/// One command, refused, is not taken for two or none; hanging up is a refusal as well.
fn one_refusal(lab: &Lab<'_>, octets: &[u8]) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.say_octets(octets)?;
    match session.reply() {
        Ok(reply) => ensure!(reply.refuses(), "it must be refused for good"),
        Err(error) if was_closed(&error) => return Ok(()),
        Err(error) => return Err(error),
    }
    match session.must_be_silent(SILENCE) {
        Err(error) if !was_closed(&error) => Err(error),
        _ => Ok(()),
    }
}

fn endless_line(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    for _ in 0..64 {
        if session.say_octets(&[b'x'; 16 * 1024]).is_err() {
            lab.trace.note("the server hung up");
            return Ok(());
        }
    }
    if session.say_octets(b"\r\n").is_err() {
        return Ok(());
    }
    match session.reply() {
        Ok(reply) => ensure!(reply.refuses() || reply.says("421"), "a line of a million octets must be refused"),
        Err(error) if was_closed(&error) => return Ok(()),
        Err(error) => return Err(error),
    }
    match session.must_be_silent(SILENCE) {
        Err(error) if !was_closed(&error) => Err(error),
        _ => Ok(()),
    }
}

fn reply_lines_are_short(lab: &Lab<'_>) -> Result<()> {
    // The length of every line is checked wherever replies are read.
    let mut session = lab.exchange(lab.honest()?)?;
    session.say(&"Y".repeat(1900))?;
    ensure!(session.reply()?.refuses(), "an unknown verb must be refused");
    let notice = lab.honest()?.notice(lab.open()?)?.with(&format!("COLOUR={}", "z".repeat(1500)));
    session.ask(&notice.line(), "555 5.5.4")?;
    lab.trace.note(format!("all lines within {REPLY_LINE_OCTETS_MAX} octets"));
    session.quit()
}

fn pipelined_batch(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    let nobody = format!("<nobody-here@{}>", lab.target.domain);
    let batch = [
        (peer.notice(account)?.line(), "250 2.0.0"),
        (peer.notice(account)?.without("ID=").line(), "501"),
        (peer.notice(account)?.addressed_to(&nobody).line(), "550 5.1.1"),
        (peer.notice(account)?.with("COLOUR=red").line(), "555 5.5.4"),
        (peer.notice(account)?.line(), "250 2.0.0"),
        ("NOOP".to_owned(), "250"),
    ];
    let mut session = lab.exchange(peer)?;
    let lines: Vec<&str> = batch.iter().map(|(line, _)| line.as_str()).collect();
    session.say_octets(format!("{}\r\n", lines.join("\r\n")).as_bytes())?;
    for (line, wanted) in &batch {
        session.expect(wanted).with_context(|| format!("in answer to {line}"))?;
    }
    session.quit()
}

fn assert_unknown(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let mut session = lab.exchange(peer)?;
    let signature = "A".repeat(86);
    session.say(&format!("ASSERT DOMAIN={} KEY=s1 SIG={signature}", peer.domain))?;
    let reply = session.reply()?;
    ensure!(reply.says_one_of(&["535 5.7.8", "451 4.4.3", "550"]), "a signature that nobody published must be refused");
    goes_on(session)
}

fn assert_syntax(lab: &Lab<'_>) -> Result<()> {
    let signature = "A".repeat(86);
    let mut session = lab.exchange(lab.honest()?)?;
    for command in [
        "ASSERT".to_owned(),
        "ASSERT DOMAIN=c.test".to_owned(),
        "ASSERT DOMAIN=c.test KEY=s1 SIG=short".to_owned(),
        format!("ASSERT DOMAIN=c.test. KEY=s1 SIG={signature}"),
        format!("ASSERT KEY=s1 DOMAIN=c.test SIG={signature}"),
    ] {
        session.say(&command)?;
        ensure!(session.reply()?.refuses(), "{command} must be refused for good");
    }
    goes_on(session)
}

fn never_a_relay(lab: &Lab<'_>) -> Result<()> {
    let (peer, other) = (lab.honest()?, lab.other()?);
    let mut session = lab.exchange(peer)?;
    session.say(&format!("MAIL FROM:<{}>", peer.fresh_address()?))?;
    if session.reply()?.says("250") {
        for to in [other.fresh_address()?, format!("x%{}@{}", other.domain, lab.target.domain), "x@unknown.test".to_owned()] {
            session.say(&format!("RCPT TO:<{to}>"))?;
            ensure!(session.reply()?.refuses(), "{to} is not a mailbox of {}", lab.target.domain);
        }
    }
    goes_on(session)
}

fn mail_is_answered(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let mut session = lab.exchange(peer)?;
    let reply = session.ask_one_of(&format!("MAIL FROM:<{}>", peer.fresh_address()?), &["250", "550 5.7.1"])?;
    ensure!(reply.text().len() > "5.7.1 ".len(), "without a reason");
    goes_on(session)
}

fn notice_in_transaction(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let mut session = lab.exchange(peer)?;
    session.say(&format!("MAIL FROM:<{}>", peer.fresh_address()?))?;
    if !session.reply()?.says("250") {
        return Err(anyhow!(Skip("the server takes no pushed mail, so there is no transaction to be in".into())));
    }
    session.ask(&peer.notice(lab.open()?)?.line(), "503")?;
    session.ask("RSET", "250")?;
    session.ask(&peer.notice(lab.screened()?)?.line(), "250 2.0.0")?;
    session.quit()
}

fn quit(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask("QUIT", "221")?;
    ensure!(session.closes(), "the connection must be closed after QUIT");
    Ok(())
}

fn goes_on(mut session: Session) -> Result<()> {
    session.ask("RSET", "250")?;
    session.ask("NOOP", "250")?;
    session.quit()
}

/// What `XTWOWAY 1 SIZE=n NOTICEMAX=n KEEPMAX=n` says.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) size: u64,
    pub(crate) notices: u64,
    pub(crate) keep: u64,
}

/// Reads the extension's EHLO line.
pub(crate) fn limits(session: &Session) -> Result<Limits> {
    read_limits(&session.ehlo).ok_or_else(|| anyhow!("EHLO does not offer XTWOWAY 1 SIZE=n NOTICEMAX=n KEEPMAX=n"))
}

fn read_limits(ehlo: &Reply) -> Option<Limits> {
    let words = ehlo.keyword("XTWOWAY")?;
    let number = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    words.first().filter(|version| **version == "1")?;
    Some(Limits { size: number("SIZE")?, notices: number("NOTICEMAX")?, keep: number("KEEPMAX")? })
}
