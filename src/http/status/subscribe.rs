//! Who wants to be told: a form, a link that confirms by a button, a link that ends it (by a button, or with one click of the mail
//! program, RFC 8058).

use std::collections::BTreeSet;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use hotline_core::ids::{ServiceId, SubscriptionId};
use hotline_core::private::Private;
use hotline_core::status::Visitor;
use uuid::Uuid;

use super::access::{field, too_many, worthless};
use super::admit::{Admitted, browser_tongue, message, secluded};
use super::html::{Frame, frame};
use super::render::dress;
use super::texts;
use crate::http::AppState;
use crate::http::auth::same_origin;
use crate::http::pages::html;
use crate::http::pages::login::Address;
use crate::http::problem::Problem;
use crate::store::status::{SubscriberKind, Subscription};
use crate::switch::status::subscribe::{Followed, Offers, is_mailbox, is_webhook};
use crate::switch::status::token::Purpose;

#[derive(Template)]
#[template(path = "status/subscribe.html")]
struct Form {
    frame: Frame,
    offers: Offers,
    /// Ids and names.
    components: Vec<(String, String)>,
    fault: Option<&'static str>,
}

fn form(state: &AppState, admitted: &Admitted, fault: Option<&'static str>) -> Result<Response, Problem> {
    let offers = state.status_desk()?.offers();
    let now = crate::clock::now().wall;
    let view = admitted.snapshot.view(admitted.page(), &admitted.visitor, now);
    let components = view.map(|view| view.components).unwrap_or_default();
    let components = components.into_iter().map(|one| (one.id, one.name)).collect();
    let mut response = html(&Form { frame: frame(admitted), offers, components, fault });
    if fault.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    dress(&mut response, admitted);
    secluded(&mut response);
    Ok(response)
}

pub async fn show(State(state): State<AppState>, admitted: Admitted) -> Result<Response, Problem> {
    form(&state, &admitted, None)
}

pub async fn wanted(
    State(state): State<AppState>,
    Address(client): Address,
    headers: HeaderMap,
    admitted: Admitted,
    body: Bytes,
) -> Result<Response, Problem> {
    same_origin(state.settings(), &headers)?;
    let t = texts::of(admitted.tongue);
    let desk = state.status_desk()?;
    let (email, url) = (field(&body, "email"), field(&body, "url"));
    let (kind, address, fine, fault) = if url.is_empty() {
        (SubscriberKind::Email, email.to_lowercase(), is_mailbox(&email), t.bad_email)
    } else {
        (SubscriberKind::Webhook, url.clone(), is_webhook(&url), t.bad_url)
    };
    let offers = desk.offers();
    let offered = match kind {
        SubscriberKind::Email => offers.mail,
        SubscriberKind::Webhook => offers.webhook,
    };
    if !fine || !offered {
        return form(&state, &admitted, Some(if offered { fault } else { t.not_offered }));
    }
    // Whoever has proven nothing is told as a stranger: nothing, should the page be closed one day.
    let customer = match &admitted.visitor {
        Visitor::Customer(customer) => Some(customer.clone()),
        Visitor::Nobody | Visitor::House => None,
    };
    let looking = customer.clone().map_or(Visitor::Nobody, Visitor::Customer);
    if admitted.page().eyes(&looking).is_none() {
        return form(&state, &admitted, Some(t.not_offered));
    }
    if !state.served().rates.take(client, &address, crate::clock::now().mono) {
        return Ok(too_many(&headers, &admitted.slug.0));
    }
    desk.subscribe(Subscription {
        id: SubscriptionId(Uuid::from_u128(rand::random())),
        page: admitted.slug.clone(),
        kind,
        address: Private::new(address),
        customer,
        services: ticked(&admitted, &body),
        language: admitted.tongue,
        confirmed_at: None,
        failures: 0,
        is_off: false,
    });
    let sentence = match kind {
        SubscriberKind::Email => t.wanted_mail,
        SubscriberKind::Webhook => t.wanted_hook,
    };
    Ok(message(admitted.tongue, &admitted.slug.0, StatusCode::OK, (t.subscribe, sentence), None))
}

/// The services that were ticked; none or all: all, those to come among them.
fn ticked(admitted: &Admitted, body: &Bytes) -> Option<BTreeSet<ServiceId>> {
    let ids: BTreeSet<String> = url::form_urlencoded::parse(body)
        .filter(|(key, _)| key == "component")
        .map(|(_, value)| value.into_owned())
        .collect();
    let page = admitted.page();
    let known = page.components.iter().filter(|component| ids.contains(&page.component_id(&component.service)));
    let services: BTreeSet<ServiceId> = known.map(|component| component.service.clone()).collect();
    let all = services.is_empty() || services.len() == page.components.len();
    (!all).then_some(services)
}

pub async fn look_confirm(
    State(state): State<AppState>,
    Path((slug, token)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let tongue = browser_tongue(&headers);
    let t = texts::of(tongue);
    Ok(match state.status_desk()?.look_subscription(Purpose::Confirm, &slug, &token).await? {
        Followed::Done => {
            let button = Some((uri.path().to_owned(), t.confirm_button));
            message(tongue, &slug, StatusCode::OK, (t.confirm, ""), button)
        }
        Followed::Worthless => worthless(&headers, &slug),
    })
}

pub async fn confirm(
    State(state): State<AppState>,
    Path((slug, token)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tongue = browser_tongue(&headers);
    let t = texts::of(tongue);
    Ok(match state.status_desk()?.confirm(&slug, &token).await? {
        Followed::Done => message(tongue, &slug, StatusCode::OK, (t.confirmed, t.confirmed_text), None),
        Followed::Worthless => worthless(&headers, &slug),
    })
}

pub async fn look_end(
    State(state): State<AppState>,
    Path((slug, token)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let tongue = browser_tongue(&headers);
    let t = texts::of(tongue);
    Ok(match state.status_desk()?.look_subscription(Purpose::Unsubscribe, &slug, &token).await? {
        Followed::Done => {
            let button = Some((uri.path().to_owned(), t.end_button));
            message(tongue, &slug, StatusCode::OK, (t.end, ""), button)
        }
        Followed::Worthless => worthless(&headers, &slug),
    })
}

/// The button, or the mail program's one click: it comes from elsewhere and has no cookie; the token is all it needs.
pub async fn end(
    State(state): State<AppState>,
    Path((slug, token)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tongue = browser_tongue(&headers);
    let t = texts::of(tongue);
    Ok(match state.status_desk()?.unsubscribe(&slug, &token).await? {
        Followed::Done => message(tongue, &slug, StatusCode::OK, (t.ended, t.ended_text), None),
        Followed::Worthless => worthless(&headers, &slug),
    })
}
