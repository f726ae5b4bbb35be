//! Ordinary SMTP: paths, parameters and what was announced (RFC 5321 sections 4.1 and 4.5).

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::case::{Case, Skip};
use crate::lab::Lab;
use crate::pushing::Push;

pub(crate) const CASES: &[Case] = &[
    Case::honest(
        "smtp-local-part-of-64",
        "RFC 5321 4.5.3.1.1",
        "A local part of 64 octets is an address like any other; one of 65 is none",
        smtp_local_part_of_64,
    ),
    Case::honest(
        "smtp-postmaster",
        "RFC 5321 4.5.1",
        "Mail for postmaster is taken, with the domain and without, in any case",
        smtp_postmaster,
    ),
    Case::honest("smtp-null-reverse-path", "RFC 5321 4.5.5", "The null reverse-path is taken", smtp_null_reverse_path),
    Case::hostile("smtp-source-route", "RFC 5321 C", "A source route is dropped or refused, never followed", smtp_source_route),
    Case::hostile(
        "smtp-bad-source-route",
        "RFC 5321 4.1.2",
        "What only looks like a source route is no path, and no null path",
        smtp_bad_source_route,
    ),
    Case::hostile(
        "smtp-address-literals",
        "RFC 5321 4.1.3",
        "An address literal is taken or refused for good, and no mail for others is",
        smtp_address_literals,
    ),
    Case::honest(
        "smtp-quoted-local-part",
        "RFC 5321 4.1.2",
        "A quoted local part is the same name as the bare one",
        smtp_quoted_local_part,
    ),
    Case::hostile(
        "smtp-percent-and-bang",
        "RFC 5321 3.6.1",
        "A percent sign or a bang in a local part is no way to others",
        smtp_percent_and_bang,
    ),
    Case::hostile("smtp-bad-paths", "RFC 5321 4.1.2", "What is no path is a syntax error", smtp_bad_paths),
    Case::hostile("smtp-empty-recipient", "RFC 5321 4.1.1.3", "The empty path is no recipient", smtp_empty_recipient),
    Case::honest("smtp-hundred-recipients", "RFC 5321 4.5.3.1.8", "A hundred recipients of one message are taken", smtp_hundred_recipients),
    Case::honest(
        "smtp-recipients-max",
        "RFC 9422 6.2",
        "One recipient more than LIMITS RCPTMAX announces is answered 452 4.5.3",
        smtp_recipients_max,
    ),
    Case::hostile(
        "smtp-unknown-parameter",
        "RFC 5321 4.1.1.11",
        "A parameter that was not offered is refused with 555",
        smtp_unknown_parameter,
    ),
    Case::hostile("smtp-parameter-twice", "RFC 5321 4.1.1.11", "A parameter given twice is refused", smtp_parameter_twice),
    Case::hostile("smtp-bad-parameters", "RFC 5321 4.1.2", "Parameters with impossible values are refused", smtp_bad_parameters),
    Case::honest(
        "smtp-enhanced-codes",
        "RFC 2034 4",
        "Every reply but those to EHLO and DATA carries an enhanced status of its class",
        smtp_enhanced_codes,
    ),
    Case::honest("smtp-pipelining", "RFC 2920 3", "PIPELINING: a whole envelope in one write is answered in order", smtp_pipelining),
    Case::honest(
        "smtp-no-auth-between-servers",
        "RFC 4954 4",
        "Between servers AUTH is not offered, and refused",
        smtp_no_auth_between_servers,
    ),
    Case::honest("smtp-transaction-ends", "RFC 5321 3.3", "A transaction ends with its message", smtp_transaction_ends),
    Case::hostile(
        "smtp-size-at-mail",
        "RFC 1870 6.1",
        "SIZE at MAIL: what is announced is taken, one octet more refused with 552 5.3.4",
        smtp_size_at_mail,
    ),
];

