//! `POST /customers/import`: a table of customers, all of it or nothing.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Kind, problem};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::{FieldError, Problem};
use crate::switch::documents::{Became, DocumentError, Fault};

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Text,
    /// Divided by `|` or `;`.
    List,
    Whole,
}

/// The columns about the customer itself: the document's fields.
const OWN: [(&str, Cell); 10] = [
    ("name", Cell::Text),
    ("language", Cell::Text),
    ("time_zone", Cell::Text),
    ("plan", Cell::Text),
    ("pin", Cell::Text),
    ("caller_ids", Cell::List),
    ("domains", Cell::List),
    ("support", Cell::Text),
    ("policy", Cell::Text),
    ("retention_days", Cell::Whole),
];

/// The columns about one of its people, and the fields of the contact.
const CONTACT: [(&str, &str, Cell); 7] = [
    ("contact_id", "id", Cell::Text),
    ("contact_name", "name", Cell::Text),
    ("contact_email", "email", Cell::Text),
    ("contact_phone", "phone", Cell::Text),
    ("contact_language", "language", Cell::Text),
    ("contact_tell", "tell", Cell::List),
    ("contact_severities", "severities", Cell::List),
];

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "dry_run": false, "created": 1, "changed": 1, "unchanged": 0,
    "customers": [{"line": 2, "id": "acme", "became": "created"}, {"line": 3, "id": "nord", "became": "changed"}]
}))]
pub struct Imported {
    /// Nothing was kept.
    pub dry_run: bool,
    /// New customers.
    pub created: usize,
    /// Customers of whom something is new.
    pub changed: usize,
    /// Customers of whom nothing is.
    pub unchanged: usize,
    /// Each of them.
    pub customers: Vec<ImportedRow>,
}

/// What became of one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportedRow {
    /// Its first line in the table.
    pub line: u64,
    /// Its id.
    pub id: String,
    /// `created`, `changed` or `unchanged`.
    pub became: &'static str,
}

/// Customers from a table (CSV, UTF-8, divided by comma, semicolon or tab): the first line names the columns `id`, `name`, `language`,
/// `time_zone`, `plan`, `pin`, `caller_ids`, `domains`, `support`, `policy`, `retention_days` and, for one of its people,
/// `contact_id`, `contact_name`, `contact_email`, `contact_phone`, `contact_language`, `contact_tell`, `contact_severities`. Lists are divided by `|`.
/// A further line with the same id adds another contact. An empty cell says nothing. All lines are kept, or none.
#[utoipa::path(
    post, path = "/api/v1/customers/import", tag = "people", security(("token" = []), ("session" = [])),
    params(("dry_run" = Option<bool>, Query, description = "Only says what would become of the table")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "What became of each customer", body = Imported),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Others stand in the way", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 1 MiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not text/csv", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Lines and columns that are wrong", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn import(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Imported>, Problem> {
    viewer.require(Right::Configure)?;
    let dry_run = params.word("dry_run", &["true", "false"])?.is_some_and(|word| word == "true");
    params.done()?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv")) {
        let mut wrong = Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        wrong.detail = "Send the table as text/csv.".into();
        return Err(wrong);
    }
    let bytes = body.map_err(|_| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE))?;
    let in_force = state.board().in_force();
    let known = |id: &str| in_force.shown("customers", id).and_then(|shown| shown.body.get("contacts").cloned());
    let table = Table::read(&bytes, &known).map_err(wrong_table)?;
    let patches: Vec<(String, Value)> =
        table.customers.iter().map(|row| (row.id.clone(), Value::Object(row.fields.clone()))).collect();
    let became = state.board().write_documents("customers", &patches, !dry_run, &viewer.actor()).await;
    let became = became.map_err(|error| told(&table, error))?;
    let count = |what: Became| became.iter().filter(|one| **one == what).count();
    Ok(Json(Imported {
        dry_run,
        created: count(Became::Created),
        changed: count(Became::Changed),
        unchanged: count(Became::Same),
        customers: table
            .customers
            .iter()
            .zip(&became)
            .map(|(row, became)| ImportedRow {
                line: row.line,
                id: row.id.clone(),
                became: match became {
                    Became::Created => "created",
                    Became::Changed => "changed",
                    Became::Same => "unchanged",
                },
            })
            .collect(),
    }))
}

fn wrong_table(errors: Vec<FieldError>) -> Problem {
    let detail = errors.first().map_or_else(String::new, |error| format!("{}: {}", error.field, error.detail));
    let mut problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid-table",
        "The table is not valid; nothing was kept",
        detail,
    );
    problem.errors = errors.into();
    problem
}

