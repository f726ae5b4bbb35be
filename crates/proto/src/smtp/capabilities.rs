//! What a server offers in its reply to EHLO (RFC 5321 section 4.1.1.1).

use std::collections::BTreeMap;

use super::reply::Reply;
use crate::twoway;

/// Keywords, in upper case, with their parameters. After HELO: none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    keywords: BTreeMap<String, Vec<String>>,
    twoway: Option<Result<twoway::Capability, twoway::SyntaxError>>,
}

impl Capabilities {
    /// Reads them from the reply.
    ///
    /// ```abnf
    /// ehlo-line = ehlo-keyword *( SP ehlo-param )
    /// ```
    ///
    /// Lines of another form are passed over: what is not understood is not used.
    pub fn of(reply: &Reply) -> Self {
        let mut keywords: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in reply.lines.iter().skip(1) {
            // `AUTH=LOGIN`: how it was written before RFC 2554, still said by some.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            let Some(keyword) = words.next() else { continue };
            if keyword.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-') {
                // Parameters keep their own `=`: only the keyword is cut off.
                let parameters = line.get(keyword.len() + 1..).unwrap_or_default();
                let parameters = parameters.split(' ').filter(|word| !word.is_empty()).map(str::to_owned);
                keywords.entry(keyword.to_ascii_uppercase()).or_default().extend(parameters);
            }
        }
        let twoway = reply.lines.iter().skip(1).find_map(|line| twoway::Capability::parse(line));
        Self { keywords, twoway }
    }

    /// Whether a keyword is offered; in upper case.
    pub fn has(&self, keyword: &str) -> bool {
        self.keywords.contains_key(keyword)
    }

    /// A keyword's parameters.
    pub fn parameters(&self, keyword: &str) -> &[String] {
        self.keywords.get(keyword).map_or(&[], Vec::as_slice)
    }

    /// Whether TLS can be started.
    pub fn starttls(&self) -> bool {
        self.has("STARTTLS")
    }

    /// `SIZE`: octets of a message it takes; `None` if it does not say, or says 0 (RFC 1870 section 4).
    pub fn size_octets_max(&self) -> Option<u64> {
        self.parameters("SIZE").first()?.parse().ok().filter(|size| *size != 0)
    }

    /// `LIMITS RCPTMAX=n` (RFC 9422).
    pub fn recipients_max(&self) -> Option<usize> {
        self.parameters("LIMITS").iter().find_map(|limit| limit.strip_prefix("RCPTMAX=")?.parse().ok())
    }

    /// Whether a mechanism is offered.
    pub fn authenticates_by(&self, mechanism: &str) -> bool {
        self.parameters("AUTH").iter().any(|offered| offered.eq_ignore_ascii_case(mechanism))
    }

    /// The two-way extension: not offered, offered, or offered in a way that can't be understood.
    pub fn twoway(&self) -> Option<&Result<twoway::Capability, twoway::SyntaxError>> {
        self.twoway.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities(lines: &[&'static str]) -> Capabilities {
        Capabilities::of(&Reply { code: 250, status: None, lines: lines.iter().map(|line| (*line).into()).collect() })
    }

    #[test]
    fn keywords_are_read_in_any_case_with_their_parameters() {
        let offered = capabilities(&["STARTTLS hello", "size 1000", "AUTH PLAIN login", "Limits RCPTMAX=50 MAILMAX=2", "x y=z", "%%"]);
        assert_eq!(offered.size_octets_max(), Some(1000));
        assert_eq!(offered.recipients_max(), Some(50));
        assert!(offered.authenticates_by("LOGIN") && !offered.authenticates_by("SCRAM-SHA-256"));
        assert_eq!(offered.parameters("X"), ["y=z"]);
        assert!(!offered.starttls(), "the first line is a greeting");
        assert!(offered.twoway().is_none());
    }

    #[test]
    fn the_old_way_to_offer_auth_is_understood() {
        assert!(capabilities(&["mx.a.test", "AUTH=LOGIN PLAIN"]).authenticates_by("LOGIN"));
    }

    #[test]
    fn a_size_of_nothing_is_no_limit() {
        assert_eq!(capabilities(&["mx.a.test", "SIZE 0"]).size_octets_max(), None);
        assert_eq!(capabilities(&["mx.a.test", "SIZE"]).size_octets_max(), None);
    }

    #[test]
    fn the_extension_is_read_with_its_limits() {
        let offered = capabilities(&["mx.a.test", "XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000"]);
        assert_eq!(offered.twoway().unwrap().as_ref().unwrap().notices_max, 500);
        assert!(capabilities(&["mx.a.test", "XTWOWAY"]).twoway().unwrap().is_err());
    }
}
