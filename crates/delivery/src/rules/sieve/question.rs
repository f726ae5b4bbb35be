//! Tests of a script as conditions of rules.

use std::collections::BTreeSet;

use super::import::require;
use super::syntax::{Argument, Test, Value};
use super::{SieveError, Spot};
use crate::rules::{Condition, FieldName, Many, Part, Path, SizeTest, Text};

/// How a test compares.
#[derive(Clone, Copy)]
enum Way {
    Is,
    Contains,
    Matches,
}

/// What stands behind the name of a test that compares.
struct Comparison {
    way: Way,
    part: Part,
    /// The lists of strings, and where they stand.
    lists: Vec<(Spot, Vec<String>)>,
}

/// The condition that a test stands for.
pub(super) fn condition(test: &Test, required: &BTreeSet<String>) -> Result<Condition, SieveError> {
    let inner = || test.tests.iter().map(|test| condition(test, required)).collect::<Result<Vec<_>, _>>();
    match test.name.as_str() {
        "allof" | "anyof" | "not" => {}
        _ if !test.tests.is_empty() => return test.at.expected("no test behind this one", "a test"),
        _ => {}
    }
    match test.name.as_str() {
        "true" => no_arguments(test).map(|()| Condition::Always),
        "false" => no_arguments(test).map(|()| Condition::Not(Box::new(Condition::Always))),
        "allof" if !test.tests.is_empty() => no_arguments(test).and_then(|()| inner().map(Condition::All)),
        "anyof" if !test.tests.is_empty() => no_arguments(test).and_then(|()| inner().map(Condition::Any)),
        "allof" | "anyof" => test.at.expected("tests in parentheses behind it", "none"),
        "not" => {
            no_arguments(test)?;
            match test.tests.as_slice() {
                [only] => Ok(Condition::Not(Box::new(condition(only, required)?))),
                tests => test.at.expected("one test behind `not`", &format!("{} tests", tests.len())),
            }
        }
        "exists" => {
            let [names] = lists::<1>(test.at, "names of header fields", &comparison(test, false)?.lists)?;
            Ok(Condition::Exists(fields(&names)?))
        }
        "size" => size(test),
        "header" => {
            let Comparison { way, lists: found, .. } = comparison(test, false)?;
            let [names, keys] = lists::<2>(test.at, "names of header fields, and strings to compare with", &found)?;
            Ok(Condition::Header { name: fields(&names)?, value: text(way, keys.1) })
        }
        "address" => {
            let Comparison { way, part, lists: found } = comparison(test, true)?;
            let [names, keys] = lists::<2>(test.at, "names of header fields, and strings to compare with", &found)?;
            Ok(Condition::Address { name: fields(&names)?, part, value: text(way, keys.1) })
        }
        "envelope" => {
            require(test.at, "the test `envelope`", "envelope", required)?;
            let Comparison { way, part, lists: found } = comparison(test, true)?;
            let [paths, keys] = lists::<2>(test.at, "\"from\" or \"to\", and strings to compare with", &found)?;
            envelope(&paths, part, &text(way, keys.1))
        }
        other => test.at.no_equivalent(format!("no rule can ask what the test `{other}` asks")),
    }
}

fn no_arguments(test: &Test) -> Result<(), SieveError> {
    test.arguments.first().map_or(Ok(()), |first| first.at.expected("no argument here", &first.value.in_words()))
}

fn text(way: Way, keys: Vec<String>) -> Text {
    match way {
        Way::Is => Text::Is(Many(keys)),
        Way::Contains => Text::Contains(Many(keys)),
        Way::Matches => Text::Matches(Many(keys)),
    }
}

fn fields((at, names): &(Spot, Vec<String>)) -> Result<Many<FieldName>, SieveError> {
    let name = |name: &String| match name.parse() {
        Ok(name) => Ok(name),
        Err(_unfit) => at.expected("the name of a header field", &format!("{name:?}")),
    };
    names.iter().map(name).collect::<Result<_, _>>().map(Many)
}

fn envelope((at, paths): &(Spot, Vec<String>), part: Part, value: &Text) -> Result<Condition, SieveError> {
    let mut conditions = Vec::new();
    for name in paths {
        let path = match name.to_ascii_lowercase().as_str() {
            "from" => Path::From,
            "to" => Path::To,
            other => return at.no_equivalent(format!("no rule can ask for {other:?} of the envelope; \"from\" and \"to\" are known")),
        };
        conditions.push(Condition::Envelope { path, part, value: value.clone() });
    }
    Ok(if conditions.len() == 1 { conditions.remove(0) } else { Condition::Any(conditions) })
}

/// `size (":over" / ":under") number`
fn size(test: &Test) -> Result<Condition, SieveError> {
    match test.arguments.as_slice() {
        [Argument { value: Value::Tag(tag), .. }, Argument { value: Value::Number(octets), .. }] if tag == "over" => {
            Ok(Condition::Size(SizeTest::Over(*octets)))
        }
        [Argument { value: Value::Tag(tag), .. }, Argument { value: Value::Number(octets), .. }] if tag == "under" => {
            Ok(Condition::Size(SizeTest::Under(*octets)))
        }
        [] => test.at.expected("`:over` or `:under` and a number behind `size`", "nothing"),
        [first, ..] => first.at.expected("`:over` or `:under` and a number behind `size`", &first.value.in_words()),
    }
}

/// Reads the tags of a test that compares (RFC 5228 section 2.7), and its lists.
fn comparison(test: &Test, has_parts: bool) -> Result<Comparison, SieveError> {
    let mut comparison = Comparison { way: Way::Is, part: Part::All, lists: Vec::new() };
    let mut arguments = test.arguments.iter();
    while let Some(argument) = arguments.next() {
        match &argument.value {
            Value::Tag(tag) => match tag.as_str() {
                "is" => comparison.way = Way::Is,
                "contains" => comparison.way = Way::Contains,
                "matches" => comparison.way = Way::Matches,
                "all" if has_parts => comparison.part = Part::All,
                "localpart" if has_parts => comparison.part = Part::LocalPart,
                "domain" if has_parts => comparison.part = Part::Domain,
                "comparator" => comparator(argument.at, arguments.next())?,
                other => return argument.at.no_equivalent(format!("no rule can compare as `:{other}` does")),
            },
            Value::Texts(texts) => comparison.lists.push((argument.at, texts.clone())),
            Value::Number(_) => return argument.at.expected("strings to compare with", &argument.value.in_words()),
        }
    }
    Ok(comparison)
}

fn comparator(at: Spot, named: Option<&Argument>) -> Result<(), SieveError> {
    match named.map(|argument| &argument.value) {
        Some(Value::Texts(texts)) => match texts.as_slice() {
            [only] if only == "i;ascii-casemap" => Ok(()),
            [other] => at.no_equivalent(format!("rules compare as \"i;ascii-casemap\" does, and not as {other:?}")),
            _ => at.expected("the name of one comparator", "a list"),
        },
        Some(other) => at.expected("the name of a comparator", &other.in_words()),
        None => at.expected("the name of a comparator", "nothing"),
    }
}

/// Exactly so many lists.
fn lists<const N: usize>(at: Spot, expected: &str, found: &[(Spot, Vec<String>)]) -> Result<[(Spot, Vec<String>); N], SieveError> {
    let count = found.len();
    match found.to_vec().try_into() {
        Ok(lists) => Ok(lists),
        Err(_count) => at.expected(expected, &format!("{count} lists of strings")),
    }
}
