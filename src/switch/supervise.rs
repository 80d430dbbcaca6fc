//! Somebody wants to listen to a running call, whisper to its engineer, or speak with both: asked of the call's task,
//! which asks the machine. Rings nothing but phones of the directory.

use std::time::Duration;

use hotline_core::call::supervise::{NotSupervised, Supervise, Supervised, SupervisorAnswer};
use hotline_core::directory::Destination;
use hotline_core::fact::{Actor, LegCause};
use hotline_core::ids::{CallId, LegId, PhoneId};
use tokio::sync::{mpsc, oneshot};

use super::{Outside, Switch};

/// What came of ringing the phone is waited for so long; then it is said to be rung.
const ANSWER_WAIT: Duration = Duration::from_secs(4);

/// What a call is asked.
#[derive(Debug)]
pub(super) enum Asked {
    /// Somebody wants to be on the line.
    Come(Supervise, oneshot::Sender<Result<SupervisorAnswer, NotSupervised>>),
    /// The supervisor with this phone shall go.
    Go(PhoneId, Actor, oneshot::Sender<bool>),
}

/// Why somebody is not on the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuperviseError {
    /// No such call runs here.
    #[error("the call does not run here")]
    NoCall,
    /// The call does not allow it.
    #[error("the call does not allow it")]
    Refused(NotSupervised),
    /// The phone is not registered; with the node where it is.
    #[error("the phone is not registered")]
    NotRegistered(Option<String>),
    /// It was rung, and nothing came of it.
    #[error("the phone was not reached")]
    Ended(LegCause),
}

impl Switch {
    /// Rings the phone and puts it on the line in this role, or changes the role of one that is there. Waits a moment for
    /// what comes of ringing.
    pub async fn supervise(&self, call: CallId, ask: Supervise) -> Result<SupervisorAnswer, SuperviseError> {
        let inbox = self.inbox(call)?;
        let destination = Destination::Phone(ask.phone.clone());
        let (known, reaches) = (self.directory().phones.contains_key(&ask.phone), self.reaches());
        let there = self
            .0
            .calls
            .lock()
            .get(&call)
            .is_some_and(|running| running.view.supervisors.iter().any(|supervisor| supervisor.phone == ask.phone));
        if known && !there && !reaches.rings_here(&destination) {
            let elsewhere = reaches.node_for(&destination).map(str::to_owned);
            return Err(SuperviseError::NotRegistered(elsewhere));
        }
        let (reply, answer) = oneshot::channel();
        inbox.send(Outside::Asked(Box::new(Asked::Come(ask, reply)))).await.map_err(|_| SuperviseError::NoCall)?;
        match tokio::time::timeout(ANSWER_WAIT, answer).await {
            Ok(Ok(Ok(SupervisorAnswer::Ended(cause)))) => Err(SuperviseError::Ended(cause)),
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(refused))) => Err(SuperviseError::Refused(refused)),
            // The call ended meanwhile.
            Ok(Err(_)) => Err(SuperviseError::NoCall),
            // Neither ringing nor refused yet: a slow phone.
            Err(_) => Ok(SupervisorAnswer::Rings),
        }
    }

    /// Ends a supervisor's leg; false: no such phone supervises this call.
    pub async fn dismiss(&self, call: CallId, phone: PhoneId, by: Actor) -> Result<bool, SuperviseError> {
        let inbox = self.inbox(call)?;
        let (reply, answer) = oneshot::channel();
        let asked = Outside::Asked(Box::new(Asked::Go(phone, by, reply)));
        inbox.send(asked).await.map_err(|_| SuperviseError::NoCall)?;
        answer.await.map_err(|_| SuperviseError::NoCall)
    }

    fn inbox(&self, call: CallId) -> Result<mpsc::Sender<Outside>, SuperviseError> {
        self.0.calls.lock().get(&call).map(|running| running.inbox.clone()).ok_or(SuperviseError::NoCall)
    }
}

impl super::task::Task {
    /// Asks the machine.
    pub(super) fn on_asked(&mut self, asked: Asked) {
        let now = crate::clock::now();
        match asked {
            Asked::Come(ask, reply) => {
                let answer = match self.call.supervise(ask, now) {
                    Ok(Supervised::Rings(leg)) => {
                        self.asked.insert(leg, reply);
                        return;
                    }
                    Ok(Supervised::Changed { on: true }) => Ok(SupervisorAnswer::On),
                    Ok(Supervised::Changed { on: false }) => Ok(SupervisorAnswer::Rings),
                    Err(refused) => Err(refused),
                };
                // Whoever asked may have given up.
                let _ = reply.send(answer);
            }
            Asked::Go(phone, by, reply) => {
                let _ = reply.send(self.call.dismiss(&phone, &by, now));
            }
        }
    }

    /// What came of ringing a supervisor, to whoever asked for it.
    pub(super) fn supervised(&mut self, leg: LegId, answer: SupervisorAnswer) {
        if let Some(reply) = self.asked.remove(&leg) {
            let _ = reply.send(Ok(answer));
        }
    }
}
