//! Prose for a postmortem: a language model is asked where one is configured, its answer is judged by the core, and where it may not
//! be used the facts stand as they are, with the reason. Nothing waits for it but the person who asked for the draft.

use hotline_core::directory::Directory;
use hotline_core::postmortem::prose::{self, Prose};
use hotline_core::postmortem::{Facts, Origin, Sections, draft};
use serde_json::Value;

use super::Switch;
use crate::notify::LanguageModel;

impl Switch {
    /// The sections of a draft, and where their prose comes from.
    pub async fn draft_postmortem(&self, facts: &Facts, language: &str) -> (Sections, Origin) {
        let drafted = draft(facts, language);
        match self.0.notifier.language_model() {
            None => (drafted, Origin::Facts(None)),
            Some(model) => written(model, facts, drafted, &names(&self.directory()), language).await,
        }
    }
}

/// With the model's prose, or without it and the reason.
async fn written(
    model: &LanguageModel,
    facts: &Facts,
    drafted: Sections,
    known: &[String],
    language: &str,
) -> (Sections, Origin) {
    match asked(model, facts, &drafted, known, language).await {
        Ok(prose) => {
            let Prose { summary, impact, detection } = prose;
            (Sections { summary, impact, detection, ..drafted }, Origin::Model(model.name().to_owned()))
        }
        Err(why) => {
            tracing::info!(%why, "a language model's prose was not used");
            (drafted, Origin::Facts(Some(why)))
        }
    }
}

async fn asked(
    model: &LanguageModel,
    facts: &Facts,
    drafted: &Sections,
    known: &[String],
    language: &str,
) -> Result<Prose, String> {
    let answer = model.ask(prose::system(language), &prose::question(facts, drafted)).await;
    let text = answer.map_err(|error| error.to_string())?;
    let prose = read(&text).ok_or("the language model's answer is not the JSON that was asked for")?;
    prose::checked(&prose, facts, drafted, known).map_err(|nonsense| nonsense.said())?;
    Ok(prose)
}

/// The texts in the answer. Small models put fences around the object, or run on until they are cut off: what was said until then
/// counts, if it is whole. `None`: it is not the object that was asked for.
fn read(answer: &str) -> Option<Prose> {
    let object = &answer[answer.find('{')?..];
    let text = |key: &str| {
        let (_, rest) = object.split_once(&format!("\"{key}\""))?;
        let value = rest.trim_start().strip_prefix(':')?;
        // The first whole value; what follows it is left unread.
        let value = serde_json::Deserializer::from_str(value).into_iter::<Value>().next()?.ok()?;
        value.as_str().map(|text| text.trim().to_owned())
    };
    let (summary, impact, detection) = (text("summary"), text("impact"), text("detection"));
    if summary.is_none() && impact.is_none() && detection.is_none() {
        return None;
    }
    let [summary, impact, detection] = [summary, impact, detection].map(Option::unwrap_or_default);
    Some(Prose { summary, impact, detection })
}

