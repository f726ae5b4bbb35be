//! SEARCH: how a result is told, and in which charset it is asked for (RFC 9051 section 6.4.4, RFC 4731, 5182, 5267, 9394).

mod key;

use super::Numbering;
use super::fetch::PartialRange;
use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::writer::Writer;

pub use key::{AddressField, DateField, DateRelation, Key};

/// SEARCH or UID SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What the result's numbers are.
    pub numbering: Numbering,
    /// How the result is told. `None`: no RETURN.
    pub returns: Option<Vec<SearchReturn>>,
    /// All of these must fit; at least one.
    pub keys: Vec<Key>,
}

/// What of a result is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchReturn {
    /// The smallest number.
    Min,
    /// The largest.
    Max,
    /// All, compactly.
    All,
    /// How many.
    Count,
    /// It is kept as `$` (RFC 5182).
    Save,
    /// Some of it (RFC 9394).
    Partial(PartialRange),
    /// The client asks for more of it later (RFC 5267 section 4.2).
    Context,
    /// What of it changes later is told (RFC 5267 section 4.3).
    Update,
}

const RETURN: &str = "MIN, MAX, ALL, COUNT, SAVE, PARTIAL, CONTEXT or UPDATE";

impl Search {
    /// ```abnf
    /// search = "SEARCH" [SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"]
    ///          [SP "CHARSET" SP charset] 1*(SP search-key)
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        let returns = read_returns(cursor)?;
        if cursor.take_word("CHARSET") {
            cursor.space()?;
            let is_known = charset(cursor)?;
            cursor.space()?;
            known(is_known, returns.as_deref())?;
        }
        Ok(Self { numbering, returns, keys: key::read_all(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        write_returns(self.returns.as_deref(), out);
        if self.keys.iter().any(Key::needs_charset) {
            out.put("CHARSET UTF-8 ");
        }
        out.spaced(&self.keys, |out, key| key.write(out));
    }
}

/// `"RETURN" SP "(" .. ")" SP`, if it comes next.
pub(super) fn read_returns(cursor: &mut Cursor<'_>) -> Read<Option<Vec<SearchReturn>>> {
    if !cursor.take_word("RETURN") {
        return Ok(None);
    }
    cursor.space()?;
    let returns = cursor.list(RETURN, |list| {
        let before = list.clone();
        Ok(match list.keyword(RETURN)?.to_ascii_uppercase().as_str() {
            "MIN" => SearchReturn::Min,
            "MAX" => SearchReturn::Max,
            "ALL" => SearchReturn::All,
            "COUNT" => SearchReturn::Count,
            "SAVE" => SearchReturn::Save,
            "CONTEXT" => SearchReturn::Context,
            "UPDATE" => SearchReturn::Update,
            "PARTIAL" => {
                list.space()?;
                SearchReturn::Partial(PartialRange::read(list)?)
            }
            _ => return before.expected(RETURN),
        })
    })?;
    cursor.space()?;
    // RFC 9394 section 3.1.
    let partials = returns.iter().filter(|option| matches!(option, SearchReturn::Partial(_))).count();
    if partials > 1 || partials == 1 && returns.contains(&SearchReturn::All) {
        return cursor.expected("one PARTIAL, without ALL");
    }
    Ok(Some(returns))
}

pub(super) fn write_returns(returns: Option<&[SearchReturn]>, out: &mut Writer) {
    let Some(returns) = returns else { return };
    out.put("RETURN ").list(returns, |out, option| {
        match option {
            SearchReturn::Min => out.put("MIN"),
            SearchReturn::Max => out.put("MAX"),
            SearchReturn::All => out.put("ALL"),
            SearchReturn::Count => out.put("COUNT"),
            SearchReturn::Save => out.put("SAVE"),
            SearchReturn::Context => out.put("CONTEXT"),
            SearchReturn::Update => out.put("UPDATE"),
            SearchReturn::Partial(range) => out.put(format_args!("PARTIAL {range}")),
        };
    });
    out.put(" ");
}

/// `charset`: whether it is one that we can read, which are one and a part of it.
pub(super) fn charset(cursor: &mut Cursor<'_>) -> Read<bool> {
    let name = cursor.text("a charset")?;
    Ok(["UTF-8", "US-ASCII", "UTF8", "ASCII"].iter().any(|known| known.eq_ignore_ascii_case(&name)))
}

/// Refuses a charset that is not ours: what is to be searched for can't be read.
pub(super) fn known(is_known: bool, returns: Option<&[SearchReturn]>) -> Read<()> {
    let saves = returns.is_some_and(|returns| returns.contains(&SearchReturn::Save));
    if is_known { Ok(()) } else { Err(SyntaxError::Charset { saves }) }
}

pub(super) use key::read_all as read_keys;
