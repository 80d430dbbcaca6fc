//! One HTTP/1.1 connection that stays open: a request, then its answer.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The connection and what was read too much.
pub struct Client {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
}

impl Client {
    pub async fn connect(target: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target).await.context("the server can't be reached")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: target.to_string(), buffer: Vec::new() })
    }

    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<u16> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.ask(&request).await
    }

    pub async fn get(&mut self, path: &str, token: Option<&str>) -> anyhow::Result<u16> {
        let login = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{login}\r\n", self.host)).await
    }

    /// Sends it, reads the whole answer; its status.
    async fn ask(&mut self, request: &str) -> anyhow::Result<u16> {
        self.stream.write_all(request.as_bytes()).await?;
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no status in the answer")?;
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .context("the answer has no length")?;
        while self.buffer.len() < head + length {
            self.more().await?;
        }
        self.buffer.drain(..head + length);
        Ok(status)
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        anyhow::ensure!(read > 0, "the server closed the connection");
        Ok(())
    }
}
