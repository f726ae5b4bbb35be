//! `check_host()` of RFC 7208 section 4, over the facts that are known.

use std::net::IpAddr;

use ipnet::IpNet;

use super::macros::{Letter, MacroString};
use super::record::{Directive, Mechanism, PrefixLengths, Qualifier, Record, Target, is_spf};
use super::{Check, Explain, LOOKUPS_MAX, NAMES_MAX, Outcome, Owed, Reach, VOID_LOOKUPS_MAX};
use crate::dns::{Answer, Decision, Facts, Kind, Name, Unknown};

impl Decision for Check {
    type Verdict = Outcome;

    fn decide(&self, facts: &Facts) -> Result<Outcome, Unknown> {
        let mut evaluation = Evaluation { check: self, ip: self.ip.to_canonical(), facts, lookups: 0, void_lookups: 0 };
        match evaluation.check_host(&self.domain, Level::Asked) {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Unknown(unknown)) => Err(unknown),
            Err(Stop::Temporary(reason)) => Ok(Outcome::TempError(reason)),
            Err(Stop::Permanent(reason)) => Ok(Outcome::PermError(reason)),
        }
    }
}

struct Evaluation<'a> {
    check: &'a Check,
    ip: IpAddr,
    facts: &'a Facts,
    lookups: u32,
    void_lookups: u32,
}

/// Why there is nothing more to evaluate.
enum Stop {
    Unknown(Unknown),
    Temporary(String),
    Permanent(String),
}

/// Whose record is evaluated: only that of the domain asked about, or what it redirects to, explains itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Asked,
    Included,
}

impl From<Unknown> for Stop {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

impl<'a> Evaluation<'a> {
    fn check_host(&mut self, domain: &str, level: Level) -> Result<Outcome, Stop> {
        // RFC 7208 section 4.3: a malformed name, or one of a single label, has no policy.
        let Some(domain) = Name::new(domain).filter(|name| name.labels().nth(1).is_some()) else {
            return Ok(Outcome::None);
        };
        let Some(record) = self.record(&domain)? else { return Ok(Outcome::None) };
        for directive in &record.directives {
            if let Some(reach) = self.matches(directive, &domain)? {
                return match directive.qualifier {
                    Qualifier::Pass => Ok(Outcome::Pass(reach.owed_to(directive, domain))),
                    Qualifier::Fail => Ok(Outcome::Fail { explanation: self.explanation(&record, &domain, level)? }),
                    Qualifier::SoftFail => Ok(Outcome::SoftFail),
                    Qualifier::Neutral => Ok(Outcome::Neutral),
                };
            }
        }
        let Some(redirect) = &record.redirect else { return Ok(Outcome::Neutral) };
        self.count_lookup()?;
        let target = self.expand(redirect, &domain)?;
        match self.check_host(&target, level)? {
            // RFC 7208 section 6.1
            Outcome::None => Err(Stop::Permanent(format!("{domain} redirects to {target}, which has no SPF record"))),
            outcome => Ok(outcome),
        }
    }

    /// RFC 7208 sections 4.4 and 4.5: exactly one record, or none.
    fn record(&self, domain: &Name) -> Result<Option<Record>, Stop> {
        let answer = self.facts.get(domain, Kind::Txt)?;
        if let Answer::Temporary(reason) = answer {
            return Err(Stop::Temporary(format!("TXT of {domain}: {reason}")));
        }
        let mut records = answer.texts().filter(|text| is_spf(text));
        let Some(text) = records.next() else { return Ok(None) };
        if records.next().is_some() {
            return Err(Stop::Permanent(format!("{domain} has several SPF records")));
        }
        let record = Record::parse(text).map_err(|error| Stop::Permanent(format!("SPF record of {domain}: {error}")))?;
        Ok(Some(record))
    }

    /// Whom the directive lets match, if it matches this client.
    fn matches(&mut self, directive: &Directive, domain: &Name) -> Result<Option<Matched>, Stop> {
        let network = |network: IpNet| network.contains(&self.ip).then_some(Matched::Reach(Reach::Network(network)));
        match &directive.mechanism {
            Mechanism::All => Ok(Some(Matched::Reach(Reach::Everyone))),
            Mechanism::Ip4(net) => Ok(network(IpNet::V4(net.trunc()))),
            Mechanism::Ip6(net) => Ok(network(IpNet::V6(net.trunc()))),
            Mechanism::Include(target) => self.include(target, domain),
            Mechanism::A(target, lengths) => self.a(target, *lengths, domain),
            Mechanism::Mx(target, lengths) => self.mx(target, *lengths, domain),
            Mechanism::Ptr(target) => self.ptr(target, domain),
            Mechanism::Exists(target) => self.exists(target, domain),
        }
    }

