//! Which of an account's entries can speak of a message.

use delivery::consent::{Entry, Question, Screening, keys_for};
use mail::address::Mailbox;
use mail::id::{AccountId, Partition};
use mail::time::Timestamp;

use crate::backend::{Tx, Value};
use crate::{Result, statements};

/// Keys that one statement looks for; a name with more labels takes several.
const KEYS_OF_STATEMENT: usize = 12;

/// The entries of one name. (Of a list of names SQLite makes a table of its own first, which takes longer than all that is looked for in it.)
macro_rules! named {
    ($name:literal) => {
        concat!("SELECT entry FROM entry WHERE part = ?1 AND account = ?2 AND name = ", $name)
    };
}

/// And those of one more.
macro_rules! also {
    ($name:literal) => {
        concat!(" UNION ALL ", named!($name))
    };
}

statements! {
    MATCHING = concat!(named!("?3"), also!("?4"), also!("?5"), also!("?6"), also!("?7"), also!("?8"), also!("?9"), also!("?10"),
                       also!("?11"), also!("?12"), also!("?13"), also!("?14"));
}

/// What a decision is asked about, but for the recipient's entries and modes.
pub(crate) struct Asked<'a> {
    /// Who it is from, or claims to be.
    pub(crate) sender: &'a Mailbox,
    pub(crate) recipient: &'a Mailbox,
    pub(crate) list: Option<&'a str>,
    pub(crate) reference: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// The account's entries that can speak of it.
    pub(crate) fn entries(&self, tx: &mut dyn Tx, account: AccountId) -> Result<Vec<Entry>> {
        let keys = keys_for(self.sender, self.recipient, self.list);
        let mut entries = Vec::new();
        for some in keys.chunks(KEYS_OF_STATEMENT) {
            // Nothing has the name NULL.
            let key = |index: usize| some.get(index).map_or(Value::Null, |key| Value::from(key.as_str()));
            let keys = (0..KEYS_OF_STATEMENT).map(key);
            let values: Vec<Value<'_>> = [Value::from(Partition::of(account)), Value::from(account)].into_iter().chain(keys).collect();
            for mut row in tx.query(MATCHING, &values)? {
                entries.push(row.json::<Entry>()?);
            }
        }
        Ok(entries)
    }

    /// The question, with the entries and the screening mode.
    pub(crate) fn question(&self, entries: &'a [Entry], screening: Screening, now: Timestamp) -> Question<'a> {
        let Self { sender, recipient, list, reference } = *self;
        Question { sender, list_id: list, reference, recipient, entries, screening, now }
    }
}
