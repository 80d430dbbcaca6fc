//! The caller's answer to "since when?": where it is understood, it is when the fault began, of the alert and of the incidents that the
//! alert belongs to.

use hotline_core::alert::Command as Word;
use hotline_core::directory::{Directory, Language};
use hotline_core::fact::{Actor, Question, RecordingKind};
use hotline_core::ids::CustomerId;
use hotline_core::incident::{Began, By, Command, Origin};
use hotline_core::since::since;
use jiff::tz::TimeZone;

use super::Switch;
use super::commands::CommandError;
use crate::store::TranscriptJob;

/// The zone in which this caller says what time it was: the customer's, else that of the number's people.
fn zone_of(job: &TranscriptJob, directory: &Directory) -> Option<TimeZone> {
    let customer = job.customer.as_ref().and_then(|id: &CustomerId| directory.customers.get(id)?.time_zone.clone());
    customer.or_else(|| {
        let schedule = directory.number(&job.number.0)?.schedule.as_ref()?;
        directory.schedules.get(schedule).map(|schedule| schedule.time_zone.clone())
    })
}

impl Switch {
    /// Takes in what was heard in this recording. Heard twice it is the same. An error: it could not be kept now.
    pub async fn heard_since(&self, job: &TranscriptJob, text: &str, language: &Language) -> Result<(), CommandError> {
        let (RecordingKind::Answer(Question::When), Some(alert)) = (job.kind, job.alert) else { return Ok(()) };
        let zone = zone_of(job, &self.directory());
        let Some(at) = since(text, language, job.started_at, zone.as_ref()) else { return Ok(()) };
        let began = Began { at, origin: Origin::Caller };
        match self.command(alert, Word::Began(began.clone()), Actor::System).await {
            Ok(()) => {}
            // It is known to have been there before, or the alert is gone: the words stay with the call.
            Err(CommandError::Unknown | CommandError::Refused(_)) => return Ok(()),
            Err(error @ CommandError::NotKept(_)) => return Err(error),
        }
        for incident in self.open_incidents().iter().filter(|incident| incident.alerts.contains(&alert)) {
            let word = Command::Began(began.clone());
            if let Err(error) = self.incident_command(incident.id, word, By::SYSTEM, None).await {
                // The report has it from the alert all the same.
                tracing::debug!(incident = %incident.id, %error, "the caller's beginning is not the incident's");
            }
        }
        Ok(())
    }
}
