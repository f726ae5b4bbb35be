//! Ordinary SMTP: what a message may hold, how it ends, and what arrives of it (RFC 5321 sections 2.3.8, 4.4 and 4.5).

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::case::{Case, Need, Skip};
use crate::lab::Lab;
use crate::message::long_body;
use crate::pushing::Push;
use crate::trace::Trace;

pub(crate) const CASES: &[Case] = &[
    Case::honest(
        "content-octets",
        "RFC 5321 4.4",
        "What was sent is delivered octet for octet behind Return-Path and Received",
        content_octets,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "content-null-return-path",
        "RFC 5321 4.4",
        "A null reverse-path is delivered as Return-Path: <>",
        content_null_return_path,
    )
    .needing(&[Need::Command]),
    Case::honest("content-dots", "RFC 5321 4.5.2", "Dots in front of lines are taken away, and no others", content_dots)
        .needing(&[Need::Command]),
    Case::honest("content-lines-of-1000", "RFC 5321 4.5.3.1.6", "Text lines of 1000 octets are delivered whole", content_lines_of_1000)
        .needing(&[Need::Command]),
    Case::hostile(
        "content-longer-lines",
        "RFC 5321 4.5.3.1.6",
        "A longer line is refused, or delivered as it is: never cut",
        content_longer_lines,
    )
    .needing(&[Need::Command]),
    Case::honest("content-eight-bits", "RFC 6152 3", "8BITMIME is offered, and eight bits arrive", content_eight_bits)
        .needing(&[Need::Command]),
    Case::honest("content-empty-body", "RFC 5321 2.3.1", "A message without a body arrives", content_empty_body).needing(&[Need::Command]),
    Case::honest("content-64-kib", "RFC 5321 4.5.3.1.7", "A message of 64 KiB arrives", content_64_kib).needing(&[Need::Command]),
    Case::hostile(
        "content-over-size",
        "RFC 1870 6.3",
        "More octets than SIZE announces are refused with 552 at their end, and the session goes on",
        content_over_size,
    ),
    Case::honest("content-chunks", "RFC 3030 2", "BDAT: chunks of any size are one message, dots and all", content_chunks)
        .needing(&[Need::Command]),
    Case::hostile(
        "content-bdat-then-data",
        "RFC 3030 2",
        "DATA after BDAT is out of order, and so is RCPT; RSET drops the chunks",
        content_bdat_then_data,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "content-bdat-out-of-order",
        "RFC 3030 2",
        "BDAT without MAIL is refused, and its octets are not read as commands",
        content_bdat_out_of_order,
    ),
    Case::hostile(
        "content-bdat-size",
        "RFC 3030 2",
        "BDAT whose size is no number ends the session, or nothing behind it is obeyed",
        content_bdat_size,
    ),
    Case::honest("content-binary", "RFC 3030 3", "BINARYMIME: lone CR, LF and NUL arrive by BDAT", content_binary)
        .needing(&[Need::Command]),
    Case::hostile(
        "content-bare-lf-in-chunk",
        "RFC 5321 2.3.8",
        "A bare LF in a chunk that is not BINARYMIME is refused, or arrives as it is",
        content_bare_lf_in_chunk,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "content-smtputf8",
        "RFC 6531 3.4",
        "SMTPUTF8: a path in UTF-8 is taken with the parameter, and refused without",
        content_smtputf8,
    ),
    Case::honest(
        "content-dsn-parameters",
        "RFC 3461 4",
        "DSN: NOTIFY, ORCPT, RET and ENVID are taken, and impossible ones refused",
        content_dsn_parameters,
    ),
    Case::hostile(
        "content-loop",
        "RFC 5321 6.3",
        "A message with more than a hundred Received fields goes in circles, and is refused",
        content_loop,
    )
    .needing(&[Need::Command]),
    Case::hostile("content-cut-off", "RFC 5321 4.1.1.10", "A message whose end never came is not delivered", content_cut_off)
        .needing(&[Need::Command]),
    Case::hostile("content-chunk-cut-off", "RFC 3030 2", "A message whose last chunk never came is not delivered", content_chunk_cut_off)
        .needing(&[Need::Command]),
    Case::honest("content-one-copy", "RFC 5321 3.3", "A recipient named twice has the message once", content_one_copy)
        .needing(&[Need::Command]),
    Case::honest("content-in-the-clear", "RFC 5321 3.1", "A server without TLS is heard, too", content_in_the_clear)
        .needing(&[Need::Command]),
    Case::hostile(
        "content-without-from",
        "RFC 5321 3.3",
        "A message without From is taken or refused, and the session goes on",
        content_without_from,
    ),
];

