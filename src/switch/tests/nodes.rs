//! Two switches on one PostgreSQL: what one does reaches the other, what one leaves behind the other takes up.

use std::collections::HashMap;

use hotline_core::ids::PhoneId;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::Changed;
use crate::store::tests::server::new_database;

/// Two nodes, and the address of their database.
async fn two() -> (World, World) {
    let database = tokio::task::spawn_blocking(new_database).await.unwrap();
    (World::at(database.clone(), "alpha").await, World::at(database, "beta").await)
}

async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_mins(1), waiting).await.is_ok(), "waited in vain until {what}");
}

impl World {
    async fn execute(&self, sql: &'static str) {
        let mut connection = AnyConnection::connect(&self.database).await.unwrap();
        connection.execute(sql).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_does_reaches_the_board() {
    let (alpha, beta) = two().await;
    let id = alpha.call().await;
    assert_eq!(alpha.switch.open_alerts(), (1, 0));
    let mut feed = alpha.switch.subscribe();
    // Its person has it there: nobody is rung about it here.
    beta.switch.command(id, Command::Acknowledge, by("ada")).await.unwrap();
    alpha.switch.hear(Changed::Alert(id)).await;
    assert_eq!(alpha.switch.open_alerts(), (0, 1));
    assert!(matches!(feed.try_recv(), Ok(crate::switch::Change::Alert(told)) if told == id));
    beta.switch.command(id, Command::HandBack, by("ada")).await.unwrap();
    // Something may have been missed: all that is known is looked up.
    alpha.switch.hear(Changed::All).await;
    assert_eq!(alpha.switch.open_alerts(), (1, 0));
    // The job hears of it by itself.
    let stop = CancellationToken::new();
    let job = crate::jobs::hear_nodes::run(alpha.switch.clone(), alpha.store.clone(), stop.clone());
    let job = tokio::spawn(job);
    // It may not listen yet when the first is told; a comment changes nothing but is told again.
    beta.switch.command(id, Command::Resolve, by("ada")).await.unwrap();
    until("the board knows", async || {
        let _ = beta.switch.command(id, Command::Comment("well?".into()), by("ada")).await;
        alpha.switch.open_alerts() == (0, 0)
    })
    .await;
    stop.cancel();
    job.await.unwrap();
    alpha.close().await;
    beta.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_nodes_call_is_escalated_by_the_other() {
    let (alpha, beta) = two().await;
    let id = alpha.call_that("runs", false).await;
    beta.switch.escalate_due().await;
    assert!(beta.state(id).await.call_running, "it looks for a person itself");
    assert_eq!(stepped(&beta.kinds(id).await), 0);
    // Killed in the middle of it: nobody says that it ended.
    alpha.close().await;
    until("it is not believed to run", async || {
        beta.execute("UPDATE nodes SET seen_at = seen_at - 10001 WHERE name = 'alpha'").await;
        !beta.state(id).await.call_running
    })
    .await;
    beta.execute("UPDATE alerts SET esc_due = 0").await;
    beta.switch.escalate_due().await;
    assert_eq!(stepped(&beta.kinds(id).await), 1);
    assert_eq!(beta.notifications(id).await, [(Some("ada".to_owned()), "waiting".to_owned())]);
    beta.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_is_registered_elsewhere_is_not_nobody() {
    let (alpha, beta) = two().await;
    for world in [&alpha, &beta] {
        let mut directory = directory();
        let ada = directory.users.get_mut(&"ada".into()).unwrap();
        ada.contacts[0].address = Address::Call(Destination::Phone(PhoneId::from("desk")));
        directory.policies.get_mut(&PolicyId::from("usual")).unwrap().steps.truncate(1);
        world.switch.reload(directory, Vec::new()).unwrap();
    }
    let id = beta.alert("disk").await;
    beta.switch.escalate_due().await;
    let kinds = beta.kinds(id).await;
    assert!(kinds.contains(&"nobody-reached".to_owned()) && beta.notifications(id).await.is_empty(), "{kinds:?}");
    // It registers at the other node.
    alpha.store.share_lines(&["phone desk".to_owned()]).await.unwrap();
    beta.switch.see_lines_elsewhere(beta.store.lines_elsewhere().await.unwrap());
    assert_eq!(**beta.switch.0.lines_elsewhere.load(), HashMap::from([("phone desk".to_owned(), "alpha".to_owned())]));
    beta.switch.escalate_due().await;
    assert_eq!(
        beta.notifications(id).await,
        [(Some("ada".to_owned()), "waiting".to_owned())],
        "the step is made up for"
    );
    // Beta can't ring it and does not try: no attempt is used up.
    beta.switch.deliver_due().await;
    let row = beta.store.notifications(Some(id), None, None, None, 9).await.unwrap().items.remove(0);
    assert_eq!((row.state.as_str(), row.attempts), ("waiting", 0));
    assert_eq!(row.note.as_deref(), Some("node alpha rings: the phone is registered there"));
    // Alpha takes it at once. (Here no phone is really registered there: the try fails and says so.)
    alpha.switch.deliver_due().await;
    until("alpha has tried", async || {
        let rows = alpha.store.notifications(Some(id), None, None, None, 9).await.unwrap().items;
        rows.iter().any(|row| row.attempts == 1 && row.state == "waiting")
    })
    .await;
    // Nobody has it any more.
    alpha.close().await;
    assert_eq!(beta.store.lines_elsewhere().await.unwrap(), []);
    beta.close().await;
}
