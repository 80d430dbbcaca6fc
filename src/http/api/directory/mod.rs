//! Everything that is configured: read, written, taken away. One set of handlers for all kinds; a document has the same keys
//! as the table of `hotline.toml`, and what stands in that file can only be read here.

mod contacts;
mod docs;
mod effective;
mod import;
mod people;
mod schemas;
mod vcard;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, extract::rejection::BytesRejection};
use hotline_core::ids::UserId;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::types::Listed;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::{FieldError, Problem};
use crate::switch::documents::{DocumentError, Done, Expect, Fault, Shown, Write};

pub use docs::document;
pub use people::PinChanges;

/// Largest document where it may be large; the others end at [`SMALL`].
pub const LARGE: usize = 1024 * 1024;
const SMALL: usize = 64 * 1024;

/// One kind of thing.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// The key in `hotline.toml` and in the store.
    key: &'static str,
    /// Below `/api/v1/`.
    path: &'static str,
    /// For people and codes: `user`.
    word: &'static str,
    /// Where it stands in the `OpenAPI` file.
    tag: &'static str,
    /// Its schema there.
    schema: &'static str,
    /// What one must be allowed to write it.
    right: Right,
    /// Whose customer's it is.
    whose: Whose,
    /// Bytes of a body.
    limit: usize,
}

/// How a thing belongs to customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// To the house: seen by all who see the directory.
    House,
    /// To the house, and only those who see everything need it.
    Inside,
    /// It is a customer.
    Itself,
    /// Its `customer`; none: it is shared.
    Customer,
    /// Its `customer`; without one it speaks of several.
    CustomersOwn,
    /// Its `customers`.
    Customers,
}

const fn kind(
    key: &'static str,
    path: &'static str,
    word: &'static str,
    tag: &'static str,
    schema: &'static str,
) -> Kind {
    Kind { key, path, word, tag, schema, right: Right::Configure, whose: Whose::House, limit: SMALL }
}

/// All kinds.
pub const KINDS: [Kind; 19] = [
    Kind { whose: Whose::Itself, ..kind("customers", "customers", "customer", "people", "CustomerDocument") },
    Kind { whose: Whose::Customer, ..kind("services", "services", "service", "people", "ServiceDocument") },
    Kind { whose: Whose::Customer, ..kind("slas", "slas", "sla", "slas", "SlaDocument") },
    kind("teams", "teams", "team", "people", "TeamDocument"),
    kind("users", "users", "user", "people", "UserDocument"),
    Kind {
        right: Right::Plan,
        limit: LARGE,
        ..kind("schedules", "schedules", "schedule", "people", "ScheduleDocument")
    },
    Kind {
        right: Right::Plan,
        limit: LARGE,
        ..kind("calendars", "calendars", "calendar", "people", "CalendarDocument")
    },
    kind("numbers", "numbers", "number", "lines", "NumberDocument"),
    Kind { limit: LARGE, ..kind("flows", "flows", "flow", "lines", "FlowDocument") },
    Kind { whose: Whose::Inside, ..kind("trunks", "trunks", "trunk", "lines", "TrunkDocument") },
    kind("phones", "phones", "phone", "lines", "PhoneDocument"),
    kind("escalation_policies", "escalation-policies", "escalation-policy", "alerts", "EscalationPolicyDocument"),
    Kind { whose: Whose::Inside, ..kind("channels", "channels", "channel", "alerts", "ChannelDocument") },
    Kind {
        whose: Whose::Customer,
        ..kind("alert_sources", "alert-sources", "alert-source", "alerts", "AlertSourceDocument")
    },
    Kind { whose: Whose::Customer, ..kind("heartbeats", "heartbeats", "heartbeat", "alerts", "HeartbeatDocument") },
    Kind {
        right: Right::Plan,
        whose: Whose::Customers,
        ..kind(
            "maintenance_windows",
            "maintenance-windows",
            "maintenance-window",
            "alerts",
            "MaintenanceWindowDocument",
        )
    },
    Kind {
        whose: Whose::CustomersOwn,
        limit: LARGE,
        ..kind("status_pages", "status-pages", "status-page", "status", "StatusPageDocument")
    },
    Kind { whose: Whose::Inside, ..kind("actions", "actions", "action", "alerts", "ActionDocument") },
    Kind {
        right: Right::Plan,
        ..kind("update_templates", "update-templates", "update-template", "incidents", "UpdateTemplateDocument")
    },
];

/// The one document with the settings that stand at the file's top.
const SETTINGS: Kind =
    Kind { whose: Whose::Inside, ..kind("settings", "settings", "settings", "service", "SettingsDocument") };

