//! Trace fields (RFC 5321 section 4.4): where a message came from, who is told of failures, and whose word on its
//! authentication counts.

use std::fmt;
use std::net::IpAddr;

use crate::address::{Domain, Mailbox, ReversePath};
use crate::message::{Field, HeaderSection, text};
use crate::time::Timestamp;

/// How a message came in (the `with` clause).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol<'a> {
    /// SMTP and its extensions, named as in RFC 3848 and RFC 6531 section 4.3.
    Smtp {
        /// The client said EHLO.
        extended: bool,
        /// MAIL came with SMTPUTF8.
        utf8: bool,
        /// Over TLS.
        tls: bool,
        /// The client authenticated.
        authenticated: bool,
    },
    /// Another, by its name.
    Other(&'a str),
}

/// What a Received field says.
#[derive(Debug, Clone)]
pub struct Received<'a> {
    /// How the other side named itself: whatever it said.
    pub from: Option<&'a str>,
    /// The other side's address; left out where it would tell on an author.
    pub address: Option<IpAddr>,
    /// Our host.
    pub by: &'a Domain,
    /// How it came.
    pub with: Protocol<'a>,
    /// Our id of it, as in the logs.
    pub id: &'a str,
    /// The recipient, if there is only one: others must not learn of each other (RFC 5321 section 7.6).
    pub recipient: Option<&'a Mailbox>,
    /// When.
    pub at: Timestamp,
}

impl fmt::Display for Protocol<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Other(name) => f.write_str(&word(name)),
            Self::Smtp { extended, utf8, tls, authenticated } => {
                // Only EHLO leads to any of the others.
                f.write_str(if utf8 {
                    "UTF8SMTP"
                } else if extended || tls || authenticated {
                    "ESMTP"
                } else {
                    "SMTP"
                })?;
                f.write_str(if tls { "S" } else { "" })?;
                f.write_str(if authenticated { "A" } else { "" })
            }
        }
    }
}

/// A Received field, CRLF included.
pub fn received_field(received: &Received<'_>) -> String {
    let from = match (received.from, received.address) {
        (None, None) => String::new(),
        (from, None) => format!(" from {}", word(from.unwrap_or_default())),
        (from, Some(IpAddr::V4(address))) => format!(" from {} ([{address}])", word(from.unwrap_or_default())),
        (from, Some(IpAddr::V6(address))) => format!(" from {} ([IPv6:{address}])", word(from.unwrap_or_default())),
    };
    let utf8 = matches!(received.with, Protocol::Smtp { utf8: true, .. } | Protocol::Other(_));
    let recipient = received.recipient.filter(|recipient| utf8 || !recipient.needs_smtputf8());
    let recipient = recipient.map(|recipient| format!("\r\n\tfor <{recipient}>")).unwrap_or_default();
    let Received { by, with, at, id, .. } = received;
    format!("Received:{from}\r\n\tby {by} with {with} id {}{recipient};\r\n\t{}\r\n", word(id), at.to_rfc5322())
}

/// Whether the server whose Received field stands first was given the message with SMTPUTF8 (RFC 6531 section 4.3).
pub fn came_by_utf8(section: &HeaderSection<'_>) -> bool {
    let Some(field) = section.named("Received").next() else { return false };
    let text = field.text();
    let words = text.split_ascii_whitespace();
    words.clone().zip(words.skip(1)).any(|(word, next)| word == "with" && next.starts_with("UTF8SMTP"))
}

/// A Return-Path field, CRLF included; written at final delivery only.
pub fn return_path_field(reverse_path: &ReversePath) -> String {
    format!("Return-Path: {reverse_path}\r\n")
}

/// The ids that this host gave, by the Received fields of its own wherever they stand in these octets; the first of them, at
/// most `count_max`. A report on a message returns them.
pub fn ids_given_by(host: &Domain, octets: &[u8], count_max: usize) -> Vec<String> {
    let by = format!("by {host} with ");
    let text = String::from_utf8_lossy(octets);
    let clauses = text.split(by.as_str()).skip(1).take(count_max);
    clauses
        .filter_map(|clause| {
            Some(clause.split_ascii_whitespace().take(3).skip_while(|word| *word != "id").nth(1)?.trim_end_matches(';').to_owned())
        })
        .collect()
}

