//! Spoilt commands: each is refused with 501 or 555, and the session goes on.

use anyhow::{Context as _, Result};

use crate::case::Case;
use crate::lab::Lab;
use crate::notice::Notice;

const REFUSED: &str = "501";
/// A server may hang up on who makes many mistakes, so a session makes so many.
const MISTAKES: usize = 8;

pub(crate) const CASES: &[Case] = &[
    Case::hostile("syntax-missing-parameter", "3", "Each of the four required parameters missing: 501", missing_parameter),
    Case::hostile("syntax-duplicate-parameter", "3", "A parameter given twice: 501", duplicate_parameter),
    Case::hostile("syntax-unknown-parameter", "3", "An unknown parameter: 555 5.5.4", unknown_parameter),
    Case::hostile("syntax-address-of-origin", "2", "No parameter can name a host, port or URL to fetch from: 555 5.5.4", address_of_origin),
    Case::hostile("syntax-xtext", "3", "Bad xtext, control characters and bad UTF-8 in NAME and SUBJECT: 501", xtext),
    Case::hostile("syntax-claims-too-long", "3", "NAME over 64 and SUBJECT over 128 octets: 501", claims_too_long),
    Case::hostile("syntax-id", "3", "An id too short, too long, or with other characters: 501", id),
    Case::hostile("syntax-path", "3", "Empty paths, source routes, address literals and the like: 501", path),
    Case::hostile("syntax-stamp", "3", "Times that are none: 501", stamp),
    Case::hostile("syntax-size", "3", "Sizes that are no numbers: 501", size),
    Case::hostile("syntax-values", "3", "Values where none belong, and unknown kinds: 501", values),
    Case::hostile("syntax-spaces", "3", "Words apart by more than one space, or none: 501", spaces),
    Case::hostile(
        "syntax-origin-verbs",
        "3",
        "Spoilt PENDING, RETRIEVE, CONFIRM and DECLINE: 501, or 555 for unknown parameters",
        origin_verbs,
    ),
];

/// Every one of these must be refused so; a right one after them is taken.
fn all_refused(lab: &Lab<'_>, notices: &[Notice], wanted: &str) -> Result<()> {
    let peer = lab.honest()?;
    for notices in notices.chunks(MISTAKES) {
        let mut session = lab.exchange(peer)?;
        for notice in notices {
            session.ask(&notice.line(), wanted)?;
        }
        session.ask(&peer.notice(lab.screened()?)?.line(), "250 2.0.0").context("a right notice after spoilt ones")?;
        session.quit()?;
    }
    Ok(())
}

/// A right notice spoilt in each of these ways.
fn spoilt<T: Copy>(lab: &Lab<'_>, ways: &[T], spoil: impl Fn(Notice, T) -> Notice) -> Result<Vec<Notice>> {
    let (peer, account) = (lab.honest()?, lab.screened()?);
    ways.iter().map(|way| Ok(spoil(peer.notice(account)?, *way))).collect()
}

fn missing_parameter(lab: &Lab<'_>) -> Result<()> {
    all_refused(lab, &spoilt(lab, &["ID=", "SIZE=", "DATE=", "EXPIRES="], Notice::without)?, REFUSED)
}

fn duplicate_parameter(lab: &Lab<'_>) -> Result<()> {
    let twice = [
        "SIZE=1000",
        "SIZE=1001",
        "size=1000",
        "DATE=20260101T000000Z",
        "ID=AAAAAAAAAAAAAAAAAAAAAA",
        "KIND=mail KIND=mail",
        "SMTPUTF8 SMTPUTF8",
    ];
    all_refused(lab, &spoilt(lab, &twice, Notice::with)?, REFUSED)
}

fn unknown_parameter(lab: &Lab<'_>) -> Result<()> {
    all_refused(lab, &spoilt(lab, &["COLOUR=red", "X-SIZE=1", "RET=HDRS"], Notice::with)?, "555 5.5.4")
}

fn address_of_origin(lab: &Lab<'_>) -> Result<()> {
    all_refused(lab, &spoilt(lab, &["HOST=127.0.0.1", "PORT=25", "URL=https://c.test/m", "SERVER=mx.d.test"], Notice::with)?, "555 5.5.4")
}

fn xtext(lab: &Lab<'_>) -> Result<()> {
    let bad = [
        "NAME=+",
        "NAME=+2",
        "NAME=+ZZ",
        "NAME=a=b",
        "NAME=+00",
        "NAME=+0D+0ABcc:",
        "NAME=+7F",
        "NAME=+C2+85",
        "NAME=+FF",
        "NAME=+C3",
        "NAME=+ED+A0+80",
        "SUBJECT=+0A",
        "SUBJECT=+1B[2J",
        "SUBJECT=+C0+AF",
        "SUBJECT=a+3",
    ];
    all_refused(lab, &spoilt(lab, &bad, Notice::with)?, REFUSED)
}

fn claims_too_long(lab: &Lab<'_>) -> Result<()> {
    let (name, subject, umlauts) =
        (format!("NAME={}", "n".repeat(65)), format!("SUBJECT={}", "s".repeat(129)), format!("NAME={}", "+C3+B6".repeat(33)));
    all_refused(lab, &spoilt(lab, &[name.as_str(), &subject, &umlauts], Notice::with)?, REFUSED)?;
    let peer = lab.honest()?;
    let (name, subject) = (format!("NAME={}", "+C3+B6".repeat(32)), format!("SUBJECT={}", "s".repeat(128)));
    let mut session = lab.exchange(peer)?;
    session.ask(&peer.notice(lab.screened()?)?.with(&name).with(&subject).line(), "250 2.0.0").context("exactly as long as allowed")?;
    session.quit()
}

