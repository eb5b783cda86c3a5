//! What a reference names, in every shape that FHIR gives it.
//!
//! `urn:uuid:…`, `urn:oid:…` and absolute URLs by `fullUrl`; `Type/id` with or without a version; `#id` in the
//! container; `Type?identifier=system|value` in the bundle and among the shared resources. A reference that fits two
//! resources names neither. An absolute URL never names a resource of the same id from another server.

use crate::{
    Shared,
    bundle::{Bundle, Resource},
    json::Node,
};
use std::collections::{BTreeMap, btree_map::Entry};

/// Names of resources and where they are.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By `fullUrl`, by `Type/id`, and by container and id.
    names: BTreeMap<String, usize>,
    /// By type, then by `system|value` and by the value alone.
    identifiers: BTreeMap<String, BTreeMap<String, Found>>,
}

/// What goes by an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    None,
    One(usize),
    Several,
}

impl Index {
    /// Enters a resource under all its names; the position of another that already has one of them, if there is one.
    pub(crate) fn add(&mut self, resource: &Resource<'_>) -> Option<usize> {
        let at = resource.position;
        if let Some(container) = resource.within {
            return self.name(format!("{container}#{}", resource.id), at);
        }
        let by_url = match resource.full_url.as_str() {
            "" => None,
            url => self.name(url.to_owned(), at),
        };
        for identifier in resource.node.list("identifier") {
            self.identify(&resource.kind, identifier, at);
        }
        if let Some(identifier) = resource.node.get("identifier").filter(|node| node.is_object()) {
            self.identify(&resource.kind, identifier, at);
        }
        by_url.or(self.name(resource.name(), at))
    }

    fn name(&mut self, name: String, at: usize) -> Option<usize> {
        match self.names.entry(name) {
            Entry::Vacant(free) => {
                free.insert(at);
                None
            }
            Entry::Occupied(taken) => Some(*taken.get()).filter(|other| *other != at),
        }
    }

    fn identify(&mut self, kind: &str, identifier: &Node<'_>, at: usize) {
        let Some(value) = identifier.peek_str("value") else { return };
        let system = identifier.peek_str("system").unwrap_or_default();
        let of_kind = self.identifiers.entry(kind.to_owned()).or_default();
        for key in [format!("{system}|{value}"), value.to_owned()] {
            let found = of_kind.entry(key).or_insert(Found::One(at));
            if *found != Found::One(at) {
                *found = Found::Several;
            }
        }
    }

    /// What has this `Type/id`.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// What goes by an Identifier.
    pub(crate) fn identified(&self, kind: &str, identifier: &Node<'_>) -> Found {
        let Some(value) = identifier.peek_str("value") else { return Found::None };
        match identifier.peek_str("system") {
            Some(system) => self.by_token(kind, &format!("{system}|{value}")),
            None => self.by_token(kind, value),
        }
    }

    fn by_token(&self, kind: &str, token: &str) -> Found {
        self.identifiers.get(kind).and_then(|of_kind| of_kind.get(token)).copied().unwrap_or(Found::None)
    }

    /// What `target` names from within `from`.
    pub(crate) fn find(&self, from: &Resource<'_>, target: &str) -> Found {
        let container = from.within.unwrap_or(from.position);
        let at = match target.strip_prefix('#') {
            Some("") => Some(container),
            Some(id) => self.named(&format!("{container}#{id}")),
            None => match target.split_once('?') {
                Some((kind, query)) => return self.conditional(kind, query),
                None => self.named(&normal(target)),
            },
        };
        at.map_or(Found::None, Found::One)
    }

    fn conditional(&self, kind: &str, query: &str) -> Found {
        let token = query.strip_prefix("identifier=").filter(|token| !token.contains('&')).and_then(decoded);
        token.map_or(Found::None, |token| self.by_token(kind, &token))
    }
}