/// Whether a field is an Authentication-Results that claims to be by one of these hosts (RFC 8601 section 5).
///
/// Such a field on a message that comes from outside is a forgery. One whose author can't be read is taken for one.
pub fn claims_our_results(field: &Field<'_>, ours: &[Domain]) -> bool {
    if !field.is("Authentication-Results") {
        return false;
    }
    let unfolded = text::unfold(field.value());
    let Some(id) = authserv_id(&unfolded) else { return true };
    let id = id.trim_end_matches('.');
    let named: Option<Domain> = id.parse().ok();
    ours.iter().any(|host| id.eq_ignore_ascii_case(host.as_str()) || named.as_ref() == Some(host))
}

/// ```abnf
/// authres-header = "Authentication-Results:" [CFWS] authserv-id [ CFWS authres-version ] ( no-result / 1*resinfo ) [CFWS] CRLF
/// authserv-id    = value                              ; token or quoted-string (RFC 2045)
/// ```
fn authserv_id(value: &str) -> Option<String> {
    let mut rest = value.trim_start();
    while rest.starts_with('(') {
        rest = text::comment(rest)?.1.trim_start();
    }
    let id = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?.0.replace('\\', ""),
        // RFC 2045 section 5.1: white space and tspecials end a token; who reads on might still find our name.
        None => rest.split(|character: char| character.is_whitespace() || "()<>@,;:\\\"/[]?=".contains(character)).next()?.to_owned(),
    };
    (!id.is_empty()).then_some(id)
}

