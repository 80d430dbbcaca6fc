//! What the caller hears is the file that was recorded, sample by sample.

use std::path::Path;

use hotline::cli::handset::sound::decode;
use hotline_core::audio::Law;

use crate::harness::Hotline;
use crate::{house, phone};

/// Samples of one packet, 20 ms.
const FRAME: usize = 160;

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_arrives_whole_without_gap_or_clipping() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.call(&phone::number(&hotline, "hotline"))?;
    let file = hotline.data().join("heard.wav");
    caller.record(&file)?;
    caller.connected().await?;
    caller.hears("greeting").await?;
    caller.begins_to_hear("menu").await?;
    caller.stop_record().await?;
    let quality = caller.line()?.quality();
    caller.hang_up().await?;
    assert_eq!(quality.lost, 0, "{quality:?}");

    let wav = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/en/greeting.wav");
    let clip = hotline::speech::load_wav(&wav)?;
    let law = Law::A;
    let played: Vec<i16> = clip.payload(law).iter().map(|byte| decode(law, *byte)).collect();
    let heard = phone::samples(&file);
    let (likeness, at) = phone::likeness(&played, &heard);
    assert!(likeness > 0.999, "{likeness}");
    let at = usize::try_from(at).expect("the recording begins before the greeting");
    // Bit by bit the same from the first sample to the last: nothing lost, doubled, stretched or clipped.
    let whole = &heard[at..at + played.len()];
    let differs = whole.iter().zip(&played).position(|(heard, played)| heard != played);
    assert_eq!(differs, None, "differs at sample {differs:?} of {}", played.len());
    assert!(!whole.iter().any(|sample| sample.unsigned_abs() >= 32_124), "clipped");
    // Quiet before it, and no more than a frame of it after its end until the pause is over.
    let is_quiet = |samples: &[i16]| samples.iter().all(|sample| sample.unsigned_abs() <= 16);
    assert!(is_quiet(&heard[..at.saturating_sub(FRAME)]), "something was heard before the greeting");
    Ok(())
}
