//! `[language_model]`: who writes prose, if anybody does.

use std::path::Path;
use std::time::Duration;

use hotline_core::private::Private;

use crate::notify::LanguageModelSettings;

use super::report::{Report, Section};
use super::server::{Environment, read_secret};

/// Stands for `key_file`.
const VARIABLE: &str = "HOTLINE_LANGUAGE_MODEL_KEY";

/// Reads the table of the first root that has one; `None`: no model is asked for anything.
pub(super) fn read(
    roots: &[Section<'_>],
    environment: &Environment,
    base: &Path,
    report: &Report,
) -> Option<LanguageModelSettings> {
    // Every root is asked, so that none calls the key unknown.
    let spots: Vec<_> = roots.iter().filter_map(|root| root.spot("language_model")).collect();
    let section = Section::new(spots.first()?, "[language_model]", report)?;
    let url = section.text("url");
    let model = section.text("model").map(|word| word.text.to_owned());
    let from_file = section.text("key_file").and_then(|path| read_secret(&base.join(path.text), path.place, report));
    let given = environment.get(VARIABLE).map(|text| text.trim()).filter(|text| !text.is_empty());
    let timeout = section.duration("timeout", &(Duration::from_secs(1)..=Duration::from_mins(5)));
    let tokens_max = section.whole("tokens_max", &(50..=4_000));
    let right = url.as_ref().is_some_and(|word| {
        let right = url::Url::parse(word.text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !right {
            let what = format!("`url`: `{}` is no address; write https://models.example.com/v1", word.text);
            report.mistake(word.place, what);
        }
        right
    });
    if url.is_none() {
        report.mistake(section.place, "[language_model] has no `url`; write that of an OpenAI-compatible API");
    }
    if model.is_none() {
        report.mistake(section.place, "[language_model] has no `model`; write the name that the API knows it by");
    }
    let url = url.filter(|_| right).map(|word| word.text.to_owned());
    section.finish();
    Some(LanguageModelSettings {
        url: url?,
        model: model?,
        key: given.map(Private::from).or(from_file),
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
        tokens_max: tokens_max.unwrap_or(700) as u32,
    })
}