    /// RFC 7208 section 5.2
    fn include(&mut self, target: &MacroString, domain: &Name) -> Result<Option<Matched>, Stop> {
        self.count_lookup()?;
        let target = self.expand(target, domain)?;
        match self.check_host(&target, Level::Included)? {
            Outcome::Pass(owed) => Ok(Some(Matched::Included(owed))),
            Outcome::Fail { .. } | Outcome::SoftFail | Outcome::Neutral => Ok(None),
            Outcome::None => Err(Stop::Permanent(format!("{domain} includes {target}, which has no SPF record"))),
            Outcome::TempError(reason) => Err(Stop::Temporary(reason)),
            Outcome::PermError(reason) => Err(Stop::Permanent(reason)),
        }
    }

    /// RFC 7208 section 5.3
    fn a(&mut self, target: &Target, lengths: PrefixLengths, domain: &Name) -> Result<Option<Matched>, Stop> {
        self.count_lookup()?;
        let Some(target) = self.target(target, domain)? else { return Ok(None) };
        let answer = self.look_up(&target, self.address_kind())?;
        Ok(self.network_among(answer, lengths))
    }

    /// RFC 7208 section 5.4: only what MX names; a domain without MX is not its own.
    fn mx(&mut self, target: &Target, lengths: PrefixLengths, domain: &Name) -> Result<Option<Matched>, Stop> {
        self.count_lookup()?;
        let Some(target) = self.target(target, domain)? else { return Ok(None) };
        let answer = self.look_up(&target, Kind::Mx)?;
        if answer.exchanges().count() > NAMES_MAX {
            return Err(Stop::Permanent(format!("{target} has more than {NAMES_MAX} mail exchanges")));
        }
        for host in answer.exchanges().filter_map(|mx| mx.exchange.as_ref()) {
            let answer = self.facts.get(host, self.address_kind())?;
            if let Answer::Temporary(reason) = answer {
                return Err(Stop::Temporary(format!("addresses of {host}: {reason}")));
            }
            if let Some(matched) = self.network_among(answer, lengths) {
                return Ok(Some(matched));
            }
        }
        Ok(None)
    }

    /// RFC 7208 section 5.5
    fn ptr(&mut self, target: &Target, domain: &Name) -> Result<Option<Matched>, Stop> {
        self.count_lookup()?;
        let Some(target) = self.target(target, domain)? else { return Ok(None) };
        // RFC 7208 section 5.5: an error here is no match, and not the domain's fault.
        self.count_void(self.facts.get(&Name::reverse(self.ip), Kind::Ptr)?)?;
        let named = self.validated_names()?.into_iter().any(|name| name.is_within(&target));
        Ok(named.then_some(Matched::Reach(Reach::Named)))
    }

    /// RFC 7208 section 5.7: always type A, whatever the client's address.
    fn exists(&mut self, target: &MacroString, domain: &Name) -> Result<Option<Matched>, Stop> {
        self.count_lookup()?;
        let reach = if target.depends_on_client() { Reach::Named } else { Reach::Everyone };
        let Some(name) = Name::new(&self.expand(target, domain)?) else { return Ok(None) };
        let found = self.look_up(&name, Kind::A)?.addresses().next().is_some();
        Ok(found.then_some(Matched::Reach(reach)))
    }

    fn address_kind(&self) -> Kind {
        if self.ip.is_ipv4() { Kind::A } else { Kind::Aaaa }
    }

    fn network_among(&self, answer: &Answer, lengths: PrefixLengths) -> Option<Matched> {
        let length = if self.ip.is_ipv4() { lengths.v4 } else { lengths.v6 };
        let networks = answer.addresses().filter_map(|address| IpNet::new(address, length).ok());
        networks
            .map(|network| network.trunc())
            .find(|network| network.contains(&self.ip))
            .map(|network| Matched::Reach(Reach::Network(network)))
    }

