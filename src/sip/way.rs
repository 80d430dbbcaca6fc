//! Where an outgoing call goes and as whom: a registered phone by the way it came, a
//! number through its carrier, a SIP address. Names are resolved here, before anything
//! is sent; what can't be reached is told with its remedy.

use std::sync::Arc;

use hotline_core::directory::Destination;
use hotline_core::fact::LegCause;
use hotline_core::ids::{PhoneId, TrunkId};
use rsipstack::sip::headers::untyped::PAssertedIdentity;
use rsipstack::sip::{Header, Uri};

use super::digest::Credentials;
use super::engine::Inner;
use super::sockets::Flow;
use super::{Dial, Transport, wire};

/// Our name where no other is given.
const OWN_USER: &str = "hotline";

/// All that an INVITE needs beside its offer.
pub(super) struct Way {
    pub flow: Flow,
    pub uri: Uri,
    /// From without tag.
    pub from: String,
    /// To without tag.
    pub to: String,
    pub contact_user: String,
    pub extra: Vec<Header>,
    pub credentials: Option<Credentials>,
    /// Requests within the dialog go the same way, whatever its Contact says.
    pub pinned: bool,
}

/// Whom to call.
pub(super) enum Whom {
    /// One of the directory's destinations.
    Dial(Dial),
    /// A URI, as a small phone would call it.
    Uri {
        /// Whom.
        uri: String,
        /// Our user part in From.
        from_user: String,
    },
}

fn unreachable(reason: impl Into<String>) -> LegCause {
    LegCause::Unreachable { reason: reason.into() }
}

/// Finds the way.
pub(super) async fn find(inner: &Arc<Inner>, whom: Whom) -> Result<Way, LegCause> {
    match whom {
        Whom::Dial(Dial { destination, display_name, .. }) => match destination {
            Destination::Phone(id) => to_phone(inner, &id, display_name.as_deref()).await,
            Destination::Number { trunk, number } => {
                to_number(inner, &trunk, number.reveal(), display_name.as_deref()).await
            }
            Destination::Sip(uri) => to_uri(inner, &uri, OWN_USER, display_name.as_deref()).await,
        },
        Whom::Uri { uri, from_user } => to_uri(inner, &uri, &from_user, None).await,
    }
}

async fn to_phone(inner: &Arc<Inner>, id: &PhoneId, display: Option<&str>) -> Result<Way, LegCause> {
    let Some(binding) = inner.registrar.binding(id) else {
        return Err(unreachable(format!(
            "phone {id} is not registered; is it switched on, and are server, account and password right?"
        )));
    };
    let flow = inner.flow(binding.flow.transport, binding.flow.remote).await.map_err(|_| {
        unreachable(format!("phone {id} closed its connection; it can be called again as soon as it registers anew"))
    })?;
    let uri = wire::target(&binding.contact)
        .ok_or_else(|| unreachable(format!("phone {id} registered an address that can't be called")))?;
    let host = inner.sent_by(flow.remote.ip());
    Ok(Way {
        from: format!("{}<sip:{OWN_USER}@{host}>", wire::quoted(display)),
        to: format!("<sip:{}@{host}>", wire::escape_user(&id.0)),
        contact_user: OWN_USER.to_owned(),
        extra: Vec::new(),
        credentials: None,
        pinned: true,
        flow,
        uri,
    })
}

async fn to_number(inner: &Arc<Inner>, id: &TrunkId, number: &str, display: Option<&str>) -> Result<Way, LegCause> {
    let live = inner.live.load_full();
    let Some(trunk) = live.settings.trunks.get(id) else {
        return Err(unreachable(format!(
            "trunk {id} is not configured; name one of the configured trunks at the number"
        )));
    };
    let address = inner
        .trunks
        .address(id)
        .map_err(|status| unreachable(format!("trunk {id} is down ({status}); `hotline doctor` says more")))?;
    let flow = inner
        .flow(trunk.transport, address)
        .await
        .map_err(|error| unreachable(format!("trunk {id} takes no connection ({error}); is its server right?")))?;
    let registration = trunk.registration.as_ref();
    let own = trunk.caller_id.as_ref().map(|own| own.reveal().clone());
    let from_user =
        own.clone().or_else(|| registration.map(|account| account.user.clone())).unwrap_or_else(|| OWN_USER.to_owned());
    let uri_text =
        format!("sip:{}@{}{}", wire::escape_user(number), trunk.server, wire::transport_param(trunk.transport));
    let uri = wire::target(&uri_text).ok_or_else(|| unreachable(format!("trunk {id}: its server is no host name")))?;
    let server = uri.host_with_port.host.to_string();
    let asserted = own.map(|own| {
        Header::PAssertedIdentity(PAssertedIdentity::new(format!("<sip:{}@{server}>", wire::escape_user(&own))))
    });
    Ok(Way {
        from: format!("{}<sip:{}@{server}>", wire::quoted(display), wire::escape_user(&from_user)),
        to: format!("<sip:{}@{server}>", wire::escape_user(number)),
        contact_user: registration.map_or(from_user, |account| account.user.clone()),
        extra: asserted.into_iter().collect(),
        credentials: registration
            .map(|account| Credentials { user: account.user.clone(), password: account.password.clone() }),
        pinned: false,
        flow,
        uri,
    })
}

async fn to_uri(inner: &Arc<Inner>, text: &str, from_user: &str, display: Option<&str>) -> Result<Way, LegCause> {
    let bad = || unreachable("this is no SIP address; write sip:user@host or sip:user@host:port");
    let text = text.trim().trim_start_matches('<').trim_end_matches('>');
    let uri = wire::target(text).ok_or_else(bad)?;
    let transport = wire::transport_of(&uri).unwrap_or(Transport::Udp);
    let host = uri.host_with_port.host.to_string();
    let port = uri.host_with_port.port.map(u16::from);
    let found = inner.resolve(&host, port, transport).await;
    let addresses =
        found.map_err(|error| unreachable(format!("{host} can't be found ({error}); is the name right?")))?;
    let address = *addresses.first().ok_or_else(bad)?;
    let flow = inner
        .flow(transport, address)
        .await
        .map_err(|error| unreachable(format!("{host} takes no connection ({error}); is it running?")))?;
    let home = inner.homes.lock().iter().find(|home| home.address == address).map(|home| home.credentials.clone());
    let own = inner.sent_by(address.ip());
    Ok(Way {
        from: format!("{}<sip:{}@{own}>", wire::quoted(display), wire::escape_user(from_user)),
        to: format!("<{uri}>"),
        contact_user: from_user.to_owned(),
        extra: Vec::new(),
        credentials: home,
        pinned: false,
        flow,
        uri,
    })
}