fn smtp_local_part_of_64(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    session.ask(&format!("MAIL FROM:<{}@{}>", "a".repeat(64), lab.honest()?.domain), "250")?;
    session.ask(&format!("RCPT TO:<{}@{}>", "b".repeat(64), lab.target.domain), "550 5.1.1")?;
    session.refused(&format!("RCPT TO:<{}@{}>", "b".repeat(65), lab.target.domain), &["501", "500", "553"])?;
    session.quit()
}

fn smtp_postmaster(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    session.ask("MAIL FROM:<>", "250")?;
    session.ask("RCPT TO:<Postmaster>", "250 2.1.5")?;
    session.ask(&format!("RCPT TO:<POSTMASTER@{}>", lab.target.domain), "250 2.1.5")?;
    session.quit()
}

fn smtp_null_reverse_path(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.address("", &open.address)?;
    let push = Push::fresh(peer, open)?;
    ensure!(session.data(&push.content)?.says("250"), "a report is taken");
    session.quit()
}

fn smtp_source_route(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.ask(&format!("MAIL FROM:<{}>", peer.fresh_address()?), "250")?;
    session.ask_one_of(&format!("RCPT TO:<@relay.test:{}>", open.address), &["250", "501", "550", "553"])?;
    session.refused(&format!("RCPT TO:<@{}:x@elsewhere.test>", lab.target.domain), &["501", "550", "551", "553"])?;
    session.quit()
}

fn smtp_bad_source_route(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:<@x.test:>", &["501"])?;
    session.refused("MAIL FROM:<@x y:a@b.test>", &["501"])?;
    session.refused("MAIL FROM:<@:a@b.test>", &["501"])?;
    session.quit()
}

fn smtp_address_literals(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:<x@[127.0.0.4]>", &["250", "501", "550", "553"])?;
    session.refused("RSET", &["250"])?;
    session.refused("MAIL FROM:<>", &["250"])?;
    session.refused("RCPT TO:<x@[192.0.2.1]>", &["501", "550", "551", "553"])?;
    session.quit()
}

fn smtp_quoted_local_part(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.ask(&format!("MAIL FROM:<{}>", peer.fresh_address()?), "250")?;
    let (local, domain) = open.address.split_once('@').context("an address")?;
    session.ask(&format!("RCPT TO:<\"{local}\"@{domain}>"), "250")?;
    session.quit()
}

fn smtp_percent_and_bang(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    session.ask("MAIL FROM:<>", "250")?;
    for to in ["x%elsewhere.test", "elsewhere.test!x", "\"x@elsewhere.test\""] {
        session.refused(&format!("RCPT TO:<{to}@{}>", lab.target.domain), &["550", "551", "553"])?;
    }
    session.quit()
}

fn smtp_bad_paths(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:", &["501"])?;
    session.refused("MAIL FROM:a@b.test", &["501"])?;
    session.refused("MAIL FROM:<a@b.test", &["501"])?;
    session.refused("MAIL FROM:<<a@b.test>>", &["501"])?;
    session.refused("MAIL FROM:<a..b@b.test>", &["501"])?;
    session.refused("MAIL FROM:<a b@b.test>", &["501"])?;
    session.refused("MAIL FROM:<a@b..test>", &["501"])?;
    session.refused("MAIL FROM:<a@-b.test>", &["501"])?;
    session.quit()
}

fn smtp_empty_recipient(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:<>", &["250"])?;
    session.refused("RCPT TO:<>", &["501", "550", "553"])?;
    session.quit()
}

fn smtp_hundred_recipients(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.ask(&format!("MAIL FROM:<{}>", peer.fresh_address()?), "250")?;
    let (local, domain) = open.address.split_once('@').context("an address")?;
    for number in 0..100 {
        session.ask(&format!("RCPT TO:<{local}+{number}@{domain}>"), "250")?;
    }
    let push = Push::fresh(peer, open)?;
    ensure!(session.data(&push.content)?.says("250"), "a message to all of them is taken");
    session.quit()
}