/// Faults of documents, by the lines and columns that they came from.
fn told(table: &Table, error: DocumentError) -> Problem {
    const CUSTOMERS: Kind = super::KINDS[0];
    match error {
        DocumentError::Invalid(faults) => wrong_table(faults.into_iter().map(|fault| table.place(fault)).collect()),
        DocumentError::Unknown
        | DocumentError::InFile
        | DocumentError::Changed
        | DocumentError::InTheWay(_)
        | DocumentError::Full
        | DocumentError::Store(_)
        | DocumentError::Unusable(_) => problem(CUSTOMERS, error),
    }
}

/// A customer of the table.
struct Row {
    line: u64,
    id: String,
    fields: Map<String, Value>,
    /// Line and column of each field of the document.
    places: BTreeMap<String, (u64, &'static str)>,
    /// Contacts that are in the directory already come first.
    contacts: Vec<Value>,
}

struct Table {
    customers: Vec<Row>,
}

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Id,
    Own(&'static str, Cell),
    Contact(&'static str, &'static str, Cell),
}

impl Column {
    fn of(word: &str) -> Option<Self> {
        let word = word.trim().to_lowercase();
        if word == "id" {
            return Some(Self::Id);
        }
        let own = OWN.iter().find(|(name, _)| *name == word).map(|(name, cell)| Self::Own(name, *cell));
        let contact = || CONTACT.iter().find(|(name, ..)| *name == word);
        own.or_else(|| contact().map(|(name, field, cell)| Self::Contact(name, field, *cell)))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Own(name, _) | Self::Contact(name, _, _) => name,
        }
    }
}

fn at(line: u64, column: &str) -> String {
    if column.is_empty() { format!("line {line}") } else { format!("line {line}, column {column}") }
}

fn wrong(line: u64, column: &str, detail: impl Into<String>) -> FieldError {
    FieldError { field: at(line, column), detail: detail.into() }
}

impl Table {
    /// `known`: the contacts that a customer has now.
    fn read(bytes: &[u8], known: &dyn Fn(&str) -> Option<Value>) -> Result<Self, Vec<FieldError>> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Ok(text) = std::str::from_utf8(bytes) else {
            let line = bytes.iter().take(valid_up_to(bytes)).filter(|byte| **byte == b'\n').count() as u64 + 1;
            return Err(vec![wrong(line, "", "this is no UTF-8; save the table as UTF-8")]);
        };
        let mut lines =
            csv::ReaderBuilder::new().delimiter(divider(text)).flexible(true).has_headers(false).from_reader(bytes);
        let mut records = lines.records();
        let Some(Ok(head)) = records.next() else {
            return Err(vec![wrong(1, "", "there is no line with the columns' names")]);
        };
        let columns = columns(&head)?;
        let (mut table, mut errors) = (Self { customers: Vec::new() }, Vec::new());
        let mut ruler = Ruler { bytes, at: 0, line: 1 };
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = ruler.line(error.position());
                    errors.push(wrong(line, "", "this line can't be read; look for a quote that is not closed"));
                    continue;
                }
            };
            let line = ruler.line(record.position());
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if record.len() != columns.len() {
                let detail = format!(
                    "this line has {} cells, the first one {}; quote cells that hold the divider",
                    record.len(),
                    columns.len()
                );
                errors.push(wrong(line, "", detail));
                continue;
            }
            table.add(line, &columns, &record, known, &mut errors);
        }
        if table.customers.is_empty() && errors.is_empty() {
            errors.push(wrong(2, "", "there is no customer in the table"));
        }
        for row in &mut table.customers {
            if !row.contacts.is_empty() {
                row.fields.insert("contacts".to_owned(), Value::Array(std::mem::take(&mut row.contacts)));
            }
        }
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    fn add(
        &mut self,
        line: u64,
        columns: &[Column],
        record: &csv::StringRecord,
        known: &dyn Fn(&str) -> Option<Value>,
        errors: &mut Vec<FieldError>,
    ) {
        let cells = || columns.iter().copied().zip(record.iter().map(str::trim)).filter(|(_, cell)| !cell.is_empty());
        let Some((_, id)) = cells().find(|(column, _)| *column == Column::Id) else {
            return errors.push(wrong(line, "id", "a customer needs an id; write a short name such as acme"));
        };
        let at = self.customers.iter().position(|row| row.id == id).unwrap_or_else(|| {
            let contacts = known(id).and_then(|contacts| contacts.as_array().cloned()).unwrap_or_default();
            let (fields, places) = (Map::new(), BTreeMap::new());
            self.customers.push(Row { line, id: id.to_owned(), fields, places, contacts });
            self.customers.len() - 1
        });
        let row = &mut self.customers[at];
        let mut contact = Map::new();
        let mut contact_places = Vec::new();
        for (column, cell) in cells() {
            match column {
                Column::Id => {}
                Column::Own(name, form) => match value(form, cell) {
                    Ok(value) if row.fields.get(name).is_some_and(|before| *before != value) => {
                        let (before, _) = row.places.get(name).copied().unwrap_or_default();
                        errors.push(wrong(
                            line,
                            name,
                            format!("customer `{id}` has another value in line {before}; keep one"),
                        ));
                    }
                    Ok(value) => {
                        row.fields.insert(name.to_owned(), value);
                        row.places.entry(name.to_owned()).or_insert((line, name));
                    }
                    Err(detail) => errors.push(wrong(line, name, detail)),
                },
                Column::Contact(name, field, form) => match value(form, cell) {
                    Ok(value) => {
                        contact.insert(field.to_owned(), value);
                        contact_places.push((field, name));
                    }
                    Err(detail) => errors.push(wrong(line, name, detail)),
                },
            }
        }
        if !contact.is_empty() {
            row.contact(line, contact, &contact_places);
        }
    }

    /// Where in the table a document's fault comes from.
    fn place(&self, fault: Fault) -> FieldError {
        let row = self.customers.iter().find(|row| {
            fault.document.as_deref().and_then(|document| document.strip_prefix("customers/")) == Some(row.id.as_str())
        });
        let Some(row) = row else {
            return FieldError { field: fault.document.unwrap_or(fault.place), detail: fault.what };
        };
        let field = fault.field.unwrap_or_default();
        let begins =
            |known: &str| field.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']));
        let place = row.places.iter().filter(|(known, _)| begins(known)).max_by_key(|(known, _)| known.len());
        let (line, column) = match (place, field.as_str()) {
            (Some((_, place)), _) => *place,
            (None, "id") => (row.line, "id"),
            (None, _) => (row.line, ""),
        };
        FieldError { field: at(line, column), detail: fault.what }
    }
}

