//! How a result is told: all of it, or what RETURN asks for (RFC 9051 section 7.3.4, RFC 4731, 5182, 5267, 7162, 9394).

use std::num::NonZeroU32;

use proto::imap::command::fetch::{PartialEnd, PartialRange};
use proto::imap::command::search::SearchReturn;
use proto::imap::command::{Numbering, Tag};
use proto::imap::response::Data;
use proto::imap::response::search::{ESearch, Found, Selection};

/// One message of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listen::imap) struct Hit {
    /// Its number in the mailbox.
    pub(in crate::listen::imap) number: u32,
    /// Its UID.
    pub(in crate::listen::imap) uid: u32,
    /// Its last change.
    pub(in crate::listen::imap) modseq: u64,
}

/// In which order a result stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listen::imap) enum Ordering {
    /// In that of the mailbox.
    Mailbox,
    /// In that of a SORT.
    Sorted,
}

/// How a command wants its result.
#[derive(Debug, Clone)]
pub(in crate::listen::imap) struct Wanted<'a> {
    pub(in crate::listen::imap) tag: Option<Tag>,
    pub(in crate::listen::imap) numbering: Numbering,
    /// `None`: as RFC 3501 tells it.
    pub(in crate::listen::imap) returns: Option<&'a [SearchReturn]>,
    pub(in crate::listen::imap) ordering: Ordering,
    /// The greatest modification sequence is told.
    pub(in crate::listen::imap) tells_modseq: bool,
}

