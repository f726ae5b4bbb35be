//! NOTICE: "a message from FROM for TO waits here".

use mail::address::Mailbox;
use mail::envelope::Body;
use mail::id::NoticeId;
use mail::notice::{Kind, Notice};
use mail::time::Timestamp;

use super::words::{self, ID_FORM, NUMBER_FORM, Parameter, Words};
use super::{SyntaxError, wire};
use crate::xtext;

/// Octets in a decoded NAME.
pub const NAME_OCTETS_MAX: usize = 64;
/// Octets in a decoded SUBJECT.
pub const SUBJECT_OCTETS_MAX: usize = 128;

pub(super) const PARTS: &[&str] = &[
    wire::FROM,
    wire::TO,
    wire::ID,
    wire::SIZE,
    wire::DATE,
    wire::EXPIRES,
    wire::BODY,
    wire::SMTPUTF8,
    wire::REQUIRETLS,
    wire::NAME,
    wire::SUBJECT,
    wire::KIND,
    wire::REF,
    wire::LIST,
];

const STAMP_FORM: &str = "a UTC time such as 20261121T093000Z";

/// Makes a claim (NAME, SUBJECT, LIST) fit to be sent: without control characters, cut to this many octets.
pub fn claim(text: &str, octets_max: usize) -> String {
    let mut left = octets_max;
    let printable = text.chars().filter(|character| !character.is_control());
    printable
        .take_while(|character| {
            let fits = character.len_utf8() <= left;
            left = left.saturating_sub(character.len_utf8());
            fits
        })
        .collect()
}

/// ```abnf
/// notice = "NOTICE FROM:" path SP "TO:" path 4*16( SP param ) CRLF     ; each param once, any order
/// param  = "ID=" id / "SIZE=" 1*19DIGIT / "DATE=" stamp / "EXPIRES=" stamp             ; these four are required
///        / "BODY=" ( "7BIT" / "8BITMIME" / "BINARYMIME" ) / "SMTPUTF8" / "REQUIRETLS"
///        / "NAME=" xtext / "SUBJECT=" xtext                                            ; UTF-8, <= 64 / 128 octets decoded
///        / "KIND=" ( "mail" / "list" / "forward" / "confirm" / "report" ) / "REF=" id / "LIST=" xtext
/// ```
pub(super) fn read(mut words: Words<'_>) -> Result<Notice, SyntaxError> {
    let from = words.path(wire::FROM)?;
    let to = words.path(wire::TO)?;
    read_parameters(words, from, to)
}

/// Reads `*( param )` into a notice of these two.
pub(super) fn read_parameters(mut words: Words<'_>, from: Mailbox, to: Mailbox) -> Result<Notice, SyntaxError> {
    let mut draft = Draft::default();
    while let Some(parameter) = words.parameter()? {
        draft.take(&parameter)?;
    }
    draft.finish(from, to)
}

pub(super) fn to_line(notice: &Notice) -> String {
    let mut line = format!("{} {}:<{}> {}:<{}> ", wire::NOTICE, wire::FROM, notice.from, wire::TO, notice.to);
    line.push_str(&required_parameters(notice));
    let claims = [(wire::LIST, &notice.list), (wire::NAME, &notice.name), (wire::SUBJECT, &notice.subject)];
    for (name, value) in claims {
        if let Some(value) = value {
            line.extend([" ", name, "=", &xtext::encode(value)]);
        }
    }
    line
}

/// All parameters but the three whose length the grammar leaves to their authors.
pub(super) fn required_parameters(notice: &Notice) -> String {
    let mut text = format!(
        "{}={} {}={} {}={} {}={}",
        wire::ID,
        notice.id.as_str(),
        wire::SIZE,
        notice.size_octets,
        wire::DATE,
        notice.date.to_stamp(),
        wire::EXPIRES,
        notice.expires.to_stamp()
    );
    if notice.body != Body::default() {
        text.extend([" ", wire::BODY, "=", notice.body.as_str()]);
    }
    if notice.smtputf8 {
        text.extend([" ", wire::SMTPUTF8]);
    }
    if notice.require_tls {
        text.extend([" ", wire::REQUIRETLS]);
    }
    if notice.kind != Kind::default() {
        text.extend([" ", wire::KIND, "=", notice.kind.as_str()]);
    }
    if let Some(reference) = &notice.reference {
        text.extend([" ", wire::REF, "=", reference.as_str()]);
    }
    text
}

