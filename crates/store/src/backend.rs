//! The small door to a database: statements, values, rows and transactions, the same for both engines.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mail::id::{AccountId, EntryId, MailId, MailboxId, MessageId, NoticeId, Partition};
use mail::time::Timestamp;

use crate::StoreError;

/// One statement of ours. Only [`statements!`](crate::statements) makes one, so each is in the list that a
/// test prepares on both engines. Parameters are `?1`, `?2` ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sql(&'static str);

impl Sql {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// As it was written.
    pub const fn text(self) -> &'static str {
        self.0
    }
}

/// Names a module's statements, and lists them as `STATEMENTS`.
#[macro_export]
#[doc(hidden)]
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* const $name: $crate::backend::Sql = $crate::backend::Sql::new($text);)*
        pub(crate) const STATEMENTS: &[$crate::backend::Sql] = &[$($name),*];
    };
}

/// The parameters of a statement.
#[macro_export]
#[doc(hidden)]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::backend::Value::from($value)),*] };
}

/// What both engines can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(Cow<'a, str>),
    /// BLOB; PostgreSQL's BYTEA.
    Blob(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// A copy that lives on its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Int(value) => Value::Int(value),
            Self::Text(value) => Value::Text(Cow::Owned(value.into_owned())),
            Self::Blob(value) => Value::Blob(Cow::Owned(value.into_owned())),
        }
    }
}

macro_rules! value_from {
    ($($from:ty, $value:ident => $to:expr;)*) => {
        $(impl<'a> From<$from> for Value<'a> {
            fn from($value: $from) -> Self {
                $to
            }
        })*
    };
}

value_from! {
    i64, value => Value::Int(value);
    u32, value => Value::Int(i64::from(value));
    bool, value => Value::Int(i64::from(value));
    u64, value => Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    usize, value => Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
    Timestamp, value => Value::Int(value.as_millis());
    Partition, value => Value::Int(i64::from(value.number()));
    &'a str, value => Value::Text(Cow::Borrowed(value));
    &'a String, value => Value::Text(Cow::Borrowed(value));
    String, value => Value::Text(Cow::Owned(value));
    &'a [u8], value => Value::Blob(Cow::Borrowed(value));
    &'a Vec<u8>, value => Value::Blob(Cow::Borrowed(value));
    &'a [u8; 32], value => Value::Blob(Cow::Borrowed(value));
    AccountId, value => Value::Text(Cow::Owned(value.to_string()));
    MessageId, value => Value::Text(Cow::Owned(value.to_string()));
    MailId, value => Value::Text(Cow::Owned(value.to_string()));
    MailboxId, value => Value::Text(Cow::Owned(value.to_string()));
    EntryId, value => Value::Text(Cow::Owned(value.to_string()));
    &'a NoticeId, value => Value::Text(Cow::Borrowed(value.as_str()));
    &'a mail::address::Domain, value => Value::Text(Cow::Borrowed(value.as_str()));
}

impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row of an answer, read from its first column to its last.
#[derive(Debug)]
pub struct Columns<'a>(std::vec::IntoIter<Value<'a>>);

/// A row that was copied out of the database.
pub type Row = Columns<'static>;

impl<'a> Columns<'a> {
    /// Of these columns.
    pub fn new(values: Vec<Value<'a>>) -> Self {
        Self(values.into_iter())
    }

    fn damaged(expected: &str, found: Option<&Value<'a>>) -> StoreError {
        StoreError::Damaged(format!("expected {expected} in a column, found {found:?}"))
    }

