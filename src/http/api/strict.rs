//! What is the same everywhere in the `OpenAPI` file, said once: the words and ranges that parameters of one name have,
//! the second try under an `Idempotency-Key`, documents that know no other fields. So generated clients and contract
//! tests know what is refused.

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::alert::{Status, Urgency};
use hotline_core::fact::{Direction, Outcome, Priority};
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, Object, Schema, SchemaFormat};
use utoipa::openapi::{ContentBuilder, OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder};

use crate::http::params::LIMIT_MAX;

const KEY: &str = "Idempotency-Key";

/// Narrows parameters and documents to what is taken.
pub fn narrow(openapi: &mut OpenApi) {
    for (path, item) in &mut openapi.paths.paths {
        if path.starts_with("/api/v1/") {
            operations(item);
        }
    }
    let Some(components) = &mut openapi.components else { return };
    for (name, schema) in &mut components.schemas {
        let RefOr::T(Schema::Object(object)) = schema else { continue };
        if name.ends_with("Document") || name.ends_with("Field") {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        for (field, about) in &mut object.properties {
            if let RefOr::T(Schema::Object(about)) = about
                && about.enum_values.is_none()
            {
                about.enum_values = words(field).filter(|_| !matches!(field.as_str(), "status" | "outcome" | "state"));
                allow_null(about);
            }
        }
    }
}

/// An optional field may be null: its list of words says so too (JSON Schema's `enum` counts, whatever `type` says).
fn allow_null(object: &mut Object) {
    let nullable = serde_json::to_value(&object.schema_type)
        .is_ok_and(|kind| kind.as_array().is_some_and(|kinds| kinds.contains(&json!("null"))));
    if let Some(words) = object.enum_values.as_mut().filter(|words| nullable && !words.contains(&Value::Null)) {
        words.push(Value::Null);
    }
}

fn operations(item: &mut PathItem) {
    let PathItem { get, put, post, patch, delete, .. } = item;
    if let Some(post) = post {
        again(post);
    }
    for (operation, is_put) in [(get, false), (put, true), (post, false), (patch, false), (delete, false)] {
        for parameter in operation.iter_mut().flat_map(|operation| operation.parameters.iter_mut().flatten()) {
            if let RefOr::T(parameter) = parameter {
                one(parameter, is_put);
            }
        }
    }
}

/// The words that a name stands for, wherever it stands.
fn words(name: &str) -> Option<Vec<Value>> {
    let all = |words: &[&str]| Some(words.iter().map(|word| json!(word)).collect());
    match name {
        "priority" => all(&Priority::ALL.map(Priority::word)),
        "urgency" => all(&Urgency::ALL.map(Urgency::word)),
        "outcome" => all(&Outcome::ALL.map(Outcome::word)),
        "direction" => all(&Direction::ALL.map(Direction::word)),
        "order" => all(&["newest", "urgency"]),
        "status" => all(&[&Status::ALL.map(Status::word)[..], &["open"]].concat()),
        "state" => all(&[&["waiting", "sending"], &NotifyOutcome::ALL.map(NotifyOutcome::word)[..]].concat()),
        _ => None,
    }
}

fn one(parameter: &mut Parameter, is_put: bool) {
    let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema else { return };
    match (&parameter.parameter_in, parameter.name.as_str()) {
        (ParameterIn::Query, "limit") => {
            object.minimum = Some(1.into());
            object.maximum = Some(LIMIT_MAX.into());
        }
        (ParameterIn::Query, "from" | "to" | "at") => {
            object.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
        }
        (ParameterIn::Query, name) => object.enum_values = words(name),
        (ParameterIn::Header, "If-None-Match") if is_put => object.enum_values = Some(vec![json!("*")]),
        (ParameterIn::Header | ParameterIn::Path | ParameterIn::Cookie | ParameterIn::QueryString, _) => {}
    }
}

/// Every POST may carry a key, and every one may find it used for something else.
fn again(post: &mut Operation) {
    let parameters = post.parameters.get_or_insert_default();
    let is_key = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.name == KEY);
    if !parameters.iter().any(is_key) {
        let text = Object::with_type(utoipa::openapi::Type::String);
        let about = "Sent again with the same key and body within a day: the first answer comes again";
        let key = ParameterBuilder::new().name(KEY).parameter_in(ParameterIn::Header).required(Required::False);
        parameters.push(key.description(Some(about)).schema(Some(text)).build().into());
    }
    for key in parameters.iter_mut() {
        if let RefOr::T(Parameter { name, schema: Some(RefOr::T(Schema::Object(object))), .. }) = key
            && name == KEY
        {
            object.min_length = Some(1);
            object.max_length = Some(200);
            object.pattern = Some("^[!-~]([ -~]*[!-~])?$".to_owned());
        }
    }
    for (status, about) in [
        ("400", "A header is not valid"),
        ("409", "The same request under this Idempotency-Key is still being done"),
        ("413", "The body is too large"),
        ("422", "The Idempotency-Key was used for something else"),
    ] {
        if !post.responses.responses.contains_key(status) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            let response = ResponseBuilder::new().description(about).content("application/problem+json", content);
            post.responses.responses.insert(status.to_owned(), RefOr::T(response.build()));
        }
    }
}
