//! Identities: of accounts, messages, notices and entries, and the partition each belongs to.
//!
//! Ids that only we read are UUID version 7 (RFC 9562), so they sort by time. The id of a notice is read by
//! other servers, who see an opaque token: its first two characters carry our partition, the rest is random.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use crate::time::Timestamp;

/// One of 1,024 slices of all state. No transaction touches two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

impl Partition {
    /// How many there are, for ever: it is part of every stored key.
    pub const COUNT: u16 = 1024;

    /// The partition of an account and all that belongs to it.
    pub fn of(account: AccountId) -> Self {
        Self::of_octets(account.0.as_bytes())
    }

    /// The partition of what is found by name: an address in the directory, a domain, a peer.
    pub fn of_name(name: &str) -> Self {
        Self::of_octets(name.as_bytes())
    }

    /// The partition of this number, if there is one.
    pub fn new(number: u16) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// Its number, from 0 to 1,023.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// All of them, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    fn of_octets(octets: &[u8]) -> Self {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(octets));
        let number = u32::from_be_bytes([a, b, c, d]) % u32::from(Self::COUNT);
        Self(u16::try_from(number).unwrap_or(0))
    }
}

/// A text that is no id of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id: {0:?}")]
pub struct IdError(String);

macro_rules! time_ordered_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(uuid::Uuid);

        impl $name {
            /// A new id: `now` in front, `entropy` (random octets) behind.
            pub fn new(now: Timestamp, entropy: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self).map_err(|_syntax| IdError(text.to_owned()))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::from_text(deserializer)
            }
        }
    };
}

time_ordered_id! {
    /// An account, whatever its addresses.
    AccountId
}
time_ordered_id! {
    /// A message an account submitted, whatever the number of its recipients.
    MessageId
}
time_ordered_id! {
    /// A message as it lies in a mailbox.
    MailId
}
time_ordered_id! {
    /// A mailbox, whatever its name: its OBJECTID (RFC 8474).
    MailboxId
}
time_ordered_id! {
    /// An entry of a consent list, or a change of one.
    EntryId
}

impl MailId {
    /// The octets of the id, which sort as it does.
    pub fn to_octets(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id of these octets.
    pub fn from_octets(octets: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(octets))
    }
}

impl MailboxId {
    /// The INBOX of an account, which comes and goes with it.
    pub const fn inbox_of(account: AccountId) -> Self {
        Self(account.0)
    }

    /// One of the mailboxes that the server itself makes for an account: beside that of its INBOX, in octets that are chance.
    pub const fn made_for(account: AccountId, number: u8) -> Self {
        Self(uuid::Uuid::from_u128(account.0.as_u128() ^ ((number as u128) << 48)))
    }
}

/// The id of a notice, which is also the id of its transfer: fresh for every recipient, opaque to the peer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(String);

impl NoticeId {
    /// `id = 22*64b64u`.
    pub const LEN_MIN: usize = 22;
    /// `id = 22*64b64u`.
    pub const LEN_MAX: usize = 64;

    /// A new id in this partition: two characters for the partition, then 128 random bits.
    pub fn new(partition: Partition, entropy: [u8; 16]) -> Self {
        let [high, low] = (partition.number() << 4).to_be_bytes();
        let mut text = BASE64URL_NOPAD.encode(&[high, low]);
        // Ten bits of partition, shifted to the top of twelve: the first two characters; the third is always A.
        text.truncate(2);
        text.push_str(&BASE64URL_NOPAD.encode(&entropy));
        Self(text)
    }

    /// The partition, if one of our own servers made this id.
    pub fn partition(&self) -> Option<Partition> {
        let front = self.0.get(..2)?;
        let bytes = BASE64URL_NOPAD.decode(format!("{front}A").as_bytes()).ok()?;
        let [high, low] = bytes.try_into().ok()?;
        let number = u16::from_be_bytes([high, low]);
        if number & 0xf != 0 { None } else { Partition::new(number >> 4) }
    }

    /// The text as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// ```abnf
/// id   = 22*64b64u                     ; case-sensitive, of at least 128 random bits, opaque to the peer
/// b64u = ALPHA / DIGIT / "-" / "_"
/// ```
impl FromStr for NoticeId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (Self::LEN_MIN..=Self::LEN_MAX).contains(&text.len()) && text.bytes().all(known);
        if fits { Ok(Self(text.to_owned())) } else { Err(IdError(text.to_owned())) }
    }
}

impl serde::Serialize for NoticeId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for NoticeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_id_tells_its_partition() {
        for partition in Partition::all() {
            let id = NoticeId::new(partition, [0xa5; 16]);
            assert_eq!(id.as_str().len(), 24);
            assert_eq!(id.partition(), Some(partition));
            assert_eq!(id.as_str().parse::<NoticeId>().unwrap(), id);
        }
    }

    #[test]
    fn an_id_of_another_length_or_alphabet_is_refused() {
        for text in ["", "short", "a=b+cccccccccccccccccccccccc", &"a".repeat(21), &"a".repeat(65)] {
            assert!(text.parse::<NoticeId>().is_err(), "{text}");
        }
        assert!("a".repeat(22).parse::<NoticeId>().is_ok());
        assert!("a".repeat(64).parse::<NoticeId>().is_ok());
    }

    #[test]
    fn an_account_id_sorts_by_time_and_has_one_partition() {
        let early = AccountId::new(Timestamp::from_millis(1_000), [9; 10]);
        let late = AccountId::new(Timestamp::from_millis(2_000), [1; 10]);
        assert!(early < late);
        assert_eq!(Partition::of(early), Partition::of(early.to_string().parse().unwrap()));
    }
}
