//! Who was told about an alert, how, and what came of it.

use hotline_core::directory::Directory;
use hotline_core::ids::{ChannelId, UserId};

use super::When;
use crate::http::params::rfc3339;
use crate::store::notifications::NotificationRow;

/// One notification.
pub struct TellingView {
    pub who: String,
    pub by: &'static str,
    /// What for, where it is not about the alert itself.
    pub kind: Option<&'static str>,
    pub at: When,
    pub state: String,
    /// Colour: `good`, `calm`, `warn`, `bad`, `live`.
    pub mood: &'static str,
    pub tries: Option<i64>,
    pub note: Option<String>,
    pub why: String,
}

/// The newest first, as they come.
pub fn tellings(rows: Vec<NotificationRow>, directory: &Directory) -> Vec<TellingView> {
    rows.into_iter().map(|row| telling(row, directory)).collect()
}

fn telling(row: NotificationRow, directory: &Directory) -> TellingView {
    let person = row.user_id.map(|id| directory.name_of(&UserId(id)).to_owned());
    let channel = row.channel.map(|id| {
        let id = ChannelId(id);
        directory.channels.get(&id).map_or(id.0, |channel| channel.name.clone())
    });
    let (state, mood) = match row.state.as_str() {
        "waiting" => ("waits", "live"),
        "sending" => ("is being sent", "live"),
        "delivered" => ("delivered", "good"),
        "answered" => ("answered", "good"),
        "no-answer" => ("no answer", "warn"),
        "failed" => ("failed", "bad"),
        "skipped" => ("not needed any more", "calm"),
        "limited" => ("left out or bundled: a limit", "calm"),
        other => (other, "calm"),
    };
    let kind = match row.kind.as_str() {
        "caller" => Some("to the caller"),
        "status" => Some("news"),
        "test" => Some("test"),
        "on-call" => Some("on call"),
        "verification" => Some("code"),
        _ => None,
    };
    TellingView {
        who: person.or(channel).unwrap_or_else(|| "somebody outside".to_owned()),
        by: by(&row.by),
        kind,
        at: match row.finished_at {
            Some(at) => When::full(&rfc3339(at)),
            None => When::due(&rfc3339(row.due_at)),
        },
        state: state.to_owned(),
        mood,
        tries: (row.attempts > 1).then_some(row.attempts),
        note: row.note.filter(|note| !note.is_empty()),
        why: row.why,
    }
}

/// The kind of an address in words.
pub fn by(kind: &str) -> &'static str {
    match kind {
        "call" => "telephone",
        "sms" => "SMS",
        "email" => "e-mail",
        "ntfy" => "push (ntfy)",
        "telegram" => "Telegram",
        "slack" => "Slack",
        "teams" => "Microsoft Teams",
        "webhook" => "webhook",
        _ => "message",
    }
}