impl Row {
    /// A contact of this line: merged into the one of the same id, else a further one.
    fn contact(&mut self, line: u64, mut contact: Map<String, Value>, columns: &[(&'static str, &'static str)]) {
        let text = |key: &str| contact.get(key).and_then(Value::as_str).map(str::to_owned);
        let id = text("id").unwrap_or_else(|| {
            let from = text("name").or_else(|| text("email")).unwrap_or_default();
            short(from.split('@').next().unwrap_or_default())
        });
        contact.insert("id".to_owned(), json!(id));
        let known = self.contacts.iter().position(|other| other.get("id").and_then(Value::as_str) == Some(&id));
        let at = known.unwrap_or(self.contacts.len());
        if let Some(Value::Object(known)) = self.contacts.get_mut(at) {
            known.append(&mut contact);
        } else {
            self.contacts.push(Value::Object(contact));
        }
        self.places.insert(format!("contacts[{at}]"), (line, columns.first().map_or("contact_id", |(_, name)| name)));
        for (field, name) in columns {
            self.places.insert(format!("contacts[{at}].{field}"), (line, name));
        }
    }
}

fn columns(head: &csv::StringRecord) -> Result<Vec<Column>, Vec<FieldError>> {
    let (mut columns, mut errors) = (Vec::new(), Vec::new());
    for word in head {
        match Column::of(word) {
            Some(column) if columns.contains(&column) => {
                errors.push(wrong(1, column.name(), "this column is there twice; remove one"));
            }
            Some(column) => columns.push(column),
            None => {
                let own = OWN.iter().map(|(name, _)| *name);
                let known: Vec<&str> =
                    ["id"].into_iter().chain(own).chain(CONTACT.iter().map(|(name, ..)| *name)).collect();
                let word: String = word.trim().chars().take(40).collect();
                errors.push(wrong(1, &word, format!("there is no such column; there are: {}", known.join(", "))));
            }
        }
    }
    if errors.is_empty() && !columns.contains(&Column::Id) {
        errors.push(wrong(1, "id", "this column is missing; every customer needs its short name"));
    }
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}

fn value(cell: Cell, text: &str) -> Result<Value, String> {
    match cell {
        Cell::Text => Ok(json!(text)),
        Cell::List => {
            let parts = text.split(['|', ';']).map(str::trim).filter(|part| !part.is_empty());
            Ok(parts.map(Value::from).collect())
        }
        Cell::Whole => {
            text.parse::<i64>().map(Value::from).map_err(|_| "a whole number is needed, such as 90".to_owned())
        }
    }
}

