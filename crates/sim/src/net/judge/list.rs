//! What a list sent lies with those who let it in, once and to the octet, and with nobody else; and its server was told so.

use std::collections::BTreeMap;

use super::Evidence;
use super::told::SLACK;
use crate::Mail;
use crate::net::life::Life;
use crate::net::list::{Copy, LIST_SENDER, Standing};
use crate::parcels::is_behind_traces;

pub(super) fn check(life: &Life, evidence: &mut Evidence) {
    let Some(list) = &life.list else { return };
    let is_issue = |mail: &Mail| mail.subject.strip_prefix('l').is_some_and(|number| number.parse::<usize>().is_ok());
    let (issues, others) = std::mem::take(&mut evidence.others).into_iter().partition(|(_, mail)| is_issue(mail));
    evidence.others = others;
    let mut lying: BTreeMap<(usize, String), Vec<Mail>> = BTreeMap::new();
    for (person, mail) in issues {
        lying.entry((person, mail.subject.clone())).or_default().push(mail);
    }
    let mut wrong = vec![];
    for copy in list.copies() {
        let mail = lying.remove(&(copy.person, format!("l{}", copy.issue))).unwrap_or_default();
        wrong.extend(wrong_with(life, &copy, &mail).into_iter().map(|what| {
            format!("issue {} of the list to {}: {what} ({:?}, lies there {} times)", copy.issue, copy.to, copy.standing, mail.len())
        }));
    }
    wrong.extend(lying.keys().map(|(person, subject)| format!("{subject} lies in mailbox {person}, and was never sent there")));
    evidence.note_all(wrong);
}

fn wrong_with(life: &Life, copy: &Copy, mail: &[Mail]) -> Vec<&'static str> {
    let (book, now) = (&life.book, life.sim.now());
    let Some(owner) = book.people.get(copy.person) else { return vec![] };
    let may_be_missing = book.was_restored(owner.server, copy.begun);
    let is_in = book.standing(copy.person, LIST_SENDER, life.calm_since, now).surely_in();
    let was_ever_in = book.standing(copy.person, LIST_SENDER, copy.begun, now).is_in;
    let is_over = now.since(copy.begun) + SLACK >= life.retention();
    let mut wrong = vec![];
    if mail.iter().any(|mail| !is_behind_traces(&mail.octets, &copy.content)) {
        wrong.push("it is not to the octet");
    }
    if mail.len() > 1 {
        wrong.push("it lies there more than once");
    }
    if !mail.is_empty() && !was_ever_in {
        wrong.push("it lies there, and the list was never let in");
    }
    if !mail.is_empty() && copy.standing != Standing::Confirmed && !may_be_missing {
        wrong.push("its server was not told that it lies there");
    }
    match copy.standing {
        Standing::Confirmed if mail.is_empty() && !may_be_missing => wrong.push("it was confirmed, and is not there"),
        Standing::Served if !may_be_missing && !is_over => wrong.push("it was served, and nobody said what became of it"),
        Standing::Waiting if is_in && !may_be_missing && !is_over => wrong.push("it waits, and the list is let in"),
        Standing::Notifying => wrong.push("nobody takes its notice"),
        Standing::Refused if !is_over => wrong.push("it was refused, and nothing was wrong with it"),
        _ => {}
    }
    wrong
}