    /// The next column, a number.
    ///
    /// # Errors
    /// It is something else.
    pub fn int(&mut self) -> Result<i64, StoreError> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(value),
            other => Err(Self::damaged("a number", other.as_ref())),
        }
    }

    /// The next column, a number or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn int_or_null(&mut self) -> Result<Option<i64>, StoreError> {
        match self.0.next() {
            Some(Value::Int(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(Self::damaged("a number", other.as_ref())),
        }
    }

    /// The next column, a number that is not negative.
    ///
    /// # Errors
    /// It is something else.
    pub fn count(&mut self) -> Result<u64, StoreError> {
        u64::try_from(self.int()?).map_err(|_negative| StoreError::Damaged("a negative count".to_owned()))
    }

    /// The next column, 0 or 1.
    ///
    /// # Errors
    /// It is something else.
    pub fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.int()? != 0)
    }

    /// The next column, a time.
    ///
    /// # Errors
    /// It is something else.
    pub fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.int().map(Timestamp::from_millis)
    }

    /// The next column, a time or NULL.
    ///
    /// # Errors
    /// It is neither.
    pub fn time_or_null(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.int_or_null()?.map(Timestamp::from_millis))
    }

    /// The next column, a text.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&mut self) -> Result<String, StoreError> {
        self.text_here().map(Cow::into_owned)
    }

    /// The next column, a text, where it lies.
    ///
    /// # Errors
    /// It is something else.
    pub fn text_here(&mut self) -> Result<Cow<'a, str>, StoreError> {
        match self.0.next() {
            Some(Value::Text(value)) => Ok(value),
            other => Err(Self::damaged("a text", other.as_ref())),
        }
    }

    /// The next column, a text or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn text_or_null(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.text_here_or_null()?.map(Cow::into_owned))
    }

    /// The next column, a text, where it lies, or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn text_here_or_null(&mut self) -> Result<Option<Cow<'a, str>>, StoreError> {
        match self.0.next() {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(Self::damaged("a text", other.as_ref())),
        }
    }

    /// The next column, octets.
    ///
    /// # Errors
    /// It is something else.
    pub fn blob(&mut self) -> Result<Vec<u8>, StoreError> {
        self.blob_here().map(Cow::into_owned)
    }

    /// The next column, octets, where they lie.
    ///
    /// # Errors
    /// It is something else.
    pub fn blob_here(&mut self) -> Result<Cow<'a, [u8]>, StoreError> {
        match self.0.next() {
            Some(Value::Blob(value)) => Ok(value),
            other => Err(Self::damaged("octets", other.as_ref())),
        }
    }

    /// The next column, octets or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn blob_or_null(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.0.next() {
            Some(Value::Blob(value)) => Ok(Some(value.into_owned())),
            Some(Value::Null) => Ok(None),
            other => Err(Self::damaged("octets", other.as_ref())),
        }
    }

    /// The next column, octets or NULL, where they lie.
    ///
    /// # Errors
    /// It is something else.
    pub fn blob_here_or_null(&mut self) -> Result<Option<Cow<'a, [u8]>>, StoreError> {
        match self.0.next() {
            Some(Value::Blob(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            other => Err(Self::damaged("octets", other.as_ref())),
        }
    }

    /// The next column, a text that is a value's.
    ///
    /// # Errors
    /// It is something else.
    pub fn parsed<T>(&mut self) -> Result<T, StoreError>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text = self.text_here()?;
        text.parse().map_err(|error| StoreError::Damaged(format!("a column holds {text:?}: {error}")))
    }

    /// The next column, JSON of a value.
    ///
    /// # Errors
    /// It is something else.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| StoreError::Damaged(format!("a column holds {text:?}: {error}")))
    }

    /// The next column, JSON of a value, or NULL.
    ///
    /// # Errors
    /// It is something else.
    pub fn json_or_null<T: serde::de::DeserializeOwned>(&mut self) -> Result<Option<T>, StoreError> {
        let Some(text) = self.text_or_null()? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| StoreError::Damaged(format!("a column holds {text:?}: {error}")))
    }
}

/// Inside a transaction.
pub trait Tx {
    /// Runs a statement; how many rows it touched.
    ///
    /// # Errors
    /// The database is away, busy or full, or refuses the statement.
    fn execute(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<u64, StoreError>;

    /// Runs a statement that answers with rows.
    ///
    /// # Errors
    /// The database is away, busy or full, or refuses the statement.
    fn query(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Vec<Row>, StoreError>;

    /// The same; each row is taken where it lies, and not copied: for answers of many rows.
    ///
    /// # Errors
    /// As [`Tx::query`], and those of `take`.
    fn each(
        &mut self,
        sql: Sql,
        params: &[Value<'_>],
        take: &mut dyn FnMut(&mut Columns<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.query(sql, params)?.iter_mut().try_for_each(take)
    }

    /// Says that what follows in this transaction reads or writes whole tables, and may take as long as they need it to. Elsewhere
    /// a statement has a bound, where the engine knows one.
    ///
    /// # Errors
    /// The database is away.
    fn take_time(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Notes that something changes that whoever watches this account wants to know.
    fn touch(&mut self, account: AccountId);
}

impl dyn Tx + '_ {
    /// The one row of the answer, if there is one.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub fn one(&mut self, sql: Sql, params: &[Value<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// What is made of each row of the answer.
    ///
    /// # Errors
    /// As [`Tx::query`], and those of `read`.
    pub fn list<T>(
        &mut self,
        sql: Sql,
        params: &[Value<'_>],
        mut read: impl FnMut(&mut Columns<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, params, &mut |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only reads: one snapshot.
    Read,
    /// Reads and writes, as if alone.
    Write,
}

/// Why a transaction failed, beyond its operations' own errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing but what the error says.
    None,
    /// It met another: the same may be run again at once.
    Conflict,
    /// The connection broke: the same may be run again over a new one.
    Lost,
}

/// A connection to a database, and its one open transaction.
pub trait Backend: Tx + Send {
    /// Begins a transaction, over a new connection if the old one broke.
    ///
    /// # Errors
    /// The database is away.
    fn begin(&mut self, access: Access) -> Result<(), StoreError>;

    /// Makes it durable.
    ///
    /// # Errors
    /// Nothing was recorded; unless the connection broke in between: then nobody knows.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Forgets it.
    fn rollback(&mut self);

    /// The accounts noted since the transaction began; asked once, before its commit.
    fn touched(&mut self) -> BTreeSet<AccountId>;

    /// Whether other processes may work with the same database.
    fn is_shared(&self) -> bool;

    /// Gives back memory that only makes it quicker.
    fn release_memory(&mut self) {}

    /// What made the last transaction fail; asked once.
    fn trouble(&mut self) -> Trouble;

    /// Runs the text of a migration, written as for SQLite with `BLOB`, and `/* clustered */` behind a table
    /// that is to be stored in the order of its key.
    ///
    /// # Errors
    /// The database is away, or refuses it.
    fn run_script(&mut self, script: &str) -> Result<(), StoreError>;

    /// Prepares a statement, and forgets it: for the test that does so with all of them.
    ///
    /// # Errors
    /// The engine does not understand it.
    fn prepare(&mut self, sql: Sql) -> Result<(), StoreError>;
}
