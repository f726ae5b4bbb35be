//! ENVELOPE and BODYSTRUCTURE: what a message is made of (RFC 9051 section 7.5.2).

use mail::structure::{Disposition, EnvelopeAddress, EnvelopeStructure, Inside, Parameter, Part};

use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::limits::STRUCTURE_DEPTH_MAX;
use crate::imap::mailbox_name::NameForm;
use crate::imap::writer::Writer;

/// Whether extension data is told: BODYSTRUCTURE does, BODY does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// `BODY`
    Basic,
    /// `BODYSTRUCTURE`
    Extended,
}

const ENVELOPE: &str = "an envelope";
const ADDRESS: &str = "an address";
const BODY: &str = "the structure of a part";

/// ```abnf
/// envelope = "(" date SP subject SP from SP sender SP reply-to SP to SP cc SP bcc SP in-reply-to SP message-id ")"
/// from     = "(" 1*address ")" / NIL           ; sender, reply-to, to, cc, bcc: the same
/// address  = "(" name SP NIL SP mailbox SP host ")"
/// ```
pub(super) fn read_envelope(cursor: &mut Cursor<'_>) -> Read<EnvelopeStructure> {
    cursor.demand(b'(', ENVELOPE)?;
    let date = cursor.nstring_lossy()?;
    cursor.space()?;
    let subject = cursor.nstring_lossy()?;
    let mut list = || {
        cursor.space()?;
        read_addresses(cursor)
    };
    let (from, sender, reply_to, to, cc, bcc) = (list()?, list()?, list()?, list()?, list()?, list()?);
    cursor.space()?;
    let in_reply_to = cursor.nstring_lossy()?;
    cursor.space()?;
    let message_id = cursor.nstring_lossy()?;
    cursor.demand(b')', ENVELOPE)?;
    Ok(EnvelopeStructure { date, subject, from, sender, reply_to, to, cc, bcc, in_reply_to, message_id })
}

fn read_addresses(cursor: &mut Cursor<'_>) -> Read<Vec<EnvelopeAddress>> {
    let mut addresses = Vec::new();
    if cursor.take_word("NIL") {
        return Ok(addresses);
    }
    cursor.demand(b'(', ADDRESS)?;
    while !cursor.take(b')') {
        addresses.push(read_address(cursor)?);
        // Some servers have one between addresses.
        cursor.take(b' ');
    }
    Ok(addresses)
}

fn read_address(cursor: &mut Cursor<'_>) -> Read<EnvelopeAddress> {
    cursor.demand(b'(', ADDRESS)?;
    let name = cursor.nstring_lossy()?;
    cursor.space()?;
    let route = cursor.nstring_lossy()?;
    cursor.space()?;
    let mailbox = cursor.nstring_lossy()?;
    cursor.space()?;
    let host = cursor.nstring_lossy()?;
    cursor.demand(b')', ADDRESS)?;
    Ok(match (mailbox, host) {
        (local, Some(domain)) => EnvelopeAddress::Mailbox { name, route, local: local.unwrap_or_default(), domain },
        (Some(group), None) => EnvelopeAddress::GroupStart(group),
        (None, None) => EnvelopeAddress::GroupEnd,
    })
}

/// As [`read_envelope`] reads it.
pub(super) fn write_envelope(envelope: &EnvelopeStructure, out: &mut Writer) {
    nstring(envelope.date.as_ref(), out.text("("));
    nstring(envelope.subject.as_ref(), out.text(" "));
    for list in [&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc] {
        out.text(" ");
        if list.is_empty() {
            out.text("NIL");
            continue;
        }
        out.text("(");
        for address in list {
            write_address(address, out);
        }
        out.text(")");
    }
    nstring(envelope.in_reply_to.as_ref(), out.text(" "));
    nstring(envelope.message_id.as_ref(), out.text(" "));
    out.text(")");
}

fn write_address(address: &EnvelopeAddress, out: &mut Writer) {
    match address {
        EnvelopeAddress::Mailbox { name, route, local, domain } => {
            nstring(name.as_ref(), out.text("("));
            nstring(route.as_ref(), out.text(" "));
            // NIL as host would begin or end a group.
            out.text(" ").string(local.as_bytes()).text(" ").string(domain.as_bytes()).text(")")
        }
        EnvelopeAddress::GroupStart(name) => out.text("(NIL NIL ").string(name.as_bytes()).text(" NIL)"),
        EnvelopeAddress::GroupEnd => out.text("(NIL NIL NIL NIL)"),
    };
}