/// What is told of a result, and which UIDs are saved, if the command saves any.
pub(in crate::listen::imap) fn answer(wanted: &Wanted<'_>, hits: &[Hit]) -> (Option<Data>, Option<Vec<u32>>) {
    let number = |hit: &Hit| if wanted.numbering == Numbering::Uid { hit.uid } else { hit.number };
    let Some(returns) = wanted.returns else {
        let found = Found { numbers: hits.iter().map(number).collect(), modseq: modseq(wanted, hits) };
        return (Some(if wanted.ordering == Ordering::Sorted { Data::Sort(found) } else { Data::Search(found) }), None);
    };
    let (min, max) = (hits.first(), hits.last());
    let nonzero = |hit: Option<&Hit>| hit.and_then(|hit| NonZeroU32::new(number(hit)));
    let mut told = ESearch::new(wanted.tag.clone(), wanted.numbering);
    let mut part: &[Hit] = &[];
    for option in returns {
        match option {
            SearchReturn::Min => told.min = nonzero(min),
            SearchReturn::Max => told.max = nonzero(max),
            SearchReturn::Count => told.count = Some(u32::try_from(hits.len()).unwrap_or(u32::MAX)),
            SearchReturn::All => told.all = selection(wanted, hits),
            SearchReturn::Partial(range) => {
                part = within(*range, hits);
                told.partial = Some((*range, selection(wanted, part)));
            }
            SearchReturn::Save | SearchReturn::Context | SearchReturn::Update => {}
        }
    }
    let asks = |option: SearchReturn| returns.contains(&option);
    let tells_nothing_else =
        returns.iter().all(|option| matches!(option, SearchReturn::Save | SearchReturn::Context | SearchReturn::Update));
    let saves = asks(SearchReturn::Save);
    // RFC 4731 section 3.1: `()` is ALL; RFC 5182 section 2.1: SAVE alone tells nothing.
    if tells_nothing_else && !saves {
        told.all = selection(wanted, hits);
    }
    // RFC 5182 section 2.4: what is told is saved, if it is only one end or both; RFC 9394 section 3.1: or a part.
    let is_all = tells_nothing_else || asks(SearchReturn::All) || asks(SearchReturn::Count);
    let ends = [min.filter(|_| asks(SearchReturn::Min)), max.filter(|_| asks(SearchReturn::Max))];
    let some: Vec<Hit> = if is_all { hits.to_vec() } else { part.iter().chain(ends.into_iter().flatten()).copied().collect() };
    told.modseq = modseq(wanted, &some);
    let saved = saves.then(|| {
        let mut uids: Vec<u32> = some.iter().map(|hit| hit.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        uids
    });
    let data = if tells_nothing_else && saves { None } else { Some(Data::ESearch(told)) };
    (data, saved)
}

fn modseq(wanted: &Wanted<'_>, hits: &[Hit]) -> Option<u64> {
    hits.iter().map(|hit| hit.modseq).max().filter(|_| wanted.tells_modseq)
}

fn selection(wanted: &Wanted<'_>, hits: &[Hit]) -> Option<Selection> {
    if hits.is_empty() {
        return None;
    }
    let numbers = hits.iter().map(|hit| if wanted.numbering == Numbering::Uid { hit.uid } else { hit.number });
    Some(match wanted.ordering {
        Ordering::Mailbox => Selection::Set(numbers.filter_map(NonZeroU32::new).collect()),
        Ordering::Sorted => Selection::Ordered(numbers.collect()),
    })
}

/// RFC 9394 section 3.1: places from 1 on, or from the end.
fn within(range: PartialRange, hits: &[Hit]) -> &[Hit] {
    let index = |place: NonZeroU32| usize::try_from(place.get()).unwrap_or(usize::MAX);
    let (first, last) = (index(range.from), index(range.to));
    let (from, to) = match range.end {
        PartialEnd::Front => (first - 1, last.min(hits.len())),
        PartialEnd::Back => (hits.len().saturating_sub(last), (hits.len() + 1).saturating_sub(first)),
    };
    hits.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(returns: &str, ordering: Ordering, uids: &[u32]) -> String {
        let hits: Vec<Hit> = uids.iter().map(|uid| Hit { number: uid / 10, uid: *uid, modseq: u64::from(*uid) + 1000 }).collect();
        let range = |end, from, to| PartialRange { end, from: NonZeroU32::new(from).unwrap(), to: NonZeroU32::new(to).unwrap() };
        let returns: Vec<SearchReturn> = returns
            .split_whitespace()
            .map(|word| match word {
                "MIN" => SearchReturn::Min,
                "MAX" => SearchReturn::Max,
                "ALL" => SearchReturn::All,
                "COUNT" => SearchReturn::Count,
                "SAVE" => SearchReturn::Save,
                "2:3" => SearchReturn::Partial(range(PartialEnd::Front, 2, 3)),
                "9:10" => SearchReturn::Partial(range(PartialEnd::Front, 9, 10)),
                "-1:-2" => SearchReturn::Partial(range(PartialEnd::Back, 1, 2)),
                _ => panic!("{word}"),
            })
            .collect();
        let wanted = Wanted { tag: None, numbering: Numbering::Sequence, returns: Some(&returns), ordering, tells_modseq: true };
        let (data, saved) = answer(&wanted, &hits);
        let line = data.map(|data| String::from_utf8(data.encode(proto::imap::mailbox_name::NameForm::Utf8)).unwrap());
        format!("{} {saved:?}", line.unwrap_or_default().trim_end())
    }

    #[test]
    fn what_is_asked_for_is_told_and_saved() {
        let five = [10, 20, 30, 50, 70];
        for (returns, uids, expected) in [
            ("", &five[..], "* ESEARCH ALL 1:3,5,7 MODSEQ 1070 None"),
            ("ALL", &five, "* ESEARCH ALL 1:3,5,7 MODSEQ 1070 None"),
            ("MIN MAX COUNT", &five, "* ESEARCH MIN 1 MAX 7 COUNT 5 MODSEQ 1070 None"),
            ("MIN", &five, "* ESEARCH MIN 1 MODSEQ 1010 None"),
            ("SAVE", &five, " Some([10, 20, 30, 50, 70])"),
            ("SAVE MIN", &five, "* ESEARCH MIN 1 MODSEQ 1010 Some([10])"),
            ("SAVE MIN MAX", &five, "* ESEARCH MIN 1 MAX 7 MODSEQ 1070 Some([10, 70])"),
            ("SAVE MIN COUNT", &five, "* ESEARCH MIN 1 COUNT 5 MODSEQ 1070 Some([10, 20, 30, 50, 70])"),
            ("2:3", &five, "* ESEARCH PARTIAL (2:3 2:3) MODSEQ 1030 None"),
            ("-1:-2 COUNT", &five, "* ESEARCH COUNT 5 PARTIAL (-1:-2 5,7) MODSEQ 1070 None"),
            ("9:10 SAVE", &five, "* ESEARCH PARTIAL (9:10 NIL) Some([])"),
            ("2:3 MIN SAVE", &five, "* ESEARCH MIN 1 PARTIAL (2:3 2:3) MODSEQ 1030 Some([10, 20, 30])"),
            ("-1:-2", &five[..1], "* ESEARCH PARTIAL (-1:-2 1) MODSEQ 1010 None"),
            ("ALL MIN", &[], "* ESEARCH None"),
            ("COUNT", &[], "* ESEARCH COUNT 0 None"),
            ("SAVE", &[], " Some([])"),
        ] {
            assert_eq!(told(returns, Ordering::Mailbox, uids), expected, "{returns}");
        }
        assert_eq!(told("ALL MIN MAX", Ordering::Sorted, &[30, 10, 20]), "* ESEARCH MIN 3 MAX 2 ALL 3,1:2 MODSEQ 1030 None");
        assert_eq!(told("2:3 SAVE", Ordering::Sorted, &[30, 10, 20]), "* ESEARCH PARTIAL (2:3 1:2) MODSEQ 1020 Some([10, 20])");
    }

    #[test]
    fn without_return_numbers_are_told() {
        let hits = [Hit { number: 1, uid: 10, modseq: 5 }];
        let wanted = Wanted { tag: None, numbering: Numbering::Uid, returns: None, ordering: Ordering::Mailbox, tells_modseq: true };
        assert_eq!(answer(&wanted, &hits), (Some(Data::Search(Found { numbers: vec![10], modseq: Some(5) })), None));
        let sorted = Wanted { ordering: Ordering::Sorted, tells_modseq: false, ..wanted };
        assert_eq!(answer(&sorted, &[]), (Some(Data::Sort(Found::default())), None));
    }
}
