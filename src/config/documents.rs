//! What is written through the API: documents with the same keys as the file's tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::Kind;
use super::tree::{self, Place, Spot, Value};

/// The kinds of documents: the key in the file, and the path below `/api/v1`.
pub const KINDS: [(&str, &str); 20] = [
    ("customers", "customers"),
    ("services", "services"),
    ("slas", "slas"),
    ("teams", "teams"),
    ("users", "users"),
    ("phones", "phones"),
    ("calendars", "calendars"),
    ("schedules", "schedules"),
    ("numbers", "numbers"),
    ("flows", "flows"),
    ("trunks", "trunks"),
    ("escalation_policies", "escalation-policies"),
    ("channels", "channels"),
    ("alert_sources", "alert-sources"),
    ("heartbeats", "heartbeats"),
    ("maintenance_windows", "maintenance-windows"),
    ("status_pages", "status-pages"),
    ("actions", "actions"),
    ("update_templates", "update-templates"),
    (SETTINGS, SETTINGS),
];

/// The one document whose fields are some of the file's top level.
pub const SETTINGS: &str = "settings";

/// Those fields.
const SETTINGS_KEYS: [&str; 5] = ["company", "default_policy", "limits", "blocklist", "incident_rules"];

/// One thing that was written through the API, its secrets in clear.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// The key in the file (`users`).
    pub kind: String,
    /// Its name.
    pub id: String,
    /// The same keys as the file's table, without the name.
    pub body: serde_json::Value,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({}/{})", self.kind, self.id)
    }
}

/// A configured thing as it was written.
#[derive(Clone, PartialEq)]
pub struct Thing {
    /// The keys of its table, without the name. Holds secrets.
    pub body: serde_json::Value,
    /// It stands in the file (or is the demo's).
    pub in_file: bool,
}

impl std::fmt::Debug for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Thing {{ in_file: {} }}", self.in_file)
    }
}

/// By kind (the file's key) and name.
pub type Things = BTreeMap<String, BTreeMap<String, Thing>>;

fn kind(key: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.key() == key)
}

fn id_key(key: &str) -> &'static str {
    kind(key).map_or("id", Kind::id_key)
}

/// As messages name a document: by its path.
pub(super) fn name(key: &str, id: &str) -> String {
    let path = KINDS.iter().find(|(known, _)| *known == key).map_or(key, |(_, path)| path);
    if key == SETTINGS { SETTINGS.to_owned() } else { format!("{path}/{id}") }
}

/// The documents as the root of a file would be.
pub(super) fn root(documents: &[Document]) -> Spot {
    let place = Place::new("documents", 0);
    let mut lists: BTreeMap<&str, Vec<Spot>> = BTreeMap::new();
    let (mut flows, mut root) = (Vec::new(), Vec::new());
    for document in documents {
        let file = name(&document.kind, &document.id);
        let mut spot = tree::document(&document.body, &file);
        let Value::Table(entries) = &mut spot.value else { continue };
        match document.kind.as_str() {
            SETTINGS => {
                // Nothing else of the file's top level can come from here: under this name nobody knows it.
                for (key, _) in entries.iter_mut().filter(|(key, _)| !SETTINGS_KEYS.contains(&key.as_str())) {
                    *key = format!("settings.{key}");
                }
                root.append(entries);
            }
            "flows" => flows.push((document.id.clone(), spot)),
            key => {
                let id_key = id_key(key);
                entries.retain(|(own, _)| own != id_key);
                let place = Place::field(&Arc::from(file), id_key);
                let id = Spot { place, value: Value::Text(document.id.clone()) };
                entries.push((id_key.to_owned(), id));
                lists.entry(kind(key).map_or("", Kind::key)).or_default().push(spot);
            }
        }
    }
    lists.remove("");
    root.extend(
        lists
            .into_iter()
            .map(|(key, items)| (key.to_owned(), Spot { place: place.clone(), value: Value::List(items) })),
    );
    if !flows.is_empty() {
        root.push(("flows".to_owned(), Spot { place: place.clone(), value: Value::Table(flows) }));
    }
    Spot { place, value: Value::Table(root) }
}

/// Everything that has a name. The first `in_files` roots are files'; of the same name in two roots the first counts.
pub(super) fn things(roots: &[Spot], in_files: usize) -> Things {
    let mut things = Things::new();
    let settings = settings(roots, in_files);
    things.insert(SETTINGS.to_owned(), BTreeMap::from([(SETTINGS.to_owned(), settings)]));
    for (at, root) in roots.iter().enumerate() {
        let Value::Table(entries) = &root.value else { continue };
        for (key, spot) in entries.iter().filter(|(key, _)| KINDS.iter().any(|(known, _)| known == key)) {
            let of_kind = things.entry(key.clone()).or_default();
            let mut add = |id: &str, body: serde_json::Value| {
                of_kind.entry(id.to_owned()).or_insert(Thing { body, in_file: at < in_files });
            };
            match &spot.value {
                Value::List(items) => {
                    for item in items {
                        let serde_json::Value::Object(mut body) = item.to_json() else { continue };
                        let Some(serde_json::Value::String(id)) = body.remove(id_key(key)) else { continue };
                        add(id.trim(), body.into());
                    }
                }
                Value::Table(flows) => flows.iter().for_each(|(id, flow)| add(id, flow.to_json())),
                Value::Text(_)
                | Value::Whole(_)
                | Value::Float
                | Value::Flag(_)
                | Value::Moment(_)
                | Value::Nothing => {}
            }
        }
    }
    things
}

/// What the document says; as long as there is none, what the files say.
fn settings(roots: &[Spot], in_files: usize) -> Thing {
    let (files, document) = roots.split_at(in_files.min(roots.len()));
    let said = |roots: &[Spot]| {
        let mut body = serde_json::Map::new();
        for root in roots {
            let Value::Table(entries) = &root.value else { continue };
            for (key, spot) in entries.iter().filter(|(key, _)| SETTINGS_KEYS.contains(&key.as_str())) {
                body.entry(key.clone()).or_insert_with(|| spot.to_json());
            }
        }
        body
    };
    let own = said(document);
    let body = if own.is_empty() { said(files) } else { own };
    Thing { body: body.into(), in_file: false }
}
