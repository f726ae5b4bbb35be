//! What a FETCH needs of the store: as little as it can do with.

use mail::outline::Outline;
use proto::imap::command::Numbering;
use proto::imap::command::fetch::{Fetch, FetchItem, Preview, Reading, Rfc822};
use proto::imap::section::SectionText;
use proto::imap::server::Extension;
use store::OutlineWant;

/// Messages of which nothing large is held: each costs less than a kilobyte.
const PAGE_MESSAGES: usize = 1_000;
/// Messages whose octets are held, of each at most 32 KiB with what stands before them.
const CONTENT_PAGE_MESSAGES: usize = 32;

/// What a FETCH needs.
#[derive(Debug)]
pub(super) struct Plan {
    /// What is told, in this order.
    pub(super) items: Vec<FetchItem>,
    /// What the numbers of the responses are.
    pub(super) numbering: Numbering,
    /// Whether header sections may be UTF-8.
    pub(super) reads_utf8: bool,
    /// What of the message is needed.
    pub(super) needs: Need,
    /// What of the outlines is needed.
    pub(super) outline: Option<OutlineWant>,
    /// Whether outlines are made where there are none.
    pub(super) makes_outlines: bool,
}

/// What of a message is needed; each says what those before it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// What the client has been told.
    Nothing,
    /// Its row: dates, size, id.
    Row,
    /// Its octets.
    Octets,
}

impl Plan {
    /// For this command of a client that has enabled these.
    pub(super) fn new(fetch: &Fetch, has: impl Fn(Extension) -> bool) -> Self {
        let numbering = if has(Extension::UidOnly) { Numbering::Uid } else { Numbering::Sequence };
        let mut items = fetch.items.clone();
        // RFC 9051 section 6.4.9; UIDFETCH has it in front (RFC 9586 section 3.3).
        if fetch.numbering == Numbering::Uid && numbering == Numbering::Sequence && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        // RFC 7162 section 3.1.4.1.
        if fetch.changed_since.is_some() && !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
        let reads_utf8 = has(Extension::Utf8) || has(Extension::Rev2);
        let mut plan = Self { items: Vec::new(), numbering, reads_utf8, needs: Need::Nothing, outline: None, makes_outlines: false };
        for item in &items {
            plan.need(item);
        }
        Self { items, ..plan }
    }

    /// How many messages are looked at together.
    pub(super) fn page_messages(&self) -> usize {
        if self.needs == Need::Octets { CONTENT_PAGE_MESSAGES } else { PAGE_MESSAGES }
    }

    /// Whether this is told.
    pub(super) fn tells(&self, item: &FetchItem) -> bool {
        self.items.contains(item)
    }

    /// Whether messages count as read.
    pub(super) fn sets_seen(&self) -> bool {
        self.items.iter().any(|item| match item {
            FetchItem::Section { reading, .. } | FetchItem::Binary { reading, .. } => *reading == Reading::Sets,
            FetchItem::Rfc822(rfc822) => *rfc822 != Rfc822::Header,
            _ => false,
        })
    }

    /// Whether parts are named by their path.
    pub(super) fn names_parts(&self) -> bool {
        self.items.iter().any(|item| match item {
            FetchItem::Section { section, .. } => !section.part.is_empty(),
            FetchItem::Binary { part, .. } | FetchItem::BinarySize(part) => !part.is_empty(),
            _ => false,
        })
    }

    fn need(&mut self, item: &FetchItem) {
        match item {
            FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq | FetchItem::ThreadId => {}
            FetchItem::InternalDate | FetchItem::Size | FetchItem::EmailId | FetchItem::SaveDate => self.needs = self.needs.max(Need::Row),
            FetchItem::Envelope => self.need_outline(OutlineWant::Envelope),
            FetchItem::Body => self.need_outline(OutlineWant::Structure),
            FetchItem::BodyStructure => self.need_outline(OutlineWant::Told),
            FetchItem::Preview(Preview::Made) => self.need_outline(OutlineWant::Preview),
            FetchItem::Preview(Preview::Lazy) => {
                let makes = self.makes_outlines;
                self.need_outline(OutlineWant::Preview);
                self.makes_outlines = makes;
            }
            FetchItem::Section { section, .. } => match &section.of {
                SectionText::HeaderFields(names) if section.part.is_empty() && Outline::has_fields(names) => {
                    self.need_outline(OutlineWant::Fields);
                }
                _ => self.needs = Need::Octets,
            },
            FetchItem::Rfc822(_) | FetchItem::Binary { .. } | FetchItem::BinarySize(_) => self.needs = Need::Octets,
        }
    }

