//! A schedule as the document that the API keeps: the same keys as the file's table. And what the rules make of an edit.

use hotline_core::call::flow::HoursWindow;
use hotline_core::directory::Directory;
use hotline_core::ids::ScheduleId;
use hotline_core::oncall::edit;
use hotline_core::oncall::{
    Cover, Layer, Length, Member, Mode, ONLY_LAYER, Override, OverrideDeed, Restriction, Rotation, Schedule, Swap,
    Weights,
};
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// The document that must be kept instead of the one that was written, where that would restart a rotation: `old` is what is in
/// force, `new` what was written. `None`: as it was written.
pub(super) fn settled(old: &Directory, new: &Directory, id: &str, at: Timestamp) -> Option<Value> {
    let id = ScheduleId::from(id);
    let (before, written) = (old.schedules.get(&id)?, new.schedules.get(&id)?);
    let kept = edit::edited(before, written.clone(), at);
    (kept != *written).then(|| document(&kept))
}

/// The schedule without its name; read again it is the same schedule.
pub fn document(schedule: &Schedule) -> Value {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("name", schedule.name.clone().into());
    put("time_zone", zone(&schedule.time_zone).into());
    if schedule.mode != Mode::default() {
        put("mode", schedule.mode.word().into());
    }
    match &schedule.cover {
        Cover::Always => {}
        Cover::Planned => drop(put("cover", "planned".into())),
        Cover::Calendar(calendar) => drop(put("cover", format!("calendar:{calendar}").into())),
    }
    if let Some(team) = &schedule.team {
        put("team", team.0.clone().into());
    }
    if let Some(holidays) = &schedule.holidays {
        put("holidays", holidays.0.clone().into());
    }
    put("notices", schedule.notices.iter().map(|notice| spell(*notice)).collect::<Vec<_>>().into());
    if schedule.weights != Weights::default() {
        let Weights { weekday, night, weekend, holiday, night_hours: (from, to) } = schedule.weights;
        let weights = json!({
            "weekday": weekday, "night": night, "weekend": weekend, "holiday": holiday, "night_from": from, "night_to": to,
        });
        put("weights", weights);
    }
    if !schedule.overrides.is_empty() {
        put("overrides", schedule.overrides.iter().map(an_override).collect::<Vec<_>>().into());
    }
    if !schedule.swaps.is_empty() {
        put("swaps", schedule.swaps.iter().map(swap).collect::<Vec<_>>().into());
    }
    match short(schedule) {
        Some(layer) => rotations(&layer.rotations, &schedule.time_zone, &mut body),
        None => drop(put("layers", schedule.layers.iter().map(|own| layer(own, schedule)).collect::<Vec<_>>().into())),
    }
    Value::Object(body)
}

/// The layer of a schedule that can be written in the short form.
fn short(schedule: &Schedule) -> Option<&Layer> {
    let [layer] = schedule.layers.as_slice() else { return None };
    let last = layer.current()?;
    let plain = Layer { rotations: layer.rotations.clone(), ..Layer::new(ONLY_LAYER, last.clone()) };
    (*layer == plain && last.time_zone == schedule.time_zone).then_some(layer)
}

fn layer(layer: &Layer, schedule: &Schedule) -> Value {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("id", layer.id.clone().into());
    put("name", layer.name.clone().into());
    let own = layer.current().map_or(&schedule.time_zone, |rotation| &rotation.time_zone);
    put("time_zone", zone(own).into());
    if !layer.restrictions.is_empty() {
        put("restrictions", layer.restrictions.iter().map(restriction).collect::<Vec<_>>().into());
    }
    if let Some(rule) = &layer.calendar {
        put("calendar", format!("{}{}", if rule.open { "" } else { "closed:" }, rule.calendar).into());
    }
    if !layer.skills.is_empty() {
        put("skills", layer.skills.clone().into());
    }
    if let Some(from) = layer.from {
        put("from", from.to_string().into());
    }
    if let Some(until) = layer.until {
        put("until", until.to_string().into());
    }
    rotations(&layer.rotations, own, &mut body);
    Value::Object(body)
}

/// The last version's keys, and `before`.
fn rotations(versions: &[Rotation], own: &TimeZone, body: &mut Map<String, Value>) {
    let Some((last, before)) = versions.split_last() else { return };
    rotation(last, body);
    if !before.is_empty() {
        let before = before.iter().map(|version| {
            let mut body = Map::new();
            if version.time_zone != *own {
                body.insert("time_zone".to_owned(), zone(&version.time_zone).into());
            }
            rotation(version, &mut body);
            Value::Object(body)
        });
        body.insert("before".to_owned(), before.collect::<Vec<_>>().into());
    }
}

