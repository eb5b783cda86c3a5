//! Immunization → a vaccine dose that was given, or why it was not.

use crate::{
    Refusal, Taken,
    bundle::{Context, Resource},
    dosage,
    draft::Draft,
    family_history::file_undated,
    read, value,
};
use wardline_record::{Body, Immunization, Text};

/// A vaccine dose.
///
/// # Errors
/// When a date is none.
pub(crate) fn map(cx: &Context<'_>, r: &Resource<'_>) -> Result<Option<Taken>, Refusal> {
    let node = &r.node;
    let mut draft = Draft::new(cx, r, node.get("encounter"));
    draft.occurred = read::when_at(node, "occurrenceDateTime")?;
    draft.recorded = read::when_at(node, "recorded")?;
    draft.remark("Given", &read::line_at(node, "occurrenceString"));
    for performer in node.list("performer") {
        let function = read::words_at(performer, "function");
        let label = if function.is_empty() { "Given by" } else { function.as_str() };
        if let Some(actor) = performer.get("actor") {
            draft.done_by(r, label, actor);
        }
    }
    // `true` says that the record comes from whoever gave the dose, as records do.
    if node.boolean("primarySource") == Some(false) {
        let origin = read::words_at(node, "reportOrigin");
        draft.remark("Reported by", if origin.is_empty() { "another source" } else { &origin });
    }
    if node.boolean("isSubpotent") == Some(true) {
        let reason = read::words_of_each(node.list("subpotentReason"));
        draft.remark("Subpotent dose", if reason.is_empty() { "it may not count" } else { &reason });
    }
    for reaction in node.list("reaction") {
        let when = read::when_at(reaction, "date")?.map(|date| date.to_string()).unwrap_or_default();
        let what = reaction.get("detail").map(|detail| read::name_at(cx, r, detail)).unwrap_or_default();
        draft.remark("Reaction", &read::join(", ", &[&when, &what]));
    }
    if let Some(location) = node.get("location") {
        // Many sources name the whole house as the place.
        draft.elsewhere(r, "Place", location);
    }
    draft.annotations(node);

    let (vaccine, code) = node.get("vaccineCode").and_then(read::named).unwrap_or_default();
    let protocols = node.list("protocolApplied");
    let dose_number =
        protocols.iter().find_map(|applied| applied.decimal("doseNumberPositiveInt")?.parse().ok());
    for applied in protocols {
        draft.remark("Series", &read::line_at(applied, "series"));
        draft.remark("Dose", &read::line_at(applied, "doseNumberString"));
    }
    let diseases = protocols.iter().map(|applied| read::words_of_each(applied.list("targetDisease")));
    let disease = diseases.reduce(|first, next| if first.is_empty() { next } else { first });
    let (route, route_words) = node.get("route").map(dosage::route).unwrap_or_default();
    draft.remark("Route", &route_words);
    let reason = read::words_at(node, "statusReason");
    let not_given = match draft.status.as_str() {
        "not-done" if reason.is_empty() => Text::from("not done"),
        "not-done" => reason,
        _ => {
            draft.remark("Reason for the status", &reason);
            Text::default()
        }
    };
    let body = Immunization {
        vaccine,
        code,
        disease: disease.unwrap_or_default(),
        dose_number,
        batch: read::line_at(node, "lotNumber"),
        manufacturer: node.get("manufacturer").map(|maker| read::name_at(cx, r, maker)).unwrap_or_default(),
        expires: read::when_at(node, "expirationDate")?,
        site: read::words_at(node, "site"),
        route,
        not_given,
        dose: Text::from(value::quantity(node, "doseQuantity")),
        reason: read::words_of_each(node.list("reasonCode")),
    };
    file_undated(cx, &mut draft);
    draft.finish(Body::from(body))
}