    fn count_lookup(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > LOOKUPS_MAX {
            return Err(Stop::Permanent(format!("more than {LOOKUPS_MAX} terms ask DNS")));
        }
        Ok(())
    }

    fn count_void(&mut self, answer: &Answer) -> Result<(), Stop> {
        if matches!(answer, Answer::NoData(_) | Answer::NoSuchName(_)) {
            self.void_lookups += 1;
        }
        if self.void_lookups > VOID_LOOKUPS_MAX {
            return Err(Stop::Permanent(format!("more than {VOID_LOOKUPS_MAX} terms ask for what does not exist")));
        }
        Ok(())
    }

    /// The lookup a term is made for.
    fn look_up(&mut self, name: &Name, kind: Kind) -> Result<&'a Answer, Stop> {
        let answer = self.facts.get(name, kind)?;
        if let Answer::Temporary(reason) = answer {
            return Err(Stop::Temporary(format!("{name}: {reason}")));
        }
        self.count_void(answer)?;
        Ok(answer)
    }

    /// The target name of a term, the domain itself if it names none; a name that can't be asked for matches nothing
    /// (RFC 7208 section 4.8; RFC 8616 section 4 for local parts beyond ASCII).
    fn target(&self, target: &Target, domain: &Name) -> Result<Option<Name>, Stop> {
        match target {
            Target::Domain => Ok(Some(domain.clone())),
            Target::Spec(spec) => Ok(Name::new(&self.expand(spec, domain)?)),
        }
    }

    /// RFC 7208 section 7.3: a name over the limit loses labels from the left.
    fn expand(&self, spec: &MacroString, domain: &Name) -> Result<String, Stop> {
        let expanded = spec.expand(|letter| self.value(letter, domain))?;
        let mut name = expanded.strip_suffix('.').unwrap_or(&expanded);
        while name.len() > Name::OCTETS_MAX {
            let Some((_, shorter)) = name.split_once('.') else { break };
            name = shorter;
        }
        Ok(name.to_owned())
    }

    /// RFC 7208 section 6.2: whatever goes wrong on the way, there is just no explanation.
    fn explanation(&self, record: &Record, domain: &Name, level: Level) -> Result<Option<String>, Unknown> {
        let wanted = level == Level::Asked && self.check.explain != Explain::Never;
        let Some(spec) = record.explanation.as_ref().filter(|_| wanted) else { return Ok(None) };
        let expanded = match self.expand(spec, domain) {
            Ok(expanded) => expanded,
            Err(Stop::Unknown(unknown)) => return Err(unknown),
            Err(Stop::Temporary(_) | Stop::Permanent(_)) => return Ok(None),
        };
        let Some(name) = Name::new(&expanded) else { return Ok(None) };
        let mut texts = self.facts.get(&name, Kind::Txt)?.texts();
        let (Some(text), None) = (texts.next(), texts.next()) else { return Ok(None) };
        let explanation = str::from_utf8(text).ok().and_then(MacroString::parse_explanation);
        let expanded = explanation.map(|text| text.expand(|letter| self.value(letter, domain))).transpose()?;
        // Macros may bring in what the record itself may not hold.
        Ok(expanded.filter(|text| text.bytes().all(|byte| (b' '..=b'~').contains(&byte))))
    }

    /// RFC 7208 section 7.2
    fn value(&self, letter: Letter, domain: &Name) -> Result<String, Unknown> {
        let check = self.check;
        let local = if check.sender_local.is_empty() { "postmaster" } else { &check.sender_local };
        Ok(match letter {
            Letter::Sender => format!("{local}@{}", check.sender_domain),
            Letter::SenderLocal => local.to_owned(),
            Letter::SenderDomain => check.sender_domain.clone(),
            Letter::Domain => domain.to_string(),
            Letter::Address => dotted(self.ip),
            Letter::ValidatedName => self.best_validated_name(domain)?,
            Letter::AddressFamily => if self.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            Letter::Helo => check.helo.clone(),
            Letter::ReadableAddress => self.ip.to_string(),
            Letter::Receiver => match &check.explain {
                Explain::To { receiver, .. } => receiver.clone(),
                Explain::Never => "unknown".to_owned(),
            },
            Letter::Time => match &check.explain {
                Explain::To { now, .. } => now.as_millis().div_euclid(1000).to_string(),
                Explain::Never => "0".to_owned(),
            },
        })
    }