fn id(lab: &Lab<'_>) -> Result<()> {
    let (short, long) = ("A".repeat(21), "A".repeat(65));
    let bad = [
        "",
        &short,
        &long,
        "AAAAAAAAAAAAAAAAAAAAA+",
        "AAAAAAAAAAAAAAAAAAAAA/",
        "AAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAA.A",
        "<AAAAAAAAAAAAAAAAAAAAAA>",
    ];
    all_refused(lab, &spoilt(lab, &bad, |notice, id| notice.but("ID", id))?, REFUSED)
}

fn path(lab: &Lab<'_>) -> Result<()> {
    let bad = [
        "<>",
        "<@d.test:ann@c.test>",
        "<ann@[127.0.0.4]>",
        "<ann@[IPv6:::1]>",
        "ann@c.test",
        "<ann>",
        "<ann@>",
        "<@c.test>",
        "<ann@c..test>",
        "<ann@-c.test>",
        "<ann@c.test",
        "<ann@c_d!.test>",
        "<a..b@c.test>",
    ];
    all_refused(lab, &spoilt(lab, &bad, Notice::claiming_from)?, REFUSED)?;
    let recipients = ["<>", "<@d.test:bob@b.test>", "<bob@[127.0.0.3]>", "<postmaster>"];
    all_refused(lab, &spoilt(lab, &recipients, Notice::addressed_to)?, REFUSED)
}

fn stamp(lab: &Lab<'_>) -> Result<()> {
    let bad = [
        "",
        "20260101",
        "20260101T000000",
        "2026-01-01T00:00:00Z",
        "20261301T000000Z",
        "20260230T000000Z",
        "20260101T240000Z",
        "20260101T006000Z",
        "-0260101T000000Z",
    ];
    all_refused(lab, &spoilt(lab, &bad, |notice, stamp| notice.but("DATE", stamp))?, REFUSED)?;
    all_refused(lab, &spoilt(lab, &["soon", "21000229T000000Z"], |notice, stamp| notice.but("EXPIRES", stamp))?, REFUSED)
}

fn size(lab: &Lab<'_>) -> Result<()> {
    let bad = ["", "-1", "+1", "1e3", "0x10", "1 ", "1,000"];
    all_refused(lab, &spoilt(lab, &bad, |notice, size| notice.but("SIZE", size))?, REFUSED)
}

fn values(lab: &Lab<'_>) -> Result<()> {
    let bad = ["KIND=letter", "KIND=", "BODY=", "BODY", "SMTPUTF8=yes", "REQUIRETLS=1", "REF=short", "NAME"];
    all_refused(lab, &spoilt(lab, &bad, Notice::with)?, REFUSED)
}

fn spaces(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let right = peer.notice(lab.screened()?)?.line();
    let mut session = lab.exchange(peer)?;
    for spoilt in [
        right.replace(" SIZE=", "  SIZE="),
        right.replace(" SIZE=", ""),
        right.replace("> TO:", ">TO:"),
        right.replace("FROM:", "FROM"),
        "NOTICE".to_owned(),
        "NOTICE FROM:<ann@c.test>".to_owned(),
    ] {
        session.ask(&spoilt, REFUSED)?;
    }
    session.ask_one_of(&right.replace(" SIZE=", "\tSIZE="), &[REFUSED, "500"])?;
    session.quit()
}

fn origin_verbs(lab: &Lab<'_>) -> Result<()> {
    let peer = lab.honest()?;
    let to = format!("TO:<{}>", peer.fresh_address()?);
    let from = format!("FROM:<{}>", lab.open()?.address);
    let id = format!("ID={}", crate::crypto::fresh_id()?);
    let long = "x".repeat(129);
    let spoilt = [
        "PENDING".to_owned(),
        format!("PENDING {from}"),
        format!("PENDING FROM:<> {to}"),
        format!("PENDING {from} {to} AFTER=short"),
        "RETRIEVE".to_owned(),
        format!("RETRIEVE {id}"),
        format!("RETRIEVE ID=short {to}"),
        format!("RETRIEVE {id} TO:<>"),
        format!("RETRIEVE {id} {to} OFFSET=-1"),
        format!("RETRIEVE {id} {to} OFFSET="),
        format!("RETRIEVE {id} {to} OFFSET={}", "1".repeat(20)),
        format!("CONFIRM {id}"),
        format!("CONFIRM {to}"),
        format!("DECLINE {id} {to}"),
        format!("DECLINE {id} {to} 5.7.1"),
        format!("DECLINE {id} {to} 2.0.0 fine"),
        format!("DECLINE {id} {to} 5.7 no"),
        format!("DECLINE {id} {to} 5.7.1 {long}"),
        format!("DECLINE {id} {to} 5.7.1 h\u{e9}las"),
    ];
    for spoilt in spoilt.chunks(MISTAKES) {
        let mut session = lab.retrieval(peer)?;
        for spoilt in spoilt {
            session.ask(spoilt, REFUSED)?;
        }
        session.quit()?;
    }
    let mut session = lab.retrieval(peer)?;
    for unknown in [format!("RETRIEVE {id} {to} PORT=25"), format!("CONFIRM {id} {to} AGAIN=1")] {
        session.ask_one_of(&unknown, &["555 5.5.4", REFUSED])?;
    }
    session.quit()
}
