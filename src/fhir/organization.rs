//! Where something was made: the organization that the source itself names.
//!
//! It must not know branches, and it never guesses: a visit that names no organization has none.

use crate::{
    Organization,
    bundle::{Context, Resource},
    json::Node,
    read,
};

/// Where something was made: the service provider of a visit; for everything else that of its visit, else the
/// organization that it names itself.
pub(crate) fn at(cx: &Context<'_>, r: &Resource<'_>) -> Option<Organization> {
    if r.kind == "Encounter" {
        return named(cx, r, r.node.get("serviceProvider")?);
    }
    let visit = visit_of(cx, r).and_then(|visit| at(cx, visit));
    visit.or_else(|| own(cx, r))
}

/// The visit that something belongs to.
pub(crate) fn visit_of<'a>(cx: &Context<'a>, r: &Resource<'_>) -> Option<&'a Resource<'a>> {
    let context = r.node.get("context");
    let references = [r.node.get("encounter"), context]
        .into_iter()
        .flatten()
        .chain(context.map(|context| context.list("encounter")).unwrap_or_default())
        .chain(r.node.list("encounter"));
    references.filter_map(|reference| cx.resolve(r, reference)).find(|found| found.kind == "Encounter")
}

/// The organization that a reference names, found or not: an organization that is missing from the file still says
/// where something was made.
pub(crate) fn named(cx: &Context<'_>, from: &Resource<'_>, reference: &Node<'_>) -> Option<Organization> {
    match cx.resolve(from, reference) {
        Some(found) => (found.kind == "Organization").then(|| of(found)),
        None => missing(reference),
    }
}

/// A resource of that type as where something was made.
pub(crate) fn of(found: &Resource<'_>) -> Organization {
    let identifier = found.node.list("identifier").iter().find_map(key_of);
    let name = read::line_at(&found.node, "name");
    let alias = || found.node.list("alias").first().and_then(Node::text).unwrap_or(&found.id);
    Organization {
        key: identifier.map_or_else(|| found.name(), |(key, _)| key),
        id: found.id.clone(),
        name: if name.is_empty() { read::line(alias()).to_string() } else { name.to_string() },
    }
}

/// An organization that is named but neither in the bundle nor among the shared resources.
fn missing(reference: &Node<'_>) -> Option<Organization> {
    let target = reference.peek_str("reference").unwrap_or_default();
    let shown = read::line_at(reference, "display");
    let (key, id) = match (target.split_once("?identifier="), target.rsplit(['/', ':']).next()) {
        (Some(("Organization", identifier)), _) => {
            (identifier.to_owned(), identifier.rsplit('|').next().unwrap_or_default().to_owned())
        }
        (None, Some(id)) if target.starts_with("Organization/") || target.contains(':') => {
            (target.to_owned(), id.to_owned())
        }
        _ => match reference.get("identifier").and_then(key_of) {
            Some(key_and_id) => key_and_id,
            None if shown.is_empty() => return None,
            None => (shown.to_string(), String::new()),
        },
    };
    let name = if shown.is_empty() { id.clone() } else { shown.to_string() };
    Some(Organization { key, id, name })
}

/// `system|value` and the value of an identifier.
fn key_of(identifier: &Node<'_>) -> Option<(String, String)> {
    let value = identifier.str("value").filter(|value| !value.trim().is_empty())?;
    Some((format!("{}|{value}", identifier.str("system").unwrap_or_default()), value.to_owned()))
}

/// The organization that something without a visit names itself: who keeps or provides it, or who performed it where
/// that is an organization.
fn own(cx: &Context<'_>, r: &Resource<'_>) -> Option<Organization> {
    let named_outright = ["custodian", "provider"].into_iter().filter_map(|member| r.node.get(member));
    let performers = r.node.list("performer").iter().map(|entry| entry.get("actor").unwrap_or(entry));
    named_outright
        .chain(performers)
        .filter_map(|reference| cx.resolve(r, reference))
        .find(|found| found.kind == "Organization")
        .map(of)
}
