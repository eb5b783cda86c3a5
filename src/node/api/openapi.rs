//! The API's description in OpenAPI 3.1, made from the one page of routes and the shapes themselves.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use wardline_wire::{self as wire, Access, ROUTES, Route, RouteId, header_name};

/// The description of every route.
pub fn openapi() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|s| s.definitions_path = "/components/schemas".into())
        .into_generator();
    let problem = schema::<wire::Problem>(&mut generator);
    let mut paths = Map::new();
    for route in ROUTES {
        let described = describe(route, &mut generator, &problem);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.name().to_lowercase(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wardline branch API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every branch serves it over TLS 1.3 with the key that the registry names. Signed requests \
                            carry the headers of the security scheme, and their answers the branch's signature; \
                            docs/format/node.md says what is signed and checked.",
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "header",
                    "name": header_name::SIGNATURE,
                    "description": format!(
                        "The session key's Ed25519 signature, together with the headers {}, {}, {} and {}.",
                        header_name::GRANT, header_name::COUNTER, header_name::MIN_MAIN, header_name::MIN_SIDE
                    ),
                },
            },
        },
    })
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// What a route takes and gives.
struct Shapes {
    query: Option<Value>,
    body: Option<Value>,
    answer: Value,
}

fn shapes(route: RouteId, generator: &mut SchemaGenerator) -> Shapes {
    fn get<A: JsonSchema>(g: &mut SchemaGenerator) -> Shapes {
        Shapes { query: None, body: None, answer: schema::<A>(g) }
    }
    fn ask<Q: JsonSchema, A: JsonSchema>(g: &mut SchemaGenerator) -> Shapes {
        let mut inline = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator();
        Shapes { query: Some(inline.root_schema_for::<Q>().to_value()), body: None, answer: schema::<A>(g) }
    }
    fn send<B: JsonSchema, A: JsonSchema>(g: &mut SchemaGenerator) -> Shapes {
        Shapes { query: None, body: Some(schema::<B>(g)), answer: schema::<A>(g) }
    }
    let g = generator;
    match route {
        RouteId::Hello => get::<wire::Hello>(g),
        RouteId::Genesis => get::<wire::GenesisDocument>(g),
        RouteId::Status => get::<wire::Status>(g),
        RouteId::MainHeaders | RouteId::SideHeaders => ask::<wire::HeadersQuery, wire::Headers>(g),
        RouteId::MainStream | RouteId::SideStream => ask::<wire::StreamQuery, wire::StreamItem>(g),
        RouteId::MainBlock | RouteId::SideBlock => get::<wire::Block>(g),
        RouteId::MainProofs | RouteId::SideProofs => send::<wire::ProofsQuery, wire::Proofs>(g),
        RouteId::SubmitMain | RouteId::SubmitSide => send::<wire::Submission, wire::Submitted>(g),
        RouteId::SubmitManyMain | RouteId::SubmitManySide => {
            send::<wire::Submissions, wire::SubmissionsTaken>(g)
        }
        RouteId::MainFinalities | RouteId::SideFinalities => {
            send::<wire::FinalitiesQuery, wire::Finalities>(g)
        }
        RouteId::MainFinality | RouteId::SideFinality => ask::<wire::FinalityQuery, wire::Finality>(g),
        RouteId::SearchPatients => send::<wire::Search, wire::Found>(g),
        RouteId::KeepIdentity => send::<wire::KeepIdentity, wire::IdentityKept>(g),
        RouteId::Links => send::<wire::LinksQuery, wire::Links>(g),
        RouteId::KeepRecord => send::<wire::KeepRecord, wire::RecordKept>(g),
        RouteId::KeepRecords => send::<wire::KeepRecords, wire::RecordsKept>(g),
        RouteId::Envelopes => send::<wire::EnvelopesQuery, wire::Envelopes>(g),
        RouteId::ReleaseKeys => send::<wire::KeysQuery, wire::Keys>(g),
        RouteId::Audit => ask::<wire::AuditQuery, wire::AuditLog>(g),
    }
}

fn describe(route: &Route, generator: &mut SchemaGenerator, problem: &Value) -> Value {
    let Shapes { query, body, answer } = shapes(route.id, generator);
    let answered_as = match route.id {
        // One of these a line, after its signature.
        RouteId::MainStream | RouteId::SideStream => "application/jsonl",
        _ => "application/json",
    };
    let mut operation = json!({
        "operationId": format!("{:?}", route.id),
        "summary": route.summary,
        "responses": {
            "200": { "description": "done", "content": { answered_as: { "schema": answer } } },
            "default": { "description": "refused", "content": { "application/json": { "schema": problem } } },
        },
        "parameters": parameters(route.path, query.as_ref()),
    });
    let Some(members) = operation.as_object_mut() else { return operation };
    if let Some(body) = body {
        let content = json!({ "required": true, "content": { "application/json": { "schema": body } } });
        members.insert("requestBody".into(), content);
        members.insert("x-body-limit-bytes".into(), json!(route.body_limit));
    }
    let needs = match route.access {
        Access::Public => return operation,
        Access::Needs(operation) => operation.name(),
        Access::ByTransaction => "that of the transaction's kind",
    };
    members.insert("x-needs-operation".into(), json!(needs));
    members.insert("security".into(), json!([{ "session": [] }]));
    operation
}

fn parameters(path: &str, query: Option<&Value>) -> Vec<Value> {
    let in_path = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let names = query.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let required = query.and_then(|schema| schema.get("required")).and_then(Value::as_array);
    let in_query = names.into_iter().flatten().map(|(name, schema)| {
        let required = required.is_some_and(|required| required.iter().any(|r| r.as_str() == Some(name)));
        json!({ "name": name, "in": "query", "required": required, "schema": schema })
    });
    in_path.chain(in_query).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// Set this in the environment to write the file anew after a wanted change.
    const UPDATE: &str = "UPDATE_OPENAPI";

    #[test]
    fn the_description_in_the_repository_is_that_of_the_code() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/openapi.json");
        let made = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&file, &made).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(made == kept, "the API has changed: look at the change, then run the test with {UPDATE}=1");
    }

    #[test]
    fn every_route_is_described_with_what_it_needs() {
        let api = openapi();
        for route in ROUTES {
            let described = &api["paths"][route.path][route.method.name().to_lowercase()];
            assert_eq!(described["operationId"], format!("{:?}", route.id), "{}", route.path);
            let public = matches!(route.access, Access::Public);
            assert_eq!(described.get("security").is_none(), public, "{}", route.path);
            assert_eq!(described.get("x-needs-operation").is_none(), public, "{}", route.path);
            assert_eq!(described.get("requestBody").is_some(), route.body_limit > 0, "{}", route.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str));
                    members.values().for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let api = openapi();
        let mut found = Vec::new();
        references(&api, &mut found);
        assert!(found.len() > ROUTES.len());
        for reference in found {
            assert!(api.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }
}
