//! Reads, strictly, what the server under test says as a client: NOTICE, RETRIEVE, CONFIRM, DECLINE.

use crate::stamp;

/// Commands are at most this long, CRLF included (section 3).
pub(crate) const COMMAND_OCTETS_MAX: usize = 2048;

/// The server under test gives notice of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noticed {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) id: String,
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) date: i64,
    pub(crate) expires: i64,
    pub(crate) body: Option<String>,
    pub(crate) require_tls: bool,
}

/// The server under test acts on a message we keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Collecting {
    Retrieve { id: String, to: String, offset: u64 },
    Confirm { id: String, to: String },
    Decline { id: String, to: String, status: String, text: String },
}

/// ```abnf
/// notice = "NOTICE FROM:" path SP "TO:" path 4*16( SP param ) CRLF
/// ```
pub(crate) fn notice(line: &str) -> Result<Noticed, String> {
    let rest = verb(line, "NOTICE FROM:")?;
    let (from, rest) = path(rest)?;
    let (to, rest) = path(verb(rest, " TO:")?)?;
    let mut parameters = Vec::new();
    for word in verb(rest, " ")?.split(' ') {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let name = name.to_ascii_uppercase();
        if parameters.iter().any(|(other, _)| *other == name) {
            return Err(format!("{name} is given twice"));
        }
        check_parameter(&name, value, word.contains('='))?;
        parameters.push((name, value.to_owned()));
    }
    if parameters.len() > 16 {
        return Err(format!("{} parameters, more than 16", parameters.len()));
    }
    let value = |name: &str| parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let required = |name: &str| value(name).ok_or_else(|| format!("{name} is missing"));
    Ok(Noticed {
        from,
        to,
        id: required("ID")?,
        size: required("SIZE")?.parse().map_err(|error| format!("SIZE: {error}"))?,
        date: stamp::read(&required("DATE")?).ok_or("DATE is no stamp")?,
        expires: stamp::read(&required("EXPIRES")?).ok_or("EXPIRES is no stamp")?,
        body: value("BODY"),
        require_tls: value("REQUIRETLS").is_some(),
    })
}

/// ```abnf
/// retrieve = "RETRIEVE ID=" id SP "TO:" path [ SP "OFFSET=" 1*19DIGIT ] CRLF
/// confirm  = "CONFIRM ID=" id SP "TO:" path CRLF
/// decline  = "DECLINE ID=" id SP "TO:" path SP status SP text CRLF
/// ```
pub(crate) fn collecting(line: &str) -> Result<Collecting, String> {
    let (word, rest) = line.split_once(' ').ok_or("a verb without arguments")?;
    let (id, rest) = verb(rest, "ID=")?.split_once(' ').ok_or("TO is missing")?;
    if !is_id(id) {
        return Err(format!("{id:?} is no id"));
    }
    let (to, rest) = path(verb(rest, "TO:")?)?;
    let id = id.to_owned();
    match word.to_ascii_uppercase().as_str() {
        "RETRIEVE" if rest.is_empty() => Ok(Collecting::Retrieve { id, to, offset: 0 }),
        "RETRIEVE" => {
            let digits = verb(rest, " OFFSET=")?;
            if !is_number(digits) {
                return Err(format!("OFFSET={digits:?} is no number"));
            }
            Ok(Collecting::Retrieve { id, to, offset: digits.parse().map_err(|error| format!("OFFSET: {error}"))? })
        }
        "CONFIRM" if rest.is_empty() => Ok(Collecting::Confirm { id, to }),
        "DECLINE" => {
            let (status, text) = verb(rest, " ")?.split_once(' ').ok_or("DECLINE without a text")?;
            if !is_status(status) || text.is_empty() || text.len() > 128 || !text.bytes().all(|octet| (32..=126).contains(&octet)) {
                return Err(format!("DECLINE with {status:?} and {text:?}"));
            }
            Ok(Collecting::Decline { id, to, status: status.to_owned(), text: text.to_owned() })
        }
        _ => Err(format!("unexpected: {line:?}")),
    }
}

