//! The directory's part of the `OpenAPI` file: eighteen kinds with the same verbs, so it is put together and not written out.

use serde_json::json;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder, Schema,
};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

use super::{KINDS, Kind, SETTINGS, schemas};

/// Adds paths and schemas.
pub fn document(openapi: &mut OpenApi) {
    add_schemas(openapi);
    for kind in KINDS {
        let list = format!("/api/v1/{}", kind.path);
        let one = format!("/api/v1/{}/{{id}}", kind.path);
        openapi.paths.add_path_operation(&list, vec![HttpMethod::Get], all(kind));
        for (verb, operation) in operations(kind) {
            openapi.paths.add_path_operation(&one, vec![verb], operation);
        }
    }
    for (verb, operation) in operations(SETTINGS) {
        openapi.paths.add_path_operation("/api/v1/settings", vec![verb], operation);
    }
    contacts(openapi);
    openapi.merge(Import::openapi());
}

/// What is written out because it is like nothing else here.
#[derive(utoipa::OpenApi)]
#[openapi(paths(super::import::import))]
struct Import;

fn add_schemas(openapi: &mut OpenApi) {
    let mut all: Vec<(String, RefOr<Schema>)> = Vec::new();
    macro_rules! add {
        ($($name:ident)+) => {$(
            all.push((schemas::$name::name().into_owned(), schemas::$name::schema()));
            <schemas::$name as ToSchema>::schemas(&mut all);
        )+};
    }
    add!(CustomerDocument ServiceDocument SlaDocument TeamDocument UserDocument ScheduleDocument CalendarDocument NumberDocument
        FlowDocument TrunkDocument PhoneDocument EscalationPolicyDocument ChannelDocument AlertSourceDocument
        HeartbeatDocument MaintenanceWindowDocument ActionDocument UpdateTemplateDocument StatusPageDocument
        SettingsDocument);
    let components = openapi.components.get_or_insert_default();
    components.schemas.extend(all);
}

fn operation(tag: &str, id: String, summary: String) -> OperationBuilder {
    OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(id))
        .summary(Some(summary))
        .security(SecurityRequirement::new("token", Vec::<String>::new()))
        .security(SecurityRequirement::new("session", Vec::<String>::new()))
}

fn parameter(name: &str, place: ParameterIn, about: &str, kind: Type) -> Parameter {
    let required = matches!(place, ParameterIn::Path);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(Some(about))
        .schema(Some(ObjectBuilder::new().schema_type(SchemaType::Type(kind))))
        .build()
}

fn problem(about: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(about).content("application/problem+json", content).build()
}

/// Of every operation here.
fn refusals(mut operation: OperationBuilder, more: &[(&str, &str)]) -> OperationBuilder {
    for (status, about) in [
        ("400", "A parameter, header or the body's JSON is not valid"),
        ("401", "Not logged in"),
        ("403", "The role or scope is not enough, or sent by another site with our cookie"),
        ("503", "The database is away"),
    ]
    .iter()
    .chain(more)
    {
        operation = operation.response(*status, problem(about));
    }
    operation
}

const ABSENT: (&str, &str) = ("404", "There is none of this name");

fn document_response(kind: Kind, about: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(kind.schema))).build();
    let tag =
        HeaderBuilder::new().description(Some("Its version, for If-Match")).schema(Some(String::schema())).build();
    ResponseBuilder::new().description(about).content("application/json", content).header("ETag", tag).build()
}

fn all(kind: Kind) -> Operation {
    let listed = ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(Ref::from_schema_name(kind.schema)))
        .property("next_cursor", Option::<String>::schema())
        .required("items");
    let content = ContentBuilder::new().schema(Some(listed)).build();
    let operation =
        operation(kind.tag, format!("list_{}", kind.key), format!("All {}, by id.", kind.path.replace('-', " ")))
            .parameter(parameter("limit", ParameterIn::Query, "Rows in the page (50), 1 to 200", Type::Integer))
            .parameter(parameter("cursor", ParameterIn::Query, "`next_cursor` of the page before", Type::String))
            .response("200", ResponseBuilder::new().description("A page").content("application/json", content));
    refusals(operation, &[]).build()
}

