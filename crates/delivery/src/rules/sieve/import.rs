//! A script as rules: what its commands do, one rule for each way into a block.

use std::collections::BTreeSet;

use mail::address::Mailbox;

use super::question::condition;
use super::syntax::{Argument, Command, Value};
use super::{Script, SieveError, SieveFault, Spot};
use crate::absence::{Absence, DAYS};
use crate::rules::{
    Action, CONDITIONS_MAX, Condition, Flag, Forward, Keeping, Many, RULES_MAX, Rule, RuleSet, RulesError, VERSION, check_rule, is_mailbox,
};

/// The extensions that a script may require.
const EXTENSIONS: [&str; 8] =
    ["fileinto", "envelope", "imap4flags", "copy", "mailbox", "vacation", "comparator-i;ascii-casemap", "encoded-character"];

/// What is read so far.
struct Reading {
    required: BTreeSet<String>,
    rules: Vec<Rule>,
    absence: Option<Absence>,
    /// Whether a flag may have been set before: then a flag of one action alone has no equivalent.
    has_flags: bool,
    /// Whether the script may have ended before.
    may_have_stopped: bool,
}

/// What holds where a command stands.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// The conditions of the blocks around it.
    path: &'a [Condition],
    name: &'a str,
}

/// The rules of a script.
pub(super) fn import(commands: &[Command]) -> Result<Script, SieveError> {
    let mut reading = Reading { required: BTreeSet::new(), rules: Vec::new(), absence: None, has_flags: false, may_have_stopped: false };
    let mut rest = commands;
    while let Some((first, others)) = rest.split_first().filter(|(first, _)| first.name == "require") {
        reading.require_all(first)?;
        rest = others;
    }
    reading.block(rest, Context { path: &[], name: "" })?;
    let at = Spot { line: 1, column: 1 };
    let rules = RuleSet { version: VERSION, rules: reading.rules };
    let rules = rules.checked().map_err(|error| SieveError { at, fault: SieveFault::Rules(error) })?;
    Ok(Script { rules, absence: reading.absence })
}

/// RFC 5228 section 3.2: what is used must have been required.
pub(super) fn require(at: Spot, what: &str, extension: &'static str, required: &BTreeSet<String>) -> Result<(), SieveError> {
    if required.contains(extension) {
        return Ok(());
    }
    Err(SieveError { at, fault: SieveFault::NotRequired { what: what.to_owned(), extension } })
}

impl Reading {
    fn require_all(&mut self, command: &Command) -> Result<(), SieveError> {
        let [Argument { at, value: Value::Texts(names) }] = command.arguments.as_slice() else {
            return command.at.expected("a string or a list of strings behind `require`", "something else");
        };
        for name in names {
            // Both are no extensions for a script that does not use them; `encoded-character` changes what strings mean.
            if !EXTENSIONS.contains(&name.as_str()) || name == "encoded-character" {
                return at.no_equivalent(format!("the extension {name:?} is not known here"));
            }
            self.required.insert(name.clone());
        }
        Ok(())
    }

    fn require(&self, at: Spot, what: &str, extension: &'static str) -> Result<(), SieveError> {
        require(at, what, extension, &self.required)
    }

    /// The commands of a block: those that act one after the other are one rule.
    fn block(&mut self, commands: &[Command], context: Context<'_>) -> Result<(), SieveError> {
        let mut actions = Vec::new();
        let mut first = Spot::default();
        let mut rest = commands;
        while let Some((command, others)) = rest.split_first() {
            rest = others;
            if actions.is_empty() {
                first = command.at;
            }
            match command.name.as_str() {
                "if" => {
                    self.close(first, &mut actions, context)?;
                    rest = self.branches(command, others, context)?;
                }
                "elsif" | "else" => return command.at.expected("`if` before this", &format!("`{}`", command.name)),
                "require" => return command.at.expected("`require` before all other commands", "`require`"),
                "vacation" => self.vacation(command, context)?,
                _ => {
                    unblocked(command)?;
                    self.action(command, &mut actions)?;
                }
            }
        }
        self.close(first, &mut actions, context)
    }

    /// What was gathered is a rule.
    fn close(&mut self, at: Spot, actions: &mut Vec<Action>, context: Context<'_>) -> Result<(), SieveError> {
        if !actions.is_empty() {
            if self.rules.len() >= RULES_MAX {
                return Err(SieveError { at, fault: SieveFault::Rules(RulesError::TooMany(self.rules.len() + 1)) });
            }
            let condition = match context.path {
                [] => Condition::Always,
                [only] => only.clone(),
                several => Condition::All(several.to_vec()),
            };
            let rule = Rule { name: context.name.to_owned(), condition, actions: std::mem::take(actions) }.canonical();
            check_rule(&rule).map_err(|fault| SieveError { at, fault: SieveFault::Rule(fault) })?;
            self.rules.push(rule);
        }
        Ok(())
    }

