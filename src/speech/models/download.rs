//! One file from the web into one place, checked by size and SHA-256.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::{Progress, place};

/// A host that does not answer within this is given up.
const REACH: Duration = Duration::from_secs(5);
/// Longest silence in the middle of a download.
const SILENCE: Duration = Duration::from_secs(30);

/// Fetches `url` to `target`; the text of an error says what the host or the file did.
pub fn file(
    url: &str,
    target: &Path,
    bytes: u64,
    sha256: &str,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), String> {
    let host = url.split('/').nth(2).unwrap_or(url);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_resolve(Some(REACH))
        .timeout_connect(Some(REACH))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .build()
        .into();
    let mut answer = agent.get(url).call().map_err(|e| format!("{host} can't be reached or refuses ({e})"))?;
    let length = answer.body().content_length();
    if length.is_some_and(|length| length != bytes) {
        return Err(format!("{host} has a file of another size"));
    }
    let mut source = Checked {
        inner: answer.body_mut().with_config().limit(bytes + 1).reader(),
        hash: Sha256::new(),
        done: 0,
        bytes,
        sha256,
        progress,
    };
    place(target, &mut source).map_err(|e| format!("the download from {host} failed ({e})"))
}

/// Passes bytes on and fails at the end if they were not the right ones, so that they never get their name.
struct Checked<'a, R> {
    inner: R,
    hash: Sha256,
    done: u64,
    bytes: u64,
    sha256: &'a str,
    progress: &'a mut dyn FnMut(Progress),
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.done += count as u64;
        (self.progress)(Progress::Bytes { done: self.done, total: self.bytes });
        if self.done > self.bytes {
            return Err(std::io::Error::other("the file is longer than it should be"));
        }
        if count == 0 && !buffer.is_empty() && hex::encode(self.hash.clone().finalize()) != self.sha256 {
            return Err(std::io::Error::other("its checksum is wrong"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;

    /// A host that answers each of `times` requests with `body`.
    fn host(body: &'static [u8], length: usize, times: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming().take(times) {
                let mut stream = stream.unwrap();
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).unwrap();
            }
        });
        url
    }

    #[test]
    fn only_the_right_file_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model");
        let digest = hex::encode(Sha256::digest(b"weights"));
        let mut seen = 0;
        let mut fetch = |url: &str, sha256: &str| {
            file(url, &target, 7, sha256, &mut |step| {
                if let Progress::Bytes { done, .. } = step {
                    seen = done;
                }
            })
        };
        let wrong = fetch(&host(b"WEIGHTS", 7, 1), &digest).unwrap_err();
        assert!(wrong.contains("checksum is wrong"), "{wrong}");
        let cut = fetch(&host(b"weig", 7, 1), &digest).unwrap_err();
        assert!(cut.contains("failed"), "{cut}");
        let size = fetch(&host(b"weights and more", 16, 1), &digest).unwrap_err();
        assert!(size.contains("another size"), "{size}");
        assert!(!target.exists());
        fetch(&host(b"weights", 7, 1), &digest).unwrap();
        assert_eq!((std::fs::read(&target).unwrap(), seen), (b"weights".to_vec(), 7));
    }

    #[test]
    fn a_host_that_is_not_there_is_said_so() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let what = file(&format!("http://{free}/x"), &folder.path().join("x"), 1, "", &mut |_| {}).unwrap_err();
        assert!(what.contains("can't be reached"), "{what}");
    }
}
