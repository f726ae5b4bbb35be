//! The base subject: what a subject is without `Re:`, `[list]`, `(fwd)` and the like (RFC 5256 section 2.1).

use crate::fold::fold;

/// Octets of a subject that are looked at; nobody reads a longer one, and each prefix is a step.
const OCTETS_MAX: usize = 2000;

/// What a subject is about, and whether it answers one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseSubject {
    /// Folded, so that equal ones are equal texts.
    pub text: String,
    /// It was a reply or a forward.
    pub is_reply: bool,
}

impl BaseSubject {
    /// Of a subject that is decoded already.
    pub fn of(subject: &str) -> Self {
        // Step 1: white space of any kind and length is one space.
        let mut folded = fold(subject);
        folded.truncate(folded.floor_char_boundary(OCTETS_MAX));
        let (text, is_reply) = base(&folded);
        Self { text: text.to_owned(), is_reply }
    }
}

/// ```abnf
/// subject      = *subj-leader [subj-middle] *subj-trailer
/// subj-refwd   = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
/// subj-blob    = "[" *BLOBCHAR "]" *WSP            ; BLOBCHAR: neither "[" nor "]"
/// subj-fwd     = subj-fwd-hdr subject subj-fwd-trl
/// subj-fwd-hdr = "[fwd:"        subj-fwd-trl = "]"
/// subj-leader  = (*subj-blob subj-refwd) / WSP
/// subj-trailer = "(fwd)" / WSP
/// ```
fn base(subject: &str) -> (&str, bool) {
    let mut rest = subject;
    let mut is_reply = false;
    loop {
        // Step 2.
        loop {
            rest = rest.trim_end_matches(' ');
            let Some(before) = rest.strip_suffix("(fwd)") else { break };
            (rest, is_reply) = (before, true);
        }
        // Steps 3 to 5.
        loop {
            rest = rest.trim_start_matches(' ');
            if let Some(behind) = leader(rest) {
                (rest, is_reply) = (behind, true);
            } else if let Some(behind) = blob(rest).filter(|behind| !behind.is_empty()) {
                rest = behind;
            } else {
                break;
            }
        }
        // Step 6.
        let Some(inside) = rest.strip_prefix("[fwd:").and_then(|inside| inside.strip_suffix(']')) else { return (rest, is_reply) };
        (rest, is_reply) = (inside, true);
    }
}

/// What stands behind `*subj-blob subj-refwd`.
fn leader(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(behind) = blob(rest) {
        rest = behind;
    }
    let behind = rest.strip_prefix("re").or_else(|| rest.strip_prefix("fwd")).or_else(|| rest.strip_prefix("fw"))?;
    let behind = behind.trim_start_matches(' ');
    blob(behind).unwrap_or(behind).strip_prefix(':')
}

/// What stands behind a `subj-blob`.
fn blob(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let (_, behind) = inside.split_at_checked(inside.find(['[', ']'])?)?;
    behind.strip_prefix(']').map(|behind| behind.trim_start_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_suffixes_are_no_part_of_what_it_is_about() {
        for (subject, text, is_reply) in [
            ("", "", false),
            ("Hello", "hello", false),
            ("Re: Hello", "hello", true),
            ("RE:Hello", "hello", true),
            ("re [5]: Hello", "hello", true),
            ("Re[2]: Hello", "hello", true),
            ("Re: Re: Fwd: FW: Hello", "hello", true),
            ("[list] Hello", "hello", false),
            ("[list] Re: [list] Hello", "hello", true),
            ("[a] [b] [c] re: Hello", "hello", true),
            ("[list]", "[list]", false),
            ("Re: [list]", "[list]", true),
            ("[a][b]", "[b]", false),
            ("Hello (fwd)", "hello", true),
            ("Hello (fwd) (FWD)", "hello", true),
            ("[Fwd: Hello]", "hello", true),
            ("[Fwd: [Fwd: Re: Hello (fwd)]]", "hello", true),
            ("Re: [fwd: Hello]", "hello", true),
            ("Fwd Hello", "fwd hello", false),
            ("Rex: Hello", "rex: hello", false),
            ("Re:", "", true),
            ("(fwd)", "", true),
            ("  Hello \t World ", "hello world", false),
            ("[unfinished Re: Hello", "[unfinished re: hello", false),
            ("[a[b]] Hello", "[a[b]] hello", false),
            ("AW: Hallo", "aw: hallo", false),
            ("Re: \u{c4}pfel", &fold("\u{e4}PFEL"), true),
        ] {
            assert_eq!(BaseSubject::of(subject), BaseSubject { text: text.to_owned(), is_reply }, "{subject}");
        }
    }

    #[test]
    fn the_longest_row_of_prefixes_ends() {
        for unit in ["Re: ", "[a]", "[fwd:", "(fwd)", "[", "]", "re [x]:", "re[", "\u{e4}"] {
            let BaseSubject { text, .. } = BaseSubject::of(&unit.repeat(100_000));
            assert!(text.len() <= OCTETS_MAX, "{unit}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_base_subject_is_its_own(subject in "(re|fw|fwd|:|\\[|\\]|\\(fwd\\)|x| ){0,12}") {
            let base = BaseSubject::of(&subject);
            proptest::prop_assert_eq!(&BaseSubject::of(&base.text).text, &base.text);
            proptest::prop_assert_eq!(BaseSubject::of(&format!("Re: {subject}")).text, base.text);
        }
    }
}
