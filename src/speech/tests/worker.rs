//! The worker as a process: one that answers, one that dies, one that is slow.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hotline_core::directory::Language;

use crate::speech::transcribe::worker::serve;
use crate::speech::{TranscribeError, Transcriber, TranscriberSettings, WorkerSettings, wav};

/// Set for the process that [`worker_process`] turns into a worker.
const MODEL_VARIABLE: &str = "HOTLINE_TEST_WORKER_MODEL";

/// Writes a program that runs this very test binary as a worker. The test runner writes to standard output, so the
/// worker's answers go out by another descriptor.
pub fn worker_program(folder: &Path) -> PathBuf {
    let ourselves = std::env::current_exe().unwrap();
    let entry = "speech::tests::worker::worker_process";
    let run = format!("exec '{}' --exact {entry} --nocapture --test-threads 1", ourselves.display());
    program(folder, &format!("exec 3>&1 >/dev/null\nexport {MODEL_VARIABLE}=\"$3\"\n{run}"))
}

fn program(folder: &Path, script: &str) -> PathBuf {
    let file = folder.join("worker.sh");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// No test: what [`worker_program`] runs. Without its variable there is nothing to do.
#[test]
fn worker_process() {
    let Some(model) = std::env::var_os(MODEL_VARIABLE) else { return };
    let output = std::fs::File::options().write(true).open("/proc/self/fd/3").unwrap();
    serve(&WorkerSettings { model: model.into(), threads: 1 }, std::io::stdin(), output).unwrap();
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn wav(&self, samples: &[i16]) -> PathBuf {
        let file = self.folder.path().join("call.wav");
        std::fs::write(&file, wav::to_bytes(samples)).unwrap();
        file
    }

    /// With a file that only looks like a model.
    fn transcriber(&self, program: PathBuf) -> Transcriber {
        let model = self.folder.path().join("ggml-fake.bin");
        std::fs::write(&model, b"lmgg and nothing more").unwrap();
        Transcriber::start(TranscriberSettings { model: Some(model), program, threads: 1 })
    }
}

#[tokio::test]
async fn silence_is_answered_without_asking_whisper() {
    let bench = Bench::new();
    let transcriber = bench.transcriber(worker_program(bench.folder.path()));
    // The model is no model: whisper would fail.
    let heard =
        transcriber.transcribe(&bench.wav(&vec![0; 32_000]), Some(&Language("de-AT".into())), &[]).await.unwrap();
    assert_eq!((heard.text.reveal().as_str(), heard.language.as_str()), ("", "de"));
    assert_eq!(heard.engine, "whisper.cpp ggml-fake");
}

#[tokio::test]
async fn a_model_that_cannot_be_loaded_is_reported_and_does_not_end_us() {
    let bench = Bench::new();
    let transcriber = bench.transcriber(worker_program(bench.folder.path()));
    let speech = wav::read_bytes(include_bytes!("../../../audio/en/ask-who.wav")).unwrap();
    let error = transcriber.transcribe(&bench.wav(&speech), None, &[]).await.unwrap_err();
    assert!(matches!(&error, TranscribeError::Worker(_)), "{error}");
    transcriber.transcribe(&bench.wav(&vec![0; 16_000]), None, &[]).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_dies_is_reported_and_started_again() {
    let bench = Bench::new();
    let once = bench.folder.path().join("once");
    let good = worker_program(bench.folder.path());
    let script = std::fs::read_to_string(&good).unwrap().replacen("#!/bin/sh", "", 1);
    let dies = format!("[ -e '{0}' ] || {{ touch '{0}'; echo 'GGML_ASSERT failed' >&2; exit 3; }}", once.display());
    let transcriber = bench.transcriber(program(bench.folder.path(), &format!("{dies}\n{script}")));
    let call = bench.wav(&vec![0; 16_000]);
    let error = transcriber.transcribe(&call, None, &[]).await.unwrap_err().to_string();
    assert!(error.contains("GGML_ASSERT failed"), "{error}");
    transcriber.transcribe(&call, None, &[]).await.unwrap();
}

#[tokio::test]
async fn an_idle_worker_is_ended_and_a_new_one_started_when_needed() {
    let bench = Bench::new();
    let transcriber = bench.transcriber(worker_program(bench.folder.path())).with_idle(Duration::from_millis(50));
    let call = bench.wav(&vec![0; 16_000]);
    transcriber.transcribe(&call, None, &[]).await.unwrap();
    while transcriber.has_worker().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    transcriber.transcribe(&call, None, &[]).await.unwrap();
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_any_more_does_not_block_the_next() {
    let bench = Bench::new();
    let slow = bench.folder.path().join("slow");
    let good = worker_program(bench.folder.path());
    let script = std::fs::read_to_string(&good).unwrap().replacen("#!/bin/sh", "", 1);
    let waits = format!("[ -e '{0}' ] || {{ touch '{0}'; exec sleep 600; }}", slow.display());
    let transcriber = bench.transcriber(program(bench.folder.path(), &format!("{waits}\n{script}")));
    let call = bench.wav(&vec![0; 16_000]);
    let job = tokio::spawn({
        let (transcriber, call) = (transcriber.clone(), call.clone());
        async move { transcriber.transcribe(&call, None, &[]).await }
    });
    while !slow.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    job.abort();
    transcriber.transcribe(&call, None, &[]).await.unwrap();
}

#[tokio::test]
async fn a_worker_dies_with_its_parent() {
    let bench = Bench::new();
    let mut child = tokio::process::Command::new(worker_program(bench.folder.path()))
        .args(["transcribe-worker", "--model", "none", "--threads", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn without_a_model_transcripts_are_off_until_there_is_one() {
    let bench = Bench::new();
    let model = bench.folder.path().join("model.bin");
    let program = worker_program(bench.folder.path());
    let settings = TranscriberSettings { model: Some(model.clone()), program, threads: 1 };
    let transcriber = Transcriber::start(settings);
    let call = bench.wav(&vec![0; 16_000]);
    for content in [None, Some(&b"<html>"[..])] {
        if let Some(content) = content {
            std::fs::write(&model, content).unwrap();
        }
        let why = transcriber.off().unwrap();
        assert!(why.contains("model.bin") && why.contains("hotline models fetch"), "{why}");
        assert_eq!(transcriber.transcribe(&call, None, &[]).await.unwrap_err(), TranscribeError::Off(why));
    }
    std::fs::write(&model, b"lmgg").unwrap();
    assert_eq!(transcriber.off(), None);
    transcriber.transcribe(&call, None, &[]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_wav_is_the_audios_fault() {
    let bench = Bench::new();
    let transcriber = bench.transcriber("/nonexistent/program".into());
    let file = bench.folder.path().join("call.wav");
    std::fs::write(&file, "no sound").unwrap();
    let error = transcriber.transcribe(&file, None, &[]).await.unwrap_err();
    assert!(matches!(&error, TranscribeError::Audio(what) if what.contains("call.wav")), "{error}");
    let error = transcriber.transcribe(&bench.wav(&[0; 16]), None, &[]).await.unwrap_err();
    assert!(matches!(&error, TranscribeError::Worker(what) if what.contains("/nonexistent/program")), "{error}");
}
