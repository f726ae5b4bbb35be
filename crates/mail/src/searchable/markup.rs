//! What HTML says, without its markup: for searching, not for showing.

use mail_parser::decoders::html::add_html_token;

/// Elements whose content nobody sees.
const UNSEEN: [&str; 4] = ["script", "style", "title", "template"];

/// Elements within a line: a word goes on behind them.
const INLINE: [&str; 16] = ["a", "abbr", "b", "big", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u"];

/// Octets of the longest name of a character.
const ENTITY_OCTETS_MAX: usize = 33;

/// The text of a document.
pub(super) fn text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, found) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        rest = if found.starts_with('&') { entity(found, &mut out) } else { tag(found, &mut out) };
    }
    out.push_str(rest);
    out
}

/// Writes the character that an entity stands for, or the `&` that begins none. Returns what follows.
fn entity<'a>(found: &'a str, out: &mut String) -> &'a str {
    let length = found.bytes().take(ENTITY_OCTETS_MAX).position(|octet| octet == b';');
    let named = length.and_then(|end| found.split_at_checked(end + 1));
    let valid = named.filter(|(name, _)| name.bytes().skip(1).all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'#' | b';')));
    if let Some((name, behind)) = valid {
        add_html_token(out, name.as_bytes(), false);
        return behind;
    }
    out.push('&');
    found.strip_prefix('&').unwrap_or_default()
}

/// Passes over a tag, with what nobody sees behind it. Returns what follows.
fn tag<'a>(found: &'a str, out: &mut String) -> &'a str {
    let inside = found.strip_prefix('<').unwrap_or_default();
    if let Some(comment) = inside.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, behind)| behind);
    }
    let (is_end, named) = inside.strip_prefix('/').map_or((false, inside), |named| (true, named));
    let length = named.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(named.len());
    let name = named.get(..length).unwrap_or_default();
    if name.is_empty() && !inside.starts_with(['!', '?']) {
        // `a < b`
        out.push('<');
        return inside;
    }
    let behind = past_attributes(named.get(length..).unwrap_or_default());
    if !INLINE.iter().any(|inline| inline.eq_ignore_ascii_case(name)) {
        out.push('\n');
    }
    match UNSEEN.iter().find(|unseen| unseen.eq_ignore_ascii_case(name)) {
        Some(unseen) if !is_end => past_element(behind, unseen),
        Some(_) | None => behind,
    }
}

fn past_attributes(text: &str) -> &str {
    let mut quote = None;
    for (at, octet) in text.bytes().enumerate() {
        match (octet, quote) {
            (b'>', None) => return text.get(at + 1..).unwrap_or_default(),
            (b'"' | b'\'', None) => quote = Some(octet),
            (octet, Some(open)) if octet == open => quote = None,
            _ => {}
        }
    }
    // A quote that never ends: the tag ends where it first could.
    text.split_once('>').map_or("", |(_, behind)| behind)
}

/// Behind the end tag of an element; one that never ends goes on to the end.
fn past_element<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some((_, candidate)) = rest.split_once("</") {
        if candidate.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return candidate.split_once('>').map_or("", |(_, behind)| behind);
        }
        rest = candidate;
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_passed_over_and_what_it_says_stays() {
        for (html, expected) in [
            ("a<b>b</b>c", "abc"),
            ("<p>a</p><p>b</p>", "a b"),
            ("a<br/>b", "a b"),
            ("a &amp; b &lt;c&gt; &#228;&#xe4;&auml;", "a & b <c> \u{e4}\u{e4}\u{e4}"),
            ("fish & chips &c", "fish & chips &c"),
            ("&nosuch; x", "&nosuch; x"),
            ("1 < 2 > 1", "1 < 2 > 1"),
            ("<head><title>t</title></head>x", "x"),
            ("<STYLE>p{}</style >x<script>if (a</b) y()</script>z", "x z"),
            ("x<style>never ends", "x"),
            ("<!-- a > b -->x<!-- no end", "x"),
            ("<a href=\"x>y\">z</a>", "z"),
            ("<a href=\"x>y z", "y z"),
            ("<!DOCTYPE html><html>x", "x"),
            ("x<", "x<"),
            ("\u{4f1a}<i>\u{8bae}</i>", "\u{4f1a}\u{8bae}"),
        ] {
            assert_eq!(text(html).split_whitespace().collect::<Vec<_>>().join(" "), expected, "{html}");
        }
    }

    #[test]
    fn a_million_half_tags_are_read_at_once() {
        for unit in ["<", "&", "<a ", "<a \"", "<!--", "</", "<style>", "&#", "<x'"] {
            let _read = text(&unit.repeat(1_000_000 / unit.len()));
        }
    }
}
