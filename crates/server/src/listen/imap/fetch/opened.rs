//! One message, and what FETCH asks of it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;

use mail::decode::{Decoder, TransferEncoding};
use mail::structure::{Inside, Part};
use mail::surrogate;
use mail::time::Timestamp;
use proto::imap::command::fetch::{FetchItem, Rfc822};
use proto::imap::date::DateTime;
use proto::imap::response::fetch::{ContentName, FetchedValue};
use proto::imap::response::structure::Extent;
use proto::imap::section::{Fields, Partial, Section, SectionText};
use proto::imap::view::Message;
use store::StoreError;

use super::octets::{Chunk, Chunks, Octets, Pieces};
use super::page::{Loaded, Shelf};

/// What is told.
pub(super) enum Answer {
    /// This.
    Value(FetchedValue),
    /// Octets by this name.
    Octets(ContentName, Chunks),
    /// Nothing, for nobody knows the encoding; by this name, if that can be said.
    Undecodable(Option<ContentName>),
}

/// What was found of a part by its path.
enum Found {
    Octets(Chunks),
    NoSuchPart,
    Undecodable,
}

/// One message.
pub(super) struct Opened<'a> {
    shelf: &'a Shelf<'a>,
    loaded: Loaded,
    octets: Octets,
    header: Option<Vec<u8>>,
    /// Of its parts; made out once.
    structure: Option<Box<Part>>,
    /// How many octets some of them are, decoded; counted once.
    decoded: BTreeMap<(u64, u64), u64>,
    reads_utf8: bool,
}

impl<'a> Opened<'a> {
    /// For a client that reads header sections in UTF-8 or not.
    pub(super) fn new(shelf: &'a Shelf<'a>, mut loaded: Loaded, reads_utf8: bool) -> Self {
        let octets = loaded.octets.take().unwrap_or_else(|| Octets::here(Vec::new()));
        let structure = loaded.parts.take();
        Self { shelf, loaded, octets, header: None, structure, decoded: BTreeMap::new(), reads_utf8 }
    }

    /// Its octets, for what was found in them.
    pub(super) fn into_octets(self) -> Octets {
        self.octets
    }

