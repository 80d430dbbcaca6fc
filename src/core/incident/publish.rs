//! Texts for customers: drafted, looked at, published, withdrawn.

use super::command::{By, Setting, TEXT_MAX, bounded, known_customers, text_of, title_of, titles_of};
use super::{Change, Heading, Incident, Phase, Refusal, Update, UpdateState};
use crate::directory::Language;
use crate::ids::{CustomerId, UpdateId};

/// What an update is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The phase that it tells.
    pub phase: Phase,
    /// The title that goes out with it; `None`: the incident's.
    pub heading: Option<Heading>,
    /// The words.
    pub text: String,
    /// The same words in other languages.
    pub translations: Vec<(Language, String)>,
    /// Who may read it; empty: every customer who is touched.
    pub customers: Vec<CustomerId>,
}

type Changes = Vec<(Change, String)>;

pub(super) fn draft(
    incident: &Incident,
    id: UpdateId,
    draft: &Draft,
    by: &By,
    setting: &Setting<'_>,
) -> Result<Changes, Refusal> {
    let draft = checked(incident, draft, setting)?;
    bounded(incident.updates.len())?;
    if incident.update(id).is_some() {
        // The same write twice.
        return Ok(Vec::new());
    }
    let update = Update {
        id,
        at: setting.now,
        by: by.actor.clone(),
        phase: draft.phase,
        heading: draft.heading,
        text: draft.text,
        translations: draft.translations,
        customers: draft.customers,
        affected: incident.affected.clone(),
        named: incident.customers.clone(),
        state: UpdateState::Draft,
    };
    Ok(vec![(Change::Drafted(Box::new(update)), format!("{} writes it", by.actor.shown()))])
}

pub(super) fn edit(
    incident: &Incident,
    id: UpdateId,
    draft: &Draft,
    by: &By,
    setting: &Setting<'_>,
) -> Result<Changes, Refusal> {
    unsettled(incident, id)?;
    let change = Change::Edited(id, Box::new(checked(incident, draft, setting)?));
    Ok(vec![(change, format!("{} writes it anew", by.actor.shown()))])
}

pub(super) fn submit(incident: &Incident, id: UpdateId, by: &By) -> Result<Changes, Refusal> {
    let update = unsettled(incident, id)?;
    if update.state == UpdateState::Review {
        return Ok(Vec::new());
    }
    Ok(vec![(Change::Submitted(id), format!("{} asks somebody else to look at it", by.actor.shown()))])
}

pub(super) fn withdraw(incident: &Incident, id: UpdateId, by: &By) -> Result<Changes, Refusal> {
    let update = incident.update(id).ok_or(Refusal::UnknownUpdate)?;
    match update.state {
        UpdateState::Draft | UpdateState::Review => {
            Ok(vec![(Change::Withdrawn(id), format!("{} does not want it sent", by.actor.shown()))])
        }
        UpdateState::Withdrawn { .. } => Ok(Vec::new()),
        // What customers have read can't be unread: a new update says what is right.
        UpdateState::Published { .. } => Err(Refusal::Settled),
    }
}

/// Whether it may go out now, and what goes with it. Order of the questions: the update, the right, the second person, the title, the
/// readers.
pub(super) fn publish(
    incident: &Incident,
    id: UpdateId,
    heading: Option<&Heading>,
    by: &By,
    setting: &Setting<'_>,
) -> Result<Changes, Refusal> {
    let update = unsettled(incident, id)?;
    if !by.may_publish(incident, setting.rules) {
        return Err(Refusal::MayNotPublish);
    }
    let by_rule = by.role.is_none();
    if !by_rule && incident.needs_review(setting.rules) {
        if update.state != UpdateState::Review {
            return Err(Refusal::NeedsReview);
        }
        if by.is(&update.by) {
            return Err(Refusal::OwnReview);
        }
    }
    let heading = heading.map(heading_of).transpose()?.or_else(|| update.heading.clone());
    if heading.is_none() && incident.public_title.is_none() {
        return Err(Refusal::NoPublicTitle);
    }
    readers(incident, &update.customers, setting)?;
    if update.phase.is_over() && !reaches_all_told(incident, &update.customers) {
        return Err(Refusal::EndIsForAll);
    }
    let why = if by_rule {
        "The publishing rules let it go by itself.".to_owned()
    } else {
        format!("{} releases it", by.actor.shown())
    };
    let mut changes = Vec::new();
    changes.extend(heading.map(|heading| headed(incident, update, heading, &why)).unwrap_or_default());
    changes.push((Change::Published(id), why));
    if update.phase != incident.phase {
        changes.push((Change::Phase(update.phase), "The published update says so.".to_owned()));
    }
    Ok(changes)
}