    /// `if`, and what belongs to it: each block under its test, and under the contrary of all tests before it. What follows.
    fn branches<'a>(&mut self, first: &'a Command, others: &'a [Command], context: Context<'_>) -> Result<&'a [Command], SieveError> {
        let name = first.label.as_deref().unwrap_or(context.name);
        let mut path = context.path.to_vec();
        let (mut command, mut rest) = (first, others);
        loop {
            if let Some(argument) = command.arguments.first() {
                return argument.at.expected("a test", &argument.value.in_words());
            }
            let asked = match (command.name.as_str(), command.tests.as_slice()) {
                ("else", []) => None,
                ("else", [test, ..]) => return test.at.expected("`{` behind `else`", "a test"),
                (_, [test]) => Some(condition(test, &self.required)?),
                (name, _) => return command.at.expected(&format!("one test behind `{name}`"), "none, or several"),
            };
            let Some(block) = &command.block else { return command.at.expected("a block in braces", "`;`") };
            path.extend(asked.clone());
            if path.len() > CONDITIONS_MAX {
                return command
                    .at
                    .no_equivalent(format!("this stands under more than {CONDITIONS_MAX} tests, and a rule has at most as many"));
            }
            self.block(block, Context { path: &path, name })?;
            if let Some(asked) = &asked {
                path.pop();
                path.push(Condition::Not(Box::new(asked.clone())));
            }
            match rest.split_first() {
                Some((next, after)) if asked.is_some() && matches!(next.name.as_str(), "elsif" | "else") => (command, rest) = (next, after),
                _ => return Ok(rest),
            }
        }
    }

    fn action(&mut self, command: &Command, actions: &mut Vec<Action>) -> Result<(), SieveError> {
        match command.name.as_str() {
            "keep" => {
                let options = self.options(command, &[])?;
                let [] = texts::<0>(command, "nothing", &options)?;
                self.with_flags(command.at, options.flags, Action::Keep, actions)?;
            }
            "fileinto" => {
                self.require(command.at, "`fileinto`", "fileinto")?;
                let options = self.options(command, &["copy", "create"])?;
                let [mailbox] = texts::<1>(command, "the name of one mailbox", &options)?;
                if !is_mailbox(&mailbox) {
                    return options.at(command).expected("the name of a mailbox", &format!("{mailbox:?}"));
                }
                let action = if options.copy { Action::CopyInto(mailbox) } else { Action::FileInto(mailbox) };
                self.with_flags(command.at, options.flags, action, actions)?;
            }
            "redirect" => {
                let options = self.options(command, &["copy"])?;
                let [to] = texts::<1>(command, "one address", &options)?;
                let Ok(to) = to.parse::<Mailbox>() else { return options.at(command).expected("one address", &format!("{to:?}")) };
                let keep = if options.copy { Keeping::Copy } else { Keeping::Nothing };
                actions.push(Action::Forward(Forward { to, keep }));
            }
            "addflag" | "setflag" | "removeflag" => {
                self.require(command.at, &format!("`{}`", command.name), "imap4flags")?;
                let flags = flags_of(command)?;
                self.has_flags |= command.name != "removeflag";
                actions.push(match command.name.as_str() {
                    "addflag" => Action::Flag(flags),
                    "setflag" => Action::SetFlags(flags),
                    _ => Action::Unflag(flags),
                });
            }
            "discard" | "stop" => {
                if let Some(argument) = command.arguments.first() {
                    return argument.at.expected("`;`", &argument.value.in_words());
                }
                self.may_have_stopped |= command.name == "stop";
                actions.push(if command.name == "stop" { Action::Stop } else { Action::Discard });
            }
            other => return command.at.no_equivalent(format!("no rule can do what the command `{other}` does")),
        }
        Ok(())
    }

    /// An action with flags of its own (RFC 5232 section 5). Where none can be set before, they are set for it alone.
    fn with_flags(&self, at: Spot, flags: Option<Many<Flag>>, action: Action, actions: &mut Vec<Action>) -> Result<(), SieveError> {
        match flags {
            None => actions.push(action),
            Some(_) if self.has_flags => {
                return at.no_equivalent("no rule has flags for one action where others may be set before; use addflag and removeflag");
            }
            Some(flags) => actions.extend([Action::Flag(flags.clone()), action, Action::Unflag(flags)]),
        }
        Ok(())
    }

    /// Tags of an action.
    fn options<'a>(&self, command: &'a Command, known: &[&str]) -> Result<Options<'a>, SieveError> {
        let mut options = Options { copy: false, flags: None, rest: Vec::new() };
        let mut arguments = command.arguments.iter();
        while let Some(argument) = arguments.next() {
            let Value::Tag(tag) = &argument.value else {
                options.rest.push(argument);
                continue;
            };
            match tag.as_str() {
                "copy" if known.contains(&"copy") => {
                    self.require(argument.at, "`:copy`", "copy")?;
                    options.copy = true;
                }
                // Mailboxes are made as they are needed.
                "create" if known.contains(&"create") => self.require(argument.at, "`:create`", "mailbox")?,
                "flags" if command.name != "redirect" => {
                    self.require(argument.at, "`:flags`", "imap4flags")?;
                    let Some(Argument { at, value: Value::Texts(names) }) = arguments.next() else {
                        return argument.at.expected("flags behind `:flags`", "something else");
                    };
                    options.flags = Some(flags(*at, names)?);
                }
                other => return argument.at.no_equivalent(format!("no rule can do what `:{other}` asks of `{}`", command.name)),
            }
        }
        Ok(options)
    }

    /// `vacation [":days" number] [":subject" string] [":addresses" string-list] reason` (RFC 5230 section 4).
    fn vacation(&mut self, command: &Command, context: Context<'_>) -> Result<(), SieveError> {
        let at = command.at;
        self.require(at, "`vacation`", "vacation")?;
        unblocked(command)?;
        if !context.path.is_empty() || self.may_have_stopped {
            return at
                .no_equivalent("the absence reply depends on no rule: `vacation` must stand outside of blocks, and before any `stop`");
        }
        if self.absence.is_some() {
            return at.no_equivalent("a mailbox has one absence reply");
        }
        let mut absence = Absence { text: String::new(), subject: None, from: None, until: None, days: DAYS, addresses: Vec::new() };
        let mut arguments = command.arguments.iter();
        let mut reason = None;
        while let Some(argument) = arguments.next() {
            match &argument.value {
                Value::Texts(texts) if reason.is_none() && texts.len() == 1 => reason = texts.first().cloned(),
                Value::Tag(tag) => match (tag.as_str(), arguments.next().map(|argument| &argument.value)) {
                    // RFC 5230 section 4.1: the server may raise or lower what is out of its bounds; a rule says what it means.
                    ("days", Some(Value::Number(days))) => absence.days = u8::try_from(*days).unwrap_or(u8::MAX),
                    ("subject", Some(Value::Texts(texts))) if texts.len() == 1 => absence.subject = texts.first().cloned(),
                    ("addresses", Some(Value::Texts(texts))) => absence.addresses = addresses(argument.at, texts)?,
                    ("days" | "subject" | "addresses", _) => return argument.at.expected("its value behind the tag", "something else"),
                    (other, _) => return argument.at.no_equivalent(format!("no absence reply can do what `:{other}` asks")),
                },
                other => return argument.at.expected("one string, the text of the reply", &other.in_words()),
            }
        }
        let Some(text) = reason else { return at.expected("one string, the text of the reply", "nothing") };
        let absence = Absence { text, ..absence }.checked().map_err(|error| SieveError { at, fault: SieveFault::Absence(error) })?;
        self.absence = Some(absence);
        Ok(())
    }
}

