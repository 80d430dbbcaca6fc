//! Runbooks, postmortems, drills: the same on both databases.

use hotline_core::runbook;
use jiff::{SignedDuration, Timestamp};

use super::databases::{Database, for_each_db};
use crate::store::drills::{DrillRow, DrillRunRow};
use crate::store::postmortems::{PostmortemActionRow, PostmortemRow};
use crate::store::runbooks::{NewRunbook, RunbookFilter, RunbookRow, Saved, StepRow};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(490_000) + SignedDuration::from_secs(seconds)
}

fn new(id: &str, customer: Option<&str>, body: &str, seen: Option<i64>) -> NewRunbook {
    let read = runbook::read(body).unwrap();
    NewRunbook {
        words: runbook::index(&format!("{}\n{body}", read.title)),
        row: RunbookRow {
            id: id.to_owned(),
            kind: read.kind.word().to_owned(),
            title: read.title,
            customer: customer.map(str::to_owned),
            owner: None,
            review: None,
            version: 0,
            body: body.to_owned(),
            archived: 0,
            updated_at: 0,
            updated_by: "login ada".to_owned(),
        },
        seen,
    }
}

fn filter(asked: &str) -> RunbookFilter {
    RunbookFilter { words: runbook::query(asked), ..RunbookFilter::default() }
}