/// Counts lines, empty ones too; records come in order.
struct Ruler<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Ruler<'_> {
    /// The line in which a record begins.
    fn line(&mut self, position: Option<&csv::Position>) -> u64 {
        let from = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.at);
        let begins = from..self.bytes.len();
        let to = begins.into_iter().find(|at| !matches!(self.bytes[*at], b'\r' | b'\n')).unwrap_or(self.bytes.len());
        let passed = self.bytes.get(self.at..to).unwrap_or_default();
        self.line += passed.split(|byte| *byte == b'\n').skip(1).map(|_| 1).sum::<u64>();
        self.at = self.at.max(to);
        self.line
    }
}

/// A short name from a person's: `Lea Sommer` becomes `lea-sommer`.
fn short(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let plain: String = name.chars().map(plain).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "contact".to_owned() } else { parts.join("-") }
}

/// What divides the cells: that of `,`, `;` and tab which stands in the first line most often.
fn divider(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    let count = |divider: u8| head.bytes().filter(|byte| *byte == divider).count();
    [b'\t', b';', b','].into_iter().max_by_key(|divider| count(*divider)).unwrap_or(b',')
}

fn valid_up_to(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Table, Vec<String>> {
        let known =
            |id: &str| (id == "nord").then(|| json!([{ "id": "kim", "name": "Kim", "email": "kim@nord.example" }]));
        let told =
            |errors: Vec<FieldError>| errors.into_iter().map(|one| format!("{}: {}", one.field, one.detail)).collect();
        Table::read(text.as_bytes(), &known).map_err(told)
    }

    fn body(table: &Table, at: usize) -> Value {
        Value::Object(table.customers[at].fields.clone())
    }

    #[test]
    fn lines_become_documents() {
        let table = read(
            "\u{feff}id;name;pin;domains;retention_days;contact_name;contact_email;contact_tell\r\n\
             acme;\"Acme; Logistics\";0042;acme.example | acme.test;30;Lea Sommer;lea@acme.example;email|sms\r\n\
             \r\n\
             acme;;;;;;otto@acme.example;\r\n\
             nord;;;;;Kim K.;;\r\n",
        )
        .map_err(|errors| errors.join("\n"))
        .unwrap();
        assert_eq!(
            table.customers.iter().map(|row| (row.line, row.id.as_str())).collect::<Vec<_>>(),
            [(2, "acme"), (5, "nord")]
        );
        let acme = json!({
            "name": "Acme; Logistics", "pin": "0042", "domains": ["acme.example", "acme.test"], "retention_days": 30,
            "contacts": [
                { "id": "lea-sommer", "name": "Lea Sommer", "email": "lea@acme.example", "tell": ["email", "sms"] },
                { "id": "otto", "email": "otto@acme.example" },
            ],
        });
        assert_eq!(body(&table, 0), acme);
        let nord = json!({ "contacts": [
            { "id": "kim", "name": "Kim", "email": "kim@nord.example" }, { "id": "kim-k", "name": "Kim K." },
        ]});
        assert_eq!(body(&table, 1), nord, "who is there already stays");
        let fault = |document: &str, field: &str| Fault {
            document: Some(document.to_owned()),
            field: Some(field.to_owned()),
            place: document.to_owned(),
            what: "wrong".to_owned(),
        };
        let place = |document, field| table.place(fault(document, field)).field;
        assert_eq!(place("customers/acme", "domains[1]"), "line 2, column domains");
        assert_eq!(place("customers/acme", "contacts[1].email"), "line 4, column contact_email");
        assert_eq!(place("customers/acme", "contacts[0]"), "line 2, column contact_name");
        assert_eq!(place("customers/nord", "policy"), "line 5");
        assert_eq!(place("services/mail", "customer"), "services/mail");
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column() {
        for (text, told) in [
            ("", "line 1: there is no line"),
            ("id,name\n", "line 2: there is no customer"),
            ("name\nAcme\n", "line 1, column id: this column is missing"),
            ("id,nmae\nacme,Acme\n", "line 1, column nmae: there is no such column"),
            ("id,name,NAME\nacme,A,B\n", "line 1, column name: this column is there twice"),
            ("id,name\n,Acme\n", "line 2, column id: a customer needs an id"),
            ("id,name\nacme,Acme, Logistics\n", "line 2: this line has 3 cells, the first one 2"),
            ("id,retention_days\n\nacme,many\n", "line 3, column retention_days: a whole number"),
            ("id,name\nacme,Acme\nacme,Acne\n", "line 3, column name: customer `acme` has another value in line 2"),
        ] {
            let Err(errors) = read(text) else { panic!("{text:?}") };
            assert!(errors[0].starts_with(told), "{text:?}: {errors:?}");
        }
        let Err(errors) = Table::read(b"id,name\nacme,\xfc\n", &|_| None) else { panic!() };
        assert_eq!(errors[0].field, "line 2");
    }
}
