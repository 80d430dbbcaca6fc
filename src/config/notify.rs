//! `[notify]`: providers that messages go through, and their secrets. A secret stands in the file by value, in a file of its own
//! (`…_file`), or in the environment (`HOTLINE_NOTIFY_…`), which wins.

use std::path::Path;
use std::time::Duration;

use hotline_core::network::Network;
use hotline_core::private::Private;

use crate::notify::{NotifySettings, SmsProvider, Smtp, SmtpSecurity, sms_http};

use super::report::{Report, Section, Word};
use super::server::{Environment, choice, read_secret};
use super::tree::{Spot, Value};

/// A secret's key, and that of the file that holds it.
type Keys = (&'static str, &'static str);

struct Reader<'a> {
    environment: &'a Environment,
    base: &'a Path,
    report: &'a Report,
}

#[derive(Clone, Copy)]
enum Provider {
    Twilio,
    Seven,
    Http,
}

/// Reads `[notify]` of the first root that has one. `base`: the folder that paths in the file belong to.
pub(super) fn read(
    roots: &[Section<'_>],
    environment: &Environment,
    base: &Path,
    public_url: Option<&str>,
    report: &Report,
) -> NotifySettings {
    // Every root is asked, so that none calls the key unknown.
    let spots: Vec<&Spot> = roots.iter().filter_map(|root| root.spot("notify")).collect();
    let mut settings = NotifySettings { public_url: public_url.map(str::to_owned), ..NotifySettings::default() };
    let reader = Reader { environment, base, report };
    let empty = Vec::new();
    let nothing = Spot { place: super::tree::Place::new("settings", 0), value: Value::Table(empty) };
    let spot = spots.first().copied().unwrap_or(&nothing);
    if let Some(section) = Section::new(spot, "[notify]", report) {
        reader.fill(&section, &mut settings);
        section.finish();
    }
    settings
}

impl Reader<'_> {
    fn fill(&self, section: &Section<'_>, settings: &mut NotifySettings) {
        let range = Duration::from_secs(1)..=Duration::from_secs(30);
        settings.timeout = section.duration("timeout", &range).unwrap_or(Duration::from_secs(5));
        settings.allow_networks = self.networks(section);
        settings.webhook_secrets = self.webhook_secrets(section);
        let table = |key: &'static str, what: &str| Section::new(section.spot(key)?, what, self.report);
        if let Some(own) = table("smtp", "[notify.smtp]") {
            settings.smtp = self.smtp(&own);
            own.finish();
        }
        if let Some(own) = table("sms", "[notify.sms]") {
            settings.sms = self.sms(&own);
            let keys = ("inbound_secret", "inbound_secret_file");
            settings.sms_inbound_secret = self.long_secret(&own, keys, "HOTLINE_NOTIFY_SMS_INBOUND_SECRET");
            own.finish();
        }
        if let Some(own) = table("ntfy", "[notify.ntfy]") {
            let url = own.text("url").map_or_else(|| Some("https://ntfy.sh".to_owned()), |word| self.url("url", word));
            let token = self.secret(&own, ("token", "token_file"), "HOTLINE_NOTIFY_NTFY_TOKEN");
            settings.ntfy = url.map(|url| (url, token));
            own.finish();
        }
        if let Some(own) = table("telegram", "[notify.telegram]") {
            let base = own.text("url").and_then(|word| self.url("url", word));
            let token = self.needed(&own, ("token", "token_file"), "HOTLINE_NOTIFY_TELEGRAM_TOKEN");
            settings.telegram = token.map(|token| (token, base));
            own.finish();
        }
        if let Some(own) = table("slack", "[notify.slack]") {
            let base = own.text("url").and_then(|word| self.url("url", word));
            // Incoming webhooks need no bot; their buttons need the signing secret.
            let token = self.secret(&own, ("token", "token_file"), "HOTLINE_NOTIFY_SLACK_TOKEN");
            settings.slack = token.map(|token| (token, base));
            let keys = ("signing_secret", "signing_secret_file");
            settings.slack_signing_secret = self.secret(&own, keys, "HOTLINE_NOTIFY_SLACK_SIGNING_SECRET");
            own.finish();
        }
        self.judge(section, settings);
    }

    fn judge(&self, section: &Section<'_>, settings: &NotifySettings) {
        let answers = settings.slack_signing_secret.is_some() || settings.telegram.is_some() || settings.sms.is_some();
        if answers && settings.public_url.is_none() {
            let what = "people can't acknowledge by links, buttons or replies while `public_url` (HOTLINE_PUBLIC_URL) is not set; set it to the address at which providers and phones reach the hotline";
            self.report.warn(section.place, what);
        }
        let two_way = matches!(settings.sms, Some(SmsProvider::Seven { .. } | SmsProvider::Http { .. }));
        if two_way && settings.sms_inbound_secret.is_none() {
            let what =
                "[notify.sms] has no `inbound_secret`, so replies by SMS are not taken; add `inbound_secret_file`";
            self.report.warn(section.place, what);
        }
    }

    fn networks(&self, section: &Section<'_>) -> Vec<Network> {
        let words = section.texts("allow_networks").unwrap_or_default();
        words
            .into_iter()
            .filter_map(|word| {
                let network = Network::parse(word.text);
                if network.is_none() {
                    let what = format!(
                        "`allow_networks`: `{}` is no address; write an IP address or a network such as 10.0.0.0/8",
                        word.text
                    );
                    self.report.mistake(word.place, what);
                }
                network
            })
            .collect()
    }

    /// Newest first. In the environment separated by commas, in a file one a line.
    fn webhook_secrets(&self, section: &Section<'_>) -> Vec<Private<String>> {
        const VARIABLE: &str = "HOTLINE_NOTIFY_WEBHOOK_SECRETS";
        let own = section.texts("webhook_secrets");
        let file = section.text("webhook_secrets_file");
        if let (Some(_), Some(file)) = (&own, &file) {
            let what = "[notify] has `webhook_secrets` and `webhook_secrets_file`; keep one of them";
            self.report.mistake(file.place, what);
        }
        let split = |text: &str, by: &[char]| -> Vec<Private<String>> {
            text.split(by).map(str::trim).filter(|one| !one.is_empty()).map(Private::from).collect()
        };
        if let Some(text) = self.environment.get(VARIABLE).filter(|text| !text.trim().is_empty()) {
            return split(text, &[',']);
        }
        let found: Vec<Private<String>> = match (own, file) {
            (Some(own), _) => own.into_iter().map(|word| Private::from(word.text)).collect(),
            (None, Some(file)) => match std::fs::read_to_string(self.base.join(file.text)) {
                Ok(text) => split(&text, &['\r', '\n']),
                Err(error) => {
                    let what = format!(
                        "the secrets in {} can't be read: {error}; create the file with one secret a line",
                        self.base.join(file.text).display()
                    );
                    self.report.mistake(file.place, what);
                    Vec::new()
                }
            },
            (None, None) => Vec::new(),
        };
        if found.iter().any(|secret| secret.reveal().len() < 16) {
            let what =
                "a webhook secret is shorter than 16 characters; take a longer one, e.g. from `openssl rand -hex 24`";
            self.report.warn(section.place, what);
        }
        found
    }

    fn smtp(&self, section: &Section<'_>) -> Option<Smtp> {
        let server = section.need("server", "\"mail.example.com\"");
        let known = [("starttls", SmtpSecurity::StartTls), ("tls", SmtpSecurity::Tls), ("none", SmtpSecurity::None)];
        let security = section.text("security");
        let security =
            security.map_or(Some(SmtpSecurity::StartTls), |word| choice(word, "security", &known, self.report));
        let usual = match security {
            Some(SmtpSecurity::Tls) => 465,
            Some(SmtpSecurity::StartTls) | None => 587,
            Some(SmtpSecurity::None) => 25,
        };
        let port = section.whole("port", &(1..=65_535)).and_then(|port| u16::try_from(port).ok()).unwrap_or(usual);
        let user = section.text("user");
        let password = self.secret(section, ("password", "password_file"), "HOTLINE_NOTIFY_SMTP_PASSWORD");
        let login = match (user, password) {
            (Some(user), Some(password)) => Some((user.text.to_owned(), password)),
            (Some(user), None) => {
                let what = "[notify.smtp] has a `user` but no password; add `password_file`, or set HOTLINE_NOTIFY_SMTP_PASSWORD";
                self.report.mistake(user.place, what);
                None
            }
            (None, Some(_)) => {
                self.report.mistake(section.place, "[notify.smtp] has a password but no `user`; add user = \"…\"");
                None
            }
            (None, None) => None,
        };
        if login.is_some() && matches!(security, Some(SmtpSecurity::None)) {
            let what =
                "[notify.smtp] sends its password in the clear (security = \"none\"); use \"starttls\" or \"tls\"";
            self.report.warn(section.place, what);
        }
        let from = section.need("from", "\"Hotline <hotline@example.com>\"").and_then(|word| {
            let right = crate::notify::is_mailbox(word.text);
            if !right {
                let what = format!("`from`: `{}` is no mail address; write Name <name@example.com>", word.text);
                self.report.mistake(word.place, what);
            }
            right.then(|| word.text.to_owned())
        });
        Some(Smtp { server: (server?.text.to_owned(), port), security: security?, login, from: from? })
    }

    fn sms(&self, section: &Section<'_>) -> Option<SmsProvider> {
        let known = [("twilio", Provider::Twilio), ("seven", Provider::Seven), ("http", Provider::Http)];
        let provider = section.need("provider", "\"seven\" (or \"twilio\", \"http\")");
        let provider = provider.and_then(|word| choice(word, "provider", &known, self.report));
        let Some(provider) = provider else {
            // What the other keys mean can't be known.
            section.forgive();
            return None;
        };
        match provider {
            Provider::Twilio => {
                let account = section.need("account", "\"AC…\"");
                let token = self.needed(section, ("token", "token_file"), "HOTLINE_NOTIFY_SMS_TOKEN");
                let from = section.need("from", "\"+49…\" (your Twilio number or messaging service)");
                let base = section.text("url").and_then(|word| self.url("url", word));
                Some(SmsProvider::Twilio {
                    account: account?.text.to_owned(),
                    token: token?,
                    from: from?.text.to_owned(),
                    base,
                })
            }
            Provider::Seven => {
                let key = self.needed(section, ("key", "key_file"), "HOTLINE_NOTIFY_SMS_KEY");
                let from = section.need("from", "\"Hotline\" (at most 11 letters, or your seven.io number)");
                let base = section.text("url").and_then(|word| self.url("url", word));
                Some(SmsProvider::Seven { key: key?, from: from?.text.to_owned(), base })
            }
            Provider::Http => self.sms_http(section),
        }
    }

    fn sms_http(&self, section: &Section<'_>) -> Option<SmsProvider> {
        let checked = |key: &'static str, word: Word<'_>| match sms_http::check(word.text) {
            Ok(()) => Some(word.text.to_owned()),
            Err(what) => {
                self.report.mistake(word.place, format!("`{key}` of [notify.sms]: {what}"));
                None
            }
        };
        let url = section.need("url", "\"https://gateway.example.com/send\"");
        let url = url.and_then(|word| checked("url", word).filter(|_| self.url("url", word).is_some()));
        let body = section.need("body", "'{\"to\": {{ to|tojson }}, \"text\": {{ text|tojson }}}'");
        let body = body.and_then(|word| checked("body", word));
        let content_type = section.text("content_type").map_or("application/json", |word| word.text).to_owned();
        let from = section.text("from").map_or("", |word| word.text).to_owned();
        let mut headers = Vec::new();
        if let Some(own) =
            section.spot("headers").and_then(|spot| Section::new(spot, "[notify.sms.headers]", self.report))
        {
            for (name, spot) in own.entries() {
                let Value::Text(text) = &spot.value else {
                    let what =
                        format!("the header `{name}` is {}, a text is needed; put it in \"quotes\"", spot.value.kind());
                    self.report.mistake(&spot.place, what);
                    continue;
                };
                if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
                    self.report
                        .mistake(&spot.place, format!("`{name}` is no name of a header; use letters, digits and -"));
                }
                let word = Word { text, place: &spot.place };
                headers.extend(checked("headers", word).map(|value| (name.clone(), Private::from(value))));
            }
        }
        // One header with the secret may come from elsewhere: `Authorization`.
        let keys = ("authorization", "authorization_file");
        let authorization = self.secret(section, keys, "HOTLINE_NOTIFY_SMS_AUTHORIZATION");
        headers.extend(authorization.map(|value| ("Authorization".to_owned(), value)));
        Some(SmsProvider::Http { url: url?, headers, body: body?, content_type, from })
    }

    fn url(&self, key: &str, word: Word<'_>) -> Option<String> {
        let rest = word.text.strip_prefix("https://").or_else(|| word.text.strip_prefix("http://"));
        let right = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        if !right {
            self.report.mistake(word.place, format!("`{key}`: `{}` is no address; write https://…", word.text));
        }
        right.then(|| word.text.trim_end_matches('/').to_owned())
    }

    fn secret(&self, section: &Section<'_>, keys: Keys, variable: &str) -> Option<Private<String>> {
        let (own, file) = (section.text(keys.0), section.text(keys.1));
        if let (Some(_), Some(file)) = (&own, &file) {
            let what = format!("{} has `{}` and `{}`; keep one of them", section.what, keys.0, keys.1);
            self.report.mistake(file.place, what);
        }
        if let Some(secret) = self.environment.get(variable).map(|text| text.trim()).filter(|text| !text.is_empty()) {
            return Some(Private::from(secret));
        }
        match (own, file) {
            (Some(own), _) => Some(Private::from(own.text)),
            (None, Some(file)) => read_secret(&self.base.join(file.text), file.place, self.report),
            (None, None) => None,
        }
    }

    fn needed(&self, section: &Section<'_>, keys: Keys, variable: &str) -> Option<Private<String>> {
        let found = self.secret(section, keys, variable);
        // A file that can't be read is told already.
        if found.is_none() && section.spot(keys.1).is_none() {
            let what =
                format!("{} has no `{}`; add `{}` (or `{}`), or set {variable}", section.what, keys.0, keys.1, keys.0);
            self.report.mistake(section.place, what);
        }
        found
    }

    /// One that may stand in a URL, so nobody may guess it.
    fn long_secret(&self, section: &Section<'_>, keys: Keys, variable: &str) -> Option<Private<String>> {
        let found = self.secret(section, keys, variable)?;
        let plain = found.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if found.reveal().len() >= 16 && plain {
            return Some(found);
        }
        let what = format!(
            "`{}` of {} must have at least 16 letters, digits, - and _; take one from `openssl rand -hex 24`",
            keys.0, section.what
        );
        self.report.mistake(section.place, what);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Duration;

    use hotline_core::private::Private;

    use crate::config::{Config, load_from};
    use crate::notify::{SmsProvider, SmtpSecurity};

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment: BTreeMap<String, String> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load_from(text, Path::new("hotline.toml"), &environment, false).map_err(|error| error.to_string())
    }

    const ALL: &str = r#"
