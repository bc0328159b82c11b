//! The JSON Schema of rule files, from the table of keys: editors complete and validate with it.
//!
//! It says less than the reader checks: what conditions and fields mean, no schema can say.

use serde_json::{Map, Value, json};

use super::detection::MODIFIERS;
use super::keys::{self, Place, Shape};

/// Maps inside of a rule, by the name that they have in `$defs`.
static PLACES: [(&str, &Place); 10] = [
    ("logsource", &keys::LOGSOURCE),
    ("cause", &keys::CAUSE),
    ("weight", &keys::WEIGHT),
    ("applies_to", &keys::APPLIES_TO),
    ("fix", &keys::FIX),
    ("tests", &keys::TESTS),
    ("case", &keys::CASE),
    ("record", &keys::RECORD),
    ("correlation", &keys::CORRELATION),
    ("correlation_condition", &keys::CORRELATION_CONDITION),
];

/// The schema as a JSON document.
#[must_use]
pub fn schema() -> String {
    let mut document = object(&keys::RULE);
    let definitions: Map<String, Value> =
        PLACES.into_iter().map(|(name, place)| (name.to_owned(), object(place))).collect();
    if let Some(document) = document.as_object_mut() {
        document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        document.insert("title".to_owned(), json!("A rule of rdpwhy"));
        let about = "A Sigma rule with what a diagnosis needs beyond it; see docs/rule-format.md.";
        document.insert("description".to_owned(), json!(about));
        document.insert("$defs".to_owned(), Value::Object(definitions));
        document
            .insert("anyOf".to_owned(), json!([{"required": ["detection"]}, {"required": ["correlation"]}]));
    }
    let mut text = serde_json::to_string_pretty(&document).expect("a tree of plain values");
    text.push('\n');
    text
}

fn object(place: &Place) -> Value {
    let properties: Map<String, Value> = place
        .keys
        .iter()
        .map(|key| {
            let mut shape = shape(key.shape);
            if let Some(shape) = shape.as_object_mut() {
                shape.insert("description".to_owned(), json!(key.about));
            }
            (key.name.to_owned(), shape)
        })
        .collect();
    let needed: Vec<&str> = place.keys.iter().filter(|key| key.is_needed).map(|key| key.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": false,
    })
}

fn shape(shape: Shape) -> Value {
    let scalar = json!(["string", "number", "boolean", "null"]);
    match shape {
        Shape::Text | Shape::Expression => json!({"type": scalar}),
        Shape::Number => json!({"type": ["integer", "string"]}),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Word(words) => json!({"enum": words}),
        Shape::Words(words) => {
            json!({"anyOf": [{"enum": words}, {"type": "array", "items": {"enum": words}}]})
        }
        Shape::Texts => json!({"anyOf": [{"type": scalar}, {"type": "array", "items": {"type": scalar}}]}),
        Shape::Map(place) => json!({"$ref": format!("#/$defs/{}", definition(place))}),
        Shape::List(place) => {
            json!({"type": "array", "items": {"$ref": format!("#/$defs/{}", definition(place))}})
        }
        Shape::Values => json!({"type": "object", "additionalProperties": {"type": scalar}}),
        Shape::Columns => {
            let values = json!({"type": "array", "items": {"type": scalar}, "minItems": 1});
            json!({"type": "object", "additionalProperties": values})
        }
        Shape::Detection => detection(),
        Shape::Any => json!({}),
    }
}

/// The name of a place in `$defs`.
fn definition(place: &Place) -> &'static str {
    let found = PLACES.into_iter().find(|(_, known)| std::ptr::eq(*known, place));
    found.map(|(name, _)| name).expect("every place that a key names is in the list")
}

/// Selections have names of their own; the fields in them may carry modifiers.
fn detection() -> Value {
    let modifiers = MODIFIERS.join("|");
    let value = json!({"anyOf": [
        {"type": ["string", "number", "boolean", "null"]},
        {"type": "array", "items": {"type": ["string", "number", "boolean", "null"]}},
    ]});
    let map = json!({
        "type": "object",
        "patternProperties": {format!("^[^|]*(\\|({modifiers}))*$"): value},
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "properties": {
            "condition": {"type": ["string", "array"], "description": "Which selections must hold, for one record."},
            "timeframe": {"description": "Of old Sigma; not used."},
        },
        "required": ["condition"],
        "additionalProperties": {"anyOf": [
            map.clone(),
            {"type": "array", "items": {"anyOf": [map, {"type": ["string", "number"]}]}},
            {"type": ["string", "number"]},
        ]},
    })
}
