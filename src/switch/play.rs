//! From prompts to clips: what can be played at once, and what must be read
//! from disk first (off the call's task, so that no call waits for a disk).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hotline_core::audio::Clip;
use hotline_core::audio::resample::resample;
use hotline_core::call::flow::Node;
use hotline_core::call::prompt::Prompt;
use hotline_core::directory::{Directory, Language};
use hotline_core::ids::RecordingId;

use crate::rtp::PlayItem;
use crate::speech::{Prompts, SpeechError, load_wav};
use crate::store::Store;

/// Longest single stretch of silence held in memory.
const SILENCE_PIECE: Duration = Duration::from_secs(10);

/// What recordings are kept in, Hz.
const TELEPHONE_HZ: u32 = 8_000;

/// WAV files named by the flows, read at the start and at each reload.
pub type Files = HashMap<String, Arc<Clip>>;

/// Reads every WAV file that a flow names, so that none is read during a call.
pub fn load_files(directory: &Directory) -> Result<Files, SpeechError> {
    let mut files = Files::new();
    for flow in directory.flows.values() {
        for prompt in flow.nodes.values().flat_map(node_prompts) {
            if let Prompt::File(path) = prompt
                && !files.contains_key(path)
            {
                files.insert(path.clone(), Arc::new(load_wav(&PathBuf::from(path))?));
            }
        }
    }
    Ok(files)
}

fn node_prompts(node: &Node) -> Vec<&Prompt> {
    match node {
        Node::Announce(node) => node.prompts.iter().collect(),
        Node::ChooseLanguage(node) => vec![&node.prompt],
        Node::Block(node) => node.prompts.iter().collect(),
        Node::Menu(node) => node.prompts.iter().chain(&node.no_input).chain(&node.no_match).collect(),
        Node::Voicemail(node) => node.prompts.iter().chain(&node.thanks).collect(),
        Node::Hangup(prompts) => prompts.iter().collect(),
        Node::Hours(_)
        | Node::Identify(_)
        | Node::Script(_)
        | Node::Connect(_)
        | Node::Known(_)
        | Node::Engineer(_)
        | Node::Alert(_)
        | Node::Goto(_) => Vec::new(),
    }
}

/// Whether something must be read from disk before this can play.
pub fn needs_disk(prompts: &[Prompt]) -> bool {
    prompts.iter().any(|prompt| matches!(prompt, Prompt::Recording(_)))
}

/// The clips for these prompts. Blocks on the disk only if [`needs_disk`]. What
/// can't be had is left out and named in the second list.
pub fn items(
    prompts: &[Prompt],
    language: &Language,
    voice: &Prompts,
    files: &Files,
    store: &Store,
) -> (Vec<PlayItem>, Vec<String>) {
    let mut items = Vec::new();
    let mut missing = Vec::new();
    for prompt in prompts {
        let before = items.len();
        match prompt {
            Prompt::Say(id) => items.extend(voice.clip(language, id).map(once)),
            Prompt::Digits(digits) => {
                items.extend(digits.reveal().chars().filter_map(|digit| voice.digit(language, digit)).map(once));
            }
            Prompt::Name(name) => items.extend(voice.name(language, name.reveal()).map(once)),
            Prompt::Recording(recording) => items.extend(recorded(store, *recording).map(once)),
            Prompt::File(path) => items.extend(files.get(path).cloned().map(once)),
            Prompt::Beep => items.push(once(voice.beep())),
            Prompt::Music => items.push(PlayItem { clip: voice.music(), repeat: true }),
            Prompt::Silence(length) => items.extend(silence(*length)),
        }
        if items.len() == before && !matches!(prompt, Prompt::Silence(_)) {
            missing.push(name_of(prompt));
        }
    }
    (items, missing)
}

fn once(clip: Arc<Clip>) -> PlayItem {
    PlayItem { clip, repeat: false }
}

/// What was said, from the finished WAV or, while that is being made, from the segment.
fn recorded(store: &Store, recording: RecordingId) -> Option<Arc<Clip>> {
    let wav = store.wav_path(recording);
    if let Ok(clip) = load_wav(&wav) {
        return Some(Arc::new(clip));
    }
    if let Some(samples) = store.unfinished_sound(recording) {
        return Some(Arc::new(Clip::new(resample(&samples, TELEPHONE_HZ, Clip::RATE_HZ))));
    }
    // The WAV may have taken the segment's place between the two looks.
    load_wav(&wav).ok().map(Arc::new)
}

fn silence(length: Duration) -> Vec<PlayItem> {
    static PIECE: OnceLock<Arc<Clip>> = OnceLock::new();
    let samples = |length: Duration| vec![0; (length.as_millis() as usize) * (Clip::RATE_HZ as usize / 1_000)];
    let piece = PIECE.get_or_init(|| Arc::new(Clip::new(samples(SILENCE_PIECE))));
    let whole = (length.as_millis() / SILENCE_PIECE.as_millis()) as usize;
    let rest = length.saturating_sub(SILENCE_PIECE * u32::try_from(whole).unwrap_or(u32::MAX));
    let mut items: Vec<_> = std::iter::repeat_n(once(Arc::clone(piece)), whole).collect();
    if !rest.is_zero() {
        items.push(once(Arc::new(Clip::new(samples(rest)))));
    }
    items
}

/// What is missing, without anything private.
fn name_of(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Say(id) => format!("prompt {}", id.0),
        Prompt::Digits(_) => "spoken digits".to_owned(),
        Prompt::Name(_) => "a spoken name".to_owned(),
        Prompt::Recording(recording) => format!("recording {recording}"),
        Prompt::File(path) => format!("file {path}"),
        Prompt::Beep => "the beep".to_owned(),
        Prompt::Music => "the music".to_owned(),
        Prompt::Silence(_) => "silence".to_owned(),
    }
}
