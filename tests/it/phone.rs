//! The phones of the tests that read aloud, and what they have heard.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hotline::cli::handset::prompts::KnownPrompts;
use hotline::cli::handset::{Handset, HandsetSettings};
use hotline_core::audio::Codec;
use hotline_core::private::Private;

use crate::harness::Hotline;
use crate::house::PASSWORD;

/// Waits that a busy machine can't make fail.
const PATIENCE: Duration = Duration::from_mins(1);

static PROMPTS: LazyLock<Arc<KnownPrompts>> = LazyLock::new(|| {
    let nothing = crate::harness::folder();
    let prompts = KnownPrompts::load(nothing.path()).expect("our own prompts can be read");
    // Ready before the first call: a phone whose ear is still being made is deaf.
    drop((prompts.index(Codec::Pcma), prompts.index(Codec::Pcmu)));
    Arc::new(prompts)
});

/// A phone that is known as a phone of Acme Logistics.
pub async fn caller(hotline: &Hotline) -> anyhow::Result<Handset> {
    phone(hotline, "acme").await
}

/// A phone that is registered as this account.
pub async fn engineer(hotline: &Hotline, account: &str) -> anyhow::Result<Handset> {
    let phone = phone(hotline, account).await?;
    phone.register(account, Private::from(PASSWORD)).await?;
    Ok(phone)
}

/// A phone that calls itself so.
pub async fn named(hotline: &Hotline, name: &str) -> anyhow::Result<Handset> {
    phone(hotline, name).await
}

async fn phone(hotline: &Hotline, name: &str) -> anyhow::Result<Handset> {
    speaking(hotline, name, vec![Codec::Pcma, Codec::Pcmu]).await
}

/// A phone that calls itself so and speaks these, first choice first.
pub async fn speaking(hotline: &Hotline, name: &str, codecs: Vec<Codec>) -> anyhow::Result<Handset> {
    let mut settings = HandsetSettings::new(hotline.sip(), name, Arc::clone(&PROMPTS));
    settings.patience = PATIENCE;
    settings.codecs = codecs;
    Ok(Handset::start(settings).await?)
}

/// Where a number of the hotline is called.
pub fn number(hotline: &Hotline, name: &str) -> String {
    format!("sip:{name}@{}", hotline.sip())
}

/// Speech of our own making (`tests/it/speech`): `who.wav` … `why.wav`, `message.wav`.
pub fn speech(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/speech").join(name)
}

/// The samples of a WAV, 8 kHz.
pub fn samples(file: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert_eq!(reader.spec().sample_rate, 8_000, "{}", file.display());
    reader.samples().map(|sample| sample.expect("a sample")).collect()
}

/// How alike the loudest piece of `said` and the best place in `heard` are: 1 is the same up to loudness, noise stays
/// below 0.3. And that place, as the position where all of `said` would begin.
pub fn likeness(said: &[i16], heard: &[i16]) -> (f64, i64) {
    const COARSE: usize = 4;
    const LENGTH: usize = 4_000;
    // The loudest piece: silence is like any other silence.
    let loudness = |at: usize| said[at..at + LENGTH].iter().map(|s| i64::from(*s).pow(2)).sum::<i64>();
    let from = (0..said.len().saturating_sub(LENGTH)).step_by(800).max_by_key(|at| loudness(*at)).expect("long enough");
    let piece = &said[from..from + LENGTH];
    let coarse = |samples: &[i16]| -> Vec<i64> {
        samples.chunks_exact(COARSE).map(|chunk| chunk.iter().map(|s| i64::from(*s)).sum::<i64>() / 4).collect()
    };
    let fine = |samples: &[i16]| samples.iter().map(|s| i64::from(*s)).collect::<Vec<_>>();
    // Each phase of the coarse one, then around the best place sample by sample.
    let rough = (0..COARSE.min(heard.len())).map(|phase| {
        let (likeness, at) = best_place(&coarse(piece), &coarse(&heard[phase..]));
        (likeness, at * COARSE + phase)
    });
    let Some((_, near)) = rough.max_by(|a, b| a.0.total_cmp(&b.0)) else { return (0.0, 0) };
    let begin = near.saturating_sub(8);
    let around = &heard[begin..(near + LENGTH + 8).min(heard.len())];
    let (likeness, at) = best_place(&fine(piece), &fine(around));
    (likeness, (begin + at) as i64 - from as i64)
}

fn best_place(piece: &[i64], heard: &[i64]) -> (f64, usize) {
    let energy = piece.iter().map(|s| s * s).sum::<i64>() as f64;
    let mut best = (0.0, 0);
    let mut window: i64 = heard.iter().take(piece.len()).map(|s| s * s).sum();
    for at in 0..heard.len().saturating_sub(piece.len()) {
        // Most places are silent: they can't be it.
        if window as f64 > energy / 20.0 {
            let product: i64 = piece.iter().zip(&heard[at..]).map(|(a, b)| a * b).sum();
            let likeness = product as f64 / (energy * window as f64).sqrt();
            if likeness > best.0 {
                best = (likeness, at);
            }
        }
        window += heard[at + piece.len()].pow(2) - heard[at].pow(2);
    }
    best
}
