//! TCP as it really comes: in pieces, several at once, with keep-alives, broken.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

fn options(call_id: &str, more: &str) -> String {
    format!(
        "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{call_id}\r\nFrom: <sip:a@x>;tag=1\r\n\
         To: <sip:b@x>\r\nCall-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\n{more}\r\n"
    )
}

async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut got = Vec::new();
    soon(async {
        loop {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.expect("reads");
            assert!(length > 0, "closed before {text}: {}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&buffer[..length]);
            if String::from_utf8_lossy(&got).contains(text) {
                return String::from_utf8_lossy(&got).into_owned();
            }
        }
    })
    .await
}

#[tokio::test]
async fn messages_in_pieces_and_several_at_once() {
    let (server, _incoming) = start(settings()).await;
    let mut stream = TcpStream::connect(server.local()).await.expect("connects");
    stream.write_all(b"\r\n\r\n").await.expect("writes");
    assert_eq!(read_until(&mut stream, "\r\n").await, "\r\n");
    let length = "Content-Length: 0\r\n";
    let three = format!("\r\n{}{}{}", options("one", length), options("two", length), options("three", length));
    let (first, second) = three.as_bytes().split_at(three.len() - 40);
    stream.write_all(first).await.expect("writes");
    let got = read_until(&mut stream, "Call-ID: two").await;
    assert!(got.contains("Call-ID: one"));
    for byte in second {
        stream.write_all(&[*byte]).await.expect("writes");
    }
    read_until(&mut stream, "Call-ID: three").await;
}

#[tokio::test]
async fn broken_framing_closes_the_connection() {
    let (server, mut incoming) = start(settings()).await;
    for broken in [
        options("x", ""),
        options("x", "Content-Length: nine\r\n"),
        options("x", "l: 1\r\nl: 2\r\n"),
        "\x16\x03\x01\x02".to_owned(),
    ] {
        let mut stream = TcpStream::connect(server.local()).await.expect("connects");
        stream.write_all(broken.as_bytes()).await.expect("writes");
        let mut rest = Vec::new();
        // A reset is as good as an end.
        let _ = soon(stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{broken:?}");
    }
    let (client, _keep) = start(settings()).await;
    let _out = client.dial_uri(&format!("{};transport=tcp", uri_of(&server, "hotline")), "caller", OFFER.to_owned());
    next_call(&mut incoming).await;
    assert_eq!(server.counters().garbage, 4);
}

#[tokio::test]
async fn a_connection_that_breaks_is_told() {
    let (client, _keep) = start(settings()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("is bound");
    let mut out = client.dial_uri(&format!("sip:x@{address};transport=tcp"), "caller", OFFER.to_owned());
    let (mut stream, _) = soon(listener.accept()).await.expect("accepts");
    let invite = read_until(&mut stream, "m=audio").await;
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP "), "{invite}");
    assert!(header(&invite, "Contact").contains(";transport=tcp"), "{invite}");
    drop(stream);
    assert!(matches!(end(&mut out).await, LegCause::Unreachable { .. }));
}
