//! Ordinary SMTP: verbs, their order, and who is spoken to (RFC 5321 sections 3 and 4).

use anyhow::{Result, ensure};

use crate::case::Case;
use crate::lab::Lab;
use crate::pushing::Push;

pub(crate) const CASES: &[Case] = &[
    Case::honest("smtp-greeting", "RFC 5321 4.2", "The greeting is 220 and the name of the server", smtp_greeting),
    Case::honest("smtp-helo", "RFC 5321 4.1.1.1", "HELO is answered by one line, without extensions", smtp_helo),
    Case::honest("smtp-ehlo-again", "RFC 5321 4.1.4", "EHLO in the middle of a transaction ends it", smtp_ehlo_again),
    Case::hostile("smtp-ehlo-without-name", "RFC 5321 4.1.1.1", "EHLO without a name is a syntax error", smtp_ehlo_without_name),
    Case::honest("smtp-any-case", "RFC 5321 2.4", "Verbs and keywords are read in any case", smtp_any_case),
    Case::honest(
        "smtp-case-of-recipient",
        "RFC 5321 2.4",
        "The case of a recipient and of its domain does not matter here",
        smtp_case_of_recipient,
    ),
    Case::honest("smtp-before-ehlo", "RFC 5321 4.1.4", "NOOP, HELP, VRFY, RSET and QUIT need no EHLO; MAIL does", smtp_before_ehlo),
    Case::honest("smtp-noop-argument", "RFC 5321 4.1.1.9", "NOOP may have an argument", smtp_noop_argument),
    Case::honest("smtp-help-argument", "RFC 5321 4.1.1.8", "HELP may have an argument", smtp_help_argument),
    Case::hostile(
        "smtp-vrfy-tells-nothing",
        "RFC 5321 7.3",
        "VRFY gives one answer for those who exist and those who do not",
        smtp_vrfy_tells_nothing,
    ),
    Case::honest("smtp-expn", "RFC 5321 4.1.1.7", "EXPN is answered, or refused as not implemented", smtp_expn),
    Case::honest("smtp-rset", "RFC 5321 4.1.1.5", "RSET ends a transaction, and is answered 250 without one", smtp_rset),
    Case::hostile("smtp-rcpt-before-mail", "RFC 5321 4.1.4", "RCPT before MAIL is out of order", smtp_rcpt_before_mail),
    Case::hostile("smtp-data-before-mail", "RFC 5321 4.1.4", "DATA before MAIL is out of order", smtp_data_before_mail),
    Case::hostile(
        "smtp-nested-mail",
        "RFC 5321 4.1.4",
        "MAIL in a transaction is out of order, and the transaction stays",
        smtp_nested_mail,
    ),
    Case::hostile(
        "smtp-data-without-recipient",
        "RFC 5321 3.3",
        "DATA without a recipient that was taken is refused",
        smtp_data_without_recipient,
    ),
    Case::honest("smtp-trailing-space", "RFC 5321 4.1.1", "White space at the end of a command is tolerated", smtp_trailing_space),
    Case::hostile(
        "smtp-arguments-where-none",
        "RFC 5321 4.1.1",
        "DATA, RSET and QUIT with arguments are refused",
        smtp_arguments_where_none,
    ),
    Case::honest("smtp-line-of-512", "RFC 5321 4.5.3.1.4", "A command line of 512 octets is read", smtp_line_of_512),
];

fn smtp_greeting(lab: &Lab<'_>) -> Result<()> {
    let session = lab.plain(lab.honest()?)?;
    let name = &lab.target.name;
    ensure!(session.ehlo.lines.first().is_some_and(|line| line.split(' ').next() == Some(name)), "EHLO is answered with {name} first");
    session.quit()
}

fn smtp_helo(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    let reply = session.ask("HELO client.test", "250")?;
    ensure!(reply.lines.len() == 1, "one line");
    session.quit()
}

fn smtp_ehlo_again(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.address(&peer.fresh_address()?, &open.address)?;
    session.greet(&peer.host)?;
    session.refused("DATA", &["503"])?;
    session.quit()
}

fn smtp_ehlo_without_name(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("EHLO", &["501"])?;
    session.refused("HELO", &["501"])?;
    session.refused("EHLO <a>", &["501"])?;
    session.quit()
}

fn smtp_any_case(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.ask(&format!("mAiL fRoM:<{}> bOdY=8bitmime sIzE=10", peer.fresh_address()?), "250")?;
    session.ask(&format!("rcpt To:<{}>", open.address), "250")?;
    session.ask("rSeT", "250")?;
    session.quit()
}

fn smtp_case_of_recipient(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.ask("MAIL FROM:<>", "250")?;
    session.ask(&format!("RCPT TO:<{}>", open.address.to_uppercase()), "250")?;
    session.quit()
}

fn smtp_before_ehlo(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.dialled(lab.honest()?.address, lab.target.exchange, lab.trace.clone())?;
    session.expect("220")?;
    session.ask("NOOP", "250")?;
    session.ask("HELP", "214")?;
    session.ask_one_of("VRFY nobody", &["250", "251", "252"])?;
    session.ask("RSET", "250")?;
    session.ask("MAIL FROM:<>", "503")?;
    session.quit()
}

fn smtp_noop_argument(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask("NOOP whatever this is", "250")?;
    session.quit()
}

fn smtp_help_argument(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask("HELP MAIL", "214")?;
    session.quit()
}

fn smtp_vrfy_tells_nothing(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    let known = session.ask_one_of(&format!("VRFY {}", lab.open()?.address), &["250", "252"])?;
    let unknown = session.ask_one_of(&format!("VRFY nobody-here@{}", lab.target.domain), &["250", "252"])?;
    ensure!(known.octets == unknown.octets, "the two answers differ");
    session.quit()
}

fn smtp_expn(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("EXPN staff", &["250", "252", "502", "550"])?;
    session.quit()
}

fn smtp_rset(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.ask("RSET", "250")?;
    session.address(&peer.fresh_address()?, &open.address)?;
    session.ask("RSET", "250")?;
    session.refused("DATA", &["503"])?;
    session.address(&peer.fresh_address()?, &open.address)?;
    session.quit()
}

fn smtp_rcpt_before_mail(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("RCPT TO:<x@y.test>", &["503"])?;
    session.quit()
}

fn smtp_data_before_mail(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("DATA", &["503"])?;
    session.quit()
}

fn smtp_nested_mail(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.address(&peer.fresh_address()?, &open.address)?;
    session.refused("MAIL FROM:<>", &["503"])?;
    let push = Push::fresh(peer, open)?;
    ensure!(session.data(&push.content)?.says("250"), "the first transaction goes on");
    session.quit()
}

fn smtp_data_without_recipient(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    session.ask("MAIL FROM:<>", "250")?;
    session.refused("DATA", &["503", "554"])?;
    session.ask(&format!("RCPT TO:<nobody-here@{}>", lab.target.domain), "550 5.1.1")?;
    session.refused("DATA", &["503", "554"])?;
    session.quit()
}

fn smtp_trailing_space(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask("NOOP  ", "250")?;
    session.ask("RSET ", "250")?;
    session.quit()
}

fn smtp_arguments_where_none(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("RSET x", &["501"])?;
    session.refused("QUIT x", &["501"])?;
    session.refused("DATA x", &["501", "503"])?;
    session.quit()
}

fn smtp_line_of_512(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.ask(&format!("NOOP {}", "x".repeat(505)), "250")?;
    session.quit()
}
