//! Timeline rows and audit rows, many at a time.

use hotline_core::alert::Change;
use hotline_core::fact::Fact;
use hotline_core::ids::AlertId;
use jiff::Timestamp;
use sqlx::AnyConnection;
use uuid::Uuid;

use super::alerts::Audited;
use super::apply::ms;
use super::bulk::{self, Cell};

const TIMELINE: &str = "INSERT INTO timeline (journal, seq, call_id, alert_id, at, kind, what, why, text)";
const AUDIT: &str = "INSERT INTO audit_queue (id, node, at, actor, action, object, detail, personal)";

/// The timeline rows of one transaction: they share a run of their own, which says their order.
#[derive(Debug)]
pub(super) struct Lines {
    run: String,
    rows: Vec<Vec<Cell>>,
}

impl Lines {
    pub fn new() -> Self {
        Self { run: Uuid::now_v7().to_string(), rows: Vec::new() }
    }

    /// Adds one fact about an alert.
    pub fn add(&mut self, alert: AlertId, fact: &Fact, why: &str, at: Timestamp) {
        let seq = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let call = if let Fact::Alert(Change::CallJoined { call }) = fact { Some(call.to_string()) } else { None };
        self.rows.push(vec![
            Cell::Text(self.run.clone()),
            Cell::Int(seq),
            Cell::MaybeText(call),
            Cell::Text(alert.to_string()),
            Cell::Int(ms(at)),
            Cell::Text(fact.kind().to_owned()),
            Cell::Text(fact.sentence()),
            Cell::Text(why.to_owned()),
            Cell::MaybeText(words(fact)),
        ]);
    }

    /// Keeps them.
    pub async fn keep(self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        bulk::values(connection, TIMELINE, 9, "", self.rows).await.map(|_| ())
    }
}

/// The private words of a fact, which its sentence leaves out: what somebody wrote, what an action said.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others have none")]
pub(super) fn words(fact: &Fact) -> Option<String> {
    match fact {
        Fact::Alert(Change::Commented { text, .. }) => Some(text.reveal().clone()),
        Fact::Alert(Change::Action { output, .. }) => output.as_ref().map(|output| output.reveal().clone()),
        _ => None,
    }
}

/// Hands deeds over to the audit chain.
pub(super) async fn audit(
    connection: &mut AnyConnection,
    node: &str,
    audited: Vec<(Audited, Timestamp)>,
) -> Result<(), sqlx::Error> {
    let row = |(deed, at): (Audited, Timestamp)| {
        let personal = serde_json::to_string(&deed.personal).expect("pairs of strings always become JSON");
        vec![
            Cell::Text(Uuid::now_v7().to_string()),
            Cell::Text(node.to_owned()),
            Cell::Int(ms(at)),
            Cell::Text(deed.actor),
            Cell::Text(deed.action),
            Cell::Text(deed.object),
            Cell::Text(deed.detail),
            Cell::Text(personal),
        ]
    };
    bulk::values(connection, AUDIT, 8, "", audited.into_iter().map(row).collect()).await.map(|_| ())
}
