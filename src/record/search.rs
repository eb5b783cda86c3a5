//! Search terms: text folded so that what a nurse types meets what a registrar wrote.
//!
//! It must not know that terms become keyed tokens, nor where those are kept.

use crate::{
    Identity, When,
    when::{Precision, read_date},
};
use std::collections::BTreeSet;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Words are found by prefixes up to this many characters; what is typed beyond them does not narrow the search.
const PREFIX_MAX: usize = 12;

/// The terms by which an identity is found.
pub(crate) fn identity_terms(identity: &Identity) -> Vec<String> {
    let mut terms = BTreeSet::new();
    for spelling in [Spelling::Plain, Spelling::Umlauts] {
        let family = words(&identity.family, spelling);
        let given = words(&identity.given, spelling);
        // Names in Han and Kana are written together, without a space.
        let together =
            (family.last().zip(given.first())).filter(|(f, _)| is_dense(f)).map(|(f, g)| format!("{f}{g}"));
        let others = identity.other_names.iter().flat_map(|name| words(name, spelling));
        for word in family.into_iter().chain(given).chain(together).chain(others) {
            terms.extend(prefixes(&word).map(|prefix| format!("name:{prefix}")));
        }
    }
    terms.extend(identity.mrns.iter().map(|mrn| format!("mrn:{}", fold_number(&mrn.value))));
    // What is typed with a digit in it is looked for as a number, also where it is somebody's name.
    let names = [&identity.family, &identity.given].into_iter().chain(&identity.other_names);
    let numbered = names.flat_map(|name| name.split_whitespace()).filter(|part| has_digit(part));
    terms.extend(numbered.map(|part| format!("mrn:{}", fold_number(part))));
    let born = identity.birth_date.as_ref().filter(|date| date.precision() == Precision::Day);
    terms.extend(born.map(|date| format!("born:{date}")));
    terms.into_iter().collect()
}

/// The terms that a patient must all have to be meant by this text, sorted, each once. Empty for empty text.
///
/// Words are names or beginnings of names in any order; `1980-02-03` and `03.02.1980` are a birth date; anything
/// else with a digit in it is a number (MRN), to be typed whole.
pub fn query_terms(text: &str) -> Vec<String> {
    let mut terms = BTreeSet::new();
    for part in text.split_whitespace() {
        if let Some(date) = read_date(part) {
            terms.insert(format!("born:{}", When::day(date)));
        } else if has_digit(part) {
            terms.insert(format!("mrn:{}", fold_number(part)));
        } else {
            let words = words(part, Spelling::Plain);
            terms.extend(words.iter().map(|word| format!("name:{}", beginning(word, PREFIX_MAX))));
        }
    }
    terms.into_iter().collect()
}

/// Whether a part of what is typed is taken for a number.
fn has_digit(part: &str) -> bool {
    part.nfkc().any(|c| c.is_ascii_digit())
}

/// A name has a second spelling where umlauts are written out: Müller, Mueller.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Plain,
    Umlauts,
}

/// The folded words of a name. Apostrophes join (O'Brien is one word), everything else that is no letter divides.
fn words(name: &str, spelling: Spelling) -> Vec<String> {
    let joined: String =
        name.chars().filter(|c| !matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '\u{2018}' | '`')).collect();
    let folded = fold(&joined, spelling);
    let is_letter = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    folded.split(|c| !is_letter(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// NFKD without accents, lower case, letters that have no decomposition spelled out; composed again at the end so
/// that a prefix never cuts a Korean syllable or a Japanese voiced sign apart.
fn fold(text: &str, spelling: Spelling) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfc().flat_map(char::to_lowercase).nfc() {
        match (spelling, written_out(c)) {
            (Spelling::Umlauts, Some(pair)) => folded.push_str(pair),
            _ => folded
                .extend(std::iter::once(c).nfkd().filter(|&c| !is_accent(c)).flat_map(char::to_lowercase)),
        }
    }
    let mut plain = String::with_capacity(folded.len());
    for c in folded.chars() {
        match undecomposed(c) {
            Some(letters) => plain.push_str(letters),
            None => plain.push(c),
        }
    }
    plain.nfc().collect()
}

/// The letters that German, Danish, Norwegian and Swedish write out when an umlaut is not to be had.
fn written_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ä' => "ae",
        'ö' | 'ø' => "oe",
        'ü' => "ue",
        'å' => "aa",
        _ => return None,
    })
}

/// Letters that Unicode does not decompose, and final sigma.
fn undecomposed(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ı' => "i",
        'ħ' => "h",
        'ŋ' => "n",
        'ŧ' => "t",
        'ə' => "e",
        'ς' => "σ",
        // Arabic and Persian keyboards have different letters for these.
        'ى' | 'ی' => "ي",
        'ک' => "ك",
        'ة' => "ه",
        // Arabic tatweel stretches a word and means nothing.
        '\u{640}' => "",
        _ => return None,
    })
}

/// Accents of Latin, Greek and Cyrillic, Hebrew points and Arabic vowel signs: marks that people leave out.
/// The vowel signs of Indic and other scripts are letters to their readers and stay.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}' | '\u{5c4}'..='\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// A number as it is compared: compatibility forms resolved, no spaces, lower case.
fn fold_number(number: &str) -> String {
    number.nfkc().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).nfc().collect()
}

/// Whether one character already says much: Han, Kana, Hangul.
fn is_dense(word: &str) -> bool {
    word.chars().next().is_some_and(|c| {
        matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{20000}'..='\u{3ffff}')
    })
}

/// Beginnings of two characters and more, of one where the script is dense or the word is no longer.
fn prefixes(word: &str) -> impl Iterator<Item = &str> {
    let length = word.chars().count().min(PREFIX_MAX);
    let shortest = if is_dense(word) { 1 } else { length.min(2) };
    (shortest..=length).map(move |n| beginning(word, n))
}

/// The first `n` characters.
fn beginning(word: &str, n: usize) -> &str {
    word.char_indices().nth(n).and_then(|(at, _)| word.get(..at)).unwrap_or(word)
}
