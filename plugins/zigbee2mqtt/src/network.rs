//! The devices and groups of a Zigbee network, as `bridge/devices` and `bridge/groups` list them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::exposes;
use crate::payload::text;
use crate::property::{Kind, Property};

/// Who found it, for the house.
pub(crate) const PROVIDER: &str = "zigbee2mqtt";
/// The most bytes of a discovery that the house takes.
const MAX_DISCOVERY: usize = 32 * 1024;
/// The most bytes of a friendly name, an address and what else is shown.
const MAX_TEXT: usize = 190;

/// A device, or a group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Device {
    /// What it is called in the house: of its address, which stays.
    pub(crate) external_id: String,
    /// What it is called in topics, which may change.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) properties: Vec<Property>,
    /// Whether it listens all the time, so that it can be asked how it is.
    pub(crate) is_powered: bool,
    about: Map<String, Value>,
}

/// What is left out of a list: what, and why.
#[derive(Clone, Debug, PartialEq, serde::Serialize, schemars::JsonSchema)]
pub struct Skipped {
    /// A device, or a property of one.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What a list has.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) devices: Vec<Device>,
    pub(crate) skipped: Vec<Skipped>,
}

impl Listed {
    fn skip(&mut self, what: &str, reason: &str) {
        self.skipped.push(Skipped {
            what: what.chars().take(MAX_TEXT).collect(),
            reason: reason.into(),
        });
    }
}

/// The devices of `bridge/devices`.
///
/// # Errors
/// When it is no list.
pub(crate) fn devices(list: &Value) -> Result<Listed, &'static str> {
    let list = list.as_array().ok_or("bridge/devices is no array")?;
    let mut listed = Listed::default();
    let mut seen = BTreeSet::new();
    for entry in list {
        if text(entry, "type") == Some("Coordinator") {
            continue;
        }
        let what = text(entry, "friendly_name").or(text(entry, "ieee_address"));
        let what = what.unwrap_or("a device without a name").to_owned();
        match device(entry, &mut listed) {
            Ok(device) if seen.insert(device.external_id.clone()) => listed.devices.push(device),
            Ok(_) => listed.skip(&what, "an address that is there already"),
            Err(reason) => listed.skip(&what, reason),
        }
    }
    Ok(listed)
}

fn device(entry: &Value, listed: &mut Listed) -> Result<Device, &'static str> {
    let address = text(entry, "ieee_address").ok_or("ieee_address is missing")?;
    let name = friendly_name(entry)?;
    if !is_plain(address) {
        return Err("ieee_address is empty, too long or not printable");
    }
    if entry.get("disabled") == Some(&Value::Bool(true)) {
        return Err("it is disabled");
    }
    if entry.get("interview_completed") == Some(&Value::Bool(false)) {
        return Err("its interview is not completed");
    }
    let definition = entry.get("definition").filter(|definition| !definition.is_null());
    let definition = definition.ok_or("it has no definition: it is not supported, or not interviewed yet")?;
    let (properties, skipped) = exposes::properties(definition.get("exposes").unwrap_or(&Value::Null));
    for (what, reason) in skipped {
        listed.skip(&format!("{name}: {what}"), reason);
    }
    let power = text(entry, "power_source").unwrap_or("");
    let mut about = Map::new();
    for (key, value) in [
        (
            "manufacturer",
            text(definition, "vendor").or(text(entry, "manufacturer")),
        ),
        ("model", text(definition, "model").or(text(entry, "model_id"))),
        ("description", text(definition, "description")),
        ("power_source", Some(power).filter(|power| !power.is_empty())),
    ] {
        if let Some(value) = value {
            about.insert(
                key.into(),
                json!(value.chars().take(MAX_TEXT).collect::<String>()),
            );
        }
    }
    let device = Device {
        external_id: format!("{PROVIDER}-{address}"),
        name: name.into(),
        kind: kind_of(definition.get("exposes"), &properties),
        properties,
        is_powered: power.contains("Mains") || power.contains("DC"),
        about,
    };
    match device.discovery().to_string().len() <= MAX_DISCOVERY {
        true => Ok(device),
        false => Err("its exposes are more than 32 KiB"),
    }
}

/// The groups of `bridge/groups`, which do what their members do.
///
/// # Errors
/// When it is no list.
pub(crate) fn groups(
    list: &Value,
    base: &str,
    devices: &BTreeMap<String, &Device>,
) -> Result<Listed, &'static str> {
    let list = list.as_array().ok_or("bridge/groups is no array")?;
    let mut listed = Listed::default();
    for entry in list {
        let what = text(entry, "friendly_name").unwrap_or("a group without a name");
        match group(entry, base, devices) {
            Ok(group) => listed.devices.push(group),
            Err(reason) => listed.skip(what, reason),
        }
    }
    Ok(listed)
}