    /// RFC 7208 section 7.3: the domain itself, else one below it, else any.
    fn best_validated_name(&self, domain: &Name) -> Result<String, Unknown> {
        let names = self.validated_names()?;
        let itself = names.iter().find(|name| **name == domain);
        let below = || names.iter().find(|name| name.is_within(domain));
        let best = itself.or_else(below).or(names.first());
        Ok(best.map_or_else(|| "unknown".to_owned(), ToString::to_string))
    }

    /// The names of the client that lead back to it (RFC 7208 section 5.5).
    fn validated_names(&self) -> Result<Vec<&'a Name>, Unknown> {
        let mut validated = Vec::new();
        for name in self.facts.get(&Name::reverse(self.ip), Kind::Ptr)?.names().take(NAMES_MAX) {
            if self.facts.get(name, self.address_kind())?.addresses().any(|address| address == self.ip) {
                validated.push(name);
            }
        }
        Ok(validated)
    }
}

/// Why a directive matched.
enum Matched {
    Reach(Reach),
    /// The included record let the client pass.
    Included(Owed),
}

impl Matched {
    fn owed_to(self, directive: &Directive, domain: Name) -> Owed {
        match self {
            Self::Reach(reach) => Owed { domain, mechanism: directive.text.clone(), reach },
            Self::Included(owed) => owed,
        }
    }
}

/// The `i` macro: dotted quad, or the 32 nibbles of an IPv6 address, dotted.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let nibbles: Vec<_> = v6.octets().iter().map(|octet| format!("{:X}.{:X}", octet >> 4, octet & 15)).collect();
            nibbles.join(".")
        }
    }
}

#[cfg(test)]
mod tests {
    use mail::time::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::dns::tests::Zone;
    use crate::dns::{Inquiry, Mx, Record as DnsRecord, Step};

    fn check(ip: &str, domain: &str) -> Check {
        Check::of_sender(ip.parse().unwrap(), &format!("alice@{domain}").parse().unwrap(), "mx.helo.test")
    }

    fn outcome(zone: &'static str, ip: &str) -> Outcome {
        Inquiry::begin(check(ip, "a.test")).finish(|question| Zone::new(zone).answer(question))
    }

    /// The outcome in a word, and for a pass what it is owed to.
    fn told(zone: &'static str, ip: &str) -> String {
        match outcome(zone, ip) {
            Outcome::None => "none".into(),
            Outcome::Neutral => "neutral".into(),
            Outcome::Pass(owed) => format!("pass: {owed}{}", if owed.reach.is_narrow() { "" } else { " (wide)" }),
            Outcome::Fail { .. } => "fail".into(),
            Outcome::SoftFail => "softfail".into(),
            Outcome::TempError(_) => "temperror".into(),
            Outcome::PermError(_) => "permerror".into(),
        }
    }