    fn need_outline(&mut self, want: OutlineWant) {
        self.outline = Some(match (self.outline, want) {
            (Some(OutlineWant::Structure), OutlineWant::Told) | (Some(OutlineWant::Told), OutlineWant::Structure) => OutlineWant::Structure,
            (Some(before), want) if before != want => OutlineWant::Whole,
            _ => want,
        });
        self.makes_outlines = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::imap::command::{Command, parse};
    use proto::imap::mailbox_name::NameForm;

    fn plan(text: &str, enabled: &[Extension]) -> Plan {
        let command = parse(format!("a {text}").as_bytes(), NameForm::Utf8).unwrap().command;
        let Command::Fetch(fetch) = command else { panic!("no FETCH") };
        Plan::new(&fetch, |extension| enabled.contains(&extension))
    }

    #[test]
    fn no_more_is_read_than_what_is_told() {
        use Need::{Nothing, Octets, Row};
        for (text, needs, outline, seen) in [
            ("FETCH 1 (UID FLAGS MODSEQ THREADID)", Nothing, None, false),
            ("FETCH 1 FAST", Row, None, false),
            ("FETCH 1 ENVELOPE", Nothing, Some(OutlineWant::Envelope), false),
            ("FETCH 1 (BODY BODYSTRUCTURE)", Nothing, Some(OutlineWant::Structure), false),
            ("FETCH 1 BODYSTRUCTURE", Nothing, Some(OutlineWant::Told), false),
            ("FETCH 1 (BODYSTRUCTURE ENVELOPE)", Nothing, Some(OutlineWant::Whole), false),
            ("FETCH 1 FULL", Row, Some(OutlineWant::Whole), false),
            ("FETCH 1 BODY.PEEK[HEADER.FIELDS (From Subject)]", Nothing, Some(OutlineWant::Fields), false),
            ("FETCH 1 BODY[HEADER.FIELDS (From)]", Nothing, Some(OutlineWant::Fields), true),
            ("FETCH 1 BODY.PEEK[HEADER.FIELDS (Received)]", Octets, None, false),
            ("FETCH 1 BODY.PEEK[1.HEADER.FIELDS (From)]", Octets, None, false),
            ("FETCH 1 BODY[]", Octets, None, true),
            ("FETCH 1 RFC822.HEADER", Octets, None, false),
            ("FETCH 1 RFC822", Octets, None, true),
            ("FETCH 1 BINARY.SIZE[1]", Octets, None, false),
        ] {
            let plan = plan(text, &[]);
            assert_eq!((plan.needs, plan.outline, plan.sets_seen()), (needs, outline, seen), "{text}");
        }
        assert!(plan("FETCH 1 PREVIEW", &[]).makes_outlines && !plan("FETCH 1 PREVIEW (LAZY)", &[]).makes_outlines);
        assert!(plan("FETCH 1 (ENVELOPE PREVIEW (LAZY))", &[]).makes_outlines);
        assert!(plan("FETCH 1 BODY[2]", &[]).names_parts() && !plan("FETCH 1 BODY[TEXT]", &[]).names_parts());
    }

    #[test]
    fn what_goes_without_saying_is_told() {
        assert_eq!(plan("UID FETCH 1 FLAGS", &[]).items, [FetchItem::Uid, FetchItem::Flags]);
        assert_eq!(plan("UID FETCH 1 FLAGS", &[Extension::UidOnly]).items, [FetchItem::Flags]);
        assert_eq!(plan("FETCH 1 FLAGS (CHANGEDSINCE 1)", &[]).items, [FetchItem::Flags, FetchItem::ModSeq]);
    }
}