/// What a person may change about themselves.
const OWN: [&str; 8] = ["contacts", "rules", "absences", "absences_ical", "pin", "language", "languages", "time_zone"];

/// Of a person, shown to colleagues of one customer only.
const PUBLIC: [&str; 4] = ["name", "language", "languages", "skills"];

/// Only in answers.
const READ_ONLY: [&str; 10] = [
    "id",
    "read_only",
    "version",
    "updated_at",
    "updated_by",
    "up",
    "status",
    "registered",
    "registrations",
    "reached_by",
];

/// The routes; bodies up to [`LARGE`].
pub fn router() -> Router<AppState> {
    let mut router = Router::new()
        .route("/api/v1/hotline.vcf", get(vcard::vcard))
        .route("/api/v1/customers/import", post(import::import))
        .route("/api/v1/users/{id}/contacts/{contact}/verify", post(contacts::verify))
        .route("/api/v1/users/{id}/contacts/{contact}/confirm", post(contacts::confirm))
        .route("/api/v1/users/{id}/contacts/{contact}/test", post(contacts::test))
        .route(
            "/api/v1/settings",
            get(|viewer: Viewer, State(state): State<AppState>, headers: HeaderMap| async move {
                one(SETTINGS, &viewer, &state, "settings", &headers)
            })
            .put(|viewer, state, headers, body| {
                write(SETTINGS, viewer, state, "settings".to_owned(), headers, Put, body)
            })
            .patch(|viewer, state, headers, body| {
                write(SETTINGS, viewer, state, "settings".to_owned(), headers, Patch, body)
            })
            .delete(|viewer, state, headers| remove(SETTINGS, viewer, state, "settings".to_owned(), headers)),
        );
    for kind in KINDS {
        let own =
            Router::new()
                .route(
                    &format!("/api/v1/{}", kind.path),
                    get(move |viewer: Viewer, State(state): State<AppState>, params: Params| async move {
                        list(kind, &viewer, &state, params)
                    }),
                )
                .route(
                    &format!("/api/v1/{}/{{id}}", kind.path),
                    get(
                        move |viewer: Viewer,
                              State(state): State<AppState>,
                              Path(id): Path<String>,
                              headers: HeaderMap| async move {
                            one(kind, &viewer, &state, &id, &headers)
                        },
                    )
                    .put(move |viewer, state, Path(id), headers, body| {
                        write(kind, viewer, state, id, headers, Put, body)
                    })
                    .patch(move |viewer, state, Path(id), headers, body| {
                        write(kind, viewer, state, id, headers, Patch, body)
                    })
                    .delete(move |viewer, state, Path(id), headers| remove(kind, viewer, state, id, headers)),
                );
        router = router.merge(own);
    }
    router
}

/// How a body is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Put,
    Patch,
}
use Verb::{Patch, Put};

/// A JSON object of any size that the route allows.
struct Body(Result<Bytes, BytesRejection>, HeaderMap);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let headers = request.headers().clone();
        Ok(Self(Bytes::from_request(request, state).await, headers))
    }
}

impl Body {
    fn object(self, verb: Verb, limit: usize) -> Result<Map<String, Value>, Problem> {
        let kind = self.1.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if kind != "application/json" && !(verb == Patch && kind == "application/merge-patch+json") {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = self.0.map_err(|_| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))?;
        if bytes.len() > limit {
            return Err(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-body",
                "The body could not be read",
                format!(
                    "Send a JSON object. Line {}, column {}: it can't be read there.",
                    error.line(),
                    error.column()
                ),
            )
        })
    }
}

impl Kind {
    /// Whether the viewer sees this thing.
    fn sees(&self, viewer: &Viewer, thing: &Shown) -> bool {
        if viewer.customers.is_none() {
            return true;
        }
        match self.whose {
            Whose::House => true,
            Whose::Inside => false,
            Whose::Itself => viewer.sees(Some(&thing.id)),
            Whose::Customer => {
                thing.body.get("customer").and_then(Value::as_str).is_none_or(|customer| viewer.sees(Some(customer)))
            }
            Whose::CustomersOwn => {
                thing.body.get("customer").and_then(Value::as_str).is_some_and(|customer| viewer.sees(Some(customer)))
            }
            Whose::Customers => {
                let customers = thing.body.get("customers").and_then(Value::as_array);
                customers.into_iter().flatten().any(|customer| viewer.sees(customer.as_str()))
            }
        }
    }

    fn not_found(&self) -> Problem {
        Problem::not_found(self.word)
    }
}

