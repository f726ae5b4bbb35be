//! Structures as few octets, to be kept beside their message and read again without it.
//!
//! The first octet is the version of this form. Who reads another version has to read the message again.

use std::ops::Range;

use super::{DEPTH_MAX, Disposition, EnvelopeAddress, EnvelopeStructure, Inside, Parameter, Part};

/// Changes with this form, and whenever the same message would be read as another structure.
const VERSION: u8 = 2;

impl EnvelopeStructure {
    /// As it is kept.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_text(self.date.as_deref(), &mut out);
        put_text(self.subject.as_deref(), &mut out);
        put_addresses(&self.from, &mut out);
        for list in [&self.sender, &self.reply_to] {
            // Most messages have no more of these than From.
            let same = *list == self.from;
            out.push(u8::from(same));
            if !same {
                put_addresses(list, &mut out);
            }
        }
        for list in [&self.to, &self.cc, &self.bcc] {
            put_addresses(list, &mut out);
        }
        put_text(self.in_reply_to.as_deref(), &mut out);
        put_text(self.message_id.as_deref(), &mut out);
        out
    }

    /// As it was packed; `None` if another version did it.
    pub fn unpack(octets: &[u8]) -> Option<Self> {
        Self::read_packed(octets).ok()
    }

    fn read_packed(octets: &[u8]) -> Read<Self> {
        let mut reader = Reader::new(octets)?;
        let (date, subject, from) = (reader.text()?, reader.text()?, reader.addresses()?);
        let sender = if reader.flag()? { from.clone() } else { reader.addresses()? };
        let reply_to = if reader.flag()? { from.clone() } else { reader.addresses()? };
        Ok(Self {
            date,
            subject,
            from,
            sender,
            reply_to,
            to: reader.addresses()?,
            cc: reader.addresses()?,
            bcc: reader.addresses()?,
            in_reply_to: reader.text()?,
            message_id: reader.text()?,
        })
    }

    fn pack_into(&self, out: &mut Vec<u8>) {
        let packed = self.pack();
        put_number(packed.len(), out);
        out.extend(packed);
    }
}

impl Part {
    /// As it is kept.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        self.pack_into(&mut out);
        out
    }

    /// As it was packed; `None` if another version did it.
    pub fn unpack(octets: &[u8]) -> Option<Self> {
        Reader::new(octets).and_then(|mut reader| reader.part(0)).ok()
    }

    fn pack_into(&self, out: &mut Vec<u8>) {
        for range in [&self.header, &self.body] {
            put_number(range.start, out);
            put_number(range.len(), out);
        }
        put_number(self.lines, out);
        for text in [&self.kind, &self.subtype, &self.encoding] {
            put_text(Some(text), out);
        }
        for text in [&self.id, &self.description, &self.md5, &self.location] {
            put_text(text.as_deref(), out);
        }
        put_parameters(&self.parameters, out);
        put_text(self.disposition.as_ref().map(|disposition| disposition.kind.as_str()), out);
        if let Some(disposition) = &self.disposition {
            put_parameters(&disposition.parameters, out);
        }
        put_number(self.languages.len(), out);
        for language in &self.languages {
            put_text(Some(language), out);
        }
        match &self.inside {
            Inside::Content => out.push(0),
            Inside::Parts(parts) => {
                out.push(1);
                put_number(parts.len(), out);
                for part in parts {
                    part.pack_into(out);
                }
            }
            Inside::Message(envelope, part) => {
                out.push(2);
                envelope.pack_into(out);
                part.pack_into(out);
            }
        }
    }
}

/// A number, seven bits to the octet, the last ones first; all but the last octet have the eighth.
fn put_number(number: usize, out: &mut Vec<u8>) {
    let mut rest = number;
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// 0 for none; else its length and one, and the text.
fn put_text(text: Option<&str>, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.push(0) };
    put_number(text.len() + 1, out);
    out.extend_from_slice(text.as_bytes());
}

fn put_parameters(parameters: &[Parameter], out: &mut Vec<u8>) {
    put_number(parameters.len(), out);
    for parameter in parameters {
        put_text(Some(&parameter.name), out);
        put_text(Some(&parameter.value), out);
    }
}

fn put_addresses(list: &[EnvelopeAddress], out: &mut Vec<u8>) {
    put_number(list.len(), out);
    for address in list {
        match address {
            EnvelopeAddress::Mailbox { name, route, local, domain } => {
                // Hardly any has a route.
                out.push(if route.is_some() { 3 } else { 0 });
                if route.is_some() {
                    put_text(route.as_deref(), out);
                }
                put_text(name.as_deref(), out);
                put_text(Some(local), out);
                put_text(Some(domain), out);
            }
            EnvelopeAddress::GroupStart(name) => {
                out.push(1);
                put_text(Some(name), out);
            }
            EnvelopeAddress::GroupEnd => out.push(2),
        }
    }
}

/// Not what we packed.
#[derive(Debug)]
struct Unreadable;

