//! The text of an SPF record (RFC 7208 sections 4.6.1, 5, 6): read as a whole, so that an error anywhere is seen.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::macros::MacroString;

/// A record, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<MacroString>,
    pub(super) explanation: Option<MacroString>,
}

/// One mechanism and what a match of it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) qualifier: Qualifier,
    pub(super) mechanism: Mechanism,
    /// As it stands in the record.
    pub(super) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Include(MacroString),
    A(Target, PrefixLengths),
    Mx(Target, PrefixLengths),
    Ptr(Target),
    Ip4(Ipv4Net),
    Ip6(Ipv6Net),
    Exists(MacroString),
}

/// The name a mechanism looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The domain whose record it is.
    Domain,
    /// What this expands to.
    Spec(MacroString),
}

/// `dual-cidr-length`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrefixLengths {
    pub(super) v4: u8,
    pub(super) v6: u8,
}

/// A term that follows no grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad term {0:?}")]
pub(super) struct SyntaxError(String);

/// Whether a TXT record is an SPF record: `version = "v=spf1"`, then a space or nothing (RFC 7208 section 4.5).
pub(super) fn is_spf(text: &[u8]) -> bool {
    text.split_at_checked(6)
        .is_some_and(|(version, rest)| version.eq_ignore_ascii_case(b"v=spf1") && rest.first().is_none_or(|&next| next == b' '))
}

impl Record {
    /// ```abnf
    /// record = version terms *SP
    /// terms  = *( 1*SP ( directive / modifier ) )
    /// ```
    pub(super) fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let error = || SyntaxError(String::from_utf8_lossy(text).into_owned());
        let terms = text.get(6..).and_then(|terms| str::from_utf8(terms).ok()).filter(|terms| terms.is_ascii()).ok_or_else(error)?;
        let mut record = Self::default();
        for term in terms.split(' ').filter(|term| !term.is_empty()) {
            record.add(term).ok_or_else(|| SyntaxError(term.to_owned()))?;
        }
        Ok(record)
    }

    /// ```abnf
    /// modifier = redirect / explanation / unknown-modifier
    /// name     = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
    /// ```
    fn add(&mut self, term: &str) -> Option<()> {
        // RFC 7208 section 4.6.1: a modifier has "=" after its name and before any ":" or "/".
        let Some((name, value)) = term.split_once('=').filter(|(name, _)| !name.contains([':', '/'])) else {
            self.directives.push(Directive::parse(term)?);
            return Some(());
        };
        let characters_fit = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if !characters_fit || !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return None;
        }
        let known = match name.to_ascii_lowercase().as_str() {
            "redirect" => &mut self.redirect,
            "exp" => &mut self.explanation,
            _ => return MacroString::parse_modifier(value).map(|_ignored| ()),
        };
        // RFC 7208 section 6: each at most once.
        if known.is_some() {
            return None;
        }
        *known = Some(MacroString::parse_domain_spec(value)?);
        Some(())
    }
}

impl Directive {
    /// `directive = [ qualifier ] mechanism`
    fn parse(text: &str) -> Option<Self> {
        let qualifiers = [('+', Qualifier::Pass), ('-', Qualifier::Fail), ('~', Qualifier::SoftFail), ('?', Qualifier::Neutral)];
        let written = qualifiers.iter().find_map(|(sign, qualifier)| text.strip_prefix(*sign).map(|rest| (*qualifier, rest)));
        let (qualifier, mechanism) = written.unwrap_or((Qualifier::Pass, text));
        Some(Self { qualifier, mechanism: Mechanism::parse(mechanism)?, text: text.to_owned() })
    }
}

impl Mechanism {
    /// ```abnf
    /// all     = "all"
    /// include = "include" ":" domain-spec
    /// A       = "a"       [ ":" domain-spec ] [ dual-cidr-length ]
    /// MX      = "mx"      [ ":" domain-spec ] [ dual-cidr-length ]
    /// PTR     = "ptr"     [ ":" domain-spec ]
    /// IP4     = "ip4"     ":" ip4-network [ ip4-cidr-length ]
    /// IP6     = "ip6"     ":" ip6-network [ ip6-cidr-length ]
    /// exists  = "exists"  ":" domain-spec
    /// ```
    fn parse(text: &str) -> Option<Self> {
        let (name, argument) = text.split_at_checked(text.find([':', '/']).unwrap_or(text.len()))?;
        let required = || argument.strip_prefix(':').and_then(MacroString::parse_domain_spec);
        Some(match name.to_ascii_lowercase().as_str() {
            "all" if argument.is_empty() => Self::All,
            "include" => Self::Include(required()?),
            "exists" => Self::Exists(required()?),
            "ptr" => Self::Ptr(Target::parse(argument)?),
            "a" => {
                let (target, lengths) = PrefixLengths::split_from(argument)?;
                Self::A(Target::parse(target)?, lengths)
            }
            "mx" => {
                let (target, lengths) = PrefixLengths::split_from(argument)?;
                Self::Mx(Target::parse(target)?, lengths)
            }
            "ip4" => {
                let (address, length) = split_network(argument.strip_prefix(':')?);
                let length = length.map_or(Some(32), |digits| prefix_length(digits, 32))?;
                Self::Ip4(Ipv4Net::new(address.parse::<Ipv4Addr>().ok()?, length).ok()?)
            }
            "ip6" => {
                let (address, length) = split_network(argument.strip_prefix(':')?);
                let length = length.map_or(Some(128), |digits| prefix_length(digits, 128))?;
                Self::Ip6(Ipv6Net::new(address.parse::<Ipv6Addr>().ok()?, length).ok()?)
            }
            _ => return None,
        })
    }
}