/// One thing as the API shows it.
fn json(state: &AppState, kind: Kind, viewer: &Viewer, thing: &Shown) -> Value {
    let mut out = thing.body.as_object().cloned().unwrap_or_default();
    let own = viewer.user.as_ref().is_some_and(|user| user.0 == thing.id);
    if kind.key == "users" && viewer.customers.is_some() && !own {
        out.retain(|key, _| PUBLIC.contains(&key.as_str()));
    } else {
        effective::add(state, kind.key, &thing.id, &mut out);
    }
    if kind.key != "settings" {
        out.insert("id".to_owned(), thing.id.clone().into());
    }
    out.insert("read_only".to_owned(), thing.in_file.into());
    let written = thing.written.as_ref();
    out.insert("version".to_owned(), written.map(|written| written.version).into());
    out.insert("updated_at".to_owned(), written.map(|written| rfc3339(written.at)).into());
    out.insert("updated_by".to_owned(), written.map(|written| written.by.clone()).into());
    Value::Object(out)
}

/// Of a document its version; of what stands in the file its content.
fn etag(thing: &Shown) -> String {
    match &thing.written {
        Some(written) => format!("\"v{}\"", written.version),
        None => format!("\"f{}\"", hex::encode(&Sha256::digest(thing.body.to_string())[..8])),
    }
}

fn list(kind: Kind, viewer: &Viewer, state: &AppState, mut params: Params) -> Result<Json<Listed<Value>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let in_force = state.board().in_force();
    let ids = in_force.things.get(kind.key).into_iter().flat_map(|things| things.keys());
    let entries = ids
        .filter(|id| cursor.as_deref().is_none_or(|cursor| id.as_str() > cursor))
        .filter_map(|id| in_force.shown(kind.key, id))
        .filter(|thing| kind.sees(viewer, thing))
        .map(|thing| (thing.id.clone(), thing));
    let page = super::page_of(entries, None, limit);
    let items = page.items.iter().map(|thing| json(state, kind, viewer, thing)).collect();
    Ok(Json(Listed { items, next_cursor: page.next_cursor }))
}

fn one(kind: Kind, viewer: &Viewer, state: &AppState, id: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let thing = state.board().in_force().shown(kind.key, id);
    let thing = thing.filter(|thing| kind.sees(viewer, thing)).ok_or_else(|| kind.not_found())?;
    let tag = etag(&thing);
    // Live fields (a phone's registration) are not in the tag.
    let live = matches!(kind.key, "phones" | "trunks");
    if !live
        && tags(headers, &header::IF_NONE_MATCH).is_some_and(|tags| tags.iter().any(|one| *one == tag || one == "*"))
    {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(([(header::ETAG, tag)], Json(json(state, kind, viewer, &thing))).into_response())
}

async fn write(
    kind: Kind,
    viewer: Viewer,
    State(state): State<AppState>,
    id: String,
    headers: HeaderMap,
    verb: Verb,
    body: Body,
) -> Result<Response, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let mut fields = body.object(verb, kind.limit)?;
    may_write(kind, &viewer, &id, verb, &fields)?;
    if let Some(other) = fields.get("id").filter(|other| other.as_str() != Some(id.as_str())) {
        let detail = format!("id is {other} in the body but another in the address; leave it out of the body.");
        return Err(Problem::invalid("id", detail));
    }
    fields.retain(|key, _| !READ_ONLY.contains(&key.as_str()));
    if kind.key == "users" {
        people::check(&state, &viewer, &id, &fields)?;
    }
    let write = match verb {
        Put => Write::Put(fields.into()),
        Patch => Write::Patch(fields.into()),
    };
    let expect = expected(&headers)?;
    let done = state.board().write_document(kind.key, &id, write, &expect, &viewer.actor()).await;
    let done = done.map_err(|error| problem(kind, error))?;
    Ok(written(&state, kind, &viewer, &done))
}

fn may_write(kind: Kind, viewer: &Viewer, id: &str, verb: Verb, fields: &Map<String, Value>) -> Result<(), Problem> {
    let own = kind.key == "users" && viewer.user.as_ref() == Some(&UserId::from(id));
    if own && verb == Patch && fields.keys().all(|key| OWN.contains(&key.as_str())) {
        return Ok(());
    }
    viewer.require(kind.right)
}

