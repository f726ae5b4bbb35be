//! What is pushed to a domain of ordinary mail, and what never is (sections 3 and 7).

use anyhow::{Context as _, Result, ensure};

use crate::case::{Case, Need};
use crate::crypto::fresh_word;
use crate::lab::Lab;
use crate::message::with_fields;
use crate::peer::{Answer, Peer, Pushed, Seen};

const ONLY_FIELD: &str = "Two-Way: only";

pub(crate) const CASES: &[Case] = &[
    Case::honest("ordinary-is-pushed", "7", "To a domain that has never heard of the extension mail is pushed, octet for octet", is_pushed),
    Case::honest("ordinary-status", "6", "And the sender sees the status relayed", status_relayed).needing(&[Need::Command]),
    Case::hostile(
        "two-way-only-parameter",
        "7",
        "With XTWOWAY=ONLY nothing is pushed, and the sender hears that it failed",
        only_parameter,
    )
    .needing(&[Need::Command]),
    Case::hostile("two-way-only-field", "7", "Nor with a field Two-Way: only", only_field).needing(&[Need::Command]),
    Case::hostile("two-way-only-field-any-form", "7", "Nor with one in capitals, folded, or among blanks", only_field_any_form)
        .needing(&[Need::Command]),
    Case::honest(
        "two-way-only-noticed",
        "7",
        "To a domain with the extension such mail is noticed and served like any other",
        only_noticed,
    ),
    Case::honest("two-way-only-field-removed", "7", "The field is for the submission server, and is not in what is served", field_removed),
    Case::honest(
        "require-tls-noticed",
        "3",
        "REQUIRETLS at submission is REQUIRETLS in the notice, and absent otherwise",
        require_tls_noticed,
    ),
    Case::hostile(
        "require-tls-not-pushed",
        "7",
        "What requires TLS is not pushed to a server that does not offer REQUIRETLS",
        require_tls_not_pushed,
    )
    .needing(&[Need::Command]),
    Case::honest(
        "require-tls-retrieved",
        "3",
        "A notice with REQUIRETLS is retrieved where the certificate verifies",
        require_tls_retrieved,
    ),
    Case::hostile(
        "require-tls-never-unverified",
        "3",
        "Where it does not, nothing is retrieved and nothing declined",
        require_tls_never_unverified,
    ),
];

/// One message handed in: what MAIL says besides the path, a field or none, and whom it is for.
struct Wish<'a> {
    parameters: &'a str,
    field: &'a str,
    to: &'a str,
}

/// Hands in a message as the open account; its octets.
fn hand_in(lab: &Lab<'_>, wish: &Wish<'_>) -> Result<Vec<u8>> {
    let open = lab.open()?;
    let (from, to) = (format!("From: {}", open.address), format!("To: {}", wish.to));
    let fields: Vec<&str> = [wish.field, &from, &to].into_iter().filter(|field| !field.is_empty()).collect();
    let body = b"By notice, or not at all?\r\n.\r\n..\r\n";
    let content = with_fields(&fields, &format!("conformance {}", fresh_word()?), "b.test", body)?;
    let mut session = lab.submission_as(open)?;
    session.ask(format!("MAIL FROM:<{}> {}", open.address, wish.parameters).trim_end(), "250")?;
    session.ask(&format!("RCPT TO:<{}>", wish.to), "250")?;
    ensure!(session.data(&content)?.says("250"), "it is taken");
    session.quit()?;
    Ok(content)
}

/// Somebody of a domain who takes notices and mail.
fn mailbox(lab: &Lab<'_>, peer: &Peer) -> Result<String> {
    let to = peer.fresh_address()?;
    peer.open_mailbox(&to, &lab.trace, &[Answer::Saying("250 2.0.0 noted")]);
    Ok(to)
}

fn arrives(lab: &Lab<'_>, to: &str) -> Result<Pushed> {
    lab.ordinary()?.wait_pushed(to, lab.bounds.patience).with_context(|| format!("nothing was pushed to {to}"))
}

fn is_pushed(lab: &Lab<'_>) -> Result<()> {
    let to = mailbox(lab, lab.ordinary()?)?;
    let content = hand_in(lab, &Wish { parameters: "", field: "", to: &to })?;
    let pushed = arrives(lab, &to)?;
    ensure!(pushed.octets.ends_with(&content), "not the octets that were handed in");
    ensure!(!pushed.mail.contains("XTWOWAY"), "a parameter that was not offered: {}", pushed.mail);
    Ok(())
}

fn status_relayed(lab: &Lab<'_>) -> Result<()> {
    let to = mailbox(lab, lab.ordinary()?)?;
    hand_in(lab, &Wish { parameters: "", field: "", to: &to })?;
    arrives(lab, &to)?;
    lab.status(&to, "relayed").map(|_row| ())
}

