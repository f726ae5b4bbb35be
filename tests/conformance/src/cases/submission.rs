//! Users who hand in mail: over TLS, with a password, and as themselves only.

use anyhow::{Result, ensure};
use data_encoding::BASE64;

use crate::case::{Case, Need};
use crate::crypto::fresh_word;
use crate::lab::Lab;

pub(crate) const CASES: &[Case] = &[
    Case::hostile("submission-needs-tls", "RFC 6409 4.3", "Before TLS a submitter can neither authenticate nor send", submission_needs_tls),
    Case::hostile("submission-needs-a-password", "RFC 6409 4.3", "Nobody in particular sends nothing: 530", submission_needs_a_password),
    Case::hostile(
        "submission-wrong-password",
        "RFC 4954 6",
        "A wrong password and an unknown user get one and the same 535",
        submission_wrong_password,
    ),
    Case::hostile(
        "submission-bad-base64",
        "RFC 4954 4",
        "Responses that are no base64, or cancelled, are refused with 501",
        submission_bad_base64,
    ),
    Case::hostile("submission-auth-twice", "RFC 4954 4", "AUTH after AUTH is out of order", submission_auth_twice),
    Case::hostile(
        "submission-other-author",
        "10, 1",
        "A From that is not the submitter's own is refused, in whichever field the submitter is named",
        submission_other_author,
    ),
    Case::hostile(
        "submission-no-one-author",
        "3",
        "A message with no From, several, or several authors is refused",
        submission_no_one_author,
    ),
    Case::hostile(
        "submission-other-reverse-path",
        "RFC 6409 6.1",
        "A reverse-path that is not the submitter's own is refused",
        submission_other_reverse_path,
    ),
    Case::hostile(
        "submission-no-extension",
        "3, 7",
        "The verbs are between servers: submitters are offered at most the wish for two-way mail only",
        submission_no_extension,
    ),
    Case::hostile(
        "submission-buffered-plaintext",
        "10, RFC 3207 6",
        "What stands behind STARTTLS in the clear is not obeyed under TLS",
        submission_buffered_plaintext,
    ),
    Case::honest(
        "submission-completes",
        "RFC 6409 8",
        "Date and Message-ID are added where missing, and Bcc is taken away",
        submission_completes,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "submission-unknown-local",
        "RFC 5321 3.3",
        "A recipient of the server's own domain who is not here is refused at RCPT",
        submission_unknown_local,
    ),
];

fn submission_needs_tls(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.submission_in_clear()?;
    ensure!(session.ehlo.keyword("AUTH").is_none(), "AUTH is offered in the clear");
    session.refused("AUTH PLAIN AGEAYg==", &["530", "538"])?;
    session.refused("MAIL FROM:<>", &["530"])?;
    session.quit()
}

fn submission_needs_a_password(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.submission()?;
    session.refused(&format!("MAIL FROM:<{}>", lab.open()?.address), &["530"])?;
    session.refused("MAIL FROM:<>", &["530"])?;
    session.quit()
}

fn submission_wrong_password(lab: &Lab<'_>) -> Result<()> {
    let open = lab.open()?;
    let answers = [open.address.clone(), format!("nobody-here@{}", lab.target.domain)].map(|user| {
        let mut session = lab.submission()?;
        let secret = BASE64.encode(format!("\0{user}\0not the password").as_bytes());
        let reply = session.ask(&format!("AUTH PLAIN {secret}"), "535 5.7.8")?;
        session.refused("MAIL FROM:<>", &["530"])?;
        session.quit()?;
        anyhow::Ok(reply.octets)
    });
    let [wrong, unknown] = answers;
    ensure!(wrong? == unknown?, "the two answers differ");
    Ok(())
}

fn submission_bad_base64(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.submission()?;
    session.refused("AUTH PLAIN !!!!", &["501"])?;
    session.refused("AUTH PLAIN AGE", &["501"])?;
    session.ask("AUTH PLAIN", "334")?;
    session.refused("*", &["501"])?;
    session.refused("AUTH XYZZY", &["504"])?;
    session.quit()
}

fn submission_auth_twice(lab: &Lab<'_>) -> Result<()> {
    let open = lab.open()?;
    let mut session = lab.submission_as(open)?;

    session.refused("AUTH PLAIN AGEAYg==", &["503"])?;
    session.quit()
}

