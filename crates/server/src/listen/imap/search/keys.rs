//! What sorts and threads the messages of a mailbox, in columns: read of each once, held once for all sessions, and asked
//! without the store.

use std::sync::OnceLock;

use mail::fold;
use mail::sent::Sent;
use mail::summary::Summary;
use store::search_index::{SortedBy, Stamps};

/// The texts of a message, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listen::imap) enum Text {
    Subject,
    From,
    To,
    Cc,
    DisplayFrom,
    DisplayTo,
    MessageId,
    /// With line ends between them.
    References,
}

const TEXTS: usize = 8;

/// Of some messages of a mailbox, in the order of their UIDs.
#[derive(Debug, Clone, Default)]
pub(in crate::listen::imap) struct Keys {
    rows: Vec<Row>,
    texts: String,
    /// Of each text, the place of each message's among all of them; made when it is asked for.
    ranks: [OnceLock<Vec<u32>>; TEXTS],
}

/// Of one message.
#[derive(Debug, Clone, Copy)]
pub(in crate::listen::imap) struct Row {
    /// What its item says.
    pub(in crate::listen::imap) stamps: Stamps,
    /// When it says it was sent.
    pub(in crate::listen::imap) sent: Option<Sent>,
    /// Its subject says that it is a reply or a forward.
    pub(in crate::listen::imap) is_reply: bool,
    has_id: bool,
    /// Where its texts begin, and where each of them ends.
    start: u32,
    ends: [u32; TEXTS],
}

impl Keys {
    /// Adds a message behind the others; `false` if there is no room for its texts.
    pub(in crate::listen::imap) fn push(&mut self, stamps: Stamps, sorted_by: &SortedBy<'_>) -> bool {
        let SortedBy { sent, is_reply, subject, from, to, cc, display_from, display_to, message_id, references } = *sorted_by;
        let id = message_id.unwrap_or_default();
        let Some(start) = self.room_for(0) else { return false };
        let mut ends = [start; TEXTS];
        for (text, end) in [subject, from, to, cc, display_from, display_to, id, references].into_iter().zip(&mut ends) {
            let Some(after) = self.room_for(text.len()) else { return false };
            self.texts.push_str(text);
            *end = after;
        }
        self.add(Row { stamps, sent, is_reply, has_id: message_id.is_some(), start, ends });
        true
    }

    /// The same of a message whose header section was read.
    pub(in crate::listen::imap) fn push_read(&mut self, stamps: Stamps, summary: &Summary) -> bool {
        let references = summary.references.join("\n");
        let sorted_by = SortedBy {
            sent: summary.sent,
            is_reply: summary.subject.is_reply,
            subject: &summary.subject.text,
            from: &summary.from,
            to: &summary.to,
            cc: &summary.cc,
            display_from: &summary.display_from,
            display_to: &summary.display_to,
            message_id: summary.message_id.as_deref(),
            references: &references,
        };
        self.push(stamps, &sorted_by)
    }

    /// Adds the messages of two others behind these, all of which have greater UIDs; `false` if there is no room for all.
    pub(in crate::listen::imap) fn append(&mut self, one: &Self, other: &Self) -> bool {
        let (mut ones, mut others) = (one.rows.iter().peekable(), other.rows.iter().peekable());
        loop {
            let is_one = match (ones.peek(), others.peek()) {
                (Some(first), Some(second)) => first.stamps.uid < second.stamps.uid,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return true,
            };
            let (from, next) = if is_one { (one, ones.next()) } else { (other, others.next()) };
            if !next.is_some_and(|row| self.push_row(from, row)) {
                return false;
            }
        }
    }

    fn push_row(&mut self, from: &Self, row: &Row) -> bool {
        let [.., last] = row.ends;
        let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        let texts = from.texts.get(index(row.start)..index(last)).unwrap_or_default();
        let (Some(start), Some(_)) = (self.room_for(0), self.room_for(texts.len())) else { return false };
        self.texts.push_str(texts);
        self.add(Row { start, ends: row.ends.map(|end| end - row.start + start), ..*row });
        true
    }

    /// Where texts of so many octets behind the others would end, if there is room for them.
    fn room_for(&self, octets: usize) -> Option<u32> {
        u32::try_from(self.texts.len() + octets).ok()
    }

    fn add(&mut self, row: Row) {
        self.rows.push(row);
        self.ranks.iter_mut().for_each(|ranks| drop(ranks.take()));
    }

    /// For those that were added in another order than that of their UIDs.
    pub(in crate::listen::imap) fn put_in_order(&mut self) {
        self.rows.sort_unstable_by_key(|row| row.stamps.uid);
    }

    /// Gives back room, but for what comes in the near future.
    pub(in crate::listen::imap) fn fit(&mut self) {
        self.rows.shrink_to(self.rows.len() + self.rows.len() / 8);
        self.texts.shrink_to(self.texts.len() + self.texts.len() / 8);
    }

    /// The UID of the last message.
    pub(in crate::listen::imap) fn last_uid(&self) -> u32 {
        self.rows.last().map_or(0, |row| row.stamps.uid)
    }

    /// How many there are.
    pub(in crate::listen::imap) fn count(&self) -> usize {
        self.rows.len()
    }

    /// How much memory they take, with what is made of them when it is asked for.
    pub(in crate::listen::imap) fn octets(&self) -> u64 {
        let rows = self.rows.capacity() * (size_of::<Row>() + TEXTS * size_of::<u32>());
        u64::try_from(rows + self.texts.capacity()).unwrap_or(u64::MAX)
    }

