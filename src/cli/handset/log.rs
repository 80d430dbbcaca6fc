//! What happens on a phone's call, in order, with the time; waited for by tests, printed by the commands.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hotline_core::audio::Codec;
use hotline_core::fact::LegCause;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::ear::Heard;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// The other phone rings.
    Ringing,
    /// The call is up.
    Answered {
        /// What is spoken.
        codec: Codec,
    },
    /// A prompt of ours begins.
    PromptStarts(Arc<[Heard]>),
    /// A prompt was heard to its end.
    PromptEnds(Arc<[Heard]>),
    /// A prompt was cut short.
    PromptCut(Arc<[Heard]>),
    /// The other side has said something and gone quiet.
    Quiet,
    /// The other side pressed a key.
    Digit {
        /// Which.
        digit: char,
    },
    /// We pressed keys.
    Pressed(String),
    /// We begin to play a file.
    SayStarts(PathBuf),
    /// It is played.
    SayEnds(PathBuf),
    /// A recording is written.
    Recorded {
        /// Where.
        file: PathBuf,
        /// How much.
        length: Duration,
    },
    /// The other side put us on hold, or took us back.
    Held(bool),
    /// Something went wrong that does not end the call.
    Fault(String),
    /// It is over. Last.
    Ended(LegCause),
}

impl Happening {
    /// The names of the prompt that begins.
    pub fn starts(&self) -> Option<&[Heard]> {
        if let Self::PromptStarts(names) = self { Some(names) } else { None }
    }

    /// The names of the prompt that was heard to its end.
    pub fn ends(&self) -> Option<&[Heard]> {
        if let Self::PromptEnds(names) = self { Some(names) } else { None }
    }

    /// The names of the prompt that was cut short.
    pub fn cut(&self) -> Option<&[Heard]> {
        if let Self::PromptCut(names) = self { Some(names) } else { None }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[Heard]| {
            let language = names.first().map(|heard| heard.language.as_str()).unwrap_or_default();
            let mut prompts: Vec<&str> = names.iter().map(|heard| heard.prompt.as_str()).collect();
            prompts.dedup();
            format!("{} ({language})", prompts.join(" or "))
        };
        match self {
            Self::Ringing => f.write_str("rings"),
            Self::Answered { codec } => write!(f, "answered, {}", codec.name()),
            Self::PromptStarts(heard) => write!(f, "hears {}", names(heard)),
            Self::PromptEnds(heard) => write!(f, "has heard {}", names(heard)),
            Self::PromptCut(heard) => write!(f, "{} was cut short", names(heard)),
            Self::Quiet => f.write_str("the other side is quiet"),
            Self::Digit { digit } => write!(f, "the other side pressed {digit}"),
            Self::Pressed(keys) => write!(f, "presses {keys}"),
            Self::SayStarts(file) => write!(f, "plays {}", file.display()),
            Self::SayEnds(file) => write!(f, "has played {}", file.display()),
            Self::Recorded { file, length } => {
                write!(f, "recorded {:.1} s to {}", length.as_secs_f64(), file.display())
            }
            Self::Held(true) => f.write_str("is put on hold"),
            Self::Held(false) => f.write_str("is taken back from hold"),
            Self::Fault(what) => write!(f, "fault: {what}"),
            Self::Ended(cause) => f.write_str(&cause_in_words(cause)),
        }
    }
}

/// How a call ended, as a person would say it.
pub fn cause_in_words(cause: &LegCause) -> String {
    match cause {
        LegCause::HungUp => "the other side hung up".to_owned(),
        LegCause::Released => "hung up".to_owned(),
        LegCause::NoAnswer => "not answered".to_owned(),
        LegCause::Busy => "busy".to_owned(),
        LegCause::Rejected { status } => format!("refused with status {status}"),
        LegCause::Unreachable { reason } => format!("can't be reached: {reason}"),
        LegCause::Failed { reason } => format!("failed: {reason}"),
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Since the call was placed or came in.
    pub at: Duration,
    /// What.
    pub happening: Happening,
}

/// The log of one call. Clones share it.
#[derive(Debug, Clone)]
pub struct Log {
    began: Instant,
    entries: Arc<Mutex<Vec<Entry>>>,
    length: watch::Sender<usize>,
}

impl Log {
    /// An empty one, whose time begins at `began`.
    pub fn new(began: Instant) -> Self {
        Self { began, entries: Arc::default(), length: watch::Sender::new(0) }
    }

    /// The time on the log's clock.
    pub fn now(&self) -> Duration {
        crate::clock::now().mono.saturating_duration_since(self.began)
    }

    /// Writes a line. Nothing is written after `Ended`.
    pub fn add(&self, happening: Happening) {
        let length = {
            let mut entries = self.entries.lock();
            if matches!(entries.last(), Some(Entry { happening: Happening::Ended(_), .. })) {
                return;
            }
            entries.push(Entry { at: self.now(), happening });
            entries.len()
        };
        self.length.send_replace(length);
    }

    /// The line at `index`, waited for; `None`: the log is closed before it.
    pub async fn entry(&self, index: usize) -> Option<Entry> {
        let mut length = self.length.subscribe();
        loop {
            {
                let entries = self.entries.lock();
                if let Some(entry) = entries.get(index) {
                    return Some(entry.clone());
                }
                if matches!(entries.last(), Some(Entry { happening: Happening::Ended(_), .. })) {
                    return None;
                }
            }
            length.changed().await.ok()?;
        }
    }

    /// Waits for the end of the call.
    pub async fn closed(&self) {
        let mut read = 0;
        while self.entry(read).await.is_some() {
            read += 1;
        }
    }

    /// All lines so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().clone()
    }

    /// How the call ended, if it has.
    pub fn ended(&self) -> Option<LegCause> {
        match self.entries.lock().last() {
            Some(Entry { happening: Happening::Ended(cause), .. }) => Some(cause.clone()),
            Some(_) | None => None,
        }
    }

    /// When the call was answered, if it was.
    pub fn answered(&self) -> Option<Duration> {
        let is_answer = |entry: &&Entry| matches!(entry.happening, Happening::Answered { .. });
        self.entries.lock().iter().find(is_answer).map(|entry| entry.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn is_read_in_order_and_ends() {
        let log = Log::new(crate::clock::now().mono);
        let reader = log.clone();
        let reading = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(entry) = reader.entry(seen.len()).await {
                seen.push(entry.happening);
            }
            seen
        });
        log.add(Happening::Ringing);
        log.add(Happening::Ended(LegCause::Busy));
        log.add(Happening::Quiet);
        let seen = reading.await.expect("the reader runs");
        assert_eq!(seen, [Happening::Ringing, Happening::Ended(LegCause::Busy)]);
        assert_eq!(log.ended(), Some(LegCause::Busy));
        assert_eq!(log.answered(), None);
    }
}