fn submission_other_author(lab: &Lab<'_>) -> Result<()> {
    let (open, screened) = (lab.open()?, lab.screened()?);
    let to = lab.honest()?.fresh_address()?;
    let stranger = lab.honest()?.fresh_address()?;
    for from in [
        format!("From: {}", screened.address),
        format!("Sender: {}\r\nFrom: {stranger}", open.address),
        format!("From: \"{}\" <{stranger}>", open.address),
    ] {
        let mut session = lab.submission_as(open)?;
        session.address(&open.address, &to)?;
        let reply = session.data(format!("{from}\r\nSubject: x\r\n\r\nText.\r\n").as_bytes())?;
        ensure!(reply.refuses(), "{from}: must be refused for good");
        session.ask("NOOP", "250")?;
        session.quit()?;
    }
    Ok(())
}

fn submission_no_one_author(lab: &Lab<'_>) -> Result<()> {
    let (open, to) = (lab.open()?, lab.honest()?.fresh_address()?);
    let own = &open.address;
    for header in [
        "Subject: x".to_owned(),
        format!("From: {own}\r\nFrom: {own}"),
        format!("From: {own}, x@{}", lab.target.domain),
        format!("From: all: {own};"),
        "From: <>".to_owned(),
    ] {
        let mut session = lab.submission_as(open)?;
        session.address(own, &to)?;
        let reply = session.data(format!("{header}\r\n\r\nText.\r\n").as_bytes())?;
        ensure!(reply.refuses(), "{header}: must be refused for good");
        session.quit()?;
    }
    Ok(())
}

fn submission_other_reverse_path(lab: &Lab<'_>) -> Result<()> {
    let open = lab.open()?;
    let mut session = lab.submission_as(open)?;

    session.refused(&format!("MAIL FROM:<{}>", lab.screened()?.address), &["550", "553"])?;
    session.refused(&format!("MAIL FROM:<{}>", lab.honest()?.fresh_address()?), &["550", "553"])?;
    session.quit()
}

fn submission_no_extension(lab: &Lab<'_>) -> Result<()> {
    let open = lab.open()?;
    let mut session = lab.submission_as(open)?;

    // RFC 5321 section 2.2.1: a parameter of MAIL (section 7, XTWOWAY=ONLY) has its keyword in the reply to EHLO.
    let offered = session.ehlo.keyword("XTWOWAY");
    ensure!(offered.is_none_or(|words| words == ["ONLY"]), "the extension itself is offered to submitters");
    session.refused(&lab.honest()?.notice(open)?.line(), &["500", "502"])?;
    session.quit()
}

fn submission_buffered_plaintext(lab: &Lab<'_>) -> Result<()> {
    let mut session = lab.submission_in_clear()?;
    session.say_octets(b"STARTTLS\r\nNOOP injected\r\n")?;
    if session.reply()?.refuses() {
        return Ok(());
    }
    let mut session = lab.handshake(session, lab.trace.clone())?;
    session.must_be_silent(std::time::Duration::from_millis(300))?;
    session.refused("MAIL FROM:<>", &["503", "530"])?;
    session.quit()
}

fn submission_completes(lab: &Lab<'_>) -> Result<()> {
    let open = lab.open()?;
    let subject = format!("bare {}", fresh_word()?);
    let mut session = lab.submission_as(open)?;
    session.address(&open.address, &open.address)?;
    let message = format!("From: {0}\r\nBcc: secret@elsewhere.test\r\nSubject: {subject}\r\n\r\nText.\r\n", open.address);
    ensure!(session.data(message.as_bytes())?.says("250"), "it is taken");
    session.quit()?;
    let stored = String::from_utf8(lab.stored(&subject)?)?;
    for field in ["\r\nDate: ", "\r\nMessage-ID: <"] {
        ensure!(stored.contains(field), "no {field:?}");
    }
    ensure!(!stored.contains("secret@elsewhere.test"), "Bcc is there for everybody to see");
    Ok(())
}

fn submission_unknown_local(lab: &Lab<'_>) -> Result<()> {
    let open = lab.open()?;
    let mut session = lab.submission_as(open)?;

    session.ask(&format!("MAIL FROM:<{}>", open.address), "250")?;
    session.refused(&format!("RCPT TO:<nobody-here@{}>", lab.target.domain), &["550 5.1.1"])?;
    session.quit()
}
