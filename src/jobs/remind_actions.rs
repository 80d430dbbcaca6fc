//! Reminds the owners of postmortems' actions whose day is over: once, then once a week until it is done or has another day.

use std::time::Duration;

use hotline_core::directory::{Directory, Language};
use hotline_core::ids::UserId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::watch_schedules::{Said, message};
use crate::clock::now;
use crate::store::postmortems::PostmortemActionRow;
use crate::store::{Store, StoreError};
use crate::switch::Switch;

/// Between two looks.
const TICK: Duration = Duration::from_mins(10);
/// Between two reminders of one action.
const AGAIN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    loop {
        // While the database is away the next look does it.
        if let Ok(true) = look(&store, &switch.directory(), now().wall).await {
            switch.poke_delivery();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// One look; whether anybody is told.
async fn look(store: &Store, directory: &Directory, at: Timestamp) -> Result<bool, StoreError> {
    let today = at.to_zoned(TimeZone::UTC).date();
    let since = at.checked_sub(AGAIN).unwrap_or(at);
    let mut told = false;
    for action in store.overdue_actions(&today.to_string(), since).await? {
        // The message first: its key keeps a second node from saying it, and a crash from leaving it out.
        if let Some(said) = reminder(directory, &action, &today.to_string(), at) {
            told |= !store.notify(std::slice::from_ref(&said.planned), Some(&said.text), at).await?.is_empty();
        }
        store.reminding(&action, at).await?;
    }
    Ok(told)
}

fn reminder(directory: &Directory, action: &PostmortemActionRow, today: &str, at: Timestamp) -> Option<Said> {
    let owner = UserId(action.owner.clone()?);
    let deed = format!("postmortem/{}/{}/{today}", action.postmortem, action.number);
    let due = action.due.as_deref().unwrap_or_default();
    message(directory, &owner, &deed, at, "an action of a postmortem is overdue", |language| {
        text(&action.text, due, language)
    })
}

fn text(what: &str, due: &str, language: &Language) -> String {
    if language.0 == "de" {
        format!("Eine Maßnahme aus einem Rückblick war bis {due} fällig: {what}")
    } else {
        format!("An action of a postmortem was due by {due}: {what}")
    }
}

#[cfg(test)]
mod tests {
    use hotline_core::directory::{Address, Contact, User};

    use super::*;
    use crate::store::StoreSettings;
    use crate::store::postmortems::PostmortemRow;

    fn at(day: &str) -> Timestamp {
        format!("{day}T08:00:00Z").parse().unwrap()
    }

    #[tokio::test]
    async fn an_owner_is_reminded_once_a_week_until_it_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            data_dir: dir.path().to_owned(),
            database_url: format!("sqlite://{}/hotline.db", dir.path().display()),
            node: "node-1".to_owned(),
        };
        let (store, _journal, _) = Store::open(settings).await.unwrap();
        let mut directory = Directory::default();
        let mail = Address::Email("ada@example.com".into());
        let contact = Contact { id: "mail".to_owned(), address: mail, verified: true };
        let ada = User { id: "ada".into(), contacts: vec![contact], ..User::default() };
        directory.users.insert(ada.id.clone(), ada);
        let row = |version| PostmortemRow {
            id: "p-1".to_owned(),
            incident: "i-1".to_owned(),
            title: "x".to_owned(),
            language: "en".to_owned(),
            state: "draft".to_owned(),
            body: "{}".to_owned(),
            created_at: 0,
            updated_at: 0,
            updated_by: "login ann".to_owned(),
            published_at: None,
            version,
        };
        let action = |done_at| PostmortemActionRow {
            postmortem: "p-1".to_owned(),
            number: 1,
            text: "Watch the certificate".to_owned(),
            owner: Some("ada".to_owned()),
            due: Some("2026-11-10".to_owned()),
            done_at,
            reminded_at: None,
        };
        store.save_postmortem(&row(0), &[action(None)], at("2026-11-01")).await.unwrap();
        let look = async |day| super::look(&store, &directory, at(day)).await.unwrap();
        assert!(!look("2026-11-10").await, "its day is not over");
        assert!(look("2026-11-11").await);
        assert!(!look("2026-11-11").await && !look("2026-11-14").await);
        assert!(look("2026-11-19").await);
        let rows = store.notifications(None, None, None, None, 10).await.unwrap().items;
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].user_id.as_deref(), rows[0].by.as_str()), (Some("ada"), "email"));
        store.save_postmortem(&row(1), &[action(Some(5))], at("2026-11-20")).await.unwrap();
        assert!(!look("2026-12-24").await, "it is done");
    }
}