fn smtp_recipients_max(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    let announced =
        session.ehlo.keyword("LIMITS").and_then(|words| words.iter().find_map(|word| word.strip_prefix("RCPTMAX=")?.parse().ok()));
    let Some(most): Option<usize> = announced else { return Err(anyhow!(Skip("no RCPTMAX is announced".into()))) };
    session.ask("MAIL FROM:<>", "250")?;
    let line = format!("RCPT TO:<{}>\r\n", lab.open()?.address);
    session.say_octets(line.repeat(most + 1).as_bytes())?;
    for _ in 0..most {
        session.expect("250")?;
    }
    session.expect("452 4.5.3")?;
    session.quit()
}

fn smtp_unknown_parameter(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:<> COLOUR=red", &["555"])?;
    session.refused("MAIL FROM:<>", &["250"])?;
    session.quit()
}

fn smtp_parameter_twice(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:<> BODY=7BIT BODY=8BITMIME", &["501"])?;
    session.quit()
}

fn smtp_bad_parameters(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;
    session.refused("MAIL FROM:<> SIZE=x", &["501", "555"])?;
    session.refused("MAIL FROM:<> SIZE=-1", &["501", "555"])?;
    session.refused("MAIL FROM:<> BODY=9BIT", &["501", "555"])?;
    session.refused("MAIL FROM:<> SMTPUTF8=1", &["501", "555"])?;
    session.refused("MAIL FROM:<> RET=ALL", &["501", "555"])?;
    session.refused("MAIL FROM:<> ENVID=+zz", &["501", "555"])?;
    session.quit()
}

fn smtp_enhanced_codes(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    for (command, wanted) in [("RSET", "250 2.0.0"), ("DATA", "503 5.5.1"), ("XYZZY", "500 5.5.2"), ("MAIL FROM:<>", "250 2.1.0")] {
        session.ask(command, wanted)?;
    }
    session.quit()
}

fn smtp_pipelining(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    ensure!(session.ehlo.keyword("PIPELINING").is_some(), "PIPELINING is not offered");
    let (to, domain) = (&open.address, &lab.target.domain);
    session.say_octets(format!("MAIL FROM:<>\r\nRCPT TO:<nobody-here@{domain}>\r\nRCPT TO:<{to}>\r\nDATA\r\n").as_bytes())?;
    for wanted in ["250 2.1.0", "550 5.1.1", "250 2.1.5", "354"] {
        session.expect(wanted)?;
    }
    session.say_content(&[&Push::fresh(peer, open)?.content[..], b".\r\nNOOP\r\n"].concat())?;
    session.expect("250 2.0.0")?;
    session.expect("250")?;
    session.quit()
}

fn smtp_no_auth_between_servers(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    ensure!(session.ehlo.keyword("AUTH").is_none(), "AUTH is offered");
    session.refused("AUTH PLAIN AGEAYg==", &["500", "502", "503", "538"])?;
    session.quit()
}

fn smtp_transaction_ends(lab: &Lab<'_>) -> Result<()> {
    let (peer, open) = (lab.honest()?, lab.open()?);
    let mut session = lab.exchange(peer)?;

    session.address(&peer.fresh_address()?, &open.address)?;
    ensure!(session.data(&Push::fresh(peer, open)?.content)?.says("250"), "it is taken");
    session.refused(&format!("RCPT TO:<{}>", open.address), &["503"])?;
    session.refused("DATA", &["503"])?;
    session.address(&peer.fresh_address()?, &open.address)?;
    session.quit()
}

fn smtp_size_at_mail(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.exchange(lab.honest()?)?;

    let size: u64 = session.ehlo.keyword("SIZE").and_then(|words| words.first()?.parse().ok()).context("SIZE is offered with a number")?;
    ensure!(size >= 64 * 1024, "RFC 5321 section 4.5.3.1.7: at least 64 KiB, not {size}");
    session.ask(&format!("MAIL FROM:<> SIZE={size}"), "250")?;
    session.ask("RSET", "250")?;
    session.refused(&format!("MAIL FROM:<> SIZE={}", size + 1), &["552 5.3.4"])?;
    session.refused("MAIL FROM:<> SIZE=99999999999999999999", &["552 5.3.4"])?;
    session.quit()
}
