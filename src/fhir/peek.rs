//! What kind of bundle a file holds, told without reading it all.

use crate::{MAX_BYTES, MAX_DEPTH};
use json_event_parser::{JsonEvent, SliceJsonParser};

/// Whether a bundle holds a patient, and so is one for [`crate::read`]; else it is one for [`crate::Shared::add`].
/// Stops at the first patient; what is wrong with a file is for those two to say, so anything unreadable is `true`
/// here, and [`crate::read`] refuses it.
pub fn holds_patients(json: &[u8]) -> bool {
    if json.len() > MAX_BYTES {
        return true;
    }
    // the names on the way down: `entry`, nothing for the list, `resource`, `resourceType`
    let mut path: Vec<String> = Vec::new();
    let mut parser = SliceJsonParser::new(json);
    while let Ok(event) = parser.parse_next() {
        match event {
            JsonEvent::StartObject | JsonEvent::StartArray if path.len() == MAX_DEPTH => return true,
            JsonEvent::StartObject | JsonEvent::StartArray => path.push(String::new()),
            JsonEvent::EndObject | JsonEvent::EndArray => drop(path.pop()),
            JsonEvent::ObjectKey(name) => {
                if let Some(last) = path.last_mut() {
                    name.as_ref().clone_into(last);
                }
            }
            JsonEvent::String(kind)
                if kind == "Patient" && path == ["entry", "", "resource", "resourceType"] =>
            {
                return true;
            }
            JsonEvent::Eof => return false,
            _ => {}
        }
    }
    true
}
