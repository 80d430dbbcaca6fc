//! What `serve --demo` adds: the login of the page, made once, and the last lines
//! that say what to dial.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use anyhow::anyhow;

use crate::app::App;
use crate::config::demo_credentials;
use crate::http::password;
use crate::store::read::LoginRow;

/// Makes the demo's login if it is not there.
pub async fn prepare(app: &App, data_dir: &Path) -> anyhow::Result<()> {
    let credentials = demo_credentials(data_dir)?;
    let name = credentials.login.clone();
    if app.store().login(&name).await?.is_some() {
        return Ok(());
    }
    let hash = tokio::task::spawn_blocking(move || password::hash(&credentials.password))
        .await?
        .map_err(|error| anyhow!("{error}"))?;
    let login = LoginRow { name, password_hash: hash, role: "admin".to_owned(), ..Default::default() };
    Ok(app.store().put_login(&login).await?)
}

/// The last lines: what to dial, how to be the engineer, where the page is, the login. Secrets go to the
/// terminal of whoever started the demo, never to the log.
pub fn print_help(app: &App, data_dir: &Path) -> anyhow::Result<()> {
    let credentials = demo_credentials(data_dir)?;
    let (sip, http) = (app.sip_addr(), app.http_addr());
    let program = std::env::args().next().unwrap_or_else(|| "hotline".to_owned());
    let here = dialled(sip);
    println!(
        "\nThe demo hotline answers. Nothing leaves this machine; calls are taken from anybody who can reach it.\n"
    );
    println!("  Ring it (English; hotline-de is German), with a phone or from another terminal:");
    println!("    {program} call sip:hotline@{here}            type 1, 2 or 3 and Enter at the menu");
    println!("    {program} call sip:hotline@{here} --keys 2   speaks to the engineer on call");
    println!("    baresip -e \"/dial sip:hotline@{here}\"");
    match lan_address(sip) {
        Some(lan) => println!("    from another machine: sip:hotline@{lan}:{}", sip.port()),
        None => println!(
            "    from another machine: start with HOTLINE_SIP_ADDR=0.0.0.0:{} HOTLINE_HTTP_ADDR=0.0.0.0:{}",
            sip.port(),
            http.port()
        ),
    }
    println!("  Be the engineer (in another terminal, in this folder, before you ring):");
    println!("    {program} phone --account engineer-1 --answer --keys 1{}", phone_options(here, data_dir));
    println!("    or a softphone; answer, press 1, hear who calls, press 1 again. Registrar {here}, accounts:");
    for (phone, secret) in &credentials.phones {
        println!("      {phone}  password {}", secret.reveal());
    }
    println!("  Be the monitoring (the engineer's phone rings, and the page shows why):");
    println!("    curl -d 'title=The queue grows' http://{}/intake/generic/demo-key-of-the-demo-only", shown(http));
    println!("  Page and API:  http://{}  (API below /api/v1, described in /api/openapi.json)", shown(http));
    println!("    login {}  password {}", credentials.login, credentials.password.reveal());
    println!("  Status pages:  http://{0}/status/harbour and, in German, http://{0}/status/nordlicht", shown(http));
    println!("    open an incident of VPN on the page, publish an update, and both tell it");
    println!("  Ctrl-C stops it. Data: {}\n", data_dir.display());
    Ok(())
}

/// What `hotline phone` must be told where it differs from its own defaults.
fn phone_options(server: SocketAddr, data_dir: &Path) -> String {
    let usual = server == SocketAddr::from(([127, 0, 0, 1], 5060));
    let here = std::env::current_dir().is_ok_and(|here| here.join("data") == data_dir) || data_dir == Path::new("data");
    let server = if usual { String::new() } else { format!(" --server {server}") };
    let data = if here { String::new() } else { format!(" --data-dir {}", data_dir.display()) };
    format!("{server}{data}")
}

/// The address to dial from this machine.
fn dialled(sip: SocketAddr) -> SocketAddr {
    if sip.ip().is_unspecified() { SocketAddr::new(IpAddr::from([127, 0, 0, 1]), sip.port()) } else { sip }
}

fn shown(http: SocketAddr) -> SocketAddr {
    dialled(http)
}

/// This machine's address in the local network, where we listen on it.
fn lan_address(sip: SocketAddr) -> Option<IpAddr> {
    if sip.ip().is_loopback() {
        return None;
    }
    if !sip.ip().is_unspecified() {
        return Some(sip.ip());
    }
    let probe = UdpSocket::bind("0.0.0.0:0").ok()?;
    // A documentation address (RFC 5737); connecting a datagram socket sends nothing.
    probe.connect("192.0.2.1:9").ok()?;
    let own = probe.local_addr().ok()?.ip();
    (!own.is_loopback()).then_some(own)
}