fn content_octets(lab: &Lab<'_>) -> Result<()> {
    let push = Push::fresh(lab.honest()?, lab.open()?)?;
    let front = lab.is_delivered_unchanged(&push)?;
    ensure!(front.starts_with(&format!("Return-Path: <{}>\r\n", push.sender)), "Return-Path first: {front}");
    ensure!(front.matches("Received: ").count() == 1, "one Received: {front}");
    for part in [format!("from {}", lab.honest()?.host), format!("by {}", lab.target.name), "with ESMTPS".to_owned()] {
        ensure!(front.contains(&part), "Received has no {part:?}: {front}");
    }
    Ok(())
}

fn content_null_return_path(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::fresh(peer, open)?;
    session.address("", &open.address)?;
    ensure!(session.data(&push.content)?.says("250"), "it is taken");
    ensure!(lab.stored(&push.subject)?.starts_with(b"Return-Path: <>\r\n"), "Return-Path: <> comes first");
    session.quit()
}

fn content_dots(lab: &Lab<'_>) -> Result<()> {
    let push = Push::saying(&lab.honest()?.fresh_address()?, lab.open()?, b".\r\n..\r\n.a\r\n\r\n.\r\nend.\r\n")?;
    lab.is_delivered_unchanged(&push).map(|_front| ())
}

fn content_lines_of_1000(lab: &Lab<'_>) -> Result<()> {
    let body = [vec![b'x'; 998], b"\r\n".to_vec(), vec![b'.'; 998], b"\r\n".to_vec()].concat();
    lab.is_delivered_unchanged(&Push::saying(&lab.honest()?.fresh_address()?, lab.open()?, &body)?).map(|_front| ())
}

fn content_longer_lines(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::saying(&peer.fresh_address()?, open, &[&[b'x'; 5000][..], b"\r\n"].concat())?;
    session.address(&push.sender, &open.address)?;
    if session.data(&push.content)?.says("250") {
        ensure!(lab.stored(&push.subject)?.ends_with(&push.content), "the line was changed");
    }
    session.quit()
}

fn content_eight_bits(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    ensure!(session.ehlo.keyword("8BITMIME").is_some(), "8BITMIME is not offered");
    let push = Push::saying(&peer.fresh_address()?, open, "Gr\u{fc}\u{df}e, \u{2603}\r\n".as_bytes())?;
    session.ask(&format!("MAIL FROM:<{}> BODY=8BITMIME", push.sender), "250")?;
    session.ask(&format!("RCPT TO:<{}>", open.address), "250")?;
    ensure!(session.data(&push.content)?.says("250"), "it is taken");
    ensure!(lab.stored(&push.subject)?.ends_with(&push.content), "an octet was changed");
    session.quit()
}

fn content_empty_body(lab: &Lab<'_>) -> Result<()> {
    lab.is_delivered_unchanged(&Push::saying(&lab.honest()?.fresh_address()?, lab.open()?, b"")?).map(|_front| ())
}

fn content_64_kib(lab: &Lab<'_>) -> Result<()> {
    lab.is_delivered_unchanged(&Push::saying(&lab.honest()?.fresh_address()?, lab.open()?, &long_body(64 * 1024))?).map(|_front| ())
}

fn content_over_size(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let size: usize =
        session.ehlo.keyword("SIZE").and_then(|words| words.first()?.parse().ok()).context("SIZE is offered with a number")?;
    session.address(&peer.fresh_address()?, &open.address)?;
    session.ask("DATA", "354")?;
    let block = b"0123456789012345678901234567890123456789012345678901234567890123456789\r\n".repeat(1000);
    let aside = session.traced_to(Trace::default());
    let mut session = aside;
    for _ in 0..=size / block.len() {
        session.say_octets(&block)?;
    }
    let mut session = session.traced_to(lab.trace.clone());
    session.say_octets(b".\r\n")?;
    session.expect_one_of(&["552 5.3.4", "552 5.2.3"])?;
    session.ask("NOOP", "250")?;
    session.quit()
}

fn content_chunks(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    ensure!(session.ehlo.keyword("CHUNKING").is_some(), "CHUNKING is not offered");
    let push = Push::saying(&peer.fresh_address()?, open, b".\r\n..\r\nno dots are doubled\r\n.\r\n")?;
    session.address(&push.sender, &open.address)?;
    for piece in push.content.chunks(7) {
        ensure!(session.chunk(piece, false)?.says("250"), "a chunk is answered 250");
    }
    ensure!(session.chunk(b"", true)?.says("250"), "an empty last chunk ends it");
    ensure!(lab.stored(&push.subject)?.ends_with(&push.content), "an octet was changed");
    session.quit()
}

fn content_bdat_then_data(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::fresh(peer, open)?;
    session.address(&push.sender, &open.address)?;
    ensure!(session.chunk(&push.content, false)?.says("250"), "a chunk is answered 250");
    session.refused("DATA", &["503"])?;
    session.refused(&format!("RCPT TO:<{}>", open.address), &["503"])?;
    session.ask("RSET", "250")?;
    session.quit()?;
    lab.is_not_delivered(&push.subject)
}