/// ```abnf
/// pending = "PENDING FROM:" path SP "TO:" path [ SP "AFTER=" id ] CRLF
/// ```
pub(crate) fn pending(line: &str) -> Result<(), String> {
    let (_from, rest) = path(verb(line, "PENDING FROM:")?)?;
    let (_to, rest) = path(verb(rest, " TO:")?)?;
    let right = rest.is_empty() || verb(rest, " AFTER=").is_ok_and(is_id);
    if right { Ok(()) } else { Err(format!("unexpected: {rest:?}")) }
}

/// The status codes of DECLINE: `( "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT`.
pub(crate) fn is_status(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    matches!(parts.as_slice(), ["4" | "5", subject, detail] if [subject, detail].iter().all(|part| (1..=3).contains(&part.len()) && is_number(part)))
}

fn check_parameter(name: &str, value: &str, has_value: bool) -> Result<(), String> {
    let right = match name {
        "ID" | "REF" => is_id(value),
        "SIZE" => is_number(value),
        "DATE" | "EXPIRES" => stamp::read(value).is_some(),
        "BODY" => ["7BIT", "8BITMIME", "BINARYMIME"].contains(&value.to_ascii_uppercase().as_str()),
        "SMTPUTF8" | "REQUIRETLS" => !has_value,
        "NAME" => xtext(value).is_some_and(|octets| octets.len() <= 64),
        "SUBJECT" => xtext(value).is_some_and(|octets| octets.len() <= 128),
        "KIND" => ["mail", "list", "forward", "confirm", "report"].contains(&value.to_ascii_lowercase().as_str()),
        "LIST" => xtext(value).is_some(),
        _ => return Err(format!("{name} is no parameter of NOTICE")),
    };
    if right { Ok(()) } else { Err(format!("{name} has the value {value:?}")) }
}

/// Strips what must stand here, letters of either case.
fn verb<'a>(text: &'a str, wanted: &str) -> Result<&'a str, String> {
    match text.split_at_checked(wanted.len()) {
        Some((found, rest)) if found.eq_ignore_ascii_case(wanted) => Ok(rest),
        _ => Err(format!("expected {wanted:?} at {text:?}")),
    }
}

/// `path = "<" Mailbox ">"`: never empty, no source route, no address literal.
fn path(text: &str) -> Result<(String, &str), String> {
    let inside = text.strip_prefix('<').ok_or_else(|| format!("expected a path at {text:?}"))?;
    let (mailbox, rest) = inside.split_once('>').ok_or_else(|| format!("a path that does not end: {text:?}"))?;
    let (local, domain) = mailbox.rsplit_once('@').ok_or_else(|| format!("no mailbox: {mailbox:?}"))?;
    let label = |label: &str| {
        let edges = !label.starts_with('-') && !label.ends_with('-');
        (1..=63).contains(&label.len())
            && edges
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet >= 0x80)
    };
    let right = !local.is_empty() && local.len() <= 64 && !local.contains([' ', ':', ',']) && domain.split('.').all(label);
    if right { Ok((mailbox.to_owned(), rest)) } else { Err(format!("no mailbox: {mailbox:?}")) }
}

/// `id = 22*64b64u`
fn is_id(text: &str) -> bool {
    (22..=64).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'_')
}