/// A peer's text as one word that can't end a clause, a field or a line.
fn word(text: &str) -> String {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || b".-_:[]".contains(&octet);
    let fits = (1..=Domain::OCTETS_MAX + 2).contains(&text.len()) && text.bytes().all(known);
    if fits { text.to_owned() } else { "unknown".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::HeaderSection;

    fn sample(by: &Domain) -> Received<'_> {
        Received {
            from: Some("client.test"),
            address: Some("192.0.2.1".parse().unwrap()),
            by,
            with: Protocol::Smtp { extended: true, utf8: false, tls: true, authenticated: true },
            id: "018bcfe5",
            recipient: None,
            at: "2026-11-21T09:30:05Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_received_field_says_from_whom_by_whom_how_and_when() {
        let by = "mx.a.test".parse().unwrap();
        let bob = "bob@b.test".parse().unwrap();
        assert_eq!(
            received_field(&Received { recipient: Some(&bob), ..sample(&by) }),
            "Received: from client.test ([192.0.2.1])\r\n\tby mx.a.test with ESMTPSA id 018bcfe5\r\n\tfor <bob@b.test>;\r\n\tSat, 21 Nov 2026 09:30:05 +0000\r\n"
        );
        let bare = Received { from: None, address: None, with: Protocol::Other("XTWOWAY"), ..sample(&by) };
        assert_eq!(received_field(&bare), "Received:\r\n\tby mx.a.test with XTWOWAY id 018bcfe5;\r\n\tSat, 21 Nov 2026 09:30:05 +0000\r\n");
        let v6 = Received { address: Some("2001:db8::1".parse().unwrap()), ..sample(&by) };
        assert!(received_field(&v6).starts_with("Received: from client.test ([IPv6:2001:db8::1])\r\n"));
    }

    #[test]
    fn the_ids_a_host_gave_are_found_in_what_a_report_returns() {
        let by = "mx.a.test".parse().unwrap();
        let report =
            format!("Received: from x by y with SMTP id 1;\r\n\r\nbad news\r\n\r\n{}Subject: Hi\r\n", received_field(&sample(&by)));
        assert_eq!(ids_given_by(&by, report.as_bytes(), 4), ["018bcfe5"]);
        assert_eq!(ids_given_by(&"mx.b.test".parse().unwrap(), report.as_bytes(), 4), Vec::<String>::new());
        assert_eq!(ids_given_by(&by, b"by mx.a.test with", 4), Vec::<String>::new());
        assert_eq!(ids_given_by(&by, b"by mx.a.test with SMTP id", 4), Vec::<String>::new());
    }

    #[test]
    fn protocols_have_their_registered_names() {
        let smtp = |extended, utf8, tls, authenticated| Protocol::Smtp { extended, utf8, tls, authenticated }.to_string();
        assert_eq!(smtp(false, false, false, false), "SMTP");
        assert_eq!(smtp(true, false, false, false), "ESMTP");
        assert_eq!(smtp(true, false, true, false), "ESMTPS");
        assert_eq!(smtp(true, false, false, true), "ESMTPA");
        assert_eq!(smtp(true, true, true, true), "UTF8SMTPSA");
    }

    #[test]
    fn whether_a_message_came_with_smtputf8_is_said_by_the_first_received_field() {
        let by = "mx.a.test".parse().unwrap();
        let came = |with| {
            let first = received_field(&Received { with, ..sample(&by) });
            let octets = format!("Return-Path: <a@a.test>\r\n{first}Received: from x by y with UTF8SMTP id 1;\r\n\r\n");
            came_by_utf8(&HeaderSection::read(octets.as_bytes()))
        };
        let smtp = |utf8, tls| Protocol::Smtp { extended: true, utf8, tls, authenticated: false };
        assert_eq!([came(smtp(true, false)), came(smtp(true, true))], [true; 2]);
        assert_eq!([came(smtp(false, true)), came(Protocol::Other("LOCAL"))], [false; 2]);
        assert!(!came_by_utf8(&HeaderSection::read(b"Subject: with UTF8SMTP\r\n\r\n")));
    }

    #[test]
    fn nothing_a_peer_says_adds_a_field_or_a_clause() {
        let by: Domain = "mx.a.test".parse().unwrap();
        for said in ["a\r\nBcc: x", "a b", "a;", "(", "", "a\u{0}", "\u{fc}", &"a".repeat(1000)] {
            let field = received_field(&Received { from: Some(said), id: said, with: Protocol::Other(said), ..sample(&by) });
            assert_eq!(HeaderSection::read(field.as_bytes()).fields().len(), 1, "{field}");
            assert!(field.starts_with("Received: from unknown (["), "{field}");
            assert!(field.contains(" with unknown id unknown;"), "{field}");
        }
    }

    #[test]
    fn a_return_path_is_written_for_every_reverse_path() {
        assert_eq!(return_path_field(&ReversePath::Null), "Return-Path: <>\r\n");
        assert_eq!(return_path_field(&"alice@a.test".parse().unwrap()), "Return-Path: <alice@a.test>\r\n");
    }

    #[test]
    fn only_results_in_our_name_are_forgeries() {
        let ours: [Domain; 2] = ["mx.b.test".parse().unwrap(), "b.test".parse().unwrap()];
        for (field, forged) in [
            ("Authentication-Results: mx.b.test; spf=pass", true),
            ("authentication-results:MX.B.TEST 1; none", true),
            ("Authentication-Results: (hi (there)) mx.b.test (x); spf=pass", true),
            ("Authentication-Results:\r\n \"b.test\"; spf=pass", true),
            ("Authentication-Results: b.test.; none", true),
            ("Authentication-Results:", true),
            ("Authentication-Results: (", true),
            ("Authentication-Results: mx.b.test/1; spf=pass", true),
            ("Authentication-Results: \"mx.b.test; spf=pass", true),
            ("Authentication-Results: mx.a.test; spf=pass b.test", false),
            ("Authentication-Results: not-b.test; none", false),
            ("X-Authentication-Results: b.test; none", false),
        ] {
            let line = format!("{field}\r\n");
            let section = HeaderSection::read(line.as_bytes());
            assert_eq!(claims_our_results(section.fields().first().unwrap(), &ours), forged, "{field}");
        }
    }
}