fn content_bdat_out_of_order(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    session.say_octets(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")?;
    session.expect("503")?;
    session.expect("250")?;
    session.quit()
}

fn content_bdat_size(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    session.say_octets(b"BDAT 6x LAST\r\nQUIT\r\n")?;
    session.expect_one_of(&["501", "500", "503"])?;
    ensure!(session.closes(), "where the octets end is not known");
    Ok(())
}

fn content_binary(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    if session.ehlo.keyword("BINARYMIME").is_none() {
        return Err(anyhow!(Skip("BINARYMIME is not offered".into())));
    }
    let push = Push::saying(&peer.fresh_address()?, open, b"a\nb\rc\0d")?;
    session.ask(&format!("MAIL FROM:<{}> BODY=BINARYMIME", push.sender), "250")?;
    session.ask(&format!("RCPT TO:<{}>", open.address), "250")?;
    session.refused("DATA", &["503"])?;
    ensure!(session.chunk(&push.content, true)?.says("250"), "it is taken");
    ensure!(lab.stored(&push.subject)?.ends_with(&push.content), "an octet was changed");
    session.quit()
}

fn content_bare_lf_in_chunk(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::saying(&peer.fresh_address()?, open, b"a\nb\r\n")?;
    session.address(&push.sender, &open.address)?;
    if session.chunk(&push.content, true)?.says("250") {
        ensure!(lab.stored(&push.subject)?.ends_with(&push.content), "an octet was changed");
    }
    session.ask("NOOP", "250")?;
    session.quit()
}

fn content_smtputf8(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    if session.ehlo.keyword("SMTPUTF8").is_none() {
        return Err(anyhow!(Skip("SMTPUTF8 is not offered".into())));
    }
    session.ask("MAIL FROM:<j\u{fc}rgen@c.test> SMTPUTF8", "250")?;
    session.ask("RSET", "250")?;
    session.refused("MAIL FROM:<j\u{fc}rgen@c.test>", &["550", "553"])?;
    session.quit()
}

fn content_dsn_parameters(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    if session.ehlo.keyword("DSN").is_none() {
        return Err(anyhow!(Skip("DSN is not offered between servers".into())));
    }
    session.ask(&format!("MAIL FROM:<{}> RET=HDRS ENVID=a+2Bb", peer.fresh_address()?), "250")?;
    session.ask(&format!("RCPT TO:<{0}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;{0}", open.address), "250")?;
    for parameter in ["NOTIFY=NEVER,SUCCESS", "NOTIFY=", "ORCPT=rfc822", "ORCPT=rfc822;a+0Ab"] {
        session.refused(&format!("RCPT TO:<{}> {parameter}", open.address), &["501"])?;
    }
    session.quit()
}

fn content_loop(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let mut push = Push::fresh(peer, open)?;
    push.content = [b"Received: from a by b; Sat, 21 Nov 2026 12:00:00 +0000\r\n".repeat(101), push.content].concat();
    session.address(&push.sender, &open.address)?;
    let reply = session.data(&push.content)?;
    ensure!(reply.refuses(), "it must be refused for good: {:?}", reply.lines);
    session.ask("NOOP", "250")?;
    session.quit()?;
    lab.is_not_delivered(&push.subject)
}

fn content_cut_off(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::fresh(peer, open)?;
    session.address(&push.sender, &open.address)?;
    session.ask("DATA", "354")?;
    session.say_content(&push.content)?;
    drop(session);
    lab.is_not_delivered(&push.subject)
}

fn content_chunk_cut_off(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::fresh(peer, open)?;
    session.address(&push.sender, &open.address)?;
    ensure!(session.chunk(&push.content, false)?.says("250"), "a chunk is answered 250");
    drop(session);
    lab.is_not_delivered(&push.subject)
}

fn content_one_copy(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    let push = Push::fresh(peer, open)?;
    session.address(&push.sender, &open.address)?;
    session.ask(&format!("RCPT TO:<{}>", open.address), "250")?;
    ensure!(session.data(&push.content)?.says("250"), "it is taken");
    session.quit()?;
    lab.arrives(open, &push.subject)?;
    let list = lab.json(&["mail", &open.address, "list"])?.to_string();
    ensure!(list.matches(&push.subject).count() == 1, "one copy");
    Ok(())
}

fn content_in_the_clear(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.plain(peer)?;

    let push = Push::fresh(peer, open)?;
    session.address(&push.sender, &open.address)?;
    ensure!(session.data(&push.content)?.says("250"), "it is taken");
    session.quit()?;
    lab.arrives(open, &push.subject)
}

fn content_without_from(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.address(&peer.fresh_address()?, &open.address)?;
    session.data(b"Subject: nobody\r\n\r\nText.\r\n")?;
    session.ask("NOOP", "250")?;
    session.quit()
}
