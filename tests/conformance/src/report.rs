//! Says how the run went: a line for each case, evidence for each failure, or the dialogues as a document.

use std::fmt::Write as _;

use crate::case::{Case, Need, Outcome, Stance, Verdict};

/// One case as a line, and what it takes to understand a failure.
pub(crate) fn line(outcome: &Outcome, with_trace: bool) -> String {
    let case = outcome.case;
    let (word, why) = match &outcome.verdict {
        Verdict::Passed => ("ok", None),
        Verdict::Failed(why) => ("FAILED", Some(why)),
        Verdict::Skipped(why) => ("skipped", Some(why)),
    };
    let mut text = format!("{word:<8} {:<34} {:<16} {}{}", case.id, case.section, case.title, stance(case));
    if let Some(why) = why {
        // Writing to a String cannot fail, here and below.
        write!(text, "\n         {why}").unwrap_or_default();
    }
    if with_trace || matches!(outcome.verdict, Verdict::Failed(_)) {
        for said in outcome.trace.text().lines() {
            write!(text, "\n           {said}").unwrap_or_default();
        }
        write!(text, "\n           -- after {:.1} s", outcome.took.as_secs_f32()).unwrap_or_default();
    }
    text
}

/// One case of the list, without running it.
pub(crate) fn listed(case: &Case) -> String {
    let needs: Vec<&str> = case.needs.iter().copied().filter_map(need).collect();
    let needs = if needs.is_empty() { String::new() } else { format!(" [{}]", needs.join(", ")) };
    format!("{:<34} {:<16} {}{}{needs}", case.id, case.section, case.title, stance(case))
}

/// One case as a part of a document.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let case = outcome.case;
    let went = match &outcome.verdict {
        Verdict::Passed => "ok".to_owned(),
        Verdict::Failed(why) => format!("failed: {why}"),
        Verdict::Skipped(why) => format!("skipped: {why}"),
    };
    let peer = if case.stance == Stance::Hostile { " · hostile peer" } else { "" };
    format!("## {}\n\n{}. *Section {}{peer} · {went}*\n\n```\n{}```\n", case.id, case.title, case.section, outcome.trace.text())
}

/// `N passed, M failed, K skipped`, and what the run covered.
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| outcomes.iter().filter(|outcome| wanted(&outcome.verdict)).count();
    let hostile = |outcome: &&Outcome| outcome.case.stance == Stance::Hostile && outcome.verdict == Verdict::Passed;
    format!(
        "{} passed, {} failed, {} skipped ({} of those that passed with a hostile peer)",
        count(|verdict| *verdict == Verdict::Passed),
        count(|verdict| matches!(verdict, Verdict::Failed(_))),
        count(|verdict| matches!(verdict, Verdict::Skipped(_))),
        outcomes.iter().filter(hostile).count(),
    )
}

fn stance(case: &Case) -> &'static str {
    if case.stance == Stance::Hostile { " (hostile)" } else { "" }
}

fn need(need: Need) -> Option<&'static str> {
    match need {
        Need::Command => Some("command"),
        Need::Records => Some("records"),
        Need::RetrieveAgain => Some("retrieve-again"),
        Need::NoticeAgain => Some("notice-again"),
        Need::Everything => None,
    }
}
