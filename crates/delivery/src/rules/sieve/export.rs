//! Rules as a script.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::absence::Absence;
use crate::rules::condition::RECIPIENT_FIELDS;
use crate::rules::{Action, Condition, Flag, Keeping, Many, Part, Path, RuleSet, SizeTest, Text};

/// What no script can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unexportable {
    /// A rule asks by what a message was let in.
    #[error("rule {0} asks by what a message was let in (allowed-by), which Sieve can't")]
    AllowedBy(usize),
    /// The absence reply has an end or a beginning.
    #[error("the absence reply has a time at which it begins or ends, which `vacation` can't say")]
    Times,
}

/// Writes rules, and the absence reply if there is one, as a script. Read again, it gives the same.
///
/// # Errors
/// They say what no script can.
pub fn export(rules: &RuleSet, absence: Option<&Absence>) -> Result<String, Unexportable> {
    let mut writer = Writer { body: String::new(), required: BTreeSet::new() };
    if let Some(absence) = absence {
        writer.vacation(absence)?;
    }
    for (index, rule) in rules.rules.iter().enumerate() {
        if !rule.name.is_empty() {
            writer.line(&format!("# rule:[{}]", rule.name));
        }
        let test = writer.test(&rule.condition).map_err(|AllowedBy| Unexportable::AllowedBy(index + 1))?;
        writer.line(&format!("if {test} {{"));
        for action in &rule.actions {
            let action = writer.action(action);
            writer.line(&format!("    {action}"));
        }
        writer.line("}");
    }
    let Writer { body, required } = writer;
    let required: Vec<String> = required.into_iter().map(quoted).collect();
    // Without a rule the script does nothing, and says so by being empty.
    Ok(if required.is_empty() { body } else { format!("require [{}];\r\n\r\n{body}", required.join(", ")) })
}

/// A condition that only we know.
struct AllowedBy;

struct Writer {
    body: String,
    required: BTreeSet<&'static str>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.body.push_str(line);
        self.body.push_str("\r\n");
    }

    fn vacation(&mut self, absence: &Absence) -> Result<(), Unexportable> {
        let Absence { text, subject, from, until, days, addresses } = absence;
        if from.is_some() || until.is_some() {
            return Err(Unexportable::Times);
        }
        self.required.insert("vacation");
        let mut command = format!("vacation :days {days}");
        if let Some(subject) = subject {
            let _written = write!(command, " :subject {}", quoted(subject));
        }
        if !addresses.is_empty() {
            let _written = write!(command, " :addresses {}", list(addresses.iter().map(ToString::to_string)));
        }
        let _written = write!(command, " {};", quoted(text));
        self.line(&command);
        Ok(())
    }

    fn test(&mut self, condition: &Condition) -> Result<String, AllowedBy> {
        Ok(match condition {
            Condition::Always => "true".to_owned(),
            Condition::All(conditions) => format!("allof ({})", self.tests(conditions)?),
            Condition::Any(conditions) => format!("anyof ({})", self.tests(conditions)?),
            Condition::Not(condition) => format!("not {}", self.test(condition)?),
            Condition::From(value) => address(&["from"], Part::All, value),
            Condition::To(value) => {
                let (fields, envelope) = (address(&RECIPIENT_FIELDS, Part::All, value), self.envelope(Path::To, Part::All, value));
                format!("anyof ({fields}, {envelope})")
            }
            Condition::List(value) => header(&["list-id"], &value.bracketed()),
            Condition::Subject(value) => header(&["subject"], value),
            Condition::Header { name, value } => header(&name.0, value),
            Condition::Address { name, part, value } => address(&name.0, *part, value),
            Condition::Envelope { path, part, value } => self.envelope(*path, *part, value),
            Condition::Exists(name) => format!("exists {}", list(name.0.iter().map(ToString::to_string))),
            Condition::Size(SizeTest::Over(octets)) => format!("size :over {octets}"),
            Condition::Size(SizeTest::Under(octets)) => format!("size :under {octets}"),
            Condition::AllowedBy(_) => return Err(AllowedBy),
        })
    }

    fn tests(&mut self, conditions: &[Condition]) -> Result<String, AllowedBy> {
        let tests: Result<Vec<_>, _> = conditions.iter().map(|condition| self.test(condition)).collect();
        Ok(tests?.join(", "))
    }

    fn envelope(&mut self, path: Path, part: Part, value: &Text) -> String {
        self.required.insert("envelope");
        let path = match path {
            Path::From => "from",
            Path::To => "to",
        };
        format!("envelope{} {} \"{path}\" {}", part_tag(part), way_tag(value), list(value.keys()))
    }

    fn action(&mut self, action: &Action) -> String {
        match action {
            Action::FileInto(mailbox) => {
                self.required.insert("fileinto");
                format!("fileinto {};", quoted(mailbox))
            }
            Action::CopyInto(mailbox) => {
                self.required.extend(["fileinto", "copy"]);
                format!("fileinto :copy {};", quoted(mailbox))
            }
            Action::Keep => "keep;".to_owned(),
            Action::Flag(flags) => self.flags("addflag", flags),
            Action::SetFlags(flags) => self.flags("setflag", flags),
            Action::Unflag(flags) => self.flags("removeflag", flags),
            Action::Forward(forward) if forward.keep == Keeping::Copy => {
                self.required.insert("copy");
                format!("redirect :copy {};", quoted(forward.to.to_string()))
            }
            Action::Forward(forward) => format!("redirect {};", quoted(forward.to.to_string())),
            Action::Discard => "discard;".to_owned(),
            Action::Stop => "stop;".to_owned(),
        }
    }

    fn flags(&mut self, command: &str, flags: &Many<Flag>) -> String {
        self.required.insert("imap4flags");
        format!("{command} {};", list(flags.0.iter().map(Flag::as_str)))
    }
}

fn header<T: ToString>(names: &[T], value: &Text) -> String {
    format!("header {} {} {}", way_tag(value), list(names.iter().map(T::to_string)), list(value.keys()))
}

fn address<T: ToString>(names: &[T], part: Part, value: &Text) -> String {
    format!("address{} {} {} {}", part_tag(part), way_tag(value), list(names.iter().map(T::to_string)), list(value.keys()))
}

const fn way_tag(value: &Text) -> &'static str {
    match value {
        Text::Is(_) => ":is",
        Text::Contains(_) => ":contains",
        Text::Matches(_) => ":matches",
    }
}

const fn part_tag(part: Part) -> &'static str {
    match part {
        Part::All => "",
        Part::LocalPart => " :localpart",
        Part::Domain => " :domain",
    }
}

/// A string list; one string needs no brackets.
fn list(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quoted).collect();
    match texts.as_slice() {
        [only] => only.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

fn quoted(text: impl AsRef<str>) -> String {
    let mut quoted = String::from("\"");
    for character in text.as_ref().chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\r\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