    #[test]
    fn a_pass_says_what_it_is_owed_to() {
        let table = [
            ("a.test TXT v=spf1 ip4:192.0.2.0/24 -all", "pass: ip4:192.0.2.0/24 of a.test"),
            ("a.test TXT v=spf1 ip4:192.0.0.0/16 -all", "pass: ip4:192.0.0.0/16 of a.test"),
            ("a.test TXT v=spf1 ip4:192.0.0.0/15 -all", "pass: ip4:192.0.0.0/15 of a.test (wide)"),
            ("a.test TXT v=spf1 ip4:0.0.0.0/0 -all", "pass: ip4:0.0.0.0/0 of a.test (wide)"),
            ("a.test TXT v=spf1 +all", "pass: +all of a.test (wide)"),
            ("a.test TXT v=spf1 a -all\na.test A 192.0.2.1", "pass: a of a.test"),
            ("a.test TXT v=spf1 a/8 -all\na.test A 192.9.9.9", "pass: a/8 of a.test (wide)"),
            ("a.test TXT v=spf1 mx -all\na.test MX 5 m.test\nm.test A 192.0.2.1", "pass: mx of a.test"),
            ("a.test TXT v=spf1 mx/12 -all\na.test MX 5 m.test\nm.test A 192.0.2.1", "pass: mx/12 of a.test (wide)"),
            ("a.test TXT v=spf1 include:b.test -all\nb.test TXT v=spf1 ip4:192.0.2.1", "pass: ip4:192.0.2.1 of b.test"),
            ("a.test TXT v=spf1 include:b.test -all\nb.test TXT v=spf1 all", "pass: all of b.test (wide)"),
            ("a.test TXT v=spf1 redirect=b.test\nb.test TXT v=spf1 ip4:128.0.0.0/1", "pass: ip4:128.0.0.0/1 of b.test (wide)"),
            ("a.test TXT v=spf1 exists:%{i}.x.test -all\n192.0.2.1.x.test A 127.0.0.2", "pass: exists:%{i}.x.test of a.test"),
            ("a.test TXT v=spf1 exists:x.test -all\nx.test A 127.0.0.2", "pass: exists:x.test of a.test (wide)"),
            ("a.test TXT v=spf1 ptr -all\n1.2.0.192.in-addr.arpa PTR m.a.test\nm.a.test A 192.0.2.1", "pass: ptr of a.test"),
        ];
        for (zone, expected) in table {
            assert_eq!(told(zone, "192.0.2.1"), expected, "{zone}");
        }
        let v6 = "a.test TXT v=spf1 ip6:2001:db8::/31 -all";
        assert_eq!(told(v6, "2001:db8::1"), "pass: ip6:2001:db8::/31 of a.test (wide)");
        assert_eq!(told("a.test TXT v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1"), "pass: ip6:2001:db8::/32 of a.test");
    }

    #[test]
    fn every_other_result_has_its_reason_in_the_record() {
        let table = [
            ("b.test A 192.0.2.1", "none"),
            ("a.test TXT hello", "none"),
            ("a.test TXT v=spf1 -all", "fail"),
            ("a.test TXT v=spf1 ~all", "softfail"),
            ("a.test TXT v=spf1", "neutral"),
            ("a.test TXT v=spf1 -all\na.test TXT v=spf1 all", "permerror"),
            ("a.test TXT v=spf1 all moo", "permerror"),
            ("a.test TIMEOUT", "temperror"),
            ("a.test TXT v=spf1 a:b.test all\nb.test TIMEOUT", "temperror"),
            ("a.test TXT v=spf1 mx all\na.test MX 5 b.test\nb.test TIMEOUT", "temperror"),
            ("a.test TXT v=spf1 include:b.test all", "permerror"),
            ("a.test TXT v=spf1 redirect=b.test", "permerror"),
            ("a.test TXT v=spf1 redirect=a.test", "permerror"),
            ("a.test TXT v=spf1 include:a.test", "permerror"),
            ("a.test TXT v=spf1 a:x.test a:y.test -all", "fail"),
            ("a.test TXT v=spf1 a:x.test a:y.test a:z.test -all", "permerror"),
            // A domain without MX is not its own exchange here (RFC 7208 section 5.4).
            ("a.test TXT v=spf1 mx\na.test A 192.0.2.1", "neutral"),
            ("a.test TXT v=spf1 mx\na.test MX 0 .", "neutral"),
            // The client's own names are no reason to fail the domain.
            ("a.test TXT v=spf1 ptr -all\n1.2.0.192.in-addr.arpa TIMEOUT", "fail"),
            ("a.test TXT v=spf1 ptr -all\n1.2.0.192.in-addr.arpa PTR m.a.test\nm.a.test A 192.0.2.9", "fail"),
        ];
        for (zone, expected) in table {
            assert_eq!(told(zone, "192.0.2.1"), expected, "{zone}");
        }
        assert_eq!(told("a.test TXT v=spf1 ip4:192.0.2.1 -all", "::ffff:192.0.2.1"), "pass: ip4:192.0.2.1 of a.test");
        assert_eq!(told("a.test TXT v=spf1 ip6:::ffff:192.0.2.1 -all", "::ffff:192.0.2.1"), "fail");
    }