type Read<T> = Result<T, Unreadable>;

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(octets: &'a [u8]) -> Read<Self> {
        let (_version, rest) = octets.split_first().filter(|(version, _)| **version == VERSION).ok_or(Unreadable)?;
        Ok(Self { rest })
    }

    fn octet(&mut self) -> Read<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Unreadable)?;
        self.rest = rest;
        Ok(*first)
    }

    fn flag(&mut self) -> Read<bool> {
        self.octet().map(|octet| octet == 1)
    }

    fn number(&mut self) -> Read<usize> {
        let (mut number, mut shift) = (0_usize, 0_u32);
        loop {
            let octet = self.octet()?;
            number |= usize::from(octet & 0x7f).checked_shl(shift).ok_or(Unreadable)?;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self) -> Read<Option<String>> {
        let Some(length) = self.number()?.checked_sub(1) else { return Ok(None) };
        let text = std::str::from_utf8(self.take(length)?).map_err(|_other| Unreadable)?;
        Ok(Some(text.to_owned()))
    }

    fn some_text(&mut self) -> Read<String> {
        self.text()?.ok_or(Unreadable)
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.number()?;
        // Each takes at least an octet.
        let mut list = Vec::with_capacity(count.min(self.rest.len()).min(64));
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn range(&mut self) -> Read<Range<usize>> {
        let (start, length) = (self.number()?, self.number()?);
        Ok(start..start.checked_add(length).ok_or(Unreadable)?)
    }

    fn parameters(&mut self) -> Read<Vec<Parameter>> {
        self.list(|reader| Ok(Parameter { name: reader.some_text()?, value: reader.some_text()? }))
    }

    fn addresses(&mut self) -> Read<Vec<EnvelopeAddress>> {
        self.list(|reader| {
            Ok(match reader.octet()? {
                0 => reader.mailbox(None)?,
                3 => {
                    let route = reader.text()?;
                    reader.mailbox(route)?
                }
                1 => EnvelopeAddress::GroupStart(reader.some_text()?),
                2 => EnvelopeAddress::GroupEnd,
                _ => return Err(Unreadable),
            })
        })
    }

    fn mailbox(&mut self, route: Option<String>) -> Read<EnvelopeAddress> {
        Ok(EnvelopeAddress::Mailbox { name: self.text()?, route, local: self.some_text()?, domain: self.some_text()? })
    }

    fn part(&mut self, depth: usize) -> Read<Part> {
        if depth > DEPTH_MAX {
            return Err(Unreadable);
        }
        let (header, body, lines) = (self.range()?, self.range()?, self.number()?);
        let (kind, subtype, encoding) = (self.some_text()?, self.some_text()?, self.some_text()?);
        let (id, description, md5, location) = (self.text()?, self.text()?, self.text()?, self.text()?);
        let parameters = self.parameters()?;
        let disposition = match self.text()? {
            Some(kind) => Some(Disposition { kind, parameters: self.parameters()? }),
            None => None,
        };
        let languages = self.list(Self::some_text)?;
        let inside = match self.octet()? {
            0 => Inside::Content,
            1 => Inside::Parts(self.list(|reader| reader.part(depth + 1))?),
            2 => {
                let length = self.number()?;
                let envelope = EnvelopeStructure::read_packed(self.take(length)?)?;
                Inside::Message(Box::new(envelope), Box::new(self.part(depth + 1)?))
            }
            _ => return Err(Unreadable),
        };
        Ok(Part {
            header,
            body,
            kind,
            subtype,
            parameters,
            id,
            description,
            encoding,
            md5,
            disposition,
            languages,
            location,
            lines,
            inside,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::MIXED;
    use super::*;
    use crate::message::HeaderSection;

    fn envelope(header: &str) -> EnvelopeStructure {
        EnvelopeStructure::read(&HeaderSection::read(header.as_bytes()))
    }

    #[test]
    fn structures_read_back_as_they_were() {
        for message in ["", "\r\n", "Subject: x\r\n\r\nbody", MIXED, &MIXED.repeat(3)] {
            let part = Part::read(message.as_bytes());
            assert_eq!(Part::unpack(&part.pack()), Some(part), "{message}");
        }
        let deep = (0..100).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect::<Vec<_>>().concat();
        let part = Part::read(deep.as_bytes());
        assert_eq!(Part::unpack(&part.pack()), Some(part), "as deep as structures are read");
        for header in [
            "",
            "From: a@a.test\r\nTo: team: c@c.test, d@d.test (Dora);, undisclosed:;\r\nCc: \u{e9}@e.test\r\nMessage-ID: <1@a>\r\n\r\n",
            "From: a@a.test\r\nSender: b@b.test\r\nReply-To: c@c.test\r\nSubject:\r\nDate: x\r\nIn-Reply-To: <y>\r\nBcc: d@d.test\r\n\r\n",
        ] {
            let envelope = envelope(header);
            assert_eq!(EnvelopeStructure::unpack(&envelope.pack()), Some(envelope), "{header}");
        }
    }

    #[test]
    fn an_ordinary_envelope_takes_little_more_than_its_text() {
        let header = "From: Alice <alice@a.test>\r\nTo: bob@b.test\r\nSubject: Hello\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n";
        assert!(envelope(header).pack().len() < header.len());
    }

    #[test]
    fn another_version_and_what_is_cut_short_is_not_read() {
        let packed = Part::read(MIXED.as_bytes()).pack();
        assert_eq!(Part::unpack(&[&[VERSION + 1], &packed[1..]].concat()), None);
        for end in 0..packed.len() {
            assert_eq!(Part::unpack(&packed[..end]), None, "{end} octets");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_octets_make_it_panic(octets: Vec<u8>, at in 0_usize..400, octet: u8) {
            let made_up = [&[VERSION], octets.as_slice()].concat();
            let (_part, _envelope) = (Part::unpack(&made_up), EnvelopeStructure::unpack(&made_up));
            let mut packed = Part::read(MIXED.as_bytes()).pack();
            if let Some(place) = packed.get_mut(at) {
                *place = octet;
            }
            let _part = Part::unpack(&packed);
        }
    }
}