fn rotation(version: &Rotation, body: &mut Map<String, Value>) {
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    let members = version.members.iter().map(|member| match member {
        Member::User(user) => user.0.clone(),
        Member::Team(team) => format!("team:{team}"),
        Member::Nobody => "-".to_owned(),
    });
    put("members", members.collect::<Vec<_>>().into());
    put("start", version.start.strftime("%Y-%m-%dT%H:%M").to_string().into());
    match &version.length {
        Length::Weeks(weeks) => put("weeks", (*weeks).into()),
        Length::Hours(hours) => put("length", format!("{hours} hours").into()),
        Length::Days(days) => put("length", format!("{days} days").into()),
        Length::Months(months) => put("length", format!("{months} months").into()),
        Length::Cycle(parts) => {
            put("length", parts.iter().map(|hours| format!("{hours} hours")).collect::<Vec<_>>().into())
        }
    };
    if let Some(since) = version.since {
        put("since", since.to_string().into());
    }
    if version.first > 0 {
        put("first", (version.first + 1).into());
    }
}

fn restriction(restriction: &Restriction) -> Value {
    match restriction {
        Restriction::Day(window) => self::window(window),
        Restriction::Week(window) => json!({
            "from": format!("{} {}", day(window.from_day), clock(window.from)),
            "to": format!("{} {}", day(window.to_day), clock(window.to)),
        }),
    }
}

fn window(window: &HoursWindow) -> Value {
    // The same time twice is a whole day; only midnight can be written so.
    let to = if window.to == Time::midnight() { "24:00".to_owned() } else { clock(window.to) };
    json!({ "days": window.days.iter().map(|own| day(*own)).collect::<Vec<_>>(), "from": clock(window.from), "to": to })
}

fn an_override(over: &Override) -> Value {
    let mut body = json!({ "user": over.user.0, "from": over.from.to_string(), "to": over.to.to_string() });
    let mut put = |key: &str, value: Value| body[key] = value;
    if !over.id.is_empty() {
        put("id", over.id.clone().into());
    }
    match &over.deed {
        OverrideDeed::Replace => {}
        OverrideDeed::Add => put("deed", "add".into()),
        OverrideDeed::Remove => put("deed", "remove".into()),
        OverrideDeed::InsteadOf(other) => put("instead_of", other.0.clone().into()),
    }
    if !over.layers.is_empty() {
        put("layers", over.layers.clone().into());
    }
    if !over.reason.is_empty() {
        put("reason", over.reason.clone().into());
    }
    body
}

fn swap(swap: &Swap) -> Value {
    let mut body =
        json!({ "id": swap.id, "giver": swap.giver.0, "from": swap.from.to_string(), "to": swap.to.to_string() });
    if let Some(taker) = &swap.taker {
        body["taker"] = taker.0.clone().into();
    }
    if !swap.reason.is_empty() {
        body["reason"] = swap.reason.clone().into();
    }
    body
}

fn zone(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}

const fn day(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

/// A time as settings spell it.
fn spell(time: std::time::Duration) -> String {
    match time.as_secs() {
        secs if secs % 3_600 == 0 => format!("{}h", secs / 3_600),
        secs if secs % 60 == 0 => format!("{}m", secs / 60),
        secs => format!("{secs}s"),
    }
}

#[cfg(test)]
mod tests {
    use hotline_core::oncall::on_duty;

    use super::*;

    fn directory(members: &[&str]) -> Directory {
        let members = members.iter().map(|name| Member::from(*name)).collect();
        let start = "2028-05-01T08:00".parse().unwrap();
        let rotation = Rotation::new(members, Length::Weeks(1), start, TimeZone::UTC);
        let mut directory = Directory::default();
        directory.schedules.insert("s".into(), Schedule::single("s", "S", rotation));
        directory
    }

    #[test]
    fn a_document_that_would_restart_a_rotation_is_kept_with_its_versions() {
        let at: Timestamp = "2028-05-10T12:00:00Z".parse().unwrap();
        let old = directory(&["ann", "bo", "cy"]);
        let on_call =
            |directory: &Directory| on_duty(&directory.schedules[&"s".into()], directory, at)[0].user.0.clone();
        assert_eq!(on_call(&old), "bo");
        let new = directory(&["cy", "dee", "ann", "bo"]);
        assert_eq!(on_call(&new), "dee", "as it was written it would restart");
        let kept = settled(&old, &new, "s", at).unwrap();
        assert_eq!(kept["members"], json!(["cy", "dee", "ann", "bo"]));
        assert_eq!((&kept["since"], &kept["first"]), (&json!("2028-05-10T12:00:00Z"), &json!(4)));
        assert_eq!(kept["before"][0]["members"], json!(["ann", "bo", "cy"]));
        assert_eq!(settled(&old, &old, "s", at), None);
        assert_eq!(settled(&Directory::default(), &new, "s", at), None, "a new schedule begins at its start");
    }
}