impl Target {
    /// `[ ":" domain-spec ]`
    fn parse(argument: &str) -> Option<Self> {
        match argument.strip_prefix(':') {
            Some(spec) => MacroString::parse_domain_spec(spec).map(Self::Spec),
            None => argument.is_empty().then_some(Self::Domain),
        }
    }
}

fn split_network(text: &str) -> (&str, Option<&str>) {
    text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)))
}

impl PrefixLengths {
    /// Takes the lengths off the end; a target in front of them may hold a slash of its own.
    ///
    /// ```abnf
    /// dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
    /// ip4-cidr-length  = "/" ("0" / %x31-39 0*1DIGIT) ; value range 0-32
    /// ip6-cidr-length  = "/" ("0" / %x31-39 0*2DIGIT) ; value range 0-128
    /// ```
    fn split_from(text: &str) -> Option<(&str, Self)> {
        let digits_after = |text: &'_ str, mark: &str| {
            text.rfind(mark).filter(|at| {
                let digits = text.get(at + mark.len()..).unwrap_or_default();
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        let mut lengths = Self { v4: 32, v6: 128 };
        let mut rest = text;
        if let Some(at) = digits_after(rest, "//") {
            lengths.v6 = prefix_length(rest.get(at + 2..)?, 128)?;
            rest = rest.get(..at)?;
        }
        if let Some(at) = digits_after(rest, "/") {
            lengths.v4 = prefix_length(rest.get(at + 1..)?, 32)?;
            rest = rest.get(..at)?;
        }
        Some((rest, lengths))
    }
}

fn prefix_length(digits: &str, max: u8) -> Option<u8> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let without_zero = digits == "0" || !digits.starts_with('0');
    digits.parse().ok().filter(|&length| plain && without_zero && length <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(terms: &str) -> bool {
        Record::parse(format!("v=spf1 {terms}").as_bytes()).is_ok()
    }

    #[test]
    fn only_the_exact_version_makes_an_spf_record() {
        for text in ["v=spf1", "V=SPF1 -all", "v=spf1 "] {
            assert!(is_spf(text.as_bytes()), "{text}");
        }
        for text in ["", "v=spf10", "v=spf1mx", "v=spf1\t-all", " v=spf1", "v=spf"] {
            assert!(!is_spf(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn terms_follow_the_grammar() {
        for terms in [
            "",
            "  a  -all ",
            "+A ?MX ~ptr -ALL",
            "a/24//64 a//64 a/0 a:b.test/24",
            "a:foo:bar/baz.test",
            "ip4:192.0.2.0/24 ip6:2001:db8::/32 ip6:::1.1.1.1",
            "exists:%{ir}.%{v}.x.test include:%{d}",
            "redirect=a.test exp=b.test",
            "moo.cow-far_out=man:dog/cat",
            "unknown=%{c}%{r}",
        ] {
            assert!(parses(terms), "{terms}");
        }
    }

    #[test]
    fn an_error_anywhere_makes_the_record_useless() {
        for terms in [
            "moo",
            "all.",
            "all:x.test",
            "all/8",
            "-",
            "include",
            "include:",
            "include:a.test/24",
            "exists",
            "exists:a.test/24",
            "ptr/0",
            "ptr:",
            "a:",
            "a:museum",
            "a:museum.",
            "a:111.222.33.44",
            "a/24/64",
            "a/33",
            "a//129",
            "a/024",
            "a/",
            "a//",
            "a24",
            "mx:a.test:8080",
            "ip4",
            "ip4:1.2.3",
            "ip4:1.2.3.4//32",
            "ip4:1.2.3.4/",
            "ip4:1.2.3.4:25",
            "ip4:1.2.3.04",
            "ip6::CAFE::BABE",
            "ip6:::1//33",
            "redirect=",
            "redirect:a.test",
            "redirect=a.test redirect=a.test",
            "exp=",
            "exp=a.test exp=b.test",
            "1up=x",
            "=all",
            "x=%a",
            "a\tmx",
            "a:caf\u{e9}.test",
        ] {
            assert!(!parses(terms), "{terms}");
        }
    }
}