/// It fails, and the peer was never told MAIL about it.
fn never_pushed(lab: &Lab<'_>, parameters: &str, field: &str) -> Result<()> {
    let to = mailbox(lab, lab.ordinary()?)?;
    hand_in(lab, &Wish { parameters, field, to: &to })?;
    lab.status(&to, "failed")?;
    // The next one is pushed: this one had its chance.
    let next = mailbox(lab, lab.ordinary()?)?;
    let before = lab.ordinary()?.pushes();
    hand_in(lab, &Wish { parameters: "", field: "", to: &next })?;
    arrives(lab, &next)?;
    let pushes = lab.ordinary()?.pushes() - before;
    ensure!(pushes == 1, "{pushes} transactions for one message");
    ensure!(lab.ordinary()?.wait_pushed(&to, lab.bounds.quiet).is_none(), "it was pushed");
    Ok(())
}

fn only_parameter(lab: &Lab<'_>) -> Result<()> {
    never_pushed(lab, "XTWOWAY=ONLY", "")
}

fn only_field(lab: &Lab<'_>) -> Result<()> {
    never_pushed(lab, "", ONLY_FIELD)
}

fn only_field_any_form(lab: &Lab<'_>) -> Result<()> {
    for field in ["TWO-WAY: ONLY", "Two-Way:\r\n only", "Two-Way:\t only "] {
        never_pushed(lab, "", field).with_context(|| format!("{field:?}"))?;
    }
    Ok(())
}

/// What the honest peer is served of a message that it was given notice of.
fn served(lab: &Lab<'_>, wish: &Wish<'_>) -> Result<(Vec<u8>, Vec<u8>)> {
    let peer = lab.honest()?;
    let content = hand_in(lab, wish)?;
    let noticed = lab.noticed(peer, wish.to, 1, lab.bounds.patience)?;
    let mut session = lab.retrieval(peer)?;
    session.say(&format!("RETRIEVE ID={} TO:<{}>", noticed.id, wish.to))?;
    let octets = session.served(0)?.octets;
    session.ask(&format!("CONFIRM ID={} TO:<{}>", noticed.id, wish.to), "250 2.0.0")?;
    session.quit()?;
    Ok((content, octets))
}

fn only_noticed(lab: &Lab<'_>) -> Result<()> {
    let to = mailbox(lab, lab.honest()?)?;
    let (content, octets) = served(lab, &Wish { parameters: "XTWOWAY=ONLY", field: "", to: &to })?;
    ensure!(octets.ends_with(&content), "not the octets that were handed in");
    Ok(())
}

fn field_removed(lab: &Lab<'_>) -> Result<()> {
    let to = mailbox(lab, lab.honest()?)?;
    let (content, octets) = served(lab, &Wish { parameters: "", field: ONLY_FIELD, to: &to })?;
    ensure!(!String::from_utf8_lossy(&octets).contains("Two-Way:"), "the field was served");
    let rest = content.strip_prefix(format!("{ONLY_FIELD}\r\n").as_bytes()).context("our own message")?;
    ensure!(octets.ends_with(rest), "more than the field was removed");
    Ok(())
}

fn require_tls_noticed(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    for parameters in ["REQUIRETLS", ""] {
        let to = mailbox(lab, peer)?;
        hand_in(lab, &Wish { parameters, field: "", to: &to })?;
        let noticed = lab.noticed(peer, &to, 1, lab.bounds.patience)?;
        ensure!(noticed.require_tls != parameters.is_empty(), "MAIL {parameters:?}: the notice says otherwise");
    }
    Ok(())
}

fn require_tls_not_pushed(lab: &Lab<'_>) -> Result<()> {
    never_pushed(lab, "REQUIRETLS", "")
}

fn require_tls_retrieved(lab: &Lab<'_>) -> Result<()> {
    let mut offered = lab.honest()?.offer(lab.open()?)?;
    offered.notice = offered.notice.with("REQUIRETLS");
    lab.give(&offered)?;
    lab.see_confirmed(&offered).map(|_seen| ())
}

fn require_tls_never_unverified(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.forger()?;
    let before = peer.collecting_connections();
    let mut offered = peer.offer(lab.open()?)?;
    offered.notice = offered.notice.with("REQUIRETLS");
    lab.give(&offered)?;
    ensure!(peer.wait_collecting_connections(before, lab.bounds.patience), "nobody came: this says nothing");
    let seen = peer.wait_seen(&offered.notice.id, lab.bounds.quiet, |seen: &[Seen]| !seen.is_empty());
    ensure!(seen.is_none(), "over TLS that proves nothing: {seen:?}");
    Ok(())
}