    /// The octets of an answer.
    pub(super) fn pieces(&self, chunks: Chunks) -> Pieces<'_> {
        chunks.pieces(&self.octets, self.shelf.store)
    }

    /// Whether what is told of it can be read: of a large message, where it begins and where it ends. What is found is not kept,
    /// for that may be the same many times.
    pub(super) async fn try_out(&mut self, items: &[FetchItem], message: &Message) -> Result<(), StoreError> {
        if self.octets.held().is_some() {
            return Ok(());
        }
        for item in items {
            if let Answer::Octets(_, octets) = self.answer(item, message).await? {
                if let Some(last) = octets.last_read() {
                    self.octets.read(self.shelf.store, last).await?;
                }
                self.pieces(octets).next().await?;
            }
        }
        Ok(())
    }

    /// What is told of it.
    pub(super) async fn answer(&mut self, item: &FetchItem, message: &Message) -> Result<Answer, StoreError> {
        let origin = |partial: &Option<Partial>| partial.map(|partial| partial.offset);
        match item {
            FetchItem::Section { section, partial, .. } => {
                let name = ContentName::Section(section.clone(), origin(partial));
                let found = self.section(section).await?;
                Ok(cut(name, found, *partial))
            }
            FetchItem::Binary { part, partial, .. } => {
                let name = ContentName::Binary(part.clone(), origin(partial));
                Ok(match self.binary(part).await? {
                    Found::Octets(chunks) => cut(name, Some(chunks), *partial),
                    Found::NoSuchPart => cut(name, None, *partial),
                    Found::Undecodable => Answer::Undecodable(Some(name)),
                })
            }
            FetchItem::BinarySize(part) => Ok(match self.binary(part).await? {
                Found::Octets(chunks) => Answer::Value(FetchedValue::BinarySize(part.clone(), chunks.count())),
                Found::NoSuchPart => Answer::Value(FetchedValue::BinarySize(part.clone(), 0)),
                Found::Undecodable => Answer::Undecodable(None),
            }),
            FetchItem::Rfc822(rfc822) => {
                let of = match rfc822 {
                    Rfc822::Whole => SectionText::Whole,
                    Rfc822::Header => SectionText::Header,
                    Rfc822::Text => SectionText::Text,
                };
                let found = self.section(&Section { part: Vec::new(), of }).await?;
                Ok(cut(ContentName::Rfc822(*rfc822), found, None))
            }
            _ => Ok(Answer::Value(self.value(item, message))),
        }
    }

    /// What is said in a word.
    fn value(&mut self, item: &FetchItem, message: &Message) -> FetchedValue {
        let row = self.loaded.item.as_ref();
        match item {
            FetchItem::Uid => FetchedValue::Uid(message.uid),
            FetchItem::Flags => FetchedValue::Flags(message.flags.iter().cloned().collect()),
            FetchItem::ModSeq => FetchedValue::ModSeq(message.modseq),
            FetchItem::InternalDate => {
                FetchedValue::InternalDate(row.map_or(Timestamp::EPOCH.into(), |row| DateTime::new(row.received, row.zone)))
            }
            FetchItem::SaveDate => FetchedValue::SaveDate(row.map(|row| row.saved)),
            FetchItem::Size => FetchedValue::Size(row.map_or(0, |row| row.size_octets)),
            FetchItem::EmailId => FetchedValue::EmailId(row.map(|row| row.mail.to_string()).unwrap_or_default()),
            FetchItem::Envelope => {
                let mut envelope = self.loaded.outline.envelope.clone().unwrap_or_default();
                if !self.reads_utf8 {
                    surrogate::envelope(&mut envelope);
                }
                FetchedValue::Envelope(envelope)
            }
            FetchItem::Body => self.structure_value(Extent::Basic),
            FetchItem::BodyStructure => match &self.loaded.outline.told {
                Some(text) => FetchedValue::BodyText(text.clone()),
                None => self.structure_value(Extent::Extended),
            },
            FetchItem::Preview(_) => FetchedValue::Preview(self.loaded.outline.preview.clone()),
            // The others are octets.
            FetchItem::ThreadId
            | FetchItem::Section { .. }
            | FetchItem::Binary { .. }
            | FetchItem::BinarySize(_)
            | FetchItem::Rfc822(_) => FetchedValue::ThreadId(None),
        }
    }

    fn structure_value(&self, extent: Extent) -> FetchedValue {
        let mut part = self.loaded.outline.structure.clone().unwrap_or_else(|| Box::new(Part::read(b"")));
        if !self.reads_utf8 {
            surrogate::structure(&mut part);
        }
        FetchedValue::Body(extent, part)
    }

    /// The octets of a section; nothing if there is no such part.
    pub(super) async fn section(&mut self, section: &Section) -> Result<Option<Chunks>, StoreError> {
        if section.part.is_empty() {
            return self.section_of_message(&section.of).await;
        }
        let Some(place) = section.place(self.structure().await?) else { return Ok(None) };
        let (header, fields, body) = (place.header.map(wide), place.fields, place.body.map(wide));
        let mut chunks = Vec::new();
        if let Some(range) = header {
            let octets = self.octets.read(self.shelf.store, range).await?;
            chunks.push(Chunk::Held(self.told(fields, octets)));
        }
        chunks.extend(body.map(Chunk::Range));
        Ok(Some(Chunks::new(chunks)))
    }

    /// A section of the message itself, for which its parts need not be known.
    async fn section_of_message(&mut self, of: &SectionText) -> Result<Option<Chunks>, StoreError> {
        let fields = match of {
            SectionText::HeaderFields(names) => {
                if let Some(kept) = self.loaded.outline.fields.clone().filter(|_| mail::outline::Outline::has_fields(names)) {
                    return Ok(Some(Chunks::new(vec![Chunk::Held(self.told(Fields::Only(names), kept))])));
                }
                Fields::Only(names)
            }
            SectionText::HeaderFieldsNot(names) => Fields::Not(names),
            SectionText::Whole | SectionText::Header | SectionText::Text | SectionText::Mime => Fields::All,
        };
        let header = match self.header.take() {
            Some(header) => header,
            None => self.octets.header(self.shelf.store).await?,
        };
        let body = Chunk::Range(header.len() as u64..self.octets.size());
        let chunks = match of {
            SectionText::Text => vec![body],
            // Nothing of it changes: it is not copied once more.
            SectionText::Whole if self.reads_utf8 || header.is_ascii() => vec![Chunk::Range(0..self.octets.size())],
            SectionText::Whole => vec![Chunk::Held(self.told(fields, header.clone())), body],
            _ => vec![Chunk::Held(self.told(fields, header.clone()))],
        };
        self.header = Some(header);
        Ok(Some(Chunks::new(chunks)))
    }

    /// A header section, or some of it, as this client can read it.
    fn told(&self, fields: Fields<'_>, header: Vec<u8>) -> Vec<u8> {
        let header = if self.reads_utf8 { header } else { surrogate::header(&header).unwrap_or(header) };
        if fields == Fields::All { header } else { fields.select(&header) }
    }

    /// A part, decoded.
    async fn binary(&mut self, path: &[NonZeroU32]) -> Result<Found, StoreError> {
        if path.is_empty() {
            return Ok(self.section_of_message(&SectionText::Whole).await?.map_or(Found::NoSuchPart, Found::Octets));
        }
        let Some(part) = self.structure().await?.find(path) else { return Ok(Found::NoSuchPart) };
        let range = wide(part.body.clone());
        let encoding =
            if part.inside == Inside::Content { TransferEncoding::parse(&part.encoding) } else { Some(TransferEncoding::Identity) };
        let chunk = match encoding {
            None => return Ok(Found::Undecodable),
            Some(TransferEncoding::Identity) => Chunk::Range(range),
            Some(encoding) if self.octets.held().is_some() => {
                Chunk::Held(encoding.decode(&self.octets.read(self.shelf.store, range).await?))
            }
            Some(encoding) => {
                let count = self.decoded_octets(range.clone(), encoding).await?;
                Chunk::Decoded { range, encoding, skip: 0, count }
            }
        };
        Ok(Found::Octets(Chunks::new(vec![chunk])))
    }

    /// How many octets a part of a large message is, decoded: a literal is announced with that.
    async fn decoded_octets(&mut self, range: Range<u64>, encoding: TransferEncoding) -> Result<u64, StoreError> {
        let key = (range.start, range.end);
        if let Some(count) = self.decoded.get(&key) {
            return Ok(*count);
        }
        let (mut decoder, mut count, mut out) = (Decoder::new(encoding), 0, Vec::new());
        let mut pieces = self.octets.pieces(self.shelf.store, range);
        while let Some(piece) = pieces.next().await? {
            decoder.take(&piece, &mut out);
            count += out.len() as u64;
            out.clear();
        }
        decoder.finish(&mut out);
        count += out.len() as u64;
        self.decoded.insert(key, count);
        Ok(count)
    }

    async fn structure(&mut self) -> Result<&Part, StoreError> {
        let part = match self.structure.take() {
            Some(part) => part,
            // A large one comes with it, unless it is a bomb.
            None => Box::new(Part::read(self.octets.whole(self.shelf.store, self.shelf.large).await?.octets())),
        };
        Ok(self.structure.insert(part))
    }
}

fn cut(name: ContentName, found: Option<Chunks>, partial: Option<Partial>) -> Answer {
    let Some(chunks) = found else { return Answer::Value(FetchedValue::Content(name, None)) };
    Answer::Octets(
        name,
        match partial {
            Some(partial) => chunks.cut(partial.offset, partial.octets_max),
            None => chunks,
        },
    )
}

fn wide(range: Range<usize>) -> Range<u64> {
    range.start as u64..range.end as u64
}
