//! From the files' trees and the environment to a checked [`Config`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hotline_core::directory::{Destination, Directory, Number, Service};
use hotline_core::escalation::Target;
use hotline_core::ids::{PhoneId, PolicyId, ServiceId, StatusPageId, TrunkId, UserId};
use hotline_core::private::Private;
use hotline_core::status::StatusPage;

use crate::notify::NotifySettings;
use crate::rtp::MediaSettings;
use crate::sip::{PhoneAccount, SipSettings, TrunkSettings};
use crate::store::StoreSettings;

use super::customers;
use super::flow::Flows;
use super::language_model;
use super::names::{Kind, Names};
use super::notify;
use super::numbers::Numbers;
use super::people::{Context, doubles};
use super::prompts::KnownPrompts;
use super::report::{Mistake, Report, Section};
use super::server::{self, Environment, Server};
use super::slas;
use super::sources::{self, Commands};
use super::tree::{self, Place, Spot, Value};
use super::{Composer, Config, ConfigError, Document, Things, demo, documents};

/// What phones, carriers and providers need beside the directory.
#[derive(Default)]
struct Secrets {
    phones: BTreeMap<PhoneId, PhoneAccount>,
    trunks: BTreeMap<TrunkId, TrunkSettings>,
    notify: NotifySettings,
}

/// The file, the environment, the demo and the documents as one configuration, or everything that is wrong with it.
pub(super) fn config(composer: &Composer, documents: &[Document]) -> Result<Config, Vec<Mistake>> {
    let Composer { text, name, environment, demo } = composer;
    let report = Report::default();
    let (own, mistakes) = tree::toml(text, &name.to_string_lossy());
    let syntax_is_right = mistakes.is_empty();
    for (place, what) in &mistakes {
        report.mistake(place, what.as_str());
    }
    if !syntax_is_right {
        // What stands behind a mistake of syntax would be told as missing.
        return Err(report.into_parts().0);
    }
    let mut roots = vec![own];
    if *demo {
        roots.push(demo::root());
    }
    let in_files = roots.len();
    // The last root: what a file says itself wins.
    roots.push(documents::root(documents));
    let base = name.parent().map(Path::to_path_buf).unwrap_or_default();
    let (server, directory, secrets) = build(&roots, &base, environment, *demo, &report);
    let things = documents::things(&roots, in_files);
    let (mistakes, warnings) = report.into_parts();
    if mistakes.is_empty() {
        let config = assemble(server, directory, secrets, *demo, warnings);
        Ok(Config { things, composer: composer.clone(), ..config })
    } else {
        Err(mistakes)
    }
}

fn build(
    roots: &[Spot],
    base: &Path,
    environment: &Environment,
    demo: bool,
    report: &Report,
) -> (Server, Directory, Secrets) {
    let sections: Vec<Section<'_>> = roots.iter().filter_map(|root| Section::new(root, "the file", report)).collect();
    let servers: Vec<Section<'_>> =
        sections.iter().filter_map(|root| Section::new(root.spot("server")?, "[server]", report)).collect();
    let server = server::read(&servers, environment, base, report);
    for section in servers {
        section.finish();
    }
    let demo_phones = if demo { demo_passwords(&server.data_dir, report) } else { BTreeMap::new() };
    let names = Names::collect(roots, report);
    let context = Context {
        names: &names,
        report,
        environment,
        base,
        country_code: server.country_code.as_deref(),
        demo_phones: &demo_phones,
    };
    let (directory, mut secrets) = directory(&sections, &context, &server.data_dir);
    secrets.notify = notify::read(&sections, environment, base, server.public_url.as_deref(), report);
    secrets.notify.language_model = language_model::read(&sections, environment, base, report);
    for section in sections {
        section.finish();
    }
    reachable(&directory, report);
    warn_unheard(&server, &secrets, report);
    (server, directory, secrets)
}

fn demo_passwords(data_dir: &Path, report: &Report) -> BTreeMap<PhoneId, Private<String>> {
    match demo::demo_credentials(data_dir) {
        Ok(credentials) => credentials.phones,
        Err(ConfigError(mistakes)) => {
            for what in mistakes {
                report.mistake(&Place::new("demo", 0), what);
            }
            BTreeMap::new()
        }
    }
}

