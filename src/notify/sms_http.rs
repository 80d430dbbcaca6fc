//! SMS by any HTTP API: URL, headers and body are templates of the operator (`{{ to }}`, `{{ text }}`, `{{ from }}`, `{{ id }}`;
//! `{{ text|tojson }}` within JSON, `{{ text|urlencode }}` within forms and URLs). A template can't run for long.

use hotline_core::private::Private;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use url::form_urlencoded;

use super::guard::Guard;
use super::{Message, SendError, Sent, sms};

const CHANNEL: &str = "sms";
/// Steps that a template may take.
const FUEL: u64 = 20_000;

/// What `[notify.sms]` says.
pub(super) struct Template<'a> {
    pub url: &'a str,
    pub headers: &'a [(String, Private<String>)],
    pub body: &'a str,
    pub content_type: &'a str,
    pub from: &'a str,
}

/// One try.
pub(super) async fn send(
    guard: &Guard,
    template: &Template<'_>,
    to: &str,
    message: &Message,
) -> Result<Sent, SendError> {
    let to = sms::number(to)?;
    let environment = environment();
    let (id, text) = (message.id.to_string(), sms::text(message));
    let values = context! { to, text, from => template.from, id };
    let fill = |what: &str, source: &str| {
        // The engine's own words quote the template, and that may hold a secret.
        environment.render_str(source, &values).map_err(|error| {
            SendError::Never(format!("{CHANNEL}: the {what} template fails ({}); mend [notify.sms]", error.kind()))
        })
    };
    let url = fill("url", template.url)?;
    let body = fill("body", template.body)?;
    let headers: Vec<(String, String)> = template
        .headers
        .iter()
        .map(|(name, value)| Ok((name.clone(), fill("headers", value.reveal())?)))
        .collect::<Result<_, SendError>>()?;
    let answer = guard
        .post(CHANNEL, &url)?
        .with(|request| {
            let request = request.header("Content-Type", template.content_type).body(body);
            headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))
        })
        .send()
        .await?;
    let json = answer.json();
    let id = ["id", "message_id", "messageId", "sid"].iter().find_map(|key| json[*key].as_str());
    Ok(Sent { provider_id: id.map(str::to_owned) })
}

/// Whether a template can be used: `Err` says what is wrong with it. Asked when the configuration is read.
pub fn check(source: &str) -> Result<(), String> {
    let values = context! { to => "+15551234567", text => "text \"1\" & 2", from => "hotline", id => "id" };
    let mut environment = environment();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.render_str(source, values).map(|_| ()).map_err(|error| {
        let hint = "known are {{ to }}, {{ text }}, {{ from }} and {{ id }}, with |tojson and |urlencode";
        format!("the template fails ({}); {hint}", error.kind())
    })
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    minijinja_filters(&mut environment);
    environment.set_fuel(Some(FUEL));
    environment
}

fn minijinja_filters(environment: &mut Environment<'static>) {
    environment.add_filter("tojson", minijinja::filters::tojson);
    environment.add_filter("replace", minijinja::filters::replace);
    environment.add_filter("urlencode", |text: String| -> Value {
        Value::from(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>())
    });
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn templates_are_checked_beforehand() {
        assert_eq!(check(r#"{"to": {{ to|tojson }}, "text": {{ text|tojson }}}"#), Ok(()));
        assert_eq!(check("to={{ to|urlencode }}&text={{ text|urlencode }}&n={{ to|replace('+', '') }}"), Ok(()));
        for wrong in ["{{ number }}", "{{ to", "{{ text|shout }}", "{% for i in range(100000) %}x{% endfor %}"] {
            let told = check(wrong).unwrap_err();
            assert!(told.contains("{{ text }}"), "{told}");
        }
    }
}
