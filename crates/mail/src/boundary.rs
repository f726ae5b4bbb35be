//! The lines that delimit the parts of multiparts (RFC 2046 section 5.1.1).

/// What a delimiter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiter {
    /// Of which multipart, counted from the outermost.
    pub(crate) level: usize,
    /// It is the last of them.
    pub(crate) is_last: bool,
}

/// Reads a line as a delimiter of one of the multiparts around it, whose boundaries are given from the outermost on. Those outside
/// count too, for one whose end is missing.
///
/// "It is sufficient that the boundary appear in its entirety following the CRLF": what stands behind it means nothing. Where a line
/// is exactly a boundary of one and begins like that of another, it is the one's; else the longest boundary counts, then the innermost.
pub(crate) fn delimiter<'a>(line: &[u8], boundaries: impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator) -> Option<Delimiter> {
    let rest = line.strip_prefix(b"--")?;
    let mut best = None;
    let mut best_length = 0;
    for (level, boundary) in boundaries.enumerate().rev() {
        let Some(tail) = rest.strip_prefix(boundary) else { continue };
        let (tail, is_last) = tail.strip_prefix(b"--").map_or((tail, false), |tail| (tail, true));
        if tail.iter().all(u8::is_ascii_whitespace) {
            return Some(Delimiter { level, is_last });
        }
        if best.is_none() || boundary.len() > best_length {
            (best, best_length) = (Some(Delimiter { level, is_last }), boundary.len());
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, boundaries: &[&str]) -> Option<(usize, bool)> {
        delimiter(line.as_bytes(), boundaries.iter().map(|boundary| boundary.as_bytes()))
            .map(|delimiter| (delimiter.level, delimiter.is_last))
    }

    #[test]
    fn what_stands_behind_a_boundary_means_nothing() {
        for (line, expected) in [
            ("--q\r\n", Some((0, false))),
            ("--q \t\n", Some((0, false))),
            ("--q trailing\r\n", Some((0, false))),
            ("--qtrailing\r\n", Some((0, false))),
            ("--q-\r\n", Some((0, false))),
            ("--q--", Some((0, true))),
            ("--q--trailing\r\n", Some((0, true))),
            ("--q -- \r\n", Some((0, false))),
            ("--Q\r\n", None),
            ("-q\r\n", None),
            (" --q\r\n", None),
            ("--\r\n", None),
        ] {
            assert_eq!(read(line, &["q"]), expected, "{line:?}");
        }
        assert_eq!(read("--q\r\n", &[]), None);
    }

    #[test]
    fn the_longest_boundary_counts_then_the_innermost() {
        for nested in [["a", "ab"], ["ab", "a"]] {
            let level = |boundary| nested.iter().position(|known| *known == boundary).unwrap();
            for (line, boundary, is_last) in [
                ("--a\r\n", "a", false),
                ("--ab\r\n", "ab", false),
                ("--ab--\r\n", "ab", true),
                ("--a--b\r\n", "a", true),
                ("--abc\r\n", "ab", false),
                ("--ab--c\r\n", "ab", true),
                ("--ac\r\n", "a", false),
            ] {
                assert_eq!(read(line, &nested), Some((level(boundary), is_last)), "{line:?} in {nested:?}");
            }
        }
        assert_eq!(read("--a x\r\n", &["a", "a"]), Some((1, false)));
        assert_eq!(read("--a--\r\n", &["a--", "a"]), Some((1, true)));
    }
}
