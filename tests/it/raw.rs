//! Bytes on the wire, as no phone would send them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

/// A plain INVITE for `number`; the first answer that is final, as text.
pub async fn invite(server: SocketAddr, number: &str) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let own = socket.local_addr().expect("an address");
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
        own.port()
    );
    let id = own.port();
    let message = format!(
        "INVITE sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:stranger@{own}>;tag={id}\r\nTo: <sip:{number}@{server}>\r\nCall-ID: {id}@test\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:stranger@{own}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.send_to(message.as_bytes(), server).await.expect("sent");
    answer(&socket).await
}

/// The next final response on this socket, as text.
pub async fn answer(socket: &UdpSocket) -> String {
    let mut buffer = vec![0; 65_535];
    tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let length = socket.recv(&mut buffer).await.expect("received");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !text.starts_with("SIP/2.0 1") {
                return text;
            }
        }
    })
    .await
    .expect("an answer within 10 s")
}
