//! The EHLO keyword, which a server offers after TLS, with its limits.

use std::time::Duration;

use super::{SyntaxError, wire, words};

/// What a server that speaks the extension takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Of the extension.
    pub version: u32,
    /// Of a message it will retrieve.
    pub size_octets_max: u64,
    /// In one session; beyond it 452 4.5.3.
    pub notices_max: u64,
    /// To what it clamps the time from a notice to its EXPIRES; whole seconds.
    pub keep_max: Duration,
}

impl Capability {
    /// The EHLO line, without code and CRLF.
    pub fn encode(&self) -> String {
        format!(
            "{} {} {}={} {}={} {}={}",
            wire::KEYWORD,
            self.version,
            wire::SIZE,
            self.size_octets_max,
            wire::NOTICEMAX,
            self.notices_max,
            wire::KEEPMAX,
            self.keep_max.as_secs()
        )
    }

    /// Reads an EHLO line without code and CRLF. `None`: it offers something else.
    ///
    /// ```abnf
    /// xtwoway = "XTWOWAY" SP version 3*( SP param )                  ; each param once, any order
    /// version = 1*9DIGIT
    /// param   = "SIZE=" 1*19DIGIT / "NOTICEMAX=" 1*19DIGIT / "KEEPMAX=" 1*19DIGIT
    ///         / esmtp-param                                          ; of a later version: ignored
    /// ```
    ///
    /// A malformed offer is an error and not an absence: who takes it for one might push mail that must not be pushed.
    pub fn parse(line: &str) -> Option<Result<Self, SyntaxError>> {
        let mut parts = line.split(' ');
        let ours = parts.next()?.eq_ignore_ascii_case(wire::KEYWORD);
        ours.then(|| Self::read(parts))
    }

    fn read<'a>(mut parts: impl Iterator<Item = &'a str>) -> Result<Self, SyntaxError> {
        let malformed = |part| SyntaxError::Malformed { part, expected: words::NUMBER_FORM };
        let version = parts.next().and_then(words::number).and_then(|number| u32::try_from(number).ok());
        let version = version.ok_or(malformed("version"))?;
        let mut limits = [(wire::SIZE, None), (wire::NOTICEMAX, None), (wire::KEEPMAX, None)];
        for part in parts {
            let Some((keyword, value)) = part.split_once('=') else { continue };
            let Some((name, slot)) = limits.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(keyword)) else { continue };
            if slot.is_some() {
                return Err(SyntaxError::Duplicate(name));
            }
            *slot = Some(words::number(value).ok_or(malformed(name))?);
        }
        let [size, notices, keep] =
            limits.map(|(name, value)| value.ok_or(SyntaxError::Missing { part: name, expected: words::NUMBER_FORM }));
        Ok(Self { version, size_octets_max: size?, notices_max: notices?, keep_max: Duration::from_secs(keep?) })
    }
}
