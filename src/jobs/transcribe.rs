//! Transcribes what was recorded, one after the other, calls that still run first.
//! The queue is the recordings' rows, so a restart goes on where it was.

use std::collections::HashMap;
use std::time::Duration;

use hotline_core::directory::Language;
use hotline_core::fact::{Entry, Fact};
use hotline_core::ids::RecordingId;
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::speech::{TranscribeError, Transcriber};
use crate::store::{Store, TranscriptJob};
use crate::switch::Switch;

/// How often to look for work when nothing says that there is some.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait while transcripts are off or the database is away.
const OFF: Duration = Duration::from_secs(10);
/// How long a result may take into the database before the next job is asked for.
const DRAIN: Duration = Duration::from_mins(1);
/// A worker that dies this often over one recording won't manage it.
const TRIES: u32 = 3;

/// Until stopped.
pub async fn run(switch: Switch, store: Store, transcriber: Transcriber, stop: CancellationToken) {
    let mut tries = HashMap::new();
    loop {
        // Unknown while the database is away: the last count stands.
        if let Ok(waiting) = store.transcripts_waiting().await {
            switch.set_transcripts_waiting(waiting);
        }
        let pause = tokio::select! {
            () = stop.cancelled() => return,
            pause = one(&switch, &store, &transcriber, &mut tries) => pause,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Does one job, if there is one; says how long to wait for the next.
async fn one(
    switch: &Switch,
    store: &Store,
    transcriber: &Transcriber,
    tries: &mut HashMap<RecordingId, u32>,
) -> Duration {
    let job = match store.next_transcript().await {
        Ok(Some(job)) => job,
        Ok(None) => return IDLE,
        Err(_) => return OFF,
    };
    let fact = match transcribe(switch, store, transcriber, &job).await {
        Ok(fact) => fact,
        Err(TranscribeError::Off(_)) => return OFF,
        Err(TranscribeError::Worker(reason)) => {
            let count = tries.entry(job.recording).or_default();
            *count += 1;
            if *count < TRIES {
                return IDLE;
            }
            Fact::TranscriptFailed { recording: job.recording, reason }
        }
        Err(TranscribeError::Audio(reason)) => Fact::TranscriptFailed { recording: job.recording, reason },
    };
    tries.remove(&job.recording);
    // Before the transcript is kept: after a crash in between, it is heard again, and says the same.
    if let Fact::Transcribed { text, language, .. } = &fact
        && switch.heard_since(&job, text.reveal(), &Language(language.clone())).await.is_err()
    {
        return OFF;
    }
    if let Fact::Transcribed { text, .. } = &fact
        && switch.heard_addition(&job, text.reveal()).await.is_err()
    {
        return OFF;
    }
    let entry = Entry { at: now().wall, call: Some(job.call), alert: job.alert, fact, why: String::new() };
    match switch.keep_from_job(entry).drained(DRAIN).await {
        Ok(()) => Duration::ZERO,
        // Not in the database yet: the same job would come again.
        Err(_) => OFF,
    }
}

async fn transcribe(
    switch: &Switch,
    store: &Store,
    transcriber: &Transcriber,
    job: &TranscriptJob,
) -> Result<Fact, TranscribeError> {
    let wav = store.wav_path(job.recording);
    if !wav.exists() {
        let (store, recording) = (store.clone(), job.recording);
        let finished = tokio::task::spawn_blocking(move || store.finish_recording(recording)).await;
        // Somebody else may have finished it at the same moment: the file decides.
        if !wav.exists() {
            let reason = match finished {
                Ok(Err(error)) => error.to_string(),
                Ok(Ok(())) | Err(_) => "the recording's file is not there".to_owned(),
            };
            return Err(TranscribeError::Audio(reason));
        }
    }
    let transcript = transcriber.transcribe(&wav, Some(&job.language), &words(switch, job)).await?;
    Ok(Fact::Transcribed {
        recording: job.recording,
        text: transcript.text,
        language: transcript.language,
        engine: transcript.engine,
    })
}

/// Names that may well be said: the customer's, the engineers'.
fn words(switch: &Switch, job: &TranscriptJob) -> Vec<String> {
    let directory = switch.directory();
    let customer = job.customer.as_ref().and_then(|id| directory.customers.get(id));
    customer.map(|customer| customer.name.clone()).into_iter().collect()
}