/// The resource that `target` names from within `from`. What a shared resource refers to is shared as well.
pub(crate) fn find<'a>(
    bundle: &'a Bundle<'_>,
    shared: &'a Shared,
    from: &Resource<'_>,
    target: &str,
) -> Option<&'a Resource<'a>> {
    if !from.shared {
        match bundle.index.find(from, target) {
            Found::One(at) => return bundle.resources.get(at),
            Found::Several => return None,
            Found::None if !target.contains('?') => return None,
            Found::None => {}
        }
    }
    match shared.index.find(from, target) {
        Found::One(at) => shared.resources.get(at),
        Found::Several | Found::None => None,
    }
}

/// A URL as it is compared: without the version; URNs in lower case (RFC 8141, RFC 9562).
pub(crate) fn normal(url: &str) -> String {
    if url.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:")) {
        return url.to_ascii_lowercase();
    }
    url.split_once("/_history/").map_or(url, |(url, _)| url).to_owned()
}

/// The id that a `fullUrl` gives to a resource without one of its own.
pub(crate) fn id_of_url(url: &str) -> Option<&str> {
    let id = url.strip_prefix("urn:uuid:").or_else(|| url.strip_prefix("urn:oid:"));
    id.or_else(|| url.rsplit_once('/').map(|(_, id)| id)).filter(|id| is_id(id))
}

/// The base URL of an absolute http(s) URL that ends in `/kind/id`.
pub(crate) fn server_of<'u>(url: &'u str, kind: &str, id: &str) -> Option<&'u str> {
    let base = url.strip_suffix(id)?.strip_suffix('/')?.strip_suffix(kind)?.strip_suffix('/')?;
    let host = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"))?;
    (!host.is_empty()).then_some(base)
}

/// Whether this is a FHIR id: 1 to 64 letters, digits, `-` and `.`.
pub(crate) fn is_id(text: &str) -> bool {
    const LONGEST: usize = 64;
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// Percent-decoded text (RFC 3986); `None` when that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
                digit(rest.next()?)? * 16 + digit(rest.next()?)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_compared_without_version_and_urns_without_case() {
        assert_eq!(normal("Patient/1/_history/3"), "Patient/1");
        assert_eq!(normal("URN:UUID:AB"), "urn:uuid:ab");
        assert_eq!(normal("http://a.example/fhir/Patient/A"), "http://a.example/fhir/Patient/A");
    }

    #[test]
    fn queries_are_percent_decoded_once() {
        assert_eq!(decoded("http%3A%2F%2Fa%7C1%2525").as_deref(), Some("http://a|1%25"));
        assert_eq!(decoded("a%7"), None);
        assert_eq!(decoded("a%zz"), None);
        assert_eq!(decoded("%ff"), None);
    }

    #[test]
    fn a_full_url_gives_an_id_only_when_it_is_one() {
        assert_eq!(id_of_url("urn:uuid:5b0f"), Some("5b0f"));
        assert_eq!(id_of_url("urn:oid:1.2.3"), Some("1.2.3"));
        assert_eq!(id_of_url("http://a.example/Patient/p1"), Some("p1"));
        assert_eq!(id_of_url("http://a.example/Patient?identifier=x"), None);
        assert_eq!(id_of_url(""), None);
    }

    #[test]
    fn an_absolute_url_names_its_server() {
        let server = |url| server_of(url, "Patient", "p1");
        assert_eq!(server("https://a.example/fhir/Patient/p1"), Some("https://a.example/fhir"));
        assert_eq!(server("http://a.example:8080/Patient/p1"), Some("http://a.example:8080"));
        for none in [
            "",
            "urn:uuid:p1",
            "Patient/p1",
            "https:///Patient/p1",
            "ftp://a.example/Patient/p1",
            "https://a.example/Patient/p2",
            "https://a.example/Group/p1",
            "https://a.example/Patient?identifier=p1",
        ] {
            assert_eq!(server(none), None, "{none}");
        }
    }
}
