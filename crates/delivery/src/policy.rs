//! The `_twoway` record: what a domain publishes about who acts for it (its TXT record, read).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mail::address::Domain;

use crate::dns::{Answer, Decision, Facts, Kind, Name, Unknown};

/// What a domain publishes about itself, or what holds where it publishes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of a push that claims the domain without proof.
    pub mode: Mode,
    /// Who may give notices for the domain.
    pub send: Vec<Item>,
    /// Who may retrieve mail addressed to the domain.
    pub receive: Vec<Item>,
    /// What the domain does with pushed mail, if it says so in a word we know; for information.
    pub legacy: Option<Legacy>,
    /// How long the domain asks to be remembered as one that speaks the extension, if it asks.
    pub max_age: Option<Duration>,
    /// Where this comes from.
    pub source: Source,
}

/// Where a policy comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The domain's record.
    Record,
    /// There is none.
    Default,
}

/// `mode=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Unproved pushes in the domain's name are refused.
    Enforce,
    /// They are only reported.
    Testing,
    /// The domain has left, or has not come yet: it is not pinned either.
    None,
}

/// `legacy=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legacy {
    /// Pushed mail is delivered.
    Deliver,
    /// It is kept aside, as a contact attempt.
    Keep,
    /// It is refused.
    Refuse,
}

/// One member of the set of those who act for a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Whom the domain's SPF record lets pass.
    Spf,
    /// The domain's mail exchanges.
    Mx,
    /// `ip4:` and `ip6:`, an address or a network.
    Network(IpNet),
    /// `a:`, the addresses of a host.
    Host(Domain),
    /// `d:`, those who act for another domain, which runs this one's mail.
    Operator(Domain),
    /// `none`: nobody.
    Nobody,
    /// A word of a later version: matches nobody.
    Unknown(String),
}

/// Why a domain's policy can't be told now. All of them are reasons to try again, never to go on without.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// DNS gave no answer.
    #[error("the policy of {domain} can't be looked up: {reason}")]
    Dns {
        /// Whose.
        domain: Domain,
        /// What went wrong.
        reason: String,
    },
    /// More than one record.
    #[error("{0} publishes several policies")]
    Several(Domain),
    /// A record that follows no grammar.
    #[error("the policy of {domain} can't be read: {reason}")]
    Syntax {
        /// Whose.
        domain: Domain,
        /// The part that can't.
        reason: SyntaxError,
    },
}

/// The part of a record that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// Something other than ASCII.
    #[error("not ASCII")]
    NotAscii,
    /// Not `name=value`.
    #[error("no tag: {0:?}")]
    NoTag(String),
    /// The same tag again.
    #[error("tag {0} given twice")]
    Twice(String),
    /// A value its tag can't have.
    #[error("bad value of {tag}: {value:?}")]
    Value {
        /// The tag.
        tag: String,
        /// Its value.
        value: String,
    },
}

/// Looks up the policy of a domain.
#[derive(Debug, Clone)]
pub struct PolicyOf(pub Domain);

/// What every record starts with.
const VERSION: &[u8] = b"v=TWM1;";
/// The label in front of the domain.
const LABEL: &str = "_twoway";

impl Default for Policy {
    /// Without a record: `send=spf; receive=mx`.
    fn default() -> Self {
        Self { mode: Mode::Testing, send: vec![Item::Spf], receive: vec![Item::Mx], legacy: None, max_age: None, source: Source::Default }
    }
}

impl Decision for PolicyOf {
    type Verdict = Result<Policy, PolicyError>;

    fn decide(&self, facts: &Facts) -> Result<Self::Verdict, Unknown> {
        match Policy::name(&self.0) {
            Some(name) => Ok(Policy::select(&self.0, facts.get(&name, Kind::Txt)?)),
            None => Ok(Ok(Policy::default())),
        }
    }
}

impl Policy {
    /// Where the record of `domain` stands; nowhere if the name would be too long to exist. Subdomains inherit nothing.
    pub fn name(domain: &Domain) -> Option<Name> {
        Name::below(LABEL, domain)
    }