/// Reads every table of `[[key]]` in every root.
fn each<'a>(roots: &[Section<'a>], kind: Kind, report: &'a Report, mut read: impl FnMut(&Section<'a>)) {
    for root in roots {
        for spot in root.tables(kind.key()) {
            let id = match &spot.value {
                Value::Table(entries) => {
                    entries.iter().find(|(key, _)| key == kind.id_key()).map(|(_, spot)| &spot.value)
                }
                Value::Text(_)
                | Value::Whole(_)
                | Value::Float
                | Value::Flag(_)
                | Value::Moment(_)
                | Value::List(_)
                | Value::Nothing => None,
            };
            let what = match id {
                Some(Value::Text(id)) => format!("[[{}]] `{id}`", kind.key()),
                Some(_) | None => format!("[[{}]]", kind.key()),
            };
            if let Some(section) = Section::new(spot, what, report) {
                read(&section);
                section.finish();
            }
        }
    }
}

fn directory<'a>(roots: &[Section<'a>], context: &Context<'a>, data_dir: &Path) -> (Directory, Secrets) {
    let report = context.report;
    let (mut customers, mut users) = (BTreeMap::new(), BTreeMap::new());
    let mut commands = Commands::new();
    let (mut directory, mut secrets) = (Directory::default(), Secrets::default());
    each(roots, Kind::Customer, report, |section| {
        customers
            .extend(context.customer(section).map(|customer| (customer.id.clone(), (customer, section.place.clone()))));
    });
    each(roots, Kind::User, report, |section| {
        users.extend(context.user(section).map(|user| (user.id.clone(), (user, section.place.clone()))));
    });
    each(roots, Kind::Phone, report, |section| {
        let Some((phone, account)) = context.phone(section) else { return };
        secrets.phones.insert(phone.id.clone(), account);
        directory.phones.insert(phone.id.clone(), phone);
    });
    each(roots, Kind::Schedule, report, |section| {
        directory.schedules.extend(context.schedule(section).map(|schedule| (schedule.id.clone(), schedule)));
    });
    each(roots, Kind::Trunk, report, |section| {
        let Some((trunk, settings)) = context.trunk(section) else { return };
        secrets.trunks.insert(trunk.id.clone(), settings);
        directory.trunks.insert(trunk.id.clone(), trunk);
    });
    let (mut services, mut contracts) = (BTreeMap::new(), slas::Slas::new());
    each(roots, Kind::Service, report, |section| {
        services.extend(context.service(section).map(|service| (service.id.clone(), (service, section.place.clone()))));
    });
    each(roots, Kind::Sla, report, |section| {
        contracts.extend(context.sla(section).map(|sla| (sla.id.clone(), (sla, section.place.clone()))));
    });
    each(roots, Kind::Team, report, |section| {
        directory.teams.extend(context.team(section).map(|team| (team.id.clone(), team)));
    });
    each(roots, Kind::Calendar, report, |section| {
        directory.calendars.extend(context.calendar(section).map(|calendar| (calendar.id.clone(), calendar)));
    });
    each(roots, Kind::Policy, report, |section| {
        directory.policies.extend(context.policy(section).map(|policy| (policy.id.clone(), policy)));
    });
    each(roots, Kind::Channel, report, |section| {
        directory.channels.extend(context.channel(section).map(|channel| (channel.id.clone(), channel)));
    });
    let mut keys = BTreeMap::new();
    each(roots, Kind::Source, report, |section| {
        let Some(source) = context.source(section) else { return };
        unlike(&mut keys, source.key_sha256, section, report);
        directory.sources.insert(source.id.clone(), source);
    });
    each(roots, Kind::Heartbeat, report, |section| {
        let Some(heartbeat) = context.heartbeat(section) else { return };
        unlike(&mut keys, heartbeat.key_sha256, section, report);
        directory.heartbeats.insert(heartbeat.id.clone(), heartbeat);
    });
    each(roots, Kind::Maintenance, report, |section| directory.maintenance.extend(context.maintenance(section)));
    each(roots, Kind::Command, report, |section| commands.extend(context.command(section)));
    each(roots, Kind::Action, report, |section| {
        directory.actions.extend(context.action(section, &commands).map(|action| (action.id.clone(), action)));
    });
    each(roots, Kind::Template, report, |section| directory.update_templates.extend(context.template(section)));
    directory.company = context.company(roots);
    let defaults: Vec<_> = roots.iter().map(|root| context.named(root, "default_policy", Kind::Policy)).collect();
    directory.default_policy = defaults.into_iter().flatten().next().map(PolicyId::from);
    let limits: Vec<_> =
        roots.iter().filter_map(|root| Section::new(root.spot("limits")?, "[limits]", report)).collect();
    let mut limits = limits.iter().map(|section| {
        let limits = sources::limits(section, report);
        section.finish();
        limits
    });
    directory.limits = limits.next().unwrap_or_default();
    limits.for_each(drop);
    directory.incident_rules = context.incident_rules(roots);
    doubles(&customers, &users, report);
    customers::claimed_twice(&customers, report);
    slas::circles(&services, report);
    slas::check(&contracts, &directory, crate::clock::now().wall, report);
    directory.services = services.into_iter().map(|(id, (service, _))| (id, service)).collect();
    directory.status_pages = status_pages(roots, context, &directory.services);
    directory.slas = contracts.into_iter().map(|(id, (sla, _))| (id, sla)).collect();
    directory.customers = customers.into_iter().map(|(id, (customer, _))| (id, customer)).collect();
    directory.users = users.into_iter().map(|(id, (user, _))| (id, user)).collect();
    directory.blocklist = roots.iter().flat_map(|root| context.blocklist(root)).collect();

    let mut tables: BTreeMap<&str, &Spot> = BTreeMap::new();
    for root in roots {
        let Some(flows) = root.spot("flows").and_then(|spot| Section::new(spot, "flows", report)) else { continue };
        for (name, spot) in flows.entries() {
            tables.entry(name).or_insert(spot);
        }
    }
    let prompts = KnownPrompts::find(data_dir);
    let flows = Flows { context, prompts: &prompts };
    let mut numbers = Numbers { flows: &flows, tables: &tables, read_flows: BTreeMap::new(), by_name: BTreeMap::new() };
    numbers.read_flows();
    each(roots, Kind::Number, report, |section| numbers.number(section));
    numbers.check_flows(&directory);
    (directory.numbers, directory.flows) = numbers.into_flows();
    (directory, secrets)
}