/// `1*19DIGIT`
fn is_number(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// `xtext = *( xchar / "+" 2HEXDIGIT )` (RFC 3461 section 4), decoded; nothing for bad UTF-8 and for C0, C1, DEL.
pub(crate) fn xtext(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '+' {
            let hex = rest.get(1..3)?;
            if hex.bytes().any(|octet| !octet.is_ascii_digit() && !(b'A'..=b'F').contains(&octet)) {
                return None;
            }
            octets.push(u8::from_str_radix(hex, 16).ok()?);
            rest = rest.get(3..)?;
        } else {
            if !first.is_ascii_graphic() || first == '=' {
                return None;
            }
            octets.push(u8::try_from(first).ok()?);
            rest = rest.get(1..)?;
        }
    }
    String::from_utf8(octets).ok().filter(|decoded| !decoded.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    fn given(parameters: &str) -> Result<Noticed, String> {
        notice(&format!("NOTICE FROM:<ann@c.test> TO:<bob@b.test> {parameters}"))
    }

    #[test]
    fn a_whole_notice_is_read() {
        let line = format!("SIZE=7 ID={ID} EXPIRES=20270101T000000Z DATE=20261201T000000Z BODY=8BITMIME NAME=Ann+20B KIND=mail REQUIRETLS");
        let read = given(&line).unwrap();
        assert_eq!((read.size, read.body.as_deref(), read.expires - read.date), (7, Some("8BITMIME"), 31 * stamp::DAY));
    }

    #[test]
    fn every_way_to_spoil_a_notice_is_seen() {
        let rest = "DATE=20261201T000000Z EXPIRES=20270101T000000Z";
        for bad in [
            format!("ID={ID} SIZE=7"),
            format!("ID={ID} SIZE=7 {rest} SIZE=7"),
            format!("ID={ID} SIZE=-7 {rest}"),
            format!("ID={ID} SIZE=10000000000000000000 {rest}"),
            format!("ID=short SIZE=7 {rest}"),
            format!("ID={ID}+ SIZE=7 {rest}"),
            format!("ID={ID} SIZE=7 {rest} HOST=mx.c.test"),
            format!("ID={ID} SIZE=7 {rest} NAME=+0A"),
            format!("ID={ID} SIZE=7 {rest} NAME=a=b"),
            format!("ID={ID} SIZE=7 {rest} KIND=letter"),
            format!("ID={ID} SIZE=7 {rest} "),
            format!("ID={ID}  SIZE=7 {rest}"),
        ] {
            assert!(given(&bad).is_err(), "{bad}");
        }
        for path in ["<>", "<@d.test:ann@c.test>", "<ann@[127.0.0.4]>", "<ann>", "<ann@>", "ann@c.test", "<ann@c..test>"] {
            assert!(notice(&format!("NOTICE FROM:{path} TO:<bob@b.test> ID={ID} SIZE=7 {rest}")).is_err(), "{path}");
        }
    }

    #[test]
    fn retrieve_confirm_and_decline_are_read() {
        let (id, to) = (ID.to_owned(), "bob@b.test".to_owned());
        assert_eq!(
            collecting(&format!("RETRIEVE ID={ID} TO:<bob@b.test> OFFSET=12")),
            Ok(Collecting::Retrieve { id: id.clone(), to: to.clone(), offset: 12 })
        );
        assert_eq!(collecting(&format!("confirm ID={ID} TO:<bob@b.test>")), Ok(Collecting::Confirm { id: id.clone(), to: to.clone() }));
        let decline = Collecting::Decline { id, to, status: "5.7.1".into(), text: "two authors".into() };
        assert_eq!(collecting(&format!("DECLINE ID={ID} TO:<bob@b.test> 5.7.1 two authors")), Ok(decline));
        for bad in ["RETRIEVE TO:<b@b.test>", "CONFIRM ID=x TO:<b@b.test>", &format!("DECLINE ID={ID} TO:<b@b.test> 2.0.0 no"), "RETRIEVE"]
        {
            assert!(collecting(bad).is_err(), "{bad}");
        }
        assert!(collecting(&format!("RETRIEVE ID={ID} TO:<b@b.test> OFFSET=-1")).is_err());
        assert!(collecting(&format!("CONFIRM ID={ID} TO:<b@b.test> now")).is_err());
    }

    #[test]
    fn pending_is_a_pair_and_perhaps_an_id() {
        assert!(pending("PENDING FROM:<ann@c.test> TO:<bob@b.test>").is_ok());
        assert!(pending(&format!("PENDING FROM:<ann@c.test> TO:<bob@b.test> AFTER={ID}")).is_ok());
        for bad in ["PENDING", "PENDING FROM:<> TO:<bob@b.test>", "PENDING FROM:<ann@c.test> TO:<bob@b.test> AFTER=x"] {
            assert!(pending(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn xtext_is_decoded_or_refused() {
        assert_eq!(xtext("a+20+C3+B6").as_deref(), Some("a ö"));
        for bad in ["+0A", "+7F", "+C2+85", "+FF", "+2", "+", "a=b", "a b", "+c3+b6"] {
            assert_eq!(xtext(bad), None, "{bad}");
        }
    }
}