    /// The policy of `domain`, by the answer to a TXT question for its [`Policy::name`].
    ///
    /// # Errors
    /// It can't be told now.
    pub fn select(domain: &Domain, answer: &Answer) -> Result<Self, PolicyError> {
        if let Answer::Temporary(reason) = answer {
            return Err(PolicyError::Dns { domain: domain.clone(), reason: reason.clone() });
        }
        let mut records = answer.texts().filter(|text| text.starts_with(VERSION));
        let Some(text) = records.next() else { return Ok(Self::default()) };
        if records.next().is_some() {
            return Err(PolicyError::Several(domain.clone()));
        }
        Self::parse(text).map_err(|reason| PolicyError::Syntax { domain: domain.clone(), reason })
    }

    /// Reads a record.
    ///
    /// ```abnf
    /// record = "v=TWM1;" *WSP [ tag *( *WSP ";" *WSP tag ) ] *WSP [ ";" ] *WSP     ; each tag once, any order
    /// tag    = "mode=" ( "enforce" / "testing" / "none" )
    ///        / ( "send=" / "receive=" ) item *( 1*WSP item )
    ///        / "legacy=" word / "max-age=" 1*9DIGIT / name "=" *( %x20-3A / %x3C-7E )
    /// item   = "spf" / "mx" / "none" / "ip4:" network / "ip6:" network / "a:" Domain / "d:" Domain / word
    /// ```
    ///
    /// # Errors
    /// The record follows no grammar.
    pub fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let tags = text.strip_prefix(VERSION).unwrap_or(text);
        let tags = str::from_utf8(tags).ok().filter(|tags| tags.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)));
        let mut policy = Self { source: Source::Record, ..Self::default() };
        let mut seen = Vec::new();
        for tag in tags.ok_or(SyntaxError::NotAscii)?.split(';').map(str::trim).filter(|tag| !tag.is_empty()) {
            let no_tag = || SyntaxError::NoTag(tag.to_owned());
            let (name, value) = tag.split_once('=').ok_or_else(no_tag)?;
            let (name, value) = (name.trim_end().to_ascii_lowercase(), value.trim_start());
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
                return Err(no_tag());
            }
            policy.set(&name, value).ok_or_else(|| SyntaxError::Value { tag: name.clone(), value: value.to_owned() })?;
            if seen.contains(&name) {
                return Err(SyntaxError::Twice(name));
            }
            seen.push(name);
        }
        Ok(policy)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "mode" => {
                self.mode = match value.to_ascii_lowercase().as_str() {
                    "enforce" => Mode::Enforce,
                    "testing" => Mode::Testing,
                    "none" => Mode::None,
                    _ => return None,
                }
            }
            "send" => self.send = Item::parse_list(value)?,
            "receive" => self.receive = Item::parse_list(value)?,
            "legacy" => {
                self.legacy = match value.to_ascii_lowercase().as_str() {
                    "deliver" => Some(Legacy::Deliver),
                    "keep" => Some(Legacy::Keep),
                    "refuse" => Some(Legacy::Refuse),
                    _ => None,
                }
            }
            "max-age" => {
                let digits = (1..=9).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
                self.max_age = Some(Duration::from_secs(value.parse().ok().filter(|_| digits)?));
            }
            _ => {}
        }
        Some(())
    }
}

impl Item {
    fn parse_list(value: &str) -> Option<Vec<Self>> {
        let items: Vec<_> = value.split_ascii_whitespace().map(Self::parse).collect::<Option<_>>()?;
        (!items.is_empty()).then_some(items)
    }

