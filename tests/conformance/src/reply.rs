//! One reply of the server under test, as strictly read as it must be written.

use anyhow::{Result, bail, ensure};

/// Reply lines are at most this long, CRLF included (section 3).
pub(crate) const REPLY_LINE_OCTETS_MAX: usize = 512;

/// A whole reply: one code, one or more lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// The text of every line, without code and CRLF.
    pub(crate) lines: Vec<String>,
    /// Every octet of it, for comparisons byte for byte.
    pub(crate) octets: Vec<u8>,
}

/// One line of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReplyLine {
    pub(crate) code: u16,
    pub(crate) more: bool,
    pub(crate) text: String,
}

/// `Reply-line = Reply-code [ ( SP / "-" ) textstring ] CRLF` (RFC 5321 section 4.2)
pub(crate) fn read_line(line: &[u8]) -> Result<ReplyLine> {
    let shown = crate::trace::legible(line);
    let Some(line) = line.strip_suffix(b"\r\n") else { bail!("a reply line must end in CRLF: {shown}") };
    let Ok(text) = std::str::from_utf8(line) else { bail!("a reply line must be text: {shown}") };
    ensure!(!text.chars().any(char::is_control), "a reply line must not hold control characters: {shown}");
    let (Some(code), rest) = (text.get(..3), text.get(3..).unwrap_or_default()) else { bail!("a reply line begins with a code: {shown}") };
    ensure!(code.starts_with(['2', '3', '4', '5']) && code.bytes().all(|octet| octet.is_ascii_digit()), "not a reply code: {shown}");
    let (more, text) = match rest.split_at_checked(1) {
        None => (false, ""),
        Some((" ", text)) => (false, text),
        Some(("-", text)) => (true, text),
        Some(_) => bail!("a reply code is followed by a space or a hyphen: {shown}"),
    };
    Ok(ReplyLine { code: code.parse()?, more, text: text.to_owned() })
}

impl Reply {
    /// Whether it says this: a code, or a code and an enhanced status code that every line must carry.
    pub(crate) fn says(&self, wanted: &str) -> bool {
        let (code, enhanced) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let carries =
            |text: &String| text.strip_prefix(enhanced).is_some_and(|rest| enhanced.is_empty() || rest.is_empty() || rest.starts_with(' '));
        code.parse() == Ok(self.code) && self.lines.iter().all(carries)
    }

    /// Whether it says one of these.
    pub(crate) fn says_one_of(&self, wanted: &[&str]) -> bool {
        wanted.iter().any(|wanted| self.says(wanted))
    }

    /// Whether it refuses for good.
    pub(crate) fn refuses(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// The last line's text, where single values stand.
    pub(crate) fn text(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }

    /// The words of the EHLO line that begins with this keyword, without the keyword.
    pub(crate) fn keyword(&self, keyword: &str) -> Option<Vec<&str>> {
        let mut found = self.lines.iter().skip(1).map(|line| line.split(' ').collect::<Vec<_>>());
        found.find_map(|words| words.split_first().filter(|(first, _)| first.eq_ignore_ascii_case(keyword)).map(|(_, rest)| rest.to_vec()))
    }

    /// The value of `NAME=` among the words of the text.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.text().split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply { code, lines: lines.iter().map(|line| (*line).to_owned()).collect(), octets: Vec::new() }
    }

    #[test]
    fn a_reply_line_is_a_code_and_text_and_ends_in_crlf() {
        assert_eq!(read_line(b"250-mx.b.test\r\n").unwrap(), ReplyLine { code: 250, more: true, text: "mx.b.test".into() });
        assert_eq!(read_line(b"221\r\n").unwrap(), ReplyLine { code: 221, more: false, text: String::new() });
        for bad in [&b"250 ok\n"[..], b"25 ok\r\n", b"650 ok\r\n", b"250_ok\r\n", b"250 o\x07k\r\n", b"250 \xff\r\n", b"\r\n"] {
            assert!(read_line(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_enhanced_code_must_stand_in_every_line_and_whole() {
        assert!(reply(550, &["5.7.1 no", "5.7.1 never"]).says("550 5.7.1"));
        assert!(!reply(550, &["5.7.1 no", "never"]).says("550 5.7.1"));
        assert!(!reply(550, &["5.7.10 no"]).says("550 5.7.1"));
        assert!(reply(550, &["no"]).says("550"));
        assert!(!reply(554, &["5.7.1 no"]).says("550 5.7.1"));
    }

    #[test]
    fn ehlo_keywords_and_reply_values_are_found_by_name() {
        let ehlo = reply(250, &["mx.b.test", "SIZE 1000", "XTWOWAY 1 SIZE=52428800"]);
        assert_eq!(ehlo.keyword("xtwoway"), Some(vec!["1", "SIZE=52428800"]));
        assert_eq!(ehlo.keyword("mx.b.test"), None);
        let served = reply(250, &["2.0.0 SIZE=5 DIGEST=sha-256:x MAILFROM=<>"]);
        assert_eq!((served.value("SIZE"), served.value("MAILFROM"), served.value("MAIL")), (Some("5"), Some("<>"), None));
    }
}
