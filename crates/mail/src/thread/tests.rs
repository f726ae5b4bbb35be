//! Threads of RFC 5256, and what is made of circles, doubles and long rows.

use super::*;
use crate::subject::BaseSubject;

/// `number: id < reference reference | subject`; it was sent at its number.
fn messages(lines: &[&str]) -> Vec<Threadable<'static>> {
    let read = |line: &&str| {
        let (number, rest) = line.split_once(':').unwrap();
        let (ids, subject) = rest.split_once('|').unwrap_or((rest, ""));
        let (id, references) = ids.split_once('<').unwrap_or((ids, ""));
        let BaseSubject { text, is_reply } = BaseSubject::of(subject.trim());
        let number: u32 = number.trim().parse().unwrap();
        Threadable {
            number,
            sent: Timestamp::from_millis(i64::from(number) * 1000),
            subject: text.into(),
            is_reply,
            message_id: Some(id.trim().to_owned().into()).filter(|id: &Cow<'_, str>| !id.is_empty()),
            references: references.split_whitespace().map(|id| id.to_owned().into()).collect(),
        }
    };
    lines.iter().map(read).collect()
}

/// As THREAD writes it.
fn written(forest: &Forest) -> String {
    fn thread(forest: &Forest, mut at: usize, out: &mut String) {
        out.push('(');
        let mut first = true;
        loop {
            let node = &forest.nodes[at];
            if let Some(number) = node.number {
                if !first {
                    out.push(' ');
                }
                out.push_str(&number.to_string());
                first = false;
            }
            match &node.children[..] {
                [] => break,
                [only] => at = *only,
                several => {
                    if !first {
                        out.push(' ');
                    }
                    for child in several {
                        thread(forest, *child, out);
                    }
                    break;
                }
            }
        }
        out.push(')');
    }
    let mut out = String::new();
    forest.roots.iter().for_each(|root| thread(forest, *root, &mut out));
    out
}

#[test]
fn answers_are_below_what_they_answer() {
    for (lines, expected) in [
        // Section 3, and section 4's forms.
        (&["1: a", "2: b < a", "3: c < a b"][..], "(1 2 3)"),
        (&["1: a", "2: b", "3: c < b"], "(1)(2 3)"),
        (&["1: a", "2: b < a", "3: c < a", "4: d < a b"], "(1 (2 4)(3))"),
        // What is not here is left out between two that are, and holds its answers together at the top.
        (&["1: a", "2: c < a b"], "(1 2)"),
        (&["1: b < a", "2: c < a"], "((1)(2))"),
        (&["1: b < a", "2: c < b"], "(1 2)"),
        (&["1: d < a b c"], "(1)"),
        (&["1: d < a b c", "2: e < a b"], "((1)(2))"),
        (&["1: d < r a", "2: e < r a", "3: f < r"], "((1)(2)(3))"),
        // Out of order.
        (&["1: c < a b", "2: b < a", "3: a"], "(3 2 1)"),
        // The same id twice: the second is its own.
        (&["1: a", "2: a", "3: b < a"], "(1 3)(2)"),
        (&["1: ", "2: ", "3: < x"], "(1)(2)(3)"),
        // Circles.
        (&["1: a < a"], "(1)"),
        (&["1: a < b", "2: b < a"], "(2 1)"),
        (&["1: a < c", "2: b < a", "3: c < b"], "(3 1 2)"),
        (&["1: x < a b a b a", "2: a", "3: b"], "(2 1)(3)"),
        // A shortened list said that b answers x; b itself knows better.
        (&["1: c < x b", "2: b < a", "3: a"], "(3 2 1)"),
        // Siblings by date, not by place.
        (&["3: c < a", "1: a", "2: b < a"], "(1 (2)(3))"),
    ] {
        assert_eq!(written(&by_references(&messages(lines))), expected, "{lines:?}");
    }
}

