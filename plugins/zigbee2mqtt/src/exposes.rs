//! What Zigbee2MQTT says that a device can do, its `exposes`, as properties.

use serde_json::{Value, json};

use crate::payload::text;
use crate::property::{Access, Kind, Property, Range};

/// The most properties of a device: those of a state of the house.
const MAX_PROPERTIES: usize = 60;
/// The most bytes of a property's name.
const MAX_NAME: usize = 64;
/// The most values of a choice.
const MAX_VALUES: usize = 256;
/// How deep composites may nest.
const MAX_DEPTH: usize = 2;

/// What is left out, and why.
pub(crate) type Skipped = Vec<(String, &'static str)>;

/// The properties of these `exposes`, with what is left out of them.
pub(crate) fn properties(exposes: &Value) -> (Vec<Property>, Skipped) {
    let mut found = Found::default();
    match exposes.as_array() {
        Some(exposes) => exposes.iter().for_each(|expose| found.expose(expose)),
        None => found.skip("exposes", "exposes is no array"),
    }
    (found.properties, found.skipped)
}

#[derive(Default)]
struct Found {
    properties: Vec<Property>,
    skipped: Skipped,
}

impl Found {
    fn skip(&mut self, what: &str, why: &'static str) {
        self.skipped.push((what.chars().take(MAX_NAME).collect(), why));
    }

    fn expose(&mut self, expose: &Value) {
        let Some(features) = expose.get("features").and_then(Value::as_array) else {
            return self.property(expose, "");
        };
        match text(expose, "type") {
            // It is one value.
            Some("composite") => self.property(expose, ""),
            Some(group) => {
                for feature in features {
                    self.property(feature, group);
                }
            }
            None => self.skip(name_of(expose), "an expose without a type"),
        }
    }

    fn property(&mut self, expose: &Value, group: &str) {
        match read(expose, group, MAX_DEPTH) {
            Ok(properties) => properties.into_iter().for_each(|property| self.add(property)),
            Err(why) => self.skip(name_of(expose), why),
        }
    }

    fn add(&mut self, mut property: Property) {
        if self.properties.len() >= MAX_PROPERTIES {
            return self.skip(&property.field, "more properties than a device may have");
        }
        let is_taken = |field: &str| self.properties.iter().any(|known| known.field == field);
        if is_taken(&property.field) {
            property.field.clone_from(&property.wire);
        }
        match is_taken(&property.field) {
            true => self.skip(&property.wire, "a property of this name is there already"),
            false => self.properties.push(property),
        }
    }
}

/// The properties of one expose: most are one.
fn read(expose: &Value, group: &str, depth: usize) -> Result<Vec<Property>, &'static str> {
    let name = text(expose, "name");
    let wire = text(expose, "property")
        .or(name)
        .ok_or("an expose without a name")?;
    if wire.is_empty() || wire.len() > MAX_NAME || wire.chars().any(char::is_control) {
        return Err("a name that is empty, too long or not printable");
    }
    let name = name.unwrap_or(wire);
    let access = match expose.get("access") {
        None => Access::of_bits(1),
        Some(bits) => Access::of_bits(bits.as_u64().ok_or("access is no number")?),
    };
    let property = |field: String, kind| Property {
        field,
        wire: wire.into(),
        kind,
        unit: text(expose, "unit")
            .filter(|unit| !unit.is_empty())
            .map(String::from),
        access,
        is_main: !group.is_empty(),
    };
    let suffix = suffix(expose, wire);
    if (group, name) == ("cover", "state") {
        let switch = |on, off| Kind::Switch { on, off };
        let mut stop = property(format!("stop{suffix}"), switch(json!("STOP"), Value::Null));
        stop.access = Access::of_bits(2);
        let open = property(format!("open{suffix}"), switch(json!("OPEN"), json!("CLOSE")));
        return Ok(vec![open, stop]);
    }
    let mut kind = kind(expose, group, name, depth)?;
    let known = field(group, name);
    let known = match &mut kind {
        Kind::Switch { on, off } if known == Some("open") && on.is_boolean() => {
            // A contact that is closed is a door that is.
            (*on, *off) = (json!(false), json!(true));
            known
        }
        Kind::Choice(values) if name == "running_state" => match heats(values) {
            true => {
                let (on, off) = (json!("heat"), json!("idle"));
                kind = Kind::Switch { on, off };
                Some("heating")
            }
            false => known,
        },
        _ => known,
    };
    let field = known.map_or_else(|| wire.into(), |known| format!("{known}{suffix}"));
    let mut property = property(field, kind);
    if matches!(property.kind, Kind::Percent { .. }) {
        property.unit = Some("%".into());
    }
    Ok(vec![property])
}

