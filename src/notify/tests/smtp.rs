//! A mail server of ours, as small as one can be (RFC 5321): it takes mails, or refuses as it was told to.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What it is asked to answer otherwise: the verb's first letters and the whole reply.
type Refusal = (&'static str, &'static str);

#[derive(Default)]
struct Shared {
    mails: Mutex<Vec<Mail>>,
    refusals: Mutex<Vec<Refusal>>,
}

/// A mail as it came.
#[derive(Debug, Clone, Default)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    pub login: Option<String>,
    pub data: String,
}

pub struct MailServer {
    pub at: SocketAddr,
    shared: Arc<Shared>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&own);
                tokio::spawn(async move { drop(talk(stream, &shared).await) });
            }
        });
        Self { at, shared }
    }

    /// The next command that begins so is answered so.
    pub fn refuses(&self, verb: &'static str, reply: &'static str) {
        self.shared.refusals.lock().push((verb, reply));
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().clone()
    }
}

async fn talk(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test ready\r\n").await?;
    let mut mail = Mail::default();
    while let Some(line) = lines.next_line().await? {
        let upper = line.to_uppercase();
        let refusal = {
            let mut refusals = shared.refusals.lock();
            let found = refusals.iter().position(|(verb, _)| upper.starts_with(verb));
            found.map(|at| refusals.remove(at))
        };
        let reply = match refusal {
            Some((_, reply)) => reply.to_owned(),
            None if upper.starts_with("EHLO") => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN".to_owned(),
            None if upper.starts_with("AUTH PLAIN ") => {
                let plain = base64::engine::general_purpose::STANDARD.decode(line[11..].trim()).unwrap();
                mail.login = Some(String::from_utf8(plain).unwrap());
                "235 welcome".to_owned()
            }
            None if upper.starts_with("MAIL FROM:") => {
                line[10..].clone_into(&mut mail.from);
                "250 ok".to_owned()
            }
            None if upper.starts_with("RCPT TO:") => {
                mail.to.push(line[8..].to_owned());
                "250 ok".to_owned()
            }
            None if upper == "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    mail.data += line.strip_prefix('.').unwrap_or(&line);
                    mail.data.push('\n');
                }
                shared.mails.lock().push(mail.clone());
                mail = Mail { login: mail.login.clone(), ..Mail::default() };
                "250 kept".to_owned()
            }
            None if upper.starts_with("QUIT") => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            None => "250 ok".to_owned(),
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}
