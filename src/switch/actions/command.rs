//! A command of the allow-list: no shell, fixed arguments, what the alert is in its environment, killed with all its children
//! when its time is over.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Characters of output that are kept, the last ones.
pub const OUTPUT_MAX: usize = 4_000;
/// Bytes of output that are remembered while it runs.
const BYTES_MAX: usize = 4 * OUTPUT_MAX;
/// After the end (or the kill) its output may take so long to come.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What a command gets of our environment; our own secrets stay here.
const INHERITED: [&str; 6] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// It ended by itself with 0.
    pub ok: bool,
    /// The end of what it said, with a last line on how it ended.
    pub output: String,
}

/// Runs it to its end, at most so long.
pub async fn run(argv: &[String], variables: &[(String, String)], timeout: Duration) -> Ran {
    let Some((program, arguments)) = argv.split_first() else {
        return Ran { ok: false, output: "The action names no program.".to_owned() };
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Its own group, so that its children die with it.
    command.process_group(0).kill_on_drop(true).env_clear();
    let inherited = INHERITED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    command.envs(inherited).envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return Ran {
                ok: false,
                output: format!("It could not be started: {error}. Check its path and mode in [[commands]]."),
            };
        }
    };
    let tail = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
    let readers = [
        child.stdout.take().map(|out| tokio::spawn(read(out, tail.clone()))),
        child.stderr.take().map(|err| tokio::spawn(read(err, tail.clone()))),
    ];
    let group = Group(child.id());
    let (ok, end) = ended(&mut child, &group, timeout).await;
    // Whatever it left behind in its group goes, too.
    group.kill();
    drop(group);
    let reading = async {
        for reader in readers.into_iter().flatten() {
            let _ = reader.await;
        }
    };
    // A child in a group of its own may hold the pipe for ever.
    let _ = tokio::time::timeout(LAST_WORDS, reading).await;
    let said = String::from_utf8_lossy(&tail.lock()).into_owned();
    Ran { ok, output: last(&said, &end) }
}

async fn ended(child: &mut Child, group: &Group, timeout: Duration) -> (bool, String) {
    match tokio::time::timeout(timeout, child.wait()).await {
        Ok(Ok(status)) if status.success() => (true, String::new()),
        Ok(Ok(status)) => (false, format!("It ended with {status}.")),
        Ok(Err(error)) => (false, format!("Its end is not known: {error}.")),
        Err(_) => {
            group.kill();
            let _ = tokio::time::timeout(LAST_WORDS, child.wait()).await;
            (false, format!("It was killed: it took longer than {} s.", timeout.as_secs_f64()))
        }
    }
}

/// The group of processes; killed when this is dropped in the middle (the service stops).
struct Group(Option<u32>);

impl Group {
    fn kill(&self) {
        let pid = self.0.and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // Gone already: fine.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn read(mut from: impl AsyncRead + Unpin, tail: std::sync::Arc<parking_lot::Mutex<Vec<u8>>>) {
    let mut buffer = [0; 4_096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let mut tail = tail.lock();
        tail.extend_from_slice(&buffer[..read]);
        let over = tail.len().saturating_sub(BYTES_MAX);
        tail.drain(..over);
    }
}

/// The last characters, without control characters, and how it ended.
fn last(said: &str, end: &str) -> String {
    let clean: String =
        said.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { ' ' } else { c }).collect();
    let mut text = clean.trim().to_owned();
    if !end.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(end);
    }
    let over = text.chars().count().saturating_sub(OUTPUT_MAX);
    text.chars().skip(over).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    async fn shell(script: &str, timeout: Duration) -> Ran {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&argv, &[("HOTLINE_ALERT_TITLE".to_owned(), "disk `full`; rm $HOME".to_owned())], timeout).await
    }

    #[tokio::test]
    async fn it_sees_the_alert_and_nothing_of_ours() {
        let ran = shell("printf '%s' \"$HOTLINE_ALERT_TITLE\"; env | grep -c CARGO_ || true", LONG).await;
        assert_eq!(ran, Ran { ok: true, output: "disk `full`; rm $HOME0".to_owned() });
    }

    #[tokio::test]
    async fn failures_are_told() {
        let ran = shell("echo out; echo err >&2; exit 3", LONG).await;
        assert!(
            !ran.ok && ran.output.contains("out") && ran.output.contains("err") && ran.output.contains("status: 3"),
            "{ran:?}"
        );
        let none = run(&["/no/such/program".to_owned()], &[], LONG).await;
        assert!(!none.ok && none.output.contains("could not be started"), "{none:?}");
        assert!(!run(&[], &[], LONG).await.ok);
    }

    #[tokio::test]
    async fn the_whole_group_is_killed_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("alive");
        let script = format!("(sleep 600; touch {0}) & echo begun; sleep 600", file.display());
        let ran = shell(&script, Duration::from_millis(300)).await;
        assert!(!ran.ok && ran.output.starts_with("begun") && ran.output.contains("killed"), "{ran:?}");
        // A child left behind when all went well goes, too: else its pipe would be open for ten minutes.
        let ran = shell("sleep 600 & echo $!", LONG).await;
        let pid = rustix::process::Pid::from_raw(ran.output.parse().unwrap()).unwrap();
        let gone = async {
            while rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
    }

    fn is_zombie(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit(") ").next().is_none_or(|rest| rest.starts_with('Z'))
    }

    #[tokio::test]
    async fn only_the_end_of_a_long_output_is_kept() {
        let ran = shell("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done", LONG).await;
        assert_eq!(ran.output.chars().count(), OUTPUT_MAX);
        assert!(ran.output.ends_with("line 4999"));
    }
}
