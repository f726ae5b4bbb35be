//! Of all that happened, what concerns one message.

/// Lines of one trace: enough for the longest life of a message, with everything that befell its servers.
pub(crate) const LINES_MAX: usize = 120;

/// The lines of the journal that name the message or its notices, and those on servers and disks.
pub(crate) fn of(journal: &[String], subject: Option<&str>, ids: &[String]) -> Vec<String> {
    let is_general =
        |line: &str| [": crashes", ": starts again", ": is ", "clock is set", " is answered "].iter().any(|word| line.contains(word));
    let quoted = subject.map(|subject| format!("\"{subject}\""));
    let concerns = |line: &str| {
        ids.iter().any(|id| line.contains(id.as_str())) || quoted.as_ref().is_some_and(|subject| line.contains(subject.as_str()))
    };
    let lines: Vec<String> = journal.iter().filter(|line| is_general(line) || concerns(line)).cloned().collect();
    let skipped = lines.len().saturating_sub(LINES_MAX);
    lines.into_iter().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_trace_has_what_names_the_message_and_what_befell_the_servers() {
        let journal = ["1 a.test: Kept x1", "2 b.test: crashes", "3 a.test: Kept x2"].map(str::to_owned);
        assert_eq!(super::of(&journal, None, &["x1".to_owned()]), ["1 a.test: Kept x1", "2 b.test: crashes"]);
    }
}