/// Names of people, customers and services.
fn names(directory: &Directory) -> Vec<String> {
    let people = directory.users.values().map(|user| user.name.clone());
    let customers = directory.customers.values().map(|customer| customer.name.clone());
    people.chain(customers).chain(directory.services.values().map(|service| service.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hotline_core::incident::Severity;
    use hotline_core::network::Network;
    use hotline_core::postmortem::{Moment, Noticed};
    use jiff::tz::TimeZone;

    use super::*;
    use crate::notify::tests::receiver::{Receiver, Say};
    use crate::notify::{LanguageModelSettings, Notifier, NotifySettings};

    fn facts() -> Facts {
        let at = |text: &str| format!("2026-11-22T{text}:00Z").parse().unwrap();
        Facts {
            reference: "INC-1001".to_owned(),
            title: "Mail store stuck".to_owned(),
            public_title: None,
            planned: false,
            severity: Severity::Major,
            began: None,
            detected: at("09:50"),
            detected_by: Some(Noticed::Monitoring("Icinga".to_owned())),
            taken: None,
            first_told: None,
            told: 0,
            undelivered: 0,
            resolved: Some(at("11:45")),
            services: vec!["Mail".to_owned()],
            customers: vec!["Acme Logistics".to_owned()],
            alerts: 1,
            calls: 0,
            tasks: Vec::new(),
            timeline: vec![Moment { at: at("09:50"), what: "Alert opened.".to_owned() }],
            bare: vec![Moment { at: at("09:50"), what: "Alert opened.".to_owned() }],
            drill: false,
            zone: TimeZone::UTC,
        }
    }

    fn notifier(receiver: &Receiver, timeout: u64, allowed: &str) -> Notifier {
        Notifier::new(NotifySettings {
            allow_networks: Network::parse(allowed).into_iter().collect(),
            language_model: Some(LanguageModelSettings {
                url: receiver.url("/v1"),
                model: "small".to_owned(),
                key: Some("sk-secret".into()),
                timeout: Duration::from_secs(timeout),
                tokens_max: 300,
            }),
            ..NotifySettings::default()
        })
    }

    fn says(content: &str) -> Say {
        let body = serde_json::json!({ "choices": [{ "message": { "role": "assistant", "content": content } }] });
        Say::With(200, "content-type", "application/json".to_owned(), Box::leak(body.to_string().into_boxed_str()))
    }

    async fn draft_of(notifier: &Notifier) -> (Sections, Origin) {
        let facts = facts();
        let drafted = draft(&facts, "en");
        let known = ["Ada Winter".to_owned()];
        written(notifier.language_model().unwrap(), &facts, drafted, &known, "en").await
    }

    const GOOD: &str = "```json\n{\"summary\": \"Mail stood still until 11:45.\", \"impact\": \"Acme Logistics had no mail.\", \
                        \"detection\": \"An alert told at 09:50.\"}\n```";

    #[tokio::test]
    async fn prose_that_is_in_the_facts_is_used_and_marked() {
        let receiver = Receiver::start().await;
        receiver.says([says(GOOD)]);
        let (sections, origin) = draft_of(&notifier(&receiver, 20, "127.0.0.0/8")).await;
        assert_eq!(origin, Origin::Model("small".to_owned()));
        assert_eq!(sections.summary, "Mail stood still until 11:45.");
        assert_eq!(sections.root_cause, draft(&facts(), "en").root_cause, "the cause is not the model's");
        let seen = receiver.one();
        assert_eq!((seen.uri.path(), seen.header("authorization")), ("/v1/chat/completions", "Bearer sk-secret"));
        let asked = seen.json();
        assert_eq!((&asked["model"], &asked["max_tokens"]), (&"small".into(), &300.into()));
        assert!(asked["messages"][1]["content"].as_str().unwrap().contains("INC-1001"));
    }

    #[test]
    fn an_answer_that_was_cut_off_counts_as_far_as_it_is_whole() {
        let cut = "{\n\"summary\": \"A \\\"b\\\". \",\n\"impact\": \"c\", \"detection\" : \"d\", \"impact\": \"half";
        let read_of = |text| read(text).map(|prose| [prose.summary, prose.impact, prose.detection]);
        assert_eq!(read_of(cut), Some(["A \"b\".", "c", "d"].map(str::to_owned)));
        assert_eq!(read_of("{\"summary\": \"half"), None);
        assert_eq!(read_of("{\"summary\": 5, \"impact\": [1]}"), None);
        assert_eq!(read_of("summary: \"x\""), None);
        assert_eq!(read_of("{\"summary\""), None);
    }

    #[tokio::test]
    async fn whatever_else_comes_the_facts_stand_and_the_reason_is_said() {
        let receiver = Receiver::start().await;
        let notifier = notifier(&receiver, 20, "127.0.0.0/8");
        let with = |summary: &str| {
            says(&serde_json::json!({ "summary": summary, "impact": "x", "detection": "y" }).to_string())
        };
        for (say, why) in [
            (Say::Status(500, "x"), "answered 500"),
            (Say::Status(401, "x"), "answered 401"),
            (Say::Status(200, "not json"), "not that of a chat API"),
            (Say::Flood(200_000), "not that of a chat API"),
            (says("  "), "empty"),
            (says("Sure! Mail was down."), "not the JSON"),
            (says("{\"summary\": \"x\"}"), "has no impact"),
            (with("It began at 03:15."), "03:15"),
            (with("It was Ada Winter."), "Ada Winter"),
            (with("As an AI language model I cannot do that."), "refused"),
            (with(&"word ".repeat(1_000)), "too long"),
        ] {
            receiver.says([say]);
            let (sections, origin) = draft_of(&notifier).await;
            assert_eq!(sections, draft(&facts(), "en"), "{why}");
            let Origin::Facts(Some(said)) = origin else { panic!("{why}: {origin:?}") };
            assert!(said.contains(why) && !said.contains("sk-secret"), "{said}");
        }
    }

    #[tokio::test]
    async fn who_is_slow_or_may_not_be_reached_is_not_waited_for() {
        let receiver = Receiver::start().await;
        receiver.says([Say::Never]);
        let (_, origin) = draft_of(&notifier(&receiver, 1, "127.0.0.0/8")).await;
        assert!(matches!(&origin, Origin::Facts(Some(why)) if why.contains("no answer in time")), "{origin:?}");
        let (_, origin) = draft_of(&notifier(&receiver, 20, "10.0.0.0/8")).await;
        assert!(matches!(&origin, Origin::Facts(Some(_))), "{origin:?}");
        assert_eq!(receiver.seen().len(), 1, "a private address that is not allowed was asked");
    }
}
