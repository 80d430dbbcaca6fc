//! What parent and worker say to each other: JSON, each message led by its
//! length (u32, little endian).

use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest message, bytes: hours of speech fit into it.
const MESSAGE_MAX: u32 = 1 << 20;

/// Parent to worker. No `Debug`: the words are private.
#[derive(Serialize, Deserialize)]
pub struct Job {
    /// What to hear.
    pub wav: PathBuf,
    /// ISO 639-1; detected if `None`.
    pub language: Option<String>,
    /// Names that may occur.
    pub words: Vec<String>,
    /// CPU time that this job may take.
    pub cpu_seconds: u64,
}

/// Worker to parent. No `Debug`: the text is private.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Heard {
        /// The words; empty for silence.
        text: String,
        /// Used or detected.
        language: String,
    },
    /// The audio is at fault.
    Audio {
        /// What is wrong with it.
        what: String,
    },
    /// The engine is at fault.
    Failed {
        /// What happened.
        what: String,
    },
}

fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= MESSAGE_MAX);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "message too long"))?;
    Ok([&length.to_le_bytes()[..], &body].concat())
}

fn length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head);
    if length > MESSAGE_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no message of ours"));
    }
    Ok(length as usize)
}

fn decode<M: DeserializeOwned>(body: &[u8]) -> io::Result<M> {
    // The error would show a piece of the text.
    serde_json::from_slice(body).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "no message of ours"))
}

/// Sends to the worker.
pub async fn send(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?).await?;
    to.flush().await
}

/// Receives from the worker.
pub async fn receive<M: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> io::Result<M> {
    let mut head = [0; 4];
    from.read_exact(&mut head).await?;
    let mut body = vec![0; length(head)?];
    from.read_exact(&mut body).await?;
    decode(&body)
}

/// Sends to the parent.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?)?;
    to.flush()
}

/// Receives from the parent; `UnexpectedEof` when it has gone.
pub fn read<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<M> {
    let mut head = [0; 4];
    from.read_exact(&mut head)?;
    let mut body = vec![0; length(head)?];
    from.read_exact(&mut body)?;
    decode(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job { wav: "/a b/ü.wav".into(), language: Some("de".into()), words: vec!["Acme".into()], cpu_seconds: 31 }
    }

    #[test]
    fn both_sides_understand_each_other() {
        let mut pipe = Vec::new();
        write(&mut pipe, &job()).unwrap();
        write(&mut pipe, &Answer::Heard { text: "Grüße".into(), language: "de".into() }).unwrap();
        let mut from = pipe.as_slice();
        let job: Job = read(&mut from).unwrap();
        assert_eq!((job.wav.to_str(), job.words.len(), job.cpu_seconds), (Some("/a b/ü.wav"), 1, 31));
        let Answer::Heard { text, .. } = read(&mut from).unwrap() else { panic!("another answer") };
        assert_eq!(text, "Grüße");
        assert_eq!(read::<Job>(&mut from).err().unwrap().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn the_asynchronous_side_says_the_same_bytes() {
        let (mut blocking, mut tokio) = (Vec::new(), Vec::new());
        write(&mut blocking, &job()).unwrap();
        send(&mut tokio, &job()).await.unwrap();
        assert_eq!(blocking, tokio);
        assert_eq!(receive::<Job>(&mut tokio.as_slice()).await.unwrap().words, ["Acme"]);
    }

    #[test]
    fn noise_is_refused_without_showing_it() {
        let told = read::<Answer>(&mut [&8_u32.to_le_bytes()[..], b"{\"secret"].concat().as_slice()).err().unwrap();
        assert_eq!(told.to_string(), "no message of ours");
        assert!(read::<Job>(&mut &u32::MAX.to_le_bytes()[..]).is_err());
        assert!(encode(&"x".repeat(2 << 20)).is_err());
    }
}