    /// Where the messages of these UIDs stand, which are in order; of those that are not here, nowhere.
    pub(in crate::listen::imap) fn places(&self, uids: impl Iterator<Item = u32>) -> impl Iterator<Item = Option<usize>> {
        let mut at = 0;
        uids.map(move |uid| {
            let rest = self.rows.get(at..).unwrap_or_default();
            // Mostly the next one.
            let is_next = rest.first().is_some_and(|row| row.stamps.uid == uid);
            at += if is_next { 0 } else { rest.partition_point(|row| row.stamps.uid < uid) };
            let place = at;
            let is_here = self.rows.get(place).is_some_and(|row| row.stamps.uid == uid);
            at += usize::from(is_here);
            is_here.then_some(place)
        })
    }

    /// The message that stands there.
    pub(in crate::listen::imap) fn row(&self, place: usize) -> Option<&Row> {
        self.rows.get(place)
    }

    /// One of its texts.
    pub(in crate::listen::imap) fn text(&self, row: &Row, text: Text) -> &str {
        let index = text as usize;
        let start = index.checked_sub(1).and_then(|before| row.ends.get(before)).unwrap_or(&row.start);
        let end = row.ends.get(index).unwrap_or(start);
        let index = |at: &u32| usize::try_from(*at).unwrap_or(usize::MAX);
        self.texts.get(index(start)..index(end)).unwrap_or_default()
    }

    /// Its id.
    pub(in crate::listen::imap) fn message_id(&self, row: &Row) -> Option<&str> {
        row.has_id.then(|| self.text(row, Text::MessageId))
    }

    /// For each message, the place of its text among all of them: equal for equal ones.
    pub(in crate::listen::imap) fn ranks(&self, text: Text) -> &[u32] {
        let Some(ranks) = self.ranks.get(text as usize) else { return &[] };
        ranks.get_or_init(|| {
            let mut order: Vec<(&str, u32)> = self.rows.iter().map(|row| self.text(row, text)).zip(0..).collect();
            order.sort_unstable_by(|one, other| fold::order(one.0, other.0));
            let mut ranks = vec![0; order.len()];
            for (rank, equal) in (0..).zip(order.chunk_by(|one, other| one.0 == other.0)) {
                for (_, place) in equal {
                    if let Some(own) = usize::try_from(*place).ok().and_then(|place| ranks.get_mut(place)) {
                        *own = rank;
                    }
                }
            }
            ranks
        })
    }
}

#[cfg(test)]
mod tests {
    use mail::id::MailId;
    use mail::message::HeaderSection;
    use mail::time::{Timestamp, Zone};

    use super::*;

    #[test]
    fn texts_are_as_they_were_and_ranked() {
        let mut keys = Keys::default();
        let time = Timestamp::from_millis;
        let heads = [
            (3, "Subject: b\r\nFrom: x@a.test\r\nMessage-ID: <1@a>\r\nReferences: <2@a> <3@a>\r\n\r\n"),
            (4, "Subject: a\r\nTo: y@a.test\r\nDate: Sat, 21 Nov 2026 09:30:05 +0000\r\n\r\n"),
            (9, "Subject: Re: b\r\n\r\n"),
        ];
        for (uid, head) in heads {
            let stamps =
                Stamps { uid, mail: MailId::new(time(0), [0; 10]), received: time(0), zone: Zone::UTC, saved: time(0), size_octets: 1 };
            assert!(keys.push_read(stamps, &Summary::read(&HeaderSection::read(head.as_bytes()))));
        }
        assert_eq!(keys.ranks(Text::Subject), [1, 0, 1]);
        assert_eq!(keys.ranks(Text::From), [1, 0, 0]);
        assert_eq!(keys.ranks(Text::References), [1, 0, 0]);
        let rows: Vec<&Row> = (0..3).filter_map(|place| keys.row(place)).collect();
        assert_eq!((keys.text(rows[0], Text::References), keys.message_id(rows[0])), ("2@a\n3@a", Some("1@a")));
        assert_eq!((keys.text(rows[1], Text::To), keys.message_id(rows[1]), rows[1].sent.is_some()), ("y", None, true));
        assert_eq!((keys.text(rows[2], Text::Subject), rows[2].is_reply), ("b", true));
        let places = |uids: &[u32]| keys.places(uids.iter().copied()).collect::<Vec<_>>();
        assert_eq!(places(&[1, 3, 4, 5, 9, 10]), [None, Some(0), Some(1), None, Some(2), None]);
        assert_eq!(places(&[9]), [Some(2)]);
    }

    #[test]
    fn messages_of_two_are_merged_by_their_uids() {
        let time = Timestamp::from_millis(0);
        let keys = |uids: &[u32]| {
            let mut keys = Keys::default();
            for uid in uids {
                let stamps =
                    Stamps { uid: *uid, mail: MailId::new(time, [0; 10]), received: time, zone: Zone::UTC, saved: time, size_octets: 1 };
                let head = format!("Subject: s{uid}\r\nFrom: f{uid}@a.test\r\nReferences: <r{uid}@a>\r\n\r\n");
                assert!(keys.push_read(stamps, &Summary::read(&HeaderSection::read(head.as_bytes()))));
            }
            keys
        };
        let mut all = keys(&[1]);
        assert!(
            all.append(&keys(&[3, 4, 9]), &keys(&[2, 7])) && all.append(&keys(&[]), &keys(&[12])) && all.append(&keys(&[]), &keys(&[]))
        );
        let texts = |row: &Row| [Text::Subject, Text::From, Text::References].map(|text| all.text(row, text).to_owned());
        let expected = [1, 2, 3, 4, 7, 9, 12].map(|uid| (uid, [format!("s{uid}"), format!("f{uid}"), format!("r{uid}@a")]));
        assert_eq!(all.rows.iter().map(|row| (row.stamps.uid, texts(row))).collect::<Vec<_>>(), expected);
    }
}
