//! Notes that a source keeps as text in elements instead of as a document: Composition and ClinicalImpression.
//!
//! It must not know records: it hands out plain text.

use crate::{bundle::Resource, json::Node, read};

/// The text of a note, headings on lines of their own; nothing when the resource is none or says nothing.
pub(crate) fn text(r: &Resource<'_>) -> Option<String> {
    let mut blocks: Vec<String> = Vec::new();
    match &*r.kind {
        "Composition" => sections(&r.node, &mut blocks),
        "ClinicalImpression" => {
            blocks.extend(["description", "summary"].map(|element| prose(r.node.str(element))));
            blocks.extend(r.node.list("finding").iter().map(|finding| {
                let basis = read::line_at(finding, "basis");
                read::join(": ", &[&read::words_at(finding, "itemCodeableConcept"), &basis])
            }));
            blocks.push(read::words_of_each(r.node.list("prognosisCodeableConcept")).to_string());
            blocks.extend(r.node.list("note").iter().map(|note| prose(note.str("text"))));
        }
        _ => return None,
    }
    blocks.retain(|block| !block.is_empty());
    (!blocks.is_empty()).then(|| blocks.join("\n\n"))
}

fn prose(text: Option<&str>) -> String {
    text.unwrap_or_default().trim().to_owned()
}

fn sections(node: &Node<'_>, blocks: &mut Vec<String>) {
    for section in node.list("section") {
        let heading = section.str("title").map(read::line).unwrap_or_else(|| read::words_at(section, "code"));
        let body = section.get("text").and_then(|text| text.str("div")).map(plain).unwrap_or_default();
        section.get("text").inspect(|text| text.skip("status"));
        // What a section points at has records of its own.
        section.skip("entry");
        blocks.push(read::join("\n", &[&heading, &body]));
        sections(section, blocks);
    }
}

/// XHTML as plain text: a line for each block, `- ` before the entries of a list, two spaces between cells. Some sources
/// do not escape: a `<` that begins no tag is text.
fn plain(xhtml: &str) -> String {
    let mut text = String::with_capacity(xhtml.len());
    let mut rest = xhtml;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(&unescaped(before));
        let Some((tag, after)) = tag(after) else {
            text.push('<');
            rest = after;
            continue;
        };
        let closes = tag.starts_with('/');
        let name = tag.trim_start_matches('/').split([' ', '\t', '\n', '/']).next().unwrap_or_default();
        match name {
            "li" if !closes => text.push_str("\n- "),
            "td" | "th" if !closes => text.push_str("  "),
            "div" | "p" | "br" | "tr" | "table" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                text.push('\n');
            }
            _ => {}
        }
        rest = after;
    }
    text.push_str(&unescaped(rest));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "-");
    lines.collect::<Vec<_>>().join("\n")
}

/// The inside of a tag, and what follows it. No tag holds another `<`: looking no further keeps time in proportion.
fn tag(after: &str) -> Option<(&str, &str)> {
    let begins = after.starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '!'));
    let end = after.find(['<', '>']).filter(|_| begins)?;
    let (tag, rest) = after.split_at_checked(end)?;
    Some((tag, rest.strip_prefix('>')?))
}

/// Text without XML's entities and character references; what is none stays as it is.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        plain.push_str(before);
        // The longest is "#x10FFFF": looking further would take the square of the length of hostile text.
        let end = reference.bytes().take(9).position(|byte| byte == b';');
        let named = end.and_then(|end| Some((character(reference.get(..end)?)?, reference.get(end + 1..)?)));
        let (found, after) = named.unwrap_or(('&', reference));
        plain.push(found);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn xhtml_is_lines_of_plain_text() {
        let cases = [
            ("<div xmlns='http://www.w3.org/1999/xhtml'>Lungs clear.</div>", "Lungs clear."),
            (
                "<div>1. BP &lt; 140/90\n2. T 36.7&#176;C &amp; SpO&#x2082;</div>",
                "1. BP < 140/90\n2. T 36.7°C & SpO₂",
            ),
            ("<div><p>One</p><p>Two<br/>Three</p></div>", "One\nTwo\nThree"),
            ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
            ("<table><tr><td>Na</td><td>140</td></tr><tr><td>K</td><td>4</td></tr></table>", "Na  140\nK  4"),
            ("a &unknown; b & c &#xD800; <unclosed", "a &unknown; b & c &#xD800; <unclosed"),
            (
                "<div>SpO2 < 90 % on air, <b>Na <130</b>, CRP <5 <p>x < y</p> BP <</div>",
                "SpO2 < 90 % on air, Na <130, CRP <5\nx < y\nBP <",
            ),
            ("if a <b then <i>stop</i>", "if a <b then stop"),
            ("&#x1F600; &#128512;", "\u{1F600} \u{1F600}"),
            ("&ä; &", "&ä; &"),
            ("", ""),
        ];
        for (xhtml, text) in cases {
            assert_eq!(plain(xhtml), text, "{xhtml}");
        }
    }
}