/// Once the services are known.
fn status_pages<'a>(
    roots: &[Section<'a>],
    context: &Context<'a>,
    services: &BTreeMap<ServiceId, Service>,
) -> BTreeMap<StatusPageId, StatusPage> {
    let mut pages = BTreeMap::new();
    each(roots, Kind::StatusPage, context.report, |section| {
        pages.extend(context.status_page(section, services).map(|page| (page.id.clone(), page)));
    });
    pages
}

/// One key opens one door.
fn unlike<'a>(keys: &mut BTreeMap<[u8; 32], String>, key: [u8; 32], section: &Section<'a>, report: &'a Report) {
    if let Some(other) = keys.insert(key, section.what.clone()) {
        let what = format!("{} has the same key as {other}; give each its own", section.what);
        report.mistake(&section.place.within("key"), what);
    }
}

/// Numbers and policies that could reach nobody.
fn reachable(directory: &Directory, report: &Report) {
    let place = Place::new("settings", 0);
    let has_phone =
        |user: &hotline_core::ids::UserId| directory.users.get(user).is_some_and(|user| !user.phones.is_empty());
    for Number { id, schedule, .. } in directory.numbers.values() {
        let Some(schedule) = schedule.as_ref().and_then(|schedule| directory.schedules.get(schedule)) else { continue };
        let at = crate::clock::now().wall;
        let members: Vec<_> = schedule.layers.iter().flat_map(|layer| layer.people(directory, at)).collect();
        if !members.is_empty() && !members.iter().any(has_phone) {
            report.warn(
                &place,
                format!("nobody in schedule `{}` of number `{id}` has a phone; give its users phones", schedule.id),
            );
        }
    }
    for policy in directory.policies.values() {
        for (at, step) in policy.steps.iter().enumerate() {
            if !step.targets.iter().any(|target| reaches(directory, target)) {
                let what = format!(
                    "step {} of escalation policy `{}` reaches nobody: its schedules and teams are empty, or its people have no contacts; alerts skip it",
                    at + 1,
                    policy.id
                );
                report.warn(&place, what);
            }
        }
    }
    for phone in directory.phones.values() {
        let destination = Destination::Phone(phone.id.clone());
        if !directory.users.values().any(|user| user.phones.contains(&destination)) {
            report.warn(
                &place,
                format!(
                    "phone `{}` is in nobody's `phones`: no engineer is rung there, only who supervises a call; add \"phone:{}\" to its user if one should be",
                    phone.id, phone.id
                ),
            );
        }
    }
    if directory.numbers.is_empty() {
        report.warn(
            &place,
            "there is no number to be called; add [[numbers]] (see hotline.example.toml), or start with --demo",
        );
    }
}