fn operations(kind: Kind) -> Vec<(HttpMethod, Operation)> {
    let word = kind.word.replace('-', " ");
    let named = |verb: &str, summary: String| {
        let id = format!("{verb}_{}", kind.word.replace('-', "_"));
        let operation = operation(kind.tag, id, summary);
        if kind.key == SETTINGS.key {
            return operation;
        }
        operation.parameter(parameter("id", ParameterIn::Path, &format!("Name of the {word}"), Type::String))
    };
    let matching = |operation: OperationBuilder| {
        let about = "ETag of the version that is meant; another one is not touched (412)";
        operation.parameter(parameter("If-Match", ParameterIn::Header, about, Type::String))
    };
    let conflicts = [
        ("409", "It stands in hotline.toml, or others need it as it is (`errors` says which)"),
        ("412", "It was changed meanwhile"),
    ];
    let bodies = [
        ("413", "The body is too large"),
        ("415", "The body is not JSON"),
        ("422", "The document is not valid (`errors` names the fields)"),
    ];
    let whole = ContentBuilder::new().schema(Some(Ref::from_schema_name(kind.schema))).build();
    let whole = RequestBodyBuilder::new().content("application/json", whole).required(Some(Required::True)).build();
    let get = named("read", format!("One {word}."))
        .parameter(parameter("If-None-Match", ParameterIn::Header, "ETag of the copy at hand", Type::String))
        .response("200", document_response(kind, "As it is"))
        .response("304", ResponseBuilder::new().description("The copy at hand is good"));
    let put = matching(named("put", format!("Creates or replaces a {word}.")))
        .parameter(parameter("If-None-Match", ParameterIn::Header, "`*`: create, but do not replace", Type::String))
        .request_body(Some(whole))
        .response("200", document_response(kind, "Replaced"))
        .response("201", document_response(kind, "Created"));
    // Any part of a document, so none of its fields is required; what comes of it is checked as a whole.
    let about = format!("Some fields of a {}; null removes one", kind.schema);
    let some = ObjectBuilder::new().description(Some(about));
    let content = ContentBuilder::new().schema(Some(some)).build();
    let some = RequestBodyBuilder::new().content("application/merge-patch+json", content);
    let patch = matching(named("patch", format!("Changes some fields of a {word} (RFC 7396: null removes one).")))
        .request_body(Some(some.required(Some(Required::True)).build()))
        .response("200", document_response(kind, "Changed"));
    let delete = matching(named("delete", format!("Takes a {word} away; refused while others need it.")))
        .response("204", ResponseBuilder::new().description("It is gone"));
    let more = |first: &[(&'static str, &'static str)], second: &[(&'static str, &'static str)]| -> Vec<_> {
        first.iter().chain(second).copied().collect()
    };
    vec![
        (HttpMethod::Get, refusals(get, &[ABSENT]).build()),
        (HttpMethod::Put, refusals(put, &more(&conflicts, &bodies)).build()),
        (HttpMethod::Patch, refusals(patch, &[&[ABSENT][..], &more(&conflicts, &bodies)].concat()).build()),
        (HttpMethod::Delete, refusals(delete, &more(&[ABSENT], &conflicts)).build()),
    ]
}

fn contacts(openapi: &mut OpenApi) {
    let of_contact = |verb: &str, summary: &str| {
        operation("people", format!("{verb}_contact"), summary.to_owned())
            .parameter(parameter("id", ParameterIn::Path, "Name of the user", Type::String))
            .parameter(parameter("contact", ParameterIn::Path, "Id of the contact", Type::String))
    };
    let state = |about: &str, example: serde_json::Value| {
        let schema = ObjectBuilder::new().property("state", String::schema()).required("state");
        let content = ContentBuilder::new().schema(Some(schema)).example(Some(example)).build();
        ResponseBuilder::new().description(about).content("application/json", content).build()
    };
    let code = ObjectBuilder::new().property("code", String::schema()).required("code");
    let code = ContentBuilder::new().schema(Some(code)).example(Some(json!({ "code": "123456" }))).build();
    let code = RequestBodyBuilder::new().content("application/json", code).required(Some(Required::True)).build();
    let soon = ("429", "One a minute goes to a contact");
    let verify = of_contact("verify", "Sends a six-digit code to the contact, good for 10 minutes.")
        .response("200", state("It is verified already", json!({ "state": "verified" })))
        .response(
            "202",
            state("The code is on its way", json!({ "state": "sent", "expires_at": "2026-11-22T03:10:00.000Z" })),
        );
    let confirm = of_contact("confirm", "Proves the contact by the code that came.")
        .request_body(Some(code))
        .response("200", state("It is verified", json!({ "state": "verified" })));
    let test = of_contact("test", "Sends a test to a verified contact.")
        .response("202", state("It is on its way", json!({ "state": "sent" })));
    for (path, operation, more) in [
        ("verify", verify, vec![ABSENT, soon]),
        ("confirm", confirm, vec![ABSENT, ("409", "No code is waited for"), ("422", "The code is wrong")]),
        ("test", test, vec![ABSENT, ("409", "The contact is not verified"), soon]),
    ] {
        let path = format!("/api/v1/users/{{id}}/contacts/{{contact}}/{path}");
        openapi.paths.add_path_operation(&path, vec![HttpMethod::Post], refusals(operation, &more).build());
    }
    let card = ContentBuilder::new().schema(Some(String::schema())).build();
    let card =
        operation("people", "hotline_vcard".to_owned(), "The hotline's numbers as a contact (vCard 4.0).".to_owned())
            .response("200", ResponseBuilder::new().description("The contact").content("text/vcard", card));
    let item = PathItem::new(HttpMethod::Get, refusals(card, &[]).build());
    openapi.paths.paths.insert("/api/v1/hotline.vcf".to_owned(), item);
}