/// What a group is called in the house. Other networks have groups of the same numbers.
pub(crate) fn group_id(base: &str, id: &str) -> String {
    match base {
        "zigbee2mqtt" => format!("{PROVIDER}-group-{id}"),
        base => format!("{PROVIDER}-{base}-group-{id}"),
    }
}

fn group(entry: &Value, base: &str, devices: &BTreeMap<String, &Device>) -> Result<Device, &'static str> {
    let id = entry
        .get("id")
        .and_then(Value::as_u64)
        .ok_or("a group without an id")?;
    let name = friendly_name(entry)?;
    let members = entry.get("members").and_then(Value::as_array);
    let members = members.ok_or("a group without members")?.iter();
    let members = members.filter_map(|member| text(member, "ieee_address"));
    let members: BTreeSet<&str> = members.collect();
    let known = members
        .iter()
        .filter_map(|address| devices.get(&format!("{PROVIDER}-{address}")));
    let known: Vec<&Device> = known.copied().collect();
    let mut properties: Vec<Property> = Vec::new();
    for member in &known {
        for property in member
            .properties
            .iter()
            .filter(|property| property.is_main && property.access.set)
        {
            if properties.iter().all(|known| known.field != property.field) {
                properties.push(property.clone());
            }
        }
    }
    if properties.is_empty() {
        return Err("a group none of whose members can be set");
    }
    let kind = known
        .iter()
        .find(|member| member.properties.iter().any(|property| property.is_main));
    Ok(Device {
        external_id: group_id(base, &id.to_string()),
        name: name.into(),
        kind: kind.map_or("generic", |member| member.kind),
        properties,
        is_powered: true,
        about: Map::from_iter([("members".to_owned(), json!(members.len()))]),
    })
}

impl Device {
    /// What the house gets to know of it, without its state.
    pub(crate) fn discovery(&self) -> Value {
        let mut payload = self.about.clone();
        let properties = self.properties.iter();
        let properties = properties.map(|property| (property.field.clone(), property.schema()));
        for (key, value) in [
            ("external_id", json!(self.external_id)),
            ("provider", json!(PROVIDER)),
            ("name", json!(self.name)),
            ("type", json!(self.kind)),
            ("properties", Value::Object(properties.collect())),
        ] {
            payload.insert(key.into(), value);
        }
        Value::Object(payload)
    }

    /// Those of its properties that say `what`, in the messages about its state.
    pub(crate) fn said(&self, what: &str) -> impl Iterator<Item = &Property> {
        self.properties
            .iter()
            .filter(move |property| property.wire == what)
    }

    /// The property of this name in the house.
    pub(crate) fn property(&self, field: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.field == field)
    }
}

/// A name that is part of a topic.
fn friendly_name(entry: &Value) -> Result<&str, &'static str> {
    let name = text(entry, "friendly_name").ok_or("friendly_name is missing")?;
    match is_plain(name) && !name.contains(['+', '#']) {
        true => Ok(name),
        false => Err("friendly_name is empty, too long, not printable, or has + or #"),
    }
}

fn is_plain(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// What a device is: by what it is for, or by what it measures.
fn kind_of(exposes: Option<&Value>, properties: &[Property]) -> &'static str {
    let exposes = exposes
        .and_then(Value::as_array)
        .map_or(&[][..], |exposes| exposes);
    let types: BTreeSet<&str> = exposes.iter().filter_map(|expose| text(expose, "type")).collect();
    let groups = [
        ("climate", "thermostat"),
        ("lock", "lock"),
        ("cover", "cover"),
        ("light", "light"),
        ("fan", "fan"),
        ("switch", "switch"),
    ];
    if let Some((_, kind)) = groups.iter().find(|(group, _)| types.contains(group)) {
        return kind;
    }
    let fields = [
        ("smoke", "smoke_sensor"),
        ("gas", "gas_sensor"),
        ("carbon_monoxide", "carbon_monoxide_sensor"),
        ("water_leak", "leak_sensor"),
        ("ir_code_to_send", "ir_blaster"),
        ("warning", "siren"),
        ("alarm", "siren"),
        ("open", "door_sensor"),
        ("presence", "presence_sensor"),
        ("motion", "motion_sensor"),
        ("vibration", "vibration_sensor"),
        ("co2", "air_quality_sensor"),
        ("pm25", "air_quality_sensor"),
        ("voc", "air_quality_sensor"),
        ("soil_moisture", "soil_sensor"),
        ("action", "remote"),
        ("temperature", "temperature_sensor"),
        ("humidity", "humidity_sensor"),
        ("illuminance", "illuminance_sensor"),
        ("energy", "meter"),
        ("power", "meter"),
    ];
    let has = |field: &str| properties.iter().any(|property| property.field == field);
    let found = fields.iter().find(|(field, _)| has(field));
    found.map_or("generic", |(_, kind)| kind)
}

/// Whether a property is something that happens, and not something that is.
pub(crate) fn is_event(property: &Property) -> bool {
    property.wire == "action" && matches!(property.kind, Kind::Choice(_) | Kind::Text)
}
