//! Runs SPF test cases, given as JSON lines, and counts: `spf_suite CASES CASES_MIN`. See `tests/spf/run`.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use delivery::dns::{Answer, Inquiry, Kind, Mx, Name, Proof, Question, Record};
use delivery::spf::{Check, Explain, Outcome};
use mail::time::Timestamp;
use serde_json::Value;

/// Aliases that are followed before they are called a loop.
const ALIASES_MAX: usize = 8;

type Problem = Box<dyn std::error::Error>;

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    scenario: String,
    host: String,
    helo: String,
    mailfrom: String,
    /// Any of them is right.
    results: Vec<String>,
    /// `DEFAULT`: the domain gives none.
    explanation: Option<String>,
    zone: BTreeMap<String, Vec<(String, Value)>>,
}

fn main() -> Result<ExitCode, Problem> {
    let [_, path, cases_min] = std::env::args().collect::<Vec<_>>().try_into().map_err(|_arguments| "usage: spf_suite CASES CASES_MIN")?;
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for line in fs::read_to_string(path)?.lines() {
        let case: Case = serde_json::from_str(line)?;
        match case.run() {
            Ok(()) => passed += 1,
            Err(problem) => {
                failed += 1;
                eprintln!("{} ({}): {problem}", case.id, case.scenario);
            }
        }
    }
    println!("RFC 7208 suite: {passed} passed, {failed} failed");
    let enough = passed + failed >= cases_min.parse::<u32>()?;
    if !enough {
        eprintln!("fewer than {cases_min} cases were run");
    }
    Ok(if enough && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Case {
    fn run(&self) -> Result<(), Problem> {
        let (local, domain) = self.mailfrom.rsplit_once('@').unwrap_or(("", &self.helo));
        let check = Check {
            ip: self.host.parse()?,
            domain: domain.to_owned(),
            sender_local: local.to_owned(),
            sender_domain: domain.to_owned(),
            helo: self.helo.clone(),
            explain: Explain::To { receiver: "receiver.example".to_owned(), now: Timestamp::EPOCH },
        };
        let zone = self.zone()?;
        let outcome = Inquiry::begin(check).finish(|question| answer(&zone, question, ALIASES_MAX));
        let (result, explanation) = match &outcome {
            Outcome::None => ("none", None),
            Outcome::Neutral => ("neutral", None),
            Outcome::Pass(_) => ("pass", None),
            Outcome::Fail { explanation } => ("fail", explanation.as_deref()),
            Outcome::SoftFail => ("softfail", None),
            Outcome::TempError(_) => ("temperror", None),
            Outcome::PermError(_) => ("permerror", None),
        };
        if !self.results.iter().any(|right| right == result) {
            return Err(format!("expected {:?}, found {outcome:?}", self.results).into());
        }
        let expected = self.explanation.as_deref();
        if expected.is_some() && expected != Some(explanation.unwrap_or("DEFAULT")) {
            return Err(format!("expected the explanation {expected:?}, found {explanation:?}").into());
        }
        Ok(())
    }

    fn zone(&self) -> Result<BTreeMap<Name, Vec<Row>>, Problem> {
        let mut zone = BTreeMap::new();
        for (name, rows) in &self.zone {
            let Some(name) = Name::new(name) else { return Err(format!("no name: {name}").into()) };
            let rows = rows.iter().map(|(kind, data)| Row::read(kind, data)).collect::<Result<Vec<_>, _>>()?;
            zone.insert(name, rows);
        }
        Ok(zone)
    }
}

#[derive(Clone)]
enum Row {
    Record(Kind, Record),
    Alias(Name),
    Timeout,
    /// A record that SPF never asks for.
    Other,
}

impl Row {
    fn read(kind: &str, data: &Value) -> Result<Self, Problem> {
        let text = || data.as_str().ok_or("not a text");
        let name = |value: &Value| value.as_str().and_then(Name::new);
        Ok(match kind {
            "TIMEOUT" => Self::Timeout,
            "A" => Self::Record(Kind::A, Record::A(text()?.parse()?)),
            "AAAA" => Self::Record(Kind::Aaaa, Record::Aaaa(text()?.parse()?)),
            "TXT" => Self::Record(Kind::Txt, Record::Txt(text()?.as_bytes().to_vec())),
            "PTR" => Self::Record(Kind::Ptr, Record::Ptr(name(data).ok_or("no name")?)),
            "CNAME" => Self::Alias(name(data).ok_or("no name")?),
            "MX" => {
                let (preference, host) = data.get(0).zip(data.get(1)).ok_or("not a pair")?;
                let preference = preference.as_u64().and_then(|number| u16::try_from(number).ok()).ok_or("no preference")?;
                Self::Record(Kind::Mx, Record::Mx(Mx { preference, exchange: name(host) }))
            }
            _ => Self::Other,
        })
    }
}

fn answer(zone: &BTreeMap<Name, Vec<Row>>, question: &Question, aliases_left: usize) -> Answer {
    let Some(rows) = zone.get(&question.name) else { return Answer::NoSuchName(Proof::Insecure) };
    let mut records = Vec::new();
    for row in rows {
        match row {
            Row::Record(kind, record) if *kind == question.kind => records.push(record.clone()),
            Row::Alias(_) if aliases_left == 0 => return Answer::Temporary("too many aliases".to_owned()),
            Row::Alias(name) => return answer(zone, &Question { name: name.clone(), kind: question.kind }, aliases_left - 1),
            Row::Record(..) | Row::Timeout | Row::Other => {}
        }
    }
    if !records.is_empty() {
        return Answer::insecure(records);
    }
    let times_out = rows.iter().any(|row| matches!(row, Row::Timeout));
    if times_out { Answer::Temporary("timeout".to_owned()) } else { Answer::NoData(Proof::Insecure) }
}