#[test]
fn the_same_subject_is_the_same_thread() {
    for (lines, expected) in [
        (&["1: a | Hello", "2: b | Re: hello"][..], "(1 2)"),
        (&["1: a | Re: Hello", "2: b | hello"], "(2 1)"),
        (&["1: a | Hello", "2: b | Hello"], "((1)(2))"),
        (&["1: a | Hello", "2: b | Hello", "3: c | Re: Hello"], "((1)(2)(3))"),
        (&["1: a | Re: Hello", "2: b | Re: Hello"], "((1)(2))"),
        (&["1: a | ", "2: b | ", "3: c | Re:"], "(1)(2)(3)"),
        (&["1: a | x", "2: b < a | y", "3: c | y"], "(1 2)(3)"),
        // A dummy at the top, joined by a message; by another dummy.
        (&["1: b < a | x", "2: c < a | x", "3: d | x"], "((1)(2)(3))"),
        (&["1: b < a | x", "2: c < a | x", "3: e < d | x", "4: f < d | x"], "((1)(2)(3)(4))"),
        (&["1: d | x", "2: b < a | x", "3: c < a | x"], "((1)(2)(3))"),
        (&["1: a | x", "2: b | Re: x", "3: c | Fwd: x"], "(1 (2)(3))"),
        (&["1: a | [l] x", "2: b < a | x", "3: c | Re: [l] x", "4: d < c | x"], "(1 (2)(3 4))"),
    ] {
        assert_eq!(written(&by_references(&messages(lines))), expected, "{lines:?}");
    }
}

#[test]
fn by_subject_all_answer_the_first() {
    let lines = ["1: a | b", "2: b | a", "3: c | Re: b", "4: d | Fwd: B", "5: e | "];
    assert_eq!(written(&by_subject(&messages(&lines))), "(1 (3)(4))(2)(5)");
    assert_eq!(written(&by_subject(&messages(&["2: x | s", "1: y | re: s"]))), "(1 2)");
    assert_eq!(by_subject(&[]), Forest::default());
}

fn chain(count: u32, order: impl Iterator<Item = u32>) -> Vec<Threadable<'static>> {
    let message = |number: u32| Threadable {
        number: number + 1,
        sent: Timestamp::from_millis(i64::from(number)),
        subject: "".into(),
        is_reply: false,
        message_id: Some(number.to_string().into()),
        references: number.checked_sub(1).map(|before| before.to_string().into()).into_iter().collect(),
    };
    order.take(usize::try_from(count).unwrap()).map(message).collect()
}

#[test]
fn a_hundred_thousand_messages_in_one_row_are_one_thread() {
    const COUNT: u32 = 100_000;
    // 39,119 has no divisor in common with the count: every number comes once, far from its neighbours.
    let scattered = (0..COUNT).map(|step| u32::try_from(u64::from(step) * 39_119 % u64::from(COUNT)).unwrap());
    for messages in [chain(COUNT, 0..COUNT), chain(COUNT, (0..COUNT).rev()), chain(COUNT, scattered)] {
        let forest = by_references(&messages);
        assert_eq!(forest.roots.len(), 1);
        let mut at = forest.roots[0];
        for number in 1..=COUNT {
            assert_eq!(forest.nodes[at].number, Some(number));
            at = forest.nodes[at].children.first().copied().unwrap_or_default();
        }
    }
}

#[test]
fn messages_that_cut_a_long_row_again_and_again_take_bounded_time() {
    // Each of the second half claims to stand above the whole row.
    let mut messages = chain(50_000, 0..50_000);
    for number in 50_000..100_000_u32 {
        let references = vec!["49999".into(), (number - 50_000).to_string().into()];
        messages.push(Threadable { number: number + 1, message_id: Some(format!("n{number}").into()), references, ..messages[0].clone() });
    }
    messages.iter_mut().filter(|message| message.references.len() == 1).for_each(|message| message.references.push("49999".into()));
    let forest = by_references(&messages);
    let told: usize = forest.nodes.iter().filter(|node| node.number.is_some()).count();
    assert_eq!(told, 100_000);
}

proptest::proptest! {
    #[test]
    fn every_message_is_told_once(
        picks in proptest::collection::vec((0_u8..8, proptest::collection::vec(0_u8..8, 0..4), 0_usize..4), 0..20)
    ) {
        let subjects = ["", "x", "Re: x", "y"];
        let lines: Vec<String> = picks.iter().enumerate().map(|(index, (id, references, subject))| {
            let references: Vec<String> = references.iter().map(u8::to_string).collect();
            format!("{}: {id} < {} | {}", index + 1, references.join(" "), subjects[*subject])
        }).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let messages = messages(&lines);
        for forest in [by_references(&messages), by_subject(&messages)] {
            let mut told: Vec<u32> = Vec::new();
            let mut due = forest.roots.clone();
            while let Some(next) = due.pop() {
                told.extend(forest.nodes[next].number);
                due.extend(&forest.nodes[next].children);
            }
            told.sort_unstable();
            proptest::prop_assert_eq!(told, (1..=u32::try_from(messages.len()).unwrap()).collect::<Vec<_>>());
        }
    }
}