/// Where its octets stand in the message is not told: the ranges begin at 0, and only the length of the body is true. Extension
/// data of servers after us is passed over.
///
/// ```abnf
/// body            = "(" ( body-type-1part / body-type-mpart ) ")"
/// body-type-mpart = 1*body SP media-subtype [SP body-fld-param SP body-fld-dsp SP body-fld-lang SP body-fld-loc]
/// body-type-1part = media-type SP media-subtype SP body-fld-param SP id SP description SP encoding SP octets
///                   [SP envelope SP body] [SP lines] [SP md5 SP body-fld-dsp SP body-fld-lang SP body-fld-loc]
/// ```
pub(super) fn read_body(cursor: &mut Cursor<'_>, depth: usize) -> Read<Part> {
    if depth > STRUCTURE_DEPTH_MAX {
        return Err(SyntaxError::TooMany("parts inside each other"));
    }
    cursor.demand(b'(', BODY)?;
    let mut part = empty();
    let mut parts = Vec::new();
    while cursor.peek() == Some(b'(') {
        parts.push(read_body(cursor, depth + 1)?);
        // Some servers have one between parts; and one stands before the subtype.
        cursor.take(b' ');
    }
    if parts.is_empty() {
        part.kind = word(cursor)?;
        cursor.space()?;
        part.subtype = word(cursor)?;
        read_single(cursor, &mut part, depth)?;
    } else {
        part.inside = Inside::Parts(parts);
        "multipart".clone_into(&mut part.kind);
        part.subtype = word(cursor)?;
        if cursor.take(b' ') {
            part.parameters = read_parameters(cursor)?;
            read_rest(cursor, &mut part)?;
        }
    }
    cursor.demand(b')', BODY)?;
    Ok(part)
}

fn empty() -> Part {
    Part {
        header: 0..0,
        body: 0..0,
        kind: String::new(),
        subtype: String::new(),
        parameters: Vec::new(),
        id: None,
        description: None,
        encoding: String::new(),
        md5: None,
        disposition: None,
        languages: Vec::new(),
        location: None,
        lines: 0,
        inside: Inside::Content,
    }
}

/// A media type, in small letters.
fn word(cursor: &mut Cursor<'_>) -> Read<String> {
    Ok(cursor.nstring_lossy()?.unwrap_or_default().to_ascii_lowercase())
}

fn read_single(cursor: &mut Cursor<'_>, part: &mut Part, depth: usize) -> Read<()> {
    cursor.space()?;
    part.parameters = read_parameters(cursor)?;
    cursor.space()?;
    part.id = cursor.nstring_lossy()?;
    cursor.space()?;
    part.description = cursor.nstring_lossy()?;
    cursor.space()?;
    part.encoding = cursor.nstring_lossy()?.unwrap_or_else(|| "7bit".to_owned());
    cursor.space()?;
    part.body = 0..usize::try_from(cursor.number64("a number of octets")?).unwrap_or(usize::MAX);
    let is_message = part.kind == "message" && matches!(part.subtype.as_str(), "rfc822" | "global");
    // Some servers call a part a message and tell no envelope: then there is none to read.
    let has_envelope = is_message && cursor.rest().starts_with(b" (");
    if has_envelope {
        cursor.space()?;
        let envelope = read_envelope(cursor)?;
        cursor.space()?;
        let message = read_body(cursor, depth + 1)?;
        part.inside = Inside::Message(Box::new(envelope), Box::new(message));
    }
    if part.kind == "text" || has_envelope {
        cursor.space()?;
        part.lines = usize::try_from(cursor.number64("a number of lines")?).unwrap_or(usize::MAX);
    }
    if cursor.take(b' ') {
        part.md5 = cursor.nstring_lossy()?;
        read_rest(cursor, part)?;
    }
    Ok(())
}