    #[test]
    fn an_explanation_is_looked_up_only_when_it_is_asked_for() {
        let zone = Zone::new("a.test TXT v=spf1 -all exp=why.a.test\nwhy.a.test TXT %{c} is not %{o}'s. %{t} %{r}");
        let quiet = check("192.0.2.1", "a.test");
        let explain = Explain::To { receiver: "mx.b.test".into(), now: Timestamp::from_millis(1_500) };
        let curious = Check { explain, ..quiet.clone() };
        let run = |check| Inquiry::begin(check).finish(|question| zone.answer(question));
        assert_eq!(run(quiet), Outcome::Fail { explanation: None });
        assert_eq!(run(curious.clone()), Outcome::Fail { explanation: Some("192.0.2.1 is not a.test's. 1 mx.b.test".into()) });
        let forged = Explain::To { receiver: "mx\r\n250 ok".into(), now: Timestamp::EPOCH };
        assert_eq!(run(Check { explain: forged, ..curious }), Outcome::Fail { explanation: None });
    }

    #[test]
    fn a_local_part_beyond_ascii_matches_no_name_made_of_it() {
        let zone = Zone::new("a.test TXT v=spf1 exists:%{l}.a.test -all");
        let check = Check { sender_local: "caf\u{e9}".into(), ..check("192.0.2.1", "a.test") };
        let outcome = Inquiry::begin(check).finish(|question| zone.answer(question));
        assert_eq!(outcome, Outcome::Fail { explanation: None });
    }

    #[test]
    fn reach_is_named_or_a_network_or_everyone() {
        let reach = |zone| match outcome(zone, "192.0.2.77") {
            Outcome::Pass(owed) => owed.reach,
            other => panic!("{other:?}"),
        };
        assert_eq!(reach("a.test TXT v=spf1 a/24\na.test A 192.0.2.1"), Reach::Network("192.0.2.0/24".parse().unwrap()));
    }

    /// Records chosen to call for as many further lookups as they can.
    fn texts() -> impl Strategy<Value = String> {
        let term = prop::sample::select(vec![
            "a",
            "mx",
            "ptr",
            "mx:b.test",
            "a:%{p}.c.test",
            "exists:%{l1r-}.%{ir}.d.test",
            "include:a.test",
            "include:b.test",
            "include:%{i}.%{d}",
            "-a:%{d}",
            "?mx:%{h}.%{d}",
            "redirect=b.test",
            "redirect=%{d}.a.test",
            "exp=%{p}.why.test",
            "-all",
            "ip4:10.0.0.0/8",
        ]);
        prop::collection::vec(term, 0..14).prop_map(|terms| format!("v=spf1 {}", terms.join(" ")))
    }

    fn answers() -> impl Strategy<Value = Vec<Answer>> {
        let host = || (0..40_u8).prop_map(|number| Name::new(&format!("h{number}.test")).unwrap());
        let record = prop_oneof![
            6 => texts().prop_map(|text| DnsRecord::Txt(text.into_bytes())),
            2 => host().prop_map(DnsRecord::Ptr),
            2 => host().prop_map(|host| DnsRecord::Mx(Mx { preference: 1, exchange: Some(host) })),
            1 => any::<[u8; 4]>().prop_map(|octets| DnsRecord::A(octets.into())),
        ];
        let records = prop::collection::vec(record, 1..14).prop_map(Answer::insecure);
        let one = texts().prop_map(|text| Answer::insecure([DnsRecord::Txt(text.into_bytes())]));
        let none = Just(Answer::NoData(crate::dns::Proof::Insecure));
        let later = Just(Answer::Temporary("timeout".into()));
        prop::collection::vec(prop_oneof![6 => one, 6 => records, 1 => none, 1 => later], 1..40)
    }

    proptest! {
        #[test]
        fn a_check_ends_within_its_limits_whatever_the_answers(answers in answers(), v6 in any::<bool>()) {
            let ip = if v6 { "2001:db8::1" } else { "192.0.2.1" };
            let explain = Explain::To { receiver: "mx.b.test".into(), now: Timestamp::EPOCH };
            let mut step = Inquiry::begin(Check { explain, ..check(ip, "a.test") });
            let mut answers = answers.iter().cycle();
            let mut asked = 0;
            // The record asked for; for each of ten terms one lookup and ten hosts; the client's names; the explanation.
            let questions_max = 1 + 10 * 11 + 11 + 1;
            while let Step::Ask(_, inquiry) = step {
                asked += 1;
                prop_assert!(asked <= questions_max, "{asked} questions");
                step = inquiry.answer(answers.next().unwrap().clone());
            }
        }
    }
}
