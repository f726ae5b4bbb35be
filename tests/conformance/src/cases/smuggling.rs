//! SMTP smuggling: one message inside another, by every line end that some server takes for one (protocol section 10).

use anyhow::{Result, ensure};

use crate::case::{Case, Need};
use crate::lab::Lab;
use crate::pushing::Push;

pub(crate) const CASES: &[Case] = &[
    Case::hostile("smuggle-lf-dot-lf", "10, RFC 5321 2.3.8", "Content does not end at LF dot LF", |lab| smuggle(lab, b"\n.\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-lf-dot-crlf", "10, RFC 5321 2.3.8", "Content does not end at LF dot CRLF", |lab| smuggle(lab, b"\n.\r\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-dot-lf", "10, RFC 5321 2.3.8", "Content does not end at CRLF dot LF", |lab| smuggle(lab, b"\r\n.\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-dot-cr", "10, RFC 5321 2.3.8", "Content does not end at CRLF dot CR", |lab| smuggle(lab, b"\r\n.\r"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-cr-dot-crlf", "10, RFC 5321 2.3.8", "Content does not end at CR dot CRLF", |lab| smuggle(lab, b"\r.\r\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-cr-dot-cr", "10, RFC 5321 2.3.8", "Content does not end at CR dot CR", |lab| smuggle(lab, b"\r.\r"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-cr-dot-lf", "10, RFC 5321 2.3.8", "Content does not end at CR dot LF", |lab| smuggle(lab, b"\r.\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-lf-dot-cr", "10, RFC 5321 2.3.8", "Content does not end at LF dot CR", |lab| smuggle(lab, b"\n.\r"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-dot-crcrlf", "10, RFC 5321 2.3.8", "Content does not end at CRLF dot CRCRLF", |lab| {
        smuggle(lab, b"\r\n.\r\r\n")
    })
    .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-dot-nul", "10, RFC 5321 2.3.8", "Content does not end at CRLF dot NUL", |lab| smuggle(lab, b"\r\n.\0\r\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-nul-dot", "10, RFC 5321 2.3.8", "Content does not end at CRLF NUL dot", |lab| smuggle(lab, b"\r\n\0.\r\n"))
        .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-dot-space", "10, RFC 5321 2.3.8", "Content does not end at CRLF dot space", |lab| {
        smuggle(lab, b"\r\n. \r\n")
    })
    .needing(&[Need::Command]),
    Case::hostile("smuggle-crlf-two-dots", "10, RFC 5321 2.3.8", "Content does not end at CRLF two dots", |lab| {
        smuggle(lab, b"\r\n..\r\n")
    })
    .needing(&[Need::Command]),
];

/// Behind the false end stands a whole transaction. Either all of it is refused, or all of it is one message.
fn smuggle(lab: &Lab<'_>, false_end: &[u8]) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let (outer, inner) = (Push::fresh(peer, open)?, Push::fresh(peer, open)?);
    let commands = format!("MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n", inner.sender, open.address);
    let mut session = lab.exchange(peer)?;
    session.address(&outer.sender, &open.address)?;
    session.ask("DATA", "354")?;
    session.say_octets(&[&outer.content[..], b"text", false_end, commands.as_bytes(), &inner.content, b"\r\n.\r\n"].concat())?;
    let reply = session.reply()?;
    ensure!(reply.says("250") || reply.refuses(), "the whole is taken or refused for good");
    let is_taken = reply.says("250");
    let next = session.ask("HELP", "214")?;
    ensure!(next.says("214"), "one answer for one message");
    session.quit()?;
    if is_taken {
        lab.arrives(open, &outer.subject)?;
    }
    lab.is_not_delivered(&inner.subject)
}
