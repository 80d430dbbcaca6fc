//! Runs a program that reads text and ends: text by standard input (never as an
//! argument), a time limit, its output back.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);
const OUTPUT_MAX: u64 = 32 << 20;

/// What the program wrote, if it ended well within 30 s.
pub fn run(program: &str, arguments: &[&str], text: &str) -> Result<Vec<u8>, String> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("{program} is missing; install it: sudo apt install {program}"));
        }
        Err(e) => return Err(format!("{program} can't be started ({e})")),
    };
    let mut input = child.stdin.take().expect("was piped above");
    let output = child.stdout.take().expect("was piped above");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        output.take(OUTPUT_MAX).read_to_end(&mut bytes).map(|_| bytes)
    });
    // A program that ends without reading is judged by its exit code.
    let _ = input.write_all(text.as_bytes()).and_then(|()| input.write_all(b"\n"));
    drop(input);
    let deadline = crate::clock::now().mono + LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if crate::clock::now().mono < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{program} took longer than {} s", LIMIT.as_secs()));
            }
            Err(e) => return Err(format!("{program}: {e}")),
        }
    };
    let bytes = reader.join().map_err(|_| format!("{program}: its output could not be read"))?;
    match (status.success(), bytes) {
        (true, Ok(bytes)) => Ok(bytes),
        (false, _) => Err(format!("{program} failed ({status})")),
        (true, Err(e)) => Err(format!("{program}: {e}")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_goes_in_and_output_comes_back() {
        assert_eq!(super::run("cat", &[], "-v --help\nfür").unwrap(), "-v --help\nfür\n".as_bytes());
        assert!(super::run("false", &[], "").unwrap_err().contains("failed"));
        let missing = super::run("no-such-program-here", &[], "").unwrap_err();
        assert!(missing.contains("sudo apt install"), "{missing}");
    }
}
