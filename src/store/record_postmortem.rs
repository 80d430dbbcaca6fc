//! A postmortem as it is kept: from rows to the core's and back.

use hotline_core::postmortem::{Action, Moment, Origin, Postmortem, Sections, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::postmortems::{PostmortemActionRow, PostmortemRow};

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The column `body`.
#[derive(Serialize, Deserialize)]
struct Body {
    summary: String,
    impact: String,
    detection: String,
    root_cause: String,
    went_well: String,
    public: String,
    timeline: Vec<(i64, String)>,
    /// The model's name.
    model: Option<String>,
    /// Why its answer was not used.
    why: Option<String>,
}

/// As the core has it; `None`: a later release wrote it.
pub fn read(row: &PostmortemRow, actions: &[PostmortemActionRow]) -> Option<Postmortem> {
    let body: Body = serde_json::from_str(&row.body).ok()?;
    let action = |action: &PostmortemActionRow| Action {
        number: u32::try_from(action.number).unwrap_or_default(),
        text: action.text.clone(),
        owner: action.owner.as_deref().map(Into::into),
        due: action.due.as_deref().and_then(|day| day.parse().ok()),
        done: action.done_at.map(moment),
    };
    Some(Postmortem {
        id: row.id.parse().ok()?,
        incident: row.incident.parse().ok()?,
        title: row.title.clone(),
        language: row.language.clone(),
        state: State::from_word(&row.state)?,
        origin: match body.model {
            Some(name) => Origin::Model(name),
            None => Origin::Facts(body.why),
        },
        sections: Sections {
            summary: body.summary,
            impact: body.impact,
            detection: body.detection,
            root_cause: body.root_cause,
            went_well: body.went_well,
            public: body.public,
        },
        timeline: body.timeline.into_iter().map(|(at, what)| Moment { at: moment(at), what }).collect(),
        actions: actions.iter().map(action).collect(),
        created_at: moment(row.created_at),
        version: row.version,
    })
}

/// As it is kept. `by`: who changed it; `published_at` of the row before.
pub fn row(postmortem: &Postmortem, by: String, published_at: Option<i64>) -> PostmortemRow {
    let sections = postmortem.sections.clone();
    let (model, why) = match postmortem.origin.clone() {
        Origin::Model(name) => (Some(name), None),
        Origin::Facts(why) => (None, why),
    };
    let body = Body {
        summary: sections.summary,
        impact: sections.impact,
        detection: sections.detection,
        root_cause: sections.root_cause,
        went_well: sections.went_well,
        public: sections.public,
        timeline: postmortem.timeline.iter().map(|one| (one.at.as_millisecond(), one.what.clone())).collect(),
        model,
        why,
    };
    PostmortemRow {
        id: postmortem.id.to_string(),
        incident: postmortem.incident.to_string(),
        title: postmortem.title.clone(),
        language: postmortem.language.clone(),
        state: postmortem.state.word().to_owned(),
        body: serde_json::to_string(&body).expect("texts and numbers are JSON"),
        created_at: postmortem.created_at.as_millisecond(),
        updated_at: 0,
        updated_by: by,
        published_at,
        version: postmortem.version,
    }
}

/// Its actions as they are kept; when owners were reminded stays for those whose date did.
pub fn actions(postmortem: &Postmortem, before: &[PostmortemActionRow]) -> Vec<PostmortemActionRow> {
    let action = |action: &Action| {
        let due = action.due.map(|day| day.to_string());
        let number = i64::from(action.number);
        let same = before.iter().find(|one| one.number == number && one.due == due);
        PostmortemActionRow {
            postmortem: postmortem.id.to_string(),
            number,
            text: action.text.clone(),
            owner: action.owner.as_ref().map(|owner| owner.0.clone()),
            due,
            done_at: action.done.map(Timestamp::as_millisecond),
            reminded_at: same.and_then(|one| one.reminded_at),
        }
    };
    postmortem.actions.iter().map(action).collect()
}
