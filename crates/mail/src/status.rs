//! Enhanced status codes (RFC 3463): what became of a message, in a form that programs compare.

use std::fmt;
use std::str::FromStr;

/// Whether a condition is a success, passes, or stays (RFC 3463 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// `2`: done.
    Success,
    /// `4`: the same may succeed later.
    Temporary,
    /// `5`: the same will not succeed.
    Permanent,
}

/// `class.subject.detail`, such as 5.7.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status {
    class: Class,
    subject: u16,
    detail: u16,
}

/// A text that is no status code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a status code: {0:?}; expected class.subject.detail such as 5.7.1 (RFC 3463)")]
pub struct StatusError(String);

impl Status {
    /// The status of these parts; subject and detail are at most 999.
    pub const fn new(class: Class, subject: u16, detail: u16) -> Self {
        Self { class, subject: subject % 1000, detail: detail % 1000 }
    }

    /// `2.subject.detail`.
    pub const fn success(subject: u16, detail: u16) -> Self {
        Self::new(Class::Success, subject, detail)
    }

    /// `4.subject.detail`.
    pub const fn temporary(subject: u16, detail: u16) -> Self {
        Self::new(Class::Temporary, subject, detail)
    }

    /// `5.subject.detail`.
    pub const fn permanent(subject: u16, detail: u16) -> Self {
        Self::new(Class::Permanent, subject, detail)
    }

    /// The first digit's meaning.
    pub const fn class(self) -> Class {
        self.class
    }

    /// The second number: what it is about.
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// The third number: what about it.
    pub const fn detail(self) -> u16 {
        self.detail
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::Success => 2,
            Class::Temporary => 4,
            Class::Permanent => 5,
        };
        write!(f, "{class}.{}.{}", self.subject, self.detail)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Status {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        let error = || StatusError(text.to_owned());
        let number = |part: &str| -> Result<u16, StatusError> {
            let plain = !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
            if plain { part.parse().map_err(|_range| error()) } else { Err(error()) }
        };
        let mut parts = text.split('.');
        let (Some(class), Some(subject), Some(detail), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(error());
        };
        let class = match class {
            "2" => Class::Success,
            "4" => Class::Temporary,
            "5" => Class::Permanent,
            _ => return Err(error()),
        };
        Ok(Self { class, subject: number(subject)?, detail: number(detail)? })
    }
}

impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Status {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::from_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_as_it_was_written() {
        for text in ["2.0.0", "4.4.3", "5.7.27", "5.999.999"] {
            assert_eq!(text.parse::<Status>().unwrap().to_string(), text);
        }
        for text in ["", "5", "5.7", "3.1.1", "5.7.1.1", "5.7.1000", "5.-7.1", "5.7. 1"] {
            assert!(text.parse::<Status>().is_err(), "{text}");
        }
    }
}