/// Disposition, languages and location, each if it is there, and what is behind them.
fn read_rest(cursor: &mut Cursor<'_>, part: &mut Part) -> Read<()> {
    if !cursor.take(b' ') {
        return Ok(());
    }
    if !cursor.take_word("NIL") {
        cursor.demand(b'(', BODY)?;
        let kind = cursor.nstring_lossy()?.unwrap_or_default();
        cursor.space()?;
        part.disposition = Some(Disposition { kind, parameters: read_parameters(cursor)? });
        cursor.demand(b')', BODY)?;
    }
    if !cursor.take(b' ') {
        return Ok(());
    }
    part.languages = if cursor.peek() == Some(b'(') {
        cursor.list("languages", Cursor::nstring_lossy)?.into_iter().flatten().collect()
    } else {
        cursor.nstring_lossy()?.into_iter().collect()
    };
    if !cursor.take(b' ') {
        return Ok(());
    }
    part.location = cursor.nstring_lossy()?;
    while cursor.take(b' ') {
        cursor.skip_value()?;
    }
    Ok(())
}

fn read_parameters(cursor: &mut Cursor<'_>) -> Read<Vec<Parameter>> {
    if cursor.take_word("NIL") {
        return Ok(Vec::new());
    }
    cursor.list("parameters", |list| {
        let name = list.nstring_lossy()?.unwrap_or_default();
        list.space()?;
        Ok(Parameter { name, value: list.nstring_lossy()?.unwrap_or_default() })
    })
}

/// What BODYSTRUCTURE tells of a part, if that is the same for all clients: it is ASCII. It may be kept, and told by
/// [`FetchedValue::BodyText`](super::fetch::FetchedValue::BodyText); if it is ever to be written in another way, what is kept is to be deleted.
pub fn ascii_text(part: &Part) -> Option<Vec<u8>> {
    let mut out = Writer::responses(NameForm::Utf8);
    write_body(part, Extent::Extended, &mut out);
    Some(out.into_octets()).filter(|text| text.is_ascii())
}

/// As [`read_body`] reads it.
pub(super) fn write_body(part: &Part, extent: Extent, out: &mut Writer) {
    out.text("(");
    if let Inside::Parts(parts) = &part.inside {
        for inner in parts {
            write_body(inner, extent, out);
        }
        out.text(" ").string(part.subtype.as_bytes());
        if extent == Extent::Extended {
            write_parameters(&part.parameters, out.text(" "));
            write_rest(part, out);
        }
        out.text(")");
        return;
    }
    let is_message = part.kind == "message" && matches!(part.subtype.as_str(), "rfc822" | "global");
    // A message that is not looked into has no envelope to tell of, and so can't be called one.
    let (kind, subtype) = if is_message && part.inside == Inside::Content {
        ("application", "octet-stream")
    } else {
        (part.kind.as_str(), part.subtype.as_str())
    };
    out.string(kind.as_bytes()).text(" ").string(subtype.as_bytes()).text(" ");
    write_parameters(&part.parameters, out);
    nstring(part.id.as_ref(), out.text(" "));
    nstring(part.description.as_ref(), out.text(" "));
    out.text(" ").string(part.encoding.as_bytes()).text(" ").put(part.body.len());
    if let Inside::Message(envelope, message) = &part.inside {
        write_envelope(envelope, out.text(" "));
        write_body(message, extent, out.text(" "));
    }
    if kind == "text" || matches!(part.inside, Inside::Message(..)) {
        out.text(" ").put(part.lines);
    }
    if extent == Extent::Extended {
        nstring(part.md5.as_ref(), out.text(" "));
        write_rest(part, out);
    }
    out.text(")");
}

/// Disposition, languages and location.
fn write_rest(part: &Part, out: &mut Writer) {
    match &part.disposition {
        None => out.text(" NIL").done(),
        Some(Disposition { kind, parameters }) => {
            out.text(" (").string(kind.as_bytes()).text(" ");
            write_parameters(parameters, out);
            out.text(")");
        }
    }
    match &part.languages[..] {
        [] => out.text(" NIL"),
        [only] => out.text(" ").string(only.as_bytes()),
        several => out.text(" ").list(several, |out, language| out.string(language.as_bytes()).done()),
    };
    nstring(part.location.as_ref(), out.text(" "));
}

fn write_parameters(parameters: &[Parameter], out: &mut Writer) {
    if parameters.is_empty() {
        out.text("NIL");
        return;
    }
    out.list(parameters, |out, parameter| {
        out.string(parameter.name.as_bytes()).text(" ").string(parameter.value.as_bytes());
    });
}

fn nstring(text: Option<&String>, out: &mut Writer) {
    out.nstring(text.map(String::as_bytes));
}