/// Tags of an action, and what stands beside them.
struct Options<'a> {
    copy: bool,
    flags: Option<Many<Flag>>,
    rest: Vec<&'a Argument>,
}

impl Options<'_> {
    /// Where what stands beside the tags begins.
    fn at(&self, command: &Command) -> Spot {
        self.rest.first().map_or(command.at, |argument| argument.at)
    }
}

/// An action has neither tests nor a block.
fn unblocked(command: &Command) -> Result<(), SieveError> {
    if let Some(test) = command.tests.first() {
        return test.at.expected("`;`", "a test");
    }
    if command.block.is_some() {
        return command.at.expected(&format!("`;` at the end of `{}`", command.name), "a block");
    }
    Ok(())
}

/// Exactly so many single strings.
fn texts<const N: usize>(command: &Command, expected: &str, options: &Options<'_>) -> Result<[String; N], SieveError> {
    let single = |argument: &&Argument| match &argument.value {
        Value::Texts(texts) if texts.len() == 1 => texts.first().cloned(),
        Value::Texts(_) | Value::Tag(_) | Value::Number(_) => None,
    };
    let texts: Option<Vec<String>> = options.rest.iter().map(single).collect();
    if let Some(texts) = texts.and_then(|texts| <[String; N]>::try_from(texts).ok()) {
        return Ok(texts);
    }
    options.at(command).expected(&format!("{expected} behind `{}`", command.name), &format!("{} arguments", options.rest.len()))
}

/// The flags of `addflag`, `setflag` or `removeflag`.
fn flags_of(command: &Command) -> Result<Many<Flag>, SieveError> {
    match command.arguments.as_slice() {
        [Argument { at, value: Value::Texts(names) }] => flags(*at, names),
        [_, _] => command.at.no_equivalent("no rule keeps flags in a variable"),
        _ => command.at.expected("a string or a list of strings", "something else"),
    }
}

/// RFC 5232 section 2: a string may name several, with spaces between them.
fn flags(at: Spot, names: &[String]) -> Result<Many<Flag>, SieveError> {
    let mut flags = Vec::new();
    for name in names.iter().flat_map(|name| name.split_ascii_whitespace()) {
        match name.parse::<Flag>() {
            Ok(flag) if flags.contains(&flag) => {}
            Ok(flag) => flags.push(flag),
            Err(error) => return at.no_equivalent(error.to_string()),
        }
    }
    Ok(Many(flags))
}

fn addresses(at: Spot, texts: &[String]) -> Result<Vec<Mailbox>, SieveError> {
    let address = |text: &String| match text.parse() {
        Ok(address) => Ok(address),
        Err(_unfit) => at.expected("an address", &format!("{text:?}")),
    };
    texts.iter().map(address).collect()
}