/// The parameters seen so far.
#[derive(Default)]
struct Draft {
    id: Option<NoticeId>,
    size_octets: Option<u64>,
    date: Option<Timestamp>,
    expires: Option<Timestamp>,
    body: Option<Body>,
    smtputf8: Option<()>,
    require_tls: Option<()>,
    name: Option<String>,
    subject: Option<String>,
    kind: Option<Kind>,
    reference: Option<NoticeId>,
    list: Option<String>,
}

impl Draft {
    fn take(&mut self, given: &Parameter<'_>) -> Result<(), SyntaxError> {
        let short = |text: &str, octets_max: usize| xtext::decode_printable(text).filter(|decoded| decoded.len() <= octets_max);
        match given.name {
            wire::ID => once(&mut self.id, given, ID_FORM, words::id),
            wire::SIZE => once(&mut self.size_octets, given, NUMBER_FORM, words::number),
            wire::DATE => once(&mut self.date, given, STAMP_FORM, words::stamp),
            wire::EXPIRES => once(&mut self.expires, given, STAMP_FORM, words::stamp),
            wire::BODY => once(&mut self.body, given, "7BIT, 8BITMIME or BINARYMIME", Body::parse),
            wire::SMTPUTF8 => flag(&mut self.smtputf8, given),
            wire::REQUIRETLS => flag(&mut self.require_tls, given),
            wire::NAME => once(&mut self.name, given, "xtext of at most 64 octets of printable UTF-8", |text| short(text, NAME_OCTETS_MAX)),
            wire::SUBJECT => {
                once(&mut self.subject, given, "xtext of at most 128 octets of printable UTF-8", |text| short(text, SUBJECT_OCTETS_MAX))
            }
            wire::KIND => once(&mut self.kind, given, "mail, list, forward, confirm or report", Kind::parse),
            wire::REF => once(&mut self.reference, given, ID_FORM, words::id),
            wire::LIST => once(&mut self.list, given, "xtext of printable UTF-8", xtext::decode_printable),
            // FROM and TO stand in front.
            other => Err(SyntaxError::Duplicate(other)),
        }
    }

    fn finish(self, from: Mailbox, to: Mailbox) -> Result<Notice, SyntaxError> {
        let missing = |part, expected| SyntaxError::Missing { part, expected };
        Ok(Notice {
            from,
            to,
            id: self.id.ok_or(missing(wire::ID, ID_FORM))?,
            size_octets: self.size_octets.ok_or(missing(wire::SIZE, NUMBER_FORM))?,
            date: self.date.ok_or(missing(wire::DATE, STAMP_FORM))?,
            expires: self.expires.ok_or(missing(wire::EXPIRES, STAMP_FORM))?,
            body: self.body.unwrap_or_default(),
            smtputf8: self.smtputf8.is_some(),
            require_tls: self.require_tls.is_some(),
            name: self.name,
            subject: self.subject,
            kind: self.kind.unwrap_or_default(),
            reference: self.reference,
            list: self.list,
        })
    }
}

fn once<'a, T>(
    slot: &mut Option<T>,
    given: &Parameter<'a>,
    expected: &'static str,
    read: impl FnOnce(&'a str) -> Option<T>,
) -> Result<(), SyntaxError> {
    if slot.is_some() {
        return Err(SyntaxError::Duplicate(given.name));
    }
    let value = given.value.and_then(read).ok_or(SyntaxError::Malformed { part: given.name, expected })?;
    *slot = Some(value);
    Ok(())
}

fn flag(slot: &mut Option<()>, given: &Parameter<'_>) -> Result<(), SyntaxError> {
    match (given.value, slot.replace(())) {
        (Some(_), _) => Err(SyntaxError::Malformed { part: given.name, expected: "no value" }),
        (None, Some(())) => Err(SyntaxError::Duplicate(given.name)),
        (None, None) => Ok(()),
    }
}