fn written(state: &AppState, kind: Kind, viewer: &Viewer, done: &Done) -> Response {
    let Some(thing) = &done.shown else { return StatusCode::NO_CONTENT.into_response() };
    let mut body = json(state, kind, viewer, thing);
    if let (Some(key), Some(fields)) = (&done.key, body.as_object_mut()) {
        let door = if kind.key == "heartbeats" { "/heartbeat/" } else { "/intake/generic/" };
        fields.insert("url".to_owned(), state.link(&format!("{door}{}", key.reveal())).into());
        fields.insert("key".to_owned(), key.reveal().clone().into());
    }
    let status = if done.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, [(header::ETAG, etag(thing))], Json(body)).into_response();
    if let Ok(place) = format!("/api/v1/{}/{}", kind.path, thing.id).replace('+', "%2B").parse()
        && done.created
    {
        response.headers_mut().insert(header::LOCATION, place);
    }
    if done.key.is_some() {
        response.extensions_mut().insert(crate::http::idempotency::ToldOnce);
    }
    response
}

async fn remove(
    kind: Kind,
    viewer: Viewer,
    State(state): State<AppState>,
    id: String,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    viewer.require(kind.right)?;
    let expect = expected(&headers)?;
    let done = state.board().write_document(kind.key, &id, Write::Delete, &expect, &viewer.actor()).await;
    done.map_err(|error| problem(kind, error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The tags of a header, as they stand there.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let all: Vec<String> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/").to_owned())
        .collect();
    (!all.is_empty()).then_some(all)
}

/// `If-Match` and `If-None-Match: *` (RFC 9110 section 13.1).
fn expected(headers: &HeaderMap) -> Result<Expect, Problem> {
    let absent = tags(headers, &header::IF_NONE_MATCH);
    match (tags(headers, &header::IF_MATCH), absent.as_deref()) {
        (None, None) => Ok(Expect::Anything),
        (None, Some([any])) if any == "*" => Ok(Expect::Absent),
        (Some(tags), None) if tags.iter().any(|tag| tag == "*") => Ok(Expect::Version(Vec::new())),
        (Some(tags), None) => {
            // A tag of another kind fits no version.
            let version = |tag: &String| tag.trim_matches('"').strip_prefix('v').and_then(|one| one.parse().ok());
            Ok(Expect::Version(tags.iter().map(|tag| version(tag).unwrap_or(-1)).collect()))
        }
        (_, Some(_)) => Err(Problem::invalid(
            "If-None-Match",
            "If-None-Match can only be * here (create, but do not replace), and not stand beside If-Match.",
        )),
    }
}

fn problem(kind: Kind, error: DocumentError) -> Problem {
    match error {
        DocumentError::Unknown => kind.not_found(),
        DocumentError::InFile => Problem::new(
            StatusCode::CONFLICT,
            "read-only",
            "It stands in hotline.toml",
            "What stands in hotline.toml (or belongs to the demo) can only be changed there; then reload (SIGHUP) or restart.",
        ),
        DocumentError::Changed => Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "version-mismatch",
            "It was changed meanwhile",
            "The version in If-Match is not the one that is kept (or it exists already). Read it again, make your change to that, and send its ETag.",
        ),
        DocumentError::Invalid(faults) => {
            let detail = faults.first().map_or_else(String::new, |fault| fault.what.clone());
            let mut problem =
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-document", "The document is not valid", detail);
            problem.errors = faults.into_iter().map(|fault| field_error(fault, false)).collect();
            problem.field = problem.errors.first().map(|error| error.field.as_str().into());
            problem
        }
        DocumentError::InTheWay(faults) => {
            let first = faults.first().map_or_else(String::new, |fault| format!("{}: {}", fault.place, fault.what));
            let detail = format!("Others need it as it is. {first}");
            let mut problem = Problem::new(StatusCode::CONFLICT, "in-use", "Others stand in the way", detail);
            problem.errors = faults.into_iter().map(|fault| field_error(fault, true)).collect();
            problem
        }
        DocumentError::Full => Problem::new(
            StatusCode::CONFLICT,
            "too-many",
            "There are too many",
            "The directory is full; take away what is not needed any more.",
        ),
        DocumentError::Store(error) => error.into(),
        DocumentError::Unusable(why) => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unusable",
            "It can't be used",
            format!("It was kept, but could not be put in force: {why}. Mend it, or take it away again."),
        ),
    }
}

fn field_error(fault: Fault, with_place: bool) -> FieldError {
    let field = fault.field.unwrap_or_default();
    let place = fault.document.unwrap_or(fault.place);
    let field = match (with_place, field.is_empty()) {
        (false, _) => field,
        (true, true) => place,
        (true, false) => format!("{place}#{field}"),
    };
    FieldError { field, detail: fault.what }
}
