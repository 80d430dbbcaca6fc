//! SMS by Twilio's Messages API: a form, Basic authentication; the answer names the message.

use hotline_core::private::Private;

use super::guard::Guard;
use super::{Message, SendError, Sent, sms};

const CHANNEL: &str = "sms (Twilio)";
const BASE: &str = "https://api.twilio.com";

/// The account and whom it sends as.
pub(super) struct Account<'a> {
    pub sid: &'a str,
    pub token: &'a Private<String>,
    pub from: &'a str,
    pub base: Option<&'a str>,
}

/// One try. `status_url`: where Twilio tells what became of it.
pub(super) async fn send(
    guard: &Guard,
    own: &Account<'_>,
    to: &str,
    message: &Message,
    status_url: Option<&str>,
) -> Result<Sent, SendError> {
    let to = sms::number(to)?;
    let base = own.base.unwrap_or(BASE).trim_end_matches('/');
    let url = format!("{base}/2010-04-01/Accounts/{}/Messages.json", own.sid);
    let text = sms::text(message);
    // A messaging service chooses the sender's number itself.
    let sender = if own.from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
    let mut form = vec![("To", to), (sender, own.from), ("Body", &text)];
    form.extend(status_url.map(|url| ("StatusCallback", url)));
    let answer = guard
        .post(CHANNEL, &url)?
        .with(|request| request.basic_auth(own.sid, Some(own.token.reveal())).form(&form))
        .send()
        .await?;
    Ok(Sent { provider_id: answer.json()["sid"].as_str().map(str::to_owned) })
}
