//! The whole way with the real model: a recording of ours, squeezed through a
//! telephone line, comes back as words. Needs `hotline models fetch`.

use std::path::Path;

use hotline_core::audio::g711;
use hotline_core::audio::resample::resample;
use hotline_core::directory::Language;

use super::worker::worker_program;
use crate::speech::{Transcriber, TranscriberSettings, wav};

fn through_mu_law(sample: i16) -> i16 {
    g711::decode_mu(g711::encode_mu(sample))
}

/// A call as a recording keeps it: 8 kHz, mu-law heard, a second of line noise at both ends.
fn telephone(folder: &Path, recording: &[u8]) -> std::path::PathBuf {
    let narrow = resample(&wav::read_bytes(recording).unwrap(), 16_000, 8_000);
    let noise = |i: usize| ((i * 7_919 % 31) as i16) - 15;
    let call = (0..8_000).map(noise).chain(narrow).chain((0..8_000).map(noise)).map(through_mu_law);
    let file = folder.join("call.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&file, spec).unwrap();
    call.for_each(|sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    file
}

#[tokio::test]
async fn the_real_model_hears_what_was_said_on_the_telephone() {
    let folder = tempfile::tempdir().unwrap();
    let program = worker_program(folder.path());
    let transcriber = Transcriber::start(TranscriberSettings { model: None, program, threads: 1 });
    if let Some(why) = transcriber.off() {
        panic!("this test needs the speech model: {why}");
    }
    let menu = telephone(folder.path(), include_bytes!("../../../audio/en/menu.wav"));
    let words = ["Acme Logistics".to_owned(), "Exchange".to_owned()];
    let heard = transcriber.transcribe(&menu, Some(&Language("en".into())), &words).await.unwrap();
    let text = heard.text.reveal().to_lowercase();
    for word in ["report a fault", "engineer on call", "leave a message"] {
        assert!(text.contains(word), "{word:?} in {text:?}");
    }
    assert_eq!((heard.language.as_str(), heard.engine.as_str()), ("en", "whisper.cpp ggml-base"));
    // The language is found by itself too.
    let question = telephone(folder.path(), include_bytes!("../../../audio/en/ask-when.wav"));
    let heard = transcriber.transcribe(&question, None, &[]).await.unwrap();
    assert_eq!(heard.language, "en");
    let text = heard.text.reveal().to_lowercase();
    assert!(text.contains("since when has this been going on"), "{text:?}");
}