for_each_db! {
    async fn every_save_is_a_version(db: Database) {
        let (store, _journal, _) = db.open().await;
        assert_eq!(store.save_runbook(&new("disk", None, "# Disk full\nold", Some(0)), at(0)).await.unwrap(), Saved::Version(1));
        assert_eq!(store.save_runbook(&new("disk", None, "# Disk full\nnew", Some(1)), at(60)).await.unwrap(), Saved::Version(2));
        let late = store.save_runbook(&new("disk", None, "# Disk full\nlost", Some(1)), at(90)).await.unwrap();
        assert_eq!(late, Saved::Overtaken(2));
        let again = store.save_runbook(&new("disk", None, "# Disk full\nlost", Some(0)), at(90)).await.unwrap();
        assert_eq!(again, Saved::Overtaken(2), "there is one already");
        let versions = store.runbook_versions("disk").await.unwrap();
        let said: Vec<(i64, &str, i64)> =
            versions.iter().map(|row| (row.version, row.body.as_str(), row.saved_at)).collect();
        let ms = |seconds| at(seconds).as_millisecond();
        assert_eq!(said, [(2, "# Disk full\nnew", ms(60)), (1, "# Disk full\nold", ms(0))]);
        assert_eq!(store.runbook("disk").await.unwrap().unwrap().version, 2);
        assert!(store.make_once("starters", at(0)).await.unwrap() && !store.make_once("starters", at(1)).await.unwrap());
    }

    async fn words_are_found_in_both_kinds_and_both_languages(db: Database) {
        let (store, _journal, _) = db.open().await;
        let texts = [
            ("disk", None, "# Disk full\n## Recovery\n- Clean up the logs"),
            ("umgebung", Some("acme"), "# Umgebung von Acme\nZwei Server, Störungen der Festplatten melden."),
            ("vpn", Some("harbour"), "# VPN-Zugang\nGröße 10.5, e-mail@example.com, user_name and x' OR 1=1"),
        ];
        for (id, customer, text) in texts {
            store.save_runbook(&new(id, customer, text, None), at(0)).await.unwrap();
        }
        let found = async |filter: RunbookFilter| {
            let rows = store.runbooks(&filter).await.unwrap();
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
        };
        for (asked, ids) in [
            ("disk", vec!["disk"]),
            ("DISKS logs", vec!["disk"]),
            ("stoerung", vec!["umgebung"]),
            ("Störung Festplatte", vec!["umgebung"]),
            ("groesse", vec!["vpn"]),
            ("10.5", vec!["vpn"]),
            ("e-mail", vec!["vpn"]),
            ("user_name", vec!["vpn"]),
            ("x' OR", vec!["vpn"]),
            ("disk vpn", vec![]),
            ("AND OR NOT", vec![]),
        ] {
            assert_eq!(found(filter(asked)).await, ids, "{asked}");
        }
        let of = |customers: &[&str]| RunbookFilter {
            customers: Some(customers.iter().map(|id| (*id).to_owned()).collect()),
            ..RunbookFilter::default()
        };
        assert_eq!(found(of(&["acme"])).await, ["disk", "umgebung"]);
        assert_eq!(found(of(&[])).await, ["disk"]);
        let both = RunbookFilter { words: runbook::query("zwei"), ..of(&["harbour"]) };
        assert!(found(both).await.is_empty(), "another customer's");
        // What is out of use is found only by those who ask for it, and by its new words only.
        let mut gone = new("disk", None, "# Platte voll\nweg", None);
        gone.row.archived = 1;
        store.save_runbook(&gone, at(1)).await.unwrap();
        assert!(found(filter("platte")).await.is_empty());
        assert_eq!(found(RunbookFilter { archived: true, ..filter("platte") }).await, ["disk"]);
        assert!(found(RunbookFilter { archived: true, ..filter("logs") }).await.is_empty());
    }

    async fn a_step_is_done_once(db: Database) {
        let (store, _journal, _) = db.open().await;
        let step = |by: &str, step| StepRow { runbook: "disk".to_owned(), step, version: 3, done_at: 5, done_by: by.to_owned() };
        assert!(store.step_done("alert:1", &step("login ada", 2)).await.unwrap());
        assert!(!store.step_done("alert:1", &step("login ben", 2)).await.unwrap());
        assert!(store.step_done("alert:2", &step("login ben", 2)).await.unwrap());
        assert_eq!(store.steps_done("alert:1").await.unwrap(), [step("login ada", 2)]);
        assert!(store.step_undone("alert:1", "disk", 2).await.unwrap());
        assert!(!store.step_undone("alert:1", "disk", 2).await.unwrap());
        assert_eq!(store.steps_done("alert:2").await.unwrap().len(), 1);
    }

    async fn a_postmortem_is_kept_with_its_actions(db: Database) {
        let (store, _journal, _) = db.open().await;
        let row = |version, state: &str| PostmortemRow {
            id: "p-1".to_owned(),
            incident: "i-1".to_owned(),
            title: "Mail outage".to_owned(),
            language: "en".to_owned(),
            state: state.to_owned(),
            body: "{}".to_owned(),
            created_at: 1,
            updated_at: 0,
            updated_by: "login ada".to_owned(),
            published_at: None,
            version,
        };
        let action = |number, due: &str| PostmortemActionRow {
            postmortem: "p-1".to_owned(),
            number,
            text: "Add a check".to_owned(),
            owner: Some("ada".to_owned()),
            due: Some(due.to_owned()),
            done_at: None,
            reminded_at: None,
        };
        let actions = [action(1, "2026-11-01"), action(2, "2026-12-24")];
        assert_eq!(store.save_postmortem(&row(0, "draft"), &actions, at(0)).await.unwrap(), Saved::Version(1));
        let second = PostmortemRow { id: "p-2".to_owned(), ..row(0, "draft") };
        assert_eq!(store.save_postmortem(&second, &[], at(0)).await.unwrap(), Saved::Overtaken(1), "one an incident");
        assert_eq!(store.save_postmortem(&row(1, "reviewed"), &actions, at(1)).await.unwrap(), Saved::Version(2));
        assert_eq!(store.save_postmortem(&row(1, "draft"), &[], at(2)).await.unwrap(), Saved::Overtaken(2));
        assert_eq!(store.postmortem("i-1").await.unwrap().unwrap().state, "reviewed");
        assert_eq!(store.postmortem_actions("p-1").await.unwrap(), actions);
        let late = store.overdue_actions("2026-11-02", at(0)).await.unwrap();
        assert_eq!(late, [action(1, "2026-11-01")]);
        assert!(store.reminding(&late[0], at(10)).await.unwrap() && !store.reminding(&late[0], at(10)).await.unwrap());
        assert!(store.overdue_actions("2026-11-02", at(5)).await.unwrap().is_empty());
        assert_eq!(store.overdue_actions("2026-11-02", at(20)).await.unwrap().len(), 1);
    }

    async fn a_drill_is_begun_by_one_node(db: Database) {
        let (store, _journal, _) = db.open().await;
        let drill = DrillRow {
            id: "d-1".to_owned(),
            title: "Mail".to_owned(),
            text: String::new(),
            replays: "nothing".to_owned(),
            language: "de".to_owned(),
            policy: None,
            next_at: Some(at(10).as_millisecond()),
            every: "week".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            created_at: 1,
            created_by: "login ada".to_owned(),
        };
        store.add_drill(&drill).await.unwrap();
        assert!(store.due_drills(at(9)).await.unwrap().is_empty());
        let due = store.due_drills(at(10)).await.unwrap();
        assert_eq!(due, std::slice::from_ref(&drill));
        assert!(store.move_drill(&due[0], Some(at(99).as_millisecond())).await.unwrap());
        assert!(!store.move_drill(&due[0], Some(at(99).as_millisecond())).await.unwrap(), "the other node's turn is over");
        let run = |alert: Option<&str>| DrillRunRow {
            id: "r-1".to_owned(),
            drill: "d-1".to_owned(),
            title: "Mail".to_owned(),
            language: "de".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            begun_at: 3,
            begun_by: "the hotline".to_owned(),
            alert: alert.map(str::to_owned),
        };
        store.add_drill_run(&run(None)).await.unwrap();
        store.add_drill_run(&run(Some("a-1"))).await.unwrap();
        assert_eq!(store.drill_runs(Some("d-1")).await.unwrap(), [run(Some("a-1"))]);
        assert_eq!(store.drill_run("a-1").await.unwrap(), Some(run(Some("a-1"))));
        assert!(store.remove_drill("d-1").await.unwrap() && !store.remove_drill("d-1").await.unwrap());
        assert_eq!(store.drill_runs(None).await.unwrap().len(), 1, "what was held stays");
    }
}
