//! Actions of alerts, with a real database and real programs.

use hotline_core::directory::{Action as Doing, ActionDeed, ActionRule};
use hotline_core::ids::ActionId;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::intake::ActionRunRow;

fn command(id: &str, script: &str, on: Option<ActionRule>) -> Doing {
    Doing {
        id: ActionId::from(id),
        name: id.to_uppercase(),
        deed: ActionDeed::Command(["/bin/sh", "-c", script].map(str::to_owned).into()),
        timeout: Duration::from_secs(30),
        retries: 0,
        on,
    }
}

impl World {
    fn doing(&self, actions: impl IntoIterator<Item = Doing>) {
        let mut directory = directory();
        directory.actions = actions.into_iter().map(|action| (action.id.clone(), action)).collect();
        self.switch.0.directory.store(Arc::new(directory));
    }

    /// The alert's runs, once all are over.
    async fn runs(&self, alert: AlertId, count: usize) -> Vec<ActionRunRow> {
        let over = async {
            loop {
                let runs = self.store.action_runs(alert).await.unwrap();
                if runs.len() == count && runs.iter().all(|run| run.finished_at.is_some()) {
                    return runs;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), over).await.unwrap()
    }

    /// Lines about actions, once there are so many.
    async fn told(&self, alert: AlertId, count: usize) -> Vec<TimelineRow> {
        let told = async {
            loop {
                let mut lines = self.timeline(alert).await;
                lines.retain(|line| line.kind == "action");
                if lines.len() >= count {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), told).await.unwrap()
    }

    fn run_actions(&self) -> CancellationToken {
        let stop = CancellationToken::new();
        tokio::spawn(crate::jobs::actions::run(self.switch.clone(), stop.clone()));
        stop
    }
}

#[tokio::test]
async fn a_rule_starts_it_once_and_the_timeline_has_its_words() {
    let world = World::new().await;
    let rule = |words: &str| Some(ActionRule { title_contains: Some(words.to_owned()), ..ActionRule::default() });
    world.doing([
        command("restart", "echo \"$HOTLINE_ALERT_TITLE restarted\"", rule("MAIL")),
        command("other", "echo no", rule("disk")),
        command("by-hand", "echo no", None),
    ]);
    let alert = world.alert("mail").await;
    // Told of it twice, and found by two jobs.
    world.switch.opened(vec![alert, alert]);
    let stops = [world.run_actions(), world.run_actions()];
    let runs = world.runs(alert, 1).await;
    assert_eq!((runs[0].state.as_str(), runs[0].output.as_deref()), ("done", Some("mail is down restarted")));
    assert_eq!((runs[0].action.as_str(), runs[0].started_by.as_str(), runs[0].attempts), ("restart", "system", 1));
    let lines = world.told(alert, 2).await;
    assert!(lines[0].what.contains("started") && lines[0].why.contains("rule"), "{lines:?}");
    assert_eq!(lines[1].text.as_deref(), Some("mail is down restarted"));
    for stop in stops {
        stop.cancel();
    }
}

#[tokio::test]
async fn by_hand_it_is_the_same_wish_once() {
    let world = World::new().await;
    world.doing([command("restart", "exit 3", None)]);
    let alert = world.alert("mail").await;
    let id = ActionId::from("restart");
    let (first, new) = world.switch.start_action(alert, &id, &by("ada"), Some("k")).await.unwrap();
    let (second, again) = world.switch.start_action(alert, &id, &by("ada"), Some("k")).await.unwrap();
    assert!(new && !again && first == second);
    let (_, another) = world.switch.start_action(alert, &id, &by("ada"), None).await.unwrap();
    assert!(another);
    let unknown = world.switch.start_action(alert, &ActionId::from("x"), &by("ada"), None).await;
    assert_eq!(unknown, Err(crate::switch::actions::ActionError::UnknownAction));
    let stop = world.run_actions();
    let runs = world.runs(alert, 2).await;
    assert!(runs.iter().all(|run| run.state == "failed" && run.started_by == "person:ada"), "{runs:?}");
    assert!(runs[0].output.as_deref().unwrap().contains("status: 3"));
    stop.cancel();
}

#[tokio::test]
async fn a_command_that_was_cut_off_is_told_and_not_repeated() {
    let world = World::new().await;
    world.doing([command("restart", "echo again", None)]);
    let alert = world.alert("mail").await;
    let id = ActionId::from("restart");
    world.switch.start_action(alert, &id, &by("ada"), None).await.unwrap();
    // This node takes it, and is gone in the middle.
    let claimed = world.store.claim_actions("node-1", now().wall, Duration::from_hours(1), 9).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let stop = world.run_actions();
    let runs = world.runs(alert, 1).await;
    assert_eq!((runs[0].state.as_str(), runs[0].attempts), ("unknown", 1));
    let lines = world.told(alert, 1).await;
    assert!(
        lines[0].why.contains("not repeated") && lines[0].text.as_deref().unwrap().contains("stopped in the middle")
    );
    stop.cancel();
}

#[tokio::test]
async fn a_webhook_that_was_cut_off_is_sent_again_with_its_id() {
    let world = World::new().await;
    let deed = ActionDeed::Webhook("http://127.0.0.1:9/hook".into());
    world.doing([Doing { deed, ..command("hook", "", None) }]);
    let alert = world.alert("mail").await;
    world.switch.start_action(alert, &ActionId::from("hook"), &by("ada"), None).await.unwrap();
    let first = world.store.claim_actions("node-1", now().wall, Duration::ZERO, 9).await.unwrap();
    let later = now().wall + jiff::SignedDuration::from_secs(1);
    assert!(world.store.lapsed_actions(later).await.unwrap().is_empty(), "it is not told: it is done again");
    let again = world.store.claim_actions("node-2", later, Duration::from_mins(1), 9).await.unwrap();
    assert_eq!((&again[0].id, again[0].attempts), (&first[0].id, 1));
    assert!(world.store.lapsed_actions(later).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_alert_that_is_over_starts_nothing_by_itself() {
    let world = World::new().await;
    let rule = ActionRule { priority: Some(Priority::P1), ..ActionRule::default() };
    world.doing([command("restart", "echo no", Some(rule))]);
    let alert = world.alert("mail").await;
    world.switch.apply_rules(vec![alert]).await.unwrap();
    world.switch.command(alert, Command::Resolve, by("ada")).await.unwrap();
    let stop = world.run_actions();
    assert_eq!(world.runs(alert, 1).await[0].state, "skipped");
    stop.cancel();
}