/// The words are there, the phase fits, the readers are touched.
fn checked(incident: &Incident, draft: &Draft, setting: &Setting<'_>) -> Result<Draft, Refusal> {
    if !draft.phase.is_of(incident.kind) {
        return Err(Refusal::Phase(incident.kind, draft.phase));
    }
    let text = text_of(&draft.text, TEXT_MAX).ok_or(Refusal::Text)?;
    let mut translations: Vec<(Language, String)> = Vec::new();
    for (language, words) in &draft.translations {
        let words = text_of(words, TEXT_MAX).ok_or(Refusal::Text)?;
        bounded(translations.len())?;
        translations.retain(|(known, _)| known != language);
        translations.push((language.clone(), words));
    }
    let customers = known_customers(&draft.customers, setting.directory)?;
    let touched = incident.touched(setting.directory);
    match customers.iter().find(|customer| !touched.contains(customer)) {
        Some(stranger) => Err(Refusal::NotTouched(stranger.clone())),
        None => {
            let heading = draft.heading.as_ref().map(heading_of).transpose()?;
            Ok(Draft { phase: draft.phase, heading, text, translations, customers })
        }
    }
}

fn heading_of(heading: &Heading) -> Result<Heading, Refusal> {
    Ok(Heading { title: title_of(&heading.title)?, others: titles_of(&heading.others)? })
}

/// The title of what goes out takes the place of the one that customers knew, in all its languages. That of words for some only stays
/// with them: the others must not read it.
fn headed(incident: &Incident, update: &Update, heading: Heading, why: &str) -> Changes {
    let mut changes = Vec::new();
    if !update.customers.is_empty() {
        if update.heading.as_ref() != Some(&heading) {
            changes.push((Change::Headed(update.id, heading), why.to_owned()));
        }
        return changes;
    }
    let new = incident.public_title.as_ref() != Some(&heading.title);
    if new {
        changes.push((Change::PublicTitled(heading.title), why.to_owned()));
    }
    // The same title again, without a word about other languages, changes nothing.
    if incident.public_titles != heading.others && (new || !heading.others.is_empty()) {
        changes.push((Change::PublicTitles(heading.others), why.to_owned()));
    }
    changes
}

fn unsettled(incident: &Incident, id: UpdateId) -> Result<&Update, Refusal> {
    let update = incident.update(id).ok_or(Refusal::UnknownUpdate)?;
    match update.state {
        UpdateState::Draft | UpdateState::Review => Ok(update),
        UpdateState::Published { .. } | UpdateState::Withdrawn { .. } => Err(Refusal::Settled),
    }
}

/// Somebody reads it, and nobody who is not touched (any more).
fn readers(incident: &Incident, customers: &[CustomerId], setting: &Setting<'_>) -> Result<(), Refusal> {
    let touched = incident.touched(setting.directory);
    if touched.is_empty() {
        return Err(Refusal::NobodyTouched);
    }
    match customers.iter().find(|customer| !touched.contains(customer)) {
        Some(stranger) => Err(Refusal::NotTouched(stranger.clone())),
        None => Ok(()),
    }
}

/// Everybody who read an update that is out reads this one too.
fn reaches_all_told(incident: &Incident, customers: &[CustomerId]) -> bool {
    let published = |update: &&Update| matches!(update.state, UpdateState::Published { .. });
    customers.is_empty()
        || incident.updates.iter().filter(published).all(|update| {
            !update.customers.is_empty() && update.customers.iter().all(|customer| customers.contains(customer))
        })
}
