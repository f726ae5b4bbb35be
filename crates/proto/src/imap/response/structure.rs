//! ENVELOPE and BODYSTRUCTURE: what a message is made of (RFC 9051 section 7.5.2).

use mail::structure::{Disposition, EnvelopeAddress, EnvelopeStructure, Inside, Parameter, Part};

use crate::imap::writer::Writer;

/// Whether extension data is told: BODYSTRUCTURE does, BODY does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// `BODY`
    Basic,
    /// `BODYSTRUCTURE`
    Extended,
}

/// ```abnf
/// envelope = "(" date SP subject SP from SP sender SP reply-to SP to SP cc SP bcc SP in-reply-to SP message-id ")"
/// from     = "(" 1*address ")" / NIL           ; sender, reply-to, to, cc, bcc: the same
/// address  = "(" name SP NIL SP mailbox SP host ")"
/// ```
pub(super) fn write_envelope(envelope: &EnvelopeStructure, out: &mut Writer) {
    nstring(envelope.date.as_ref(), out.put("("));
    nstring(envelope.subject.as_ref(), out.put(" "));
    for list in [&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc] {
        out.put(" ");
        if list.is_empty() {
            out.put("NIL");
            continue;
        }
        out.put("(");
        for address in list {
            write_address(address, out);
        }
        out.put(")");
    }
    nstring(envelope.in_reply_to.as_ref(), out.put(" "));
    nstring(envelope.message_id.as_ref(), out.put(" "));
    out.put(")");
}

fn write_address(address: &EnvelopeAddress, out: &mut Writer) {
    match address {
        EnvelopeAddress::Mailbox { name, local, domain } => {
            nstring(name.as_ref(), out.put("("));
            // NIL as host would begin or end a group.
            out.put(" NIL ").string(local.as_bytes()).put(" ").string(domain.as_bytes()).put(")")
        }
        EnvelopeAddress::GroupStart(name) => out.put("(NIL NIL ").string(name.as_bytes()).put(" NIL)"),
        EnvelopeAddress::GroupEnd => out.put("(NIL NIL NIL NIL)"),
    };
}

/// ```abnf
/// body            = "(" ( body-type-1part / body-type-mpart ) ")"
/// body-type-mpart = 1*body SP media-subtype [SP body-fld-param SP body-fld-dsp SP body-fld-lang SP body-fld-loc]
/// body-type-1part = media-type SP media-subtype SP body-fld-param SP id SP description SP encoding SP octets
///                   [SP envelope SP body] [SP lines] [SP md5 SP body-fld-dsp SP body-fld-lang SP body-fld-loc]
/// ```
pub(super) fn write_body(part: &Part, extent: Extent, out: &mut Writer) {
    out.put("(");
    if let Inside::Parts(parts) = &part.inside {
        for inner in parts {
            write_body(inner, extent, out);
        }
        out.put(" ").string(part.subtype.as_bytes());
        if extent == Extent::Extended {
            write_parameters(&part.parameters, out.put(" "));
            write_rest(part, out);
        }
        out.put(")");
        return;
    }
    let is_message = part.kind == "message" && matches!(part.subtype.as_str(), "rfc822" | "global");
    // A message that is not looked into has no envelope to tell of, and so can't be called one.
    let (kind, subtype) = if is_message && part.inside == Inside::Content {
        ("application", "octet-stream")
    } else {
        (part.kind.as_str(), part.subtype.as_str())
    };
    out.string(kind.as_bytes()).put(" ").string(subtype.as_bytes()).put(" ");
    write_parameters(&part.parameters, out);
    nstring(part.id.as_ref(), out.put(" "));
    nstring(part.description.as_ref(), out.put(" "));
    out.put(" ").string(part.encoding.as_bytes()).put(" ").put(part.body.len());
    if let Inside::Message(envelope, message) = &part.inside {
        write_envelope(envelope, out.put(" "));
        write_body(message, extent, out.put(" "));
    }
    if kind == "text" || matches!(part.inside, Inside::Message(..)) {
        out.put(" ").put(part.lines);
    }
    if extent == Extent::Extended {
        nstring(part.md5.as_ref(), out.put(" "));
        write_rest(part, out);
    }
    out.put(")");
}

/// Disposition, languages and location.
fn write_rest(part: &Part, out: &mut Writer) {
    match &part.disposition {
        None => out.put(" NIL").done(),
        Some(Disposition { kind, parameters }) => {
            out.put(" (").string(kind.as_bytes()).put(" ");
            write_parameters(parameters, out);
            out.put(")");
        }
    }
    match &part.languages[..] {
        [] => out.put(" NIL"),
        [only] => out.put(" ").string(only.as_bytes()),
        several => out.put(" ").list(several, |out, language| out.string(language.as_bytes()).done()),
    };
    nstring(part.location.as_ref(), out.put(" "));
}

fn write_parameters(parameters: &[Parameter], out: &mut Writer) {
    if parameters.is_empty() {
        out.put("NIL");
        return;
    }
    out.list(parameters, |out, parameter| {
        out.string(parameter.name.as_bytes()).put(" ").string(parameter.value.as_bytes());
    });
}

fn nstring(text: Option<&String>, out: &mut Writer) {
    out.nstring(text.map(String::as_bytes));
}
