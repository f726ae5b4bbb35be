//! Numbers and tables as people read them.

use crate::chance::float;

/// Thousandths as per cent: `12.3 %`.
pub(super) fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// A quotient, to two digits behind the point: `1.25`.
pub(super) fn per(part: u64, of: u64) -> String {
    format!("{:.2}", ratio(part, of))
}

/// A quotient, for plots; 0 of nothing.
pub(super) fn ratio(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { float(part) / float(of) }
}

/// Octets in a unit that leaves three digits or so: `12.3 GB`.
pub(super) fn octets(octets: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut number, mut unit) = (float(octets), 0);
    while number >= 1000.0 && unit + 1 < units.len() {
        number /= 1000.0;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or_default();
    if number >= 100.0 || unit == "B" { format!("{number:.0} {unit}") } else { format!("{number:.1} {unit}") }
}

/// A count with spaces between thousands.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A table of Markdown.
pub(super) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        text.extend(["| ", &row.join(" | "), " |\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(percent(123), "12.3 %");
        assert_eq!(per(5, 4), "1.25");
        assert_eq!([octets(999), octets(1_500), octets(123_456_789)], ["999 B", "1.5 kB", "123 MB"]);
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(table(&["a", "b"], [vec!["1".to_owned(), "2".to_owned()]]), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
