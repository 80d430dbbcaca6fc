//! A source's templates: compiled once, limited in steps and output.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use hotline_core::directory::AlertSource;
use hotline_core::ids::SourceId;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use parking_lot::Mutex;
use serde_json::Value;

/// Steps of one template at most.
const FUEL: u64 = 50_000;
/// Bytes of one template's output at most.
const OUTPUT_MAX: usize = 64 * 1024;
/// Nesting of includes, macros and calls.
const RECURSION: usize = 32;

/// The fields that a mapping may name.
pub const FIELDS: [&str; 10] =
    ["title", "details", "action", "dedup_key", "group_key", "priority", "service", "customer", "began_at", "link"];

/// What a mapping made of a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapped {
    /// Field → text; a field whose template gave nothing is there, empty.
    pub fields: BTreeMap<&'static str, String>,
    /// Templates that failed, each with why: one sentence for the alert's details.
    pub failed: Vec<String>,
}

/// A source's templates, ready to run.
struct Compiled {
    /// As they were written: another mapping is compiled anew.
    mapping: Vec<(String, String)>,
    templates: Environment<'static>,
    /// Those that can't be compiled, told with every event.
    faulty: Vec<(&'static str, String)>,
}

/// The sources' mappings.
#[derive(Default)]
pub struct Mappings(Mutex<HashMap<SourceId, Arc<Compiled>>>);

impl Mappings {
    /// Runs the source's templates over the payload; `None`: it has none.
    pub fn run(&self, source: &AlertSource, payload: &Value) -> Option<Mapped> {
        if source.mapping.is_empty() {
            return None;
        }
        let compiled = self.compiled(source);
        let mut mapped = Mapped::default();
        for (field, why) in &compiled.faulty {
            mapped.failed.push(format!("The template of {field} can't be read ({why}); the usual fields were used."));
        }
        let context = context(payload);
        for (field, template) in compiled.templates.templates() {
            let Some(field) = known(field) else { continue };
            let mut output = Limited(Vec::new());
            match template.render_captured_to(context.clone(), &mut output) {
                Ok(_) => drop(mapped.fields.insert(field, String::from_utf8_lossy(&output.0).into_owned())),
                Err(error) => mapped.failed.push(format!(
                    "The template of {field} failed ({}); the usual fields were used.",
                    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
                )),
            }
        }
        Some(mapped)
    }

    fn compiled(&self, source: &AlertSource) -> Arc<Compiled> {
        let mut known = self.0.lock();
        if let Some(compiled) = known.get(&source.id).filter(|compiled| compiled.mapping == source.mapping) {
            return Arc::clone(compiled);
        }
        let compiled = Arc::new(compile(&source.mapping));
        known.insert(source.id.clone(), Arc::clone(&compiled));
        compiled
    }
}

/// A field by its own name, the whole by `payload`.
fn context(payload: &Value) -> minijinja::Value {
    let whole = minijinja::Value::from(Serde(payload));
    let fields = payload
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), minijinja::Value::from(Serde(value))));
    let all: BTreeMap<String, minijinja::Value> =
        std::iter::once(("payload".to_owned(), whole)).chain(fields).collect();
    minijinja::Value::from_pairs(all)
}

fn known(field: &str) -> Option<&'static str> {
    FIELDS.into_iter().find(|known| *known == field)
}

fn compile(mapping: &[(String, String)]) -> Compiled {
    let mut templates = Environment::new();
    templates.set_fuel(Some(FUEL));
    templates.set_recursion_limit(RECURSION);
    templates.set_undefined_behavior(UndefinedBehavior::Chainable);
    // Plain text, whatever a field is called.
    templates.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let mut faulty = Vec::new();
    for (field, template) in mapping {
        // Others are refused when the source is written; an older release ignores what a newer one knows.
        let Some(field) = known(field) else { continue };
        if let Err(error) = templates.add_template_owned(field, template.clone()) {
            faulty.push((field, error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)));
        }
    }
    Compiled { mapping: mapping.to_vec(), templates, faulty }
}

/// An output that ends.
struct Limited(Vec<u8>);

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_MAX {
            return Err(io::Error::other("its output is longer than 64 KiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::intake::tests::source;

    fn run(mapping: &[(&str, &str)], payload: &Value) -> Mapped {
        let mut source = source("mon", "k");
        source.mapping =
            mapping.iter().map(|(field, template)| ((*field).to_owned(), (*template).to_owned())).collect();
        Mappings::default().run(&source, payload).unwrap()
    }

    #[test]
    fn templates_see_the_payload() {
        let mapped = run(
            &[
                ("title", "{{ labels.instance }} is {{ status|upper }}"),
                ("dedup_key", "{{ payload.id }}"),
                ("details", "{{ absent.there.at.all }}"),
            ],
            &json!({"labels": {"instance": "db-1"}, "status": "down", "id": 42}),
        );
        assert_eq!(mapped.fields["title"], "db-1 is DOWN");
        assert_eq!(mapped.fields["dedup_key"], "42");
        assert_eq!(mapped.fields["details"], "");
        assert_eq!(mapped.failed, Vec::<String>::new());
    }

    #[test]
    fn html_is_left_alone() {
        assert_eq!(run(&[("title", "{{ t }}")], &json!({"t": "<b> & \"x\""})).fields["title"], "<b> & \"x\"");
    }

    #[test]
    fn a_template_that_fails_is_told_and_costs_no_other() {
        let mapped = run(&[("title", "{{ a "), ("details", "{{ 1 / 0 }}"), ("link", "ok")], &json!({}));
        assert_eq!(mapped.fields.len(), 1);
        assert_eq!(mapped.failed.len(), 2, "{:?}", mapped.failed);
        assert!(mapped.failed[0].contains("title"), "{:?}", mapped.failed);
    }

    #[test]
    fn loops_and_outputs_end() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let mapped = run(&[("title", endless)], &json!({}));
        assert_eq!(mapped.failed.len(), 1);
        let mapped = run(&[("title", "{{ 'abcdefgh' * 900000 }}")], &json!({}));
        assert!(mapped.fields.is_empty() && mapped.failed.len() == 1, "{mapped:?}");
    }

    #[test]
    fn another_mapping_is_compiled_anew() {
        let mappings = Mappings::default();
        let mut source = source("mon", "k");
        source.mapping = vec![("title".to_owned(), "one".to_owned())];
        assert_eq!(mappings.run(&source, &json!({})).unwrap().fields["title"], "one");
        source.mapping[0].1 = "two".to_owned();
        assert_eq!(mappings.run(&source, &json!({})).unwrap().fields["title"], "two");
    }
}