/// Whether anybody at all stands behind a target.
fn reaches(directory: &Directory, target: &Target) -> bool {
    let has_contact = |user: &UserId| directory.users.get(user).is_some_and(|user| !user.contacts.is_empty());
    match target {
        Target::Schedule(schedule) => directory.schedules.get(schedule).is_some_and(|schedule| {
            let at = crate::clock::now().wall;
            schedule.layers.iter().flat_map(|layer| layer.people(directory, at)).any(|user| has_contact(&user))
                || schedule.overrides.iter().any(|change| has_contact(&change.user))
        }),
        Target::User(user) => has_contact(user),
        Target::Team(team) => directory.teams.get(team).is_some_and(|team| team.members.iter().any(has_contact)),
        Target::Channel(_) | Target::Number(_) => true,
    }
}

/// Carriers and phones elsewhere can't reach a server that listens on loopback only.
fn warn_unheard(server: &Server, secrets: &Secrets, report: &Report) {
    let place = Place::new("settings", 0);
    if server.sip.ip().is_loopback() && !secrets.trunks.is_empty() {
        let what = format!(
            "there are trunks, but SIP listens on {} which only this machine reaches; set sip = \"0.0.0.0:{}\" (or HOTLINE_SIP_ADDR)",
            server.sip,
            server.sip.port()
        );
        report.warn(&place, what);
    }
}

fn assemble(server: Server, directory: Directory, secrets: Secrets, demo: bool, warnings: Vec<String>) -> Config {
    let data_dir = absolute(&server.data_dir);
    let node = server.node.unwrap_or_else(|| crate::store::default_node(&data_dir));
    let database_url =
        server.database_url.unwrap_or_else(|| format!("sqlite://{}", url_path(&data_dir.join("hotline.db"))));
    // Media comes from where signalling listens, unless told otherwise.
    let bind: IpAddr = server.rtp_bind.unwrap_or(server.sip.ip());
    Config {
        things: Things::default(),
        composer: Composer::default(),
        secret_key: server.secret_key,
        notify: secrets.notify,
        file: None,
        demo,
        directory: Directory { country_code: server.country_code.clone(), codecs: server.codecs, ..directory },
        sip: SipSettings {
            listen: server.sip,
            public_host: server.sip_public_host,
            open: server.open_sip,
            strangers: server.strangers,
            realm: server.realm,
            phones: secrets.phones,
            trunks: secrets.trunks,
            requests_per_second: server.requests_per_second,
        },
        media: MediaSettings { bind, ports: server.rtp_ports, lanes: server.media_lanes },
        rtp_address: server.rtp_address,
        store: StoreSettings { data_dir, database_url, node },
        http_addr: server.http,
        admin_token: server.admin_token,
        public_url: server.public_url,
        trusted_proxies: server.trusted_proxies,
        whisper_model: server.whisper_model,
        log: server.log,
        country_code: server.country_code,
        ring_again: server.ring_again,
        warnings,
    }
}

fn absolute(path: &Path) -> PathBuf {
    // Fails only for an empty path or without a working directory; then the path stays as it is.
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// A path within a URL: what has a meaning there is escaped.
fn url_path(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
}