/// What a property of this name is called in the house, where that is other.
fn field(group: &str, name: &str) -> Option<&'static str> {
    Some(match (group, name) {
        ("light" | "switch" | "fan", "state") => "on",
        ("lock", "state") => "locked",
        ("climate", "local_temperature") => "temperature",
        ("climate", "occupied_heating_setpoint" | "current_heating_setpoint") => "target",
        ("climate", "system_mode") => "mode",
        ("light", "brightness") => "brightness",
        ("light", "color_hs") => "color_hs",
        ("light", "color_xy") => "color_xy",
        (_, "contact") => "open",
        (_, "occupancy") => "motion",
        _ => return None,
    })
}

/// What tells several of the same apart: `_left`, or nothing.
fn suffix<'e>(expose: &Value, wire: &'e str) -> &'e str {
    let endpoint = text(expose, "endpoint").unwrap_or("");
    let start = wire.len().saturating_sub(endpoint.len() + 1);
    match wire.get(start..) {
        Some(end) if !endpoint.is_empty() && end.strip_prefix('_') == Some(endpoint) => end,
        _ => "",
    }
}

fn heats(values: &[Value]) -> bool {
    values.len() == 2
        && ["heat", "idle"]
            .iter()
            .all(|value| values.contains(&json!(value)))
}

fn kind(expose: &Value, group: &str, name: &str, depth: usize) -> Result<Kind, &'static str> {
    match text(expose, "type").ok_or("an expose without a type")? {
        "binary" => {
            let side = |key| expose.get(key).filter(|value| !value.is_null()).cloned();
            let on = side("value_on").ok_or("a binary without value_on")?;
            let off = side("value_off").ok_or("a binary without value_off")?;
            Ok(Kind::Switch { on, off })
        }
        "numeric" => {
            let range = Range {
                min: limit(expose, "value_min")?,
                max: limit(expose, "value_max")?,
                step: limit(expose, "value_step")?,
            };
            match range.max {
                Some(of) if (group, name) == ("light", "brightness") && of > 0.0 => Ok(Kind::Percent { of }),
                _ => Ok(Kind::Number(range)),
            }
        }
        "enum" => {
            let values = expose.get("values").and_then(Value::as_array);
            let values = values.ok_or("an enum without values")?;
            if values.len() > MAX_VALUES {
                return Err("an enum with too many values");
            }
            match values.iter().all(|value| value.is_string() || value.is_number()) {
                true => Ok(Kind::Choice(values.clone())),
                false => Err("an enum of other than texts and numbers"),
            }
        }
        "text" => Ok(Kind::Text),
        "composite" => {
            let depth = depth.checked_sub(1).ok_or("composites that nest too deep")?;
            let features = expose.get("features").and_then(Value::as_array);
            let features = features.ok_or("a composite without features")?;
            members(features, depth).map(Kind::Composite)
        }
        "list" => {
            let depth = depth.checked_sub(1).ok_or("lists that nest too deep")?;
            let item = expose.get("item_type").ok_or("a list without item_type")?;
            let count = |key| expose.get(key).and_then(Value::as_u64);
            Ok(Kind::List {
                item: Box::new(kind(item, "", "", depth)?),
                least: count("length_min"),
                most: count("length_max"),
            })
        }
        _ => Err("an expose of a type that is not known"),
    }
}

/// The members of a composite, which keep their names.
fn members(features: &[Value], depth: usize) -> Result<Vec<Property>, &'static str> {
    if features.len() > MAX_PROPERTIES {
        return Err("a composite with too many features");
    }
    let mut members = Vec::new();
    for feature in features {
        for mut member in read(feature, "", depth)? {
            member.field.clone_from(&member.wire);
            members.push(member);
        }
    }
    Ok(members)
}

fn limit(expose: &Value, key: &str) -> Result<Option<f64>, &'static str> {
    match expose.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or("a limit that is no number"),
    }
}

fn name_of(expose: &Value) -> &str {
    let name = text(expose, "property").or(text(expose, "name"));
    name.or(text(expose, "type")).unwrap_or("an expose")
}