[server]
public_url = "https://ring.example"

[notify]
timeout = "3s"
allow_networks = ["10.1.0.0/16", "192.0.2.7"]
webhook_secrets = ["the-newer-secret-1", "the-older-secret-1"]

[notify.smtp]
server = "mail.example.com"
user = "desk"
password = "mail-password"
from = "Hotline <hotline@example.com>"

[notify.sms]
provider = "http"
url = "https://gateway.example.com/{{ id }}"
body = '{"to": {{ to|tojson }}, "text": {{ text|tojson }}}'
headers = { X-Key = "k-{{ from }}" }
from = "desk"
inbound_secret = "0123456789abcdef0123"

[notify.ntfy]
token = "tk_1"

[notify.telegram]
token = "12:ab"

[notify.slack]
token = "xoxb-1"
signing_secret = "sign"
"#;

    #[test]
    fn everything_is_read() {
        let config = read(ALL, &[("HOTLINE_NOTIFY_SMTP_PASSWORD", "from-outside")]).unwrap();
        let own = config.notify;
        assert_eq!((own.timeout, own.public_url.as_deref()), (Duration::from_secs(3), Some("https://ring.example")));
        assert!(own.allow_networks[0].holds("10.1.2.3".parse().unwrap()) && own.allow_networks.len() == 2);
        assert_eq!(own.webhook_secrets, ["the-newer-secret-1", "the-older-secret-1"].map(Private::from));
        let smtp = own.smtp.unwrap();
        assert_eq!((smtp.server, smtp.security), (("mail.example.com".to_owned(), 587), SmtpSecurity::StartTls));
        assert_eq!(smtp.login, Some(("desk".to_owned(), Private::from("from-outside"))));
        let Some(SmsProvider::Http { headers, content_type, .. }) = own.sms else { panic!() };
        assert_eq!(headers, [("X-Key".to_owned(), Private::from("k-{{ from }}"))]);
        assert_eq!(content_type, "application/json");
        assert_eq!(own.sms_inbound_secret, Some(Private::from("0123456789abcdef0123")));
        assert_eq!(own.ntfy, Some(("https://ntfy.sh".to_owned(), Some(Private::from("tk_1")))));
        assert_eq!(own.telegram, Some((Private::from("12:ab"), None)));
        assert_eq!(own.slack_signing_secret, Some(Private::from("sign")));
        assert!(!config.warnings.iter().any(|warning| warning.contains("notify")), "{:?}", config.warnings);
    }

    #[test]
    fn secrets_come_from_the_environment_alone() {
        let text = "[notify.sms]\nprovider = \"twilio\"\naccount = \"AC1\"\nfrom = \"+431\"\n[notify.telegram]\n[notify.slack]\n";
        let environment = [
            ("HOTLINE_NOTIFY_SMS_TOKEN", "t"),
            ("HOTLINE_NOTIFY_TELEGRAM_TOKEN", "12:cd"),
            ("HOTLINE_NOTIFY_WEBHOOK_SECRETS", "aaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbb"),
        ];
        let config = read(text, &environment).unwrap();
        assert!(matches!(&config.notify.sms, Some(SmsProvider::Twilio { token, .. }) if token.reveal() == "t"));
        assert_eq!(config.notify.webhook_secrets.len(), 2);
        assert_eq!(config.notify.slack, None);
        assert!(config.warnings.iter().any(|warning| warning.contains("public_url")), "{:?}", config.warnings);
        assert_eq!(read("", &[]).unwrap().notify.timeout, Duration::from_secs(5));
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        let text = r#"
[notify]
allow_networks = ["home"]
[notify.smtp]
server = "mail.example.com"
user = "desk"
from = "nobody"
security = "ssl"
[notify.sms]
provider = "http"
url = "gateway.example.com"
body = "{{ number }}"
inbound_secret = "short"
colour = "red"
[notify.telegram]
[notify.ntfy]
url = "ntfy.sh"
"#;
        let told = read(text, &[]).unwrap_err();
        for wanted in [
            "hotline.toml:3: `allow_networks`: `home` is no address",
            "hotline.toml:6: [notify.smtp] has a `user` but no password",
            "hotline.toml:7: `from`: `nobody` is no mail address",
            "hotline.toml:8: `security`: `ssl` is not known",
            "hotline.toml:11: `url`: `gateway.example.com` is no address",
            "hotline.toml:12: `body` of [notify.sms]: the template fails",
            "hotline.toml:9: `inbound_secret` of [notify.sms] must have at least 16",
            "hotline.toml:14: [notify.sms] knows no `colour`",
            "hotline.toml:15: [notify.telegram] has no `token`",
            "hotline.toml:17: `url`: `ntfy.sh` is no address",
        ] {
            assert!(told.contains(wanted), "{wanted}\n{told}");
        }
        let told = read("[notify.sms]\nprovider = \"twillio\"\ntoken = \"x\"\n", &[]).unwrap_err();
        assert!(told.contains("did you mean `twilio`?") && told.lines().count() == 1, "{told}");
    }
}
