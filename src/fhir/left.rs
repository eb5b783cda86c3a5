//! What nobody took over: elements that no mapper read, and whole resources.
//!
//! It must not know what an element means.

use crate::{
    Left,
    bundle::{Bundle, Resource, SUBJECTS},
    context::Notes,
    json::{Node, Shape, element_name},
    mapping,
};
use std::collections::{BTreeMap, BTreeSet};

/// How many names of a path are kept, the type included: enough to find the element, few enough to read the list.
const NAMES: usize = 4;

/// Everything that was not taken over, sorted by path.
pub(crate) fn count(bundle: &Bundle<'_>, taken: &BTreeSet<&str>, notes: Notes) -> Vec<Left> {
    let mut counts = notes.counts;
    for element in ["resourceType", "id", "meta", "type", "total", "timestamp", "entry"] {
        bundle.frame.skip(element);
    }
    walk(&bundle.frame, "Bundle".to_owned(), 1, &mut counts);
    for resource in &bundle.resources {
        if notes.settled.contains(&resource.place) {
            continue;
        }
        let mapped = mapping::is_mapped(&resource.kind) && resource.within.is_none();
        if taken.contains(resource.name().as_str()) || (!mapped && any_read(&resource.node)) {
            walk_resource(resource, &mut counts);
        } else if mapped && resource.patient.is_none() {
            add(&mut counts, format!("{}: names no patient", resource.kind));
        } else {
            add(&mut counts, resource.kind.clone());
        }
    }
    counts.into_iter().map(|(path, count)| Left { path, count }).collect()
}

fn add(counts: &mut BTreeMap<String, u64>, path: String) {
    *counts.entry(path).or_default() += 1;
}

fn walk_resource(resource: &Resource<'_>, counts: &mut BTreeMap<String, u64>) {
    let node = &resource.node;
    for element in ["resourceType", "id", "meta", "contained"] {
        node.skip(element);
    }
    // whom it is about was taken over: it says whose record it is
    for subject in
        SUBJECTS.iter().filter_map(|element| node.get(element)).filter(|_| resource.patient.is_some())
    {
        for element in ["reference", "type", "display"] {
            subject.skip(element);
        }
    }
    // a narrative repeats the elements, unless it says that it holds more
    if node.get("text").and_then(|text| text.peek_str("status")) != Some("additional") {
        node.skip("text");
    }
    walk(node, resource.kind.clone(), 1, counts);
}

/// Counts the leaves that were not read.
fn walk(node: &Node<'_>, path: String, names: usize, counts: &mut BTreeMap<String, u64>) {
    if node.is_read() {
        return;
    }
    match node.shape() {
        Shape::Null => {}
        Shape::Leaf => add(counts, path),
        Shape::List(entries) => {
            for entry in entries {
                walk(entry, path.clone(), names, counts);
            }
        }
        Shape::Object(members) => {
            for member in members {
                let path = match names {
                    NAMES => path.clone(),
                    _ => format!("{path}.{}", element_name(&member.name)),
                };
                walk(&member.node, path, (names + 1).min(NAMES), counts);
            }
        }
    }
}

/// Whether a mapper read anything of it.
fn any_read(node: &Node<'_>) -> bool {
    node.is_read()
        || match node.shape() {
            Shape::Null | Shape::Leaf => false,
            Shape::List(entries) => entries.iter().any(any_read),
            Shape::Object(members) => members.iter().any(|member| any_read(&member.node)),
        }
}