    /// `None` where a word we know has an argument it can't have.
    fn parse(text: &str) -> Option<Self> {
        let (word, argument) = text.split_once(':').map_or((text, None), |(word, argument)| (word, Some(argument)));
        match (word.to_ascii_lowercase().as_str(), argument) {
            ("spf", None) => Some(Self::Spf),
            ("mx", None) => Some(Self::Mx),
            ("none", None) => Some(Self::Nobody),
            ("ip4", Some(network)) => {
                let single = || network.parse::<Ipv4Addr>().map(Ipv4Net::from);
                network.parse::<Ipv4Net>().or_else(|_| single()).ok().map(|network| Self::Network(IpNet::V4(network.trunc())))
            }
            ("ip6", Some(network)) => {
                let single = || network.parse::<Ipv6Addr>().map(Ipv6Net::from);
                network.parse::<Ipv6Net>().or_else(|_| single()).ok().map(|network| Self::Network(IpNet::V6(network.trunc())))
            }
            ("a", Some(host)) => host.parse().ok().map(Self::Host),
            ("d", Some(operator)) => operator.parse().ok().map(Self::Operator),
            ("spf" | "mx" | "none" | "ip4" | "ip6" | "a" | "d", _) => None,
            _ => Some(Self::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spf => f.write_str("spf"),
            Self::Mx => f.write_str("mx"),
            Self::Network(IpNet::V4(network)) => write!(f, "ip4:{network}"),
            Self::Network(IpNet::V6(network)) => write!(f, "ip6:{network}"),
            Self::Host(host) => write!(f, "a:{host}"),
            Self::Operator(operator) => write!(f, "d:{operator}"),
            Self::Nobody => f.write_str("none"),
            Self::Unknown(word) => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::Inquiry;
    use crate::dns::tests::Zone;

    fn policy(zone: &'static str) -> Result<Policy, PolicyError> {
        Inquiry::begin(PolicyOf("a.test".parse().unwrap())).finish(|question| Zone::new(zone).answer(question))
    }

    #[test]
    fn a_record_says_all_that_a_domain_can_say() {
        let record = "_twoway.a.test TXT v=TWM1; mode=enforce; send=spf ip4:192.0.2.0/24 ip6:2001:db8::1 a:mx.a.test; \
                      receive=mx d:operator.test; legacy=keep; max-age=86400;";
        let policy = policy(record).unwrap();
        assert_eq!(policy.mode, Mode::Enforce);
        let written = |items: &[Item]| items.iter().map(Item::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(written(&policy.send), "spf ip4:192.0.2.0/24 ip6:2001:db8::1/128 a:mx.a.test");
        assert_eq!(written(&policy.receive), "mx d:operator.test");
        assert_eq!(policy.legacy, Some(Legacy::Keep));
        assert_eq!(policy.max_age, Some(Duration::from_hours(24)));
        assert_eq!(policy.source, Source::Record);
    }

    #[test]
    fn without_a_record_spf_sends_and_mx_receives() {
        for zone in
            ["b.test A 192.0.2.1", "_twoway.a.test TXT v=TWM10; send=none", "_twoway.a.test TXT v=TWM1", "_twoway.a.test TXT v=spf1 -all"]
        {
            assert_eq!(policy(zone), Ok(Policy::default()), "{zone}");
        }
        assert_eq!(Policy::default().send, [Item::Spf]);
        assert_eq!(Policy::default().receive, [Item::Mx]);
        // What the domain above publishes says nothing about this one.
        assert_eq!(policy("_twoway.test TXT v=TWM1; send=none"), Ok(Policy::default()));
    }

    #[test]
    fn other_records_beside_it_are_ignored_but_a_second_one_is_not() {
        let beside = policy("_twoway.a.test TXT something else\n_twoway.a.test TXT v=TWM1; mode=none");
        assert_eq!(beside.unwrap().mode, Mode::None);
        assert!(matches!(policy("_twoway.a.test TXT v=TWM1;\n_twoway.a.test TXT v=TWM1;"), Err(PolicyError::Several(_))));
        assert!(matches!(policy("_twoway.a.test TIMEOUT"), Err(PolicyError::Dns { .. })));
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let policy = policy("_twoway.a.test TXT v=TWM1;colour = blue;SEND=tor:x mx;legacy=archive").unwrap();
        assert_eq!(policy.send, [Item::Unknown("tor:x".into()), Item::Mx]);
        assert_eq!(policy.receive, Policy::default().receive);
        assert_eq!(policy.legacy, None);
    }

    #[test]
    fn bad_syntax_is_never_taken_for_an_absent_record() {
        for tags in [
            "mode",
            "mode=",
            "mode=perhaps",
            "mode=none; mode=none",
            "send=",
            "send=ip4:1.2.3",
            "send=ip4:1.2.3.4/33",
            "send=ip6:1.2.3.4",
            "send=ip4",
            "send=a:",
            "receive=mx:x.test",
            "receive=d:-x",
            "max-age=-1",
            "max-age=1d",
            "max-age=9999999999",
            "=x",
            "a b=c",
            "caf\u{e9}=1",
        ] {
            assert!(Policy::parse(format!("v=TWM1; {tags}").as_bytes()).is_err(), "{tags}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..80), tags in "[ -~]{0,80}") {
            for text in [&[VERSION, &text].concat(), &[VERSION, tags.as_bytes()].concat()] {
                if let Ok(policy) = Policy::parse(text) {
                    prop_assert_eq!(policy.source, Source::Record);
                }
            }
        }
    }
}
