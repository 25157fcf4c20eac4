//! The components of Home Assistant, such as `sensor` and `cover`, as properties.

use serde_json::Value;

use crate::codec::{Codec, Scale};
use crate::config::Config;
use crate::entity::{Availability, Entity, Mode, Part, Presence};
use crate::light;
use crate::parts::{both, on_off, part, reading, writing, written};

/// What there is.
const COMPONENTS: [&str; 12] = [
    "light",
    "switch",
    "sensor",
    "binary_sensor",
    "cover",
    "climate",
    "lock",
    "fan",
    "number",
    "select",
    "text",
    "button",
];

/// Reads an entity.
///
/// # Errors
/// Why it is left out.
pub(crate) fn read(component: &str, object: &str, config: Config<'_>) -> Result<Entity, String> {
    let known = COMPONENTS.iter().find(|known| **known == component);
    let known = known.ok_or_else(|| format!("the component {component:?} is not known"))?;
    let mut json = None;
    let parts = match *known {
        "light" => {
            let light = light::read(config)?;
            json = light.json;
            light.parts
        }
        "switch" => vec![on_off(config, "state", "value_template")?],
        "sensor" => vec![sensor(config)?],
        "binary_sensor" => vec![binary_sensor(config)?],
        "cover" => cover(config)?,
        "climate" => climate(config)?,
        "lock" => vec![lock(config)?],
        "fan" => fan(config)?,
        "number" => vec![number(config)?],
        "select" => vec![written(config, None, Codec::Choice(options(config)?))?],
        "text" => vec![written(config, None, Codec::Text)?],
        _ => vec![button(config)?],
    };
    Ok(Entity {
        component: known,
        object: object.into(),
        parts,
        json,
        availability: availability(config)?,
    })
}

fn sensor(config: Config<'_>) -> Result<Part, String> {
    config.needed("state_topic")?;
    let class = config.text("device_class");
    let unit = config.text("unit_of_measurement").map(String::from);
    let is_number = unit.is_some() || config.text("state_class").is_some();
    let role = match class {
        Some("temperature") => Some("temperature"),
        Some("humidity") => Some("humidity"),
        Some("pressure" | "atmospheric_pressure") => Some("pressure"),
        Some("illuminance") => Some("illuminance"),
        Some("battery") => Some("battery"),
        Some("power") => Some("power"),
        Some("energy") => Some("energy"),
        Some("voltage") => Some("voltage"),
        Some("current") => Some("current"),
        Some("carbon_dioxide") => Some("co2"),
        Some("pm25") => Some("pm25"),
        Some("moisture") => Some("soil_moisture"),
        _ => None,
    };
    let codec = match is_number {
        true => Codec::Number(Scale::SAME),
        false => Codec::Text,
    };
    Ok(Part {
        unit,
        read: reading(config, "state_topic", "value_template")?,
        ..part(role, codec)
    })
}

fn binary_sensor(config: Config<'_>) -> Result<Part, String> {
    config.needed("state_topic")?;
    let role = match config.text("device_class") {
        Some("motion" | "occupancy") => Some("motion"),
        Some("presence") => Some("presence"),
        Some("door" | "window" | "opening" | "garage_door") => Some("open"),
        Some("moisture") => Some("water_leak"),
        Some("smoke") => Some("smoke"),
        Some("gas") => Some("gas"),
        Some("carbon_monoxide") => Some("carbon_monoxide"),
        Some("vibration") => Some("vibration"),
        Some("battery") => Some("battery_low"),
        Some("tamper") => Some("tamper"),
        _ => None,
    };
    let codec = Codec::Switch {
        on: vec![config.payload("payload_on", "ON")],
        off: vec![config.payload("payload_off", "OFF")],
    };
    Ok(Part {
        read: reading(config, "state_topic", "value_template")?,
        ..part(role, codec)
    })
}

fn cover(config: Config<'_>) -> Result<Vec<Part>, String> {
    let command = writing(config, "command_topic", "command_template")?;
    let mut parts = Vec::new();
    let (open, close) = (
        config.payload("payload_open", "OPEN"),
        config.payload("payload_close", "CLOSE"),
    );
    let stop = config.payload("payload_stop", "STOP");
    let state = reading(config, "state_topic", "value_template")?;
    if command.is_some() || state.is_some() {
        let codec = Codec::Switch {
            on: both(open, config.payload("state_open", "open")),
            off: both(close, config.payload("state_closed", "closed")),
        };
        parts.push(Part {
            read: state,
            write: command.clone(),
            ..part(Some("open"), codec)
        });
    }
    if command.is_some() && !stop.is_empty() {
        parts.push(Part {
            write: command,
            ..part(Some("stop"), Codec::Press(stop))
        });
    }
    let bounds = |from: &str, to: &str| -> Result<Scale, String> {
        let (from, to) = (
            config.number(from)?.unwrap_or(0.0),
            config.number(to)?.unwrap_or(100.0),
        );
        match from == to {
            true => Err("a position that is the same open and closed".into()),
            false => Ok(Scale::percent(from, to)),
        }
    };
    let position = reading(config, "position_topic", "position_template")?;
    let set_position = writing(config, "set_position_topic", "set_position_template")?;
    if position.is_some() || set_position.is_some() {
        parts.push(Part {
            unit: Some("%".into()),
            read: position,
            write: set_position,
            ..part(
                Some("position"),
                Codec::Number(bounds("position_closed", "position_open")?),
            )
        });
    }
    let tilt = reading(config, "tilt_status_topic", "tilt_status_template")?;
    let set_tilt = writing(config, "tilt_command_topic", "tilt_command_template")?;
    if tilt.is_some() || set_tilt.is_some() {
        parts.push(Part {
            unit: Some("%".into()),
            read: tilt,
            write: set_tilt,
            ..part(Some("tilt"), Codec::Number(bounds("tilt_min", "tilt_max")?))
        });
    }
    match parts.is_empty() {
        true => Err("a cover without topics".into()),
        false => Ok(parts),
    }
}

fn climate(config: Config<'_>) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let unit = match config.text("temperature_unit") {
        Some("F") => "°F",
        _ => "°C",
    };
    let mut add = |part: Part| {
        if part.read.is_some() || part.write.is_some() {
            parts.push(part);
        }
    };
    add(Part {
        unit: Some(unit.into()),
        read: reading(
            config,
            "current_temperature_topic",
            "current_temperature_template",
        )?,
        ..part(Some("temperature"), Codec::Number(Scale::SAME))
    });
    add(Part {
        unit: Some("%".into()),
        read: reading(config, "current_humidity_topic", "current_humidity_template")?,
        ..part(Some("humidity"), Codec::Number(Scale::SAME))
    });
    let limits = Scale::within(
        config.number("min_temp")?.or(Some(7.0)),
        config.number("max_temp")?.or(Some(35.0)),
    );
    add(Part {
        unit: Some(unit.into()),
        read: reading(config, "temperature_state_topic", "temperature_state_template")?,
        write: writing(
            config,
            "temperature_command_topic",
            "temperature_command_template",
        )?,
        ..part(Some("target"), Codec::Number(limits))
    });
    let modes = match config.texts("modes") {
        modes if modes.is_empty() => ["auto", "off", "cool", "heat", "dry", "fan_only"]
            .map(String::from)
            .into(),
        modes => modes,
    };
    add(Part {
        read: reading(config, "mode_state_topic", "mode_state_template")?,
        write: writing(config, "mode_command_topic", "mode_command_template")?,
        ..part(Some("mode"), Codec::Choice(modes))
    });
    let heating = Codec::Switch {
        on: vec!["heating".into()],
        off: ["idle", "off", "cooling", "drying", "fan"]
            .map(String::from)
            .into(),
    };
    add(Part {
        read: reading(config, "action_topic", "action_template")?,
        ..part(Some("heating"), heating)
    });
    match parts.is_empty() {
        true => Err("a climate without topics".into()),
        false => Ok(parts),
    }
}

fn lock(config: Config<'_>) -> Result<Part, String> {
    config.needed("command_topic")?;
    let (lock, unlock) = (
        config.payload("payload_lock", "LOCK"),
        config.payload("payload_unlock", "UNLOCK"),
    );
    let codec = Codec::Switch {
        on: both(lock, config.payload("state_locked", "LOCKED")),
        off: both(unlock, config.payload("state_unlocked", "UNLOCKED")),
    };
    written(config, Some("locked"), codec)
}

fn fan(config: Config<'_>) -> Result<Vec<Part>, String> {
    let mut parts = vec![on_off(config, "state", "state_value_template")?];
    let read = reading(config, "percentage_state_topic", "percentage_value_template")?;
    let write = writing(config, "percentage_command_topic", "percentage_command_template")?;
    if read.is_some() || write.is_some() {
        let most = config
            .number("speed_range_max")?
            .filter(|most| *most > 0.0)
            .unwrap_or(100.0);
        parts.push(Part {
            unit: Some("%".into()),
            read,
            write,
            ..part(Some("speed"), Codec::Number(Scale::percent(0.0, most)))
        });
    }
    Ok(parts)
}

fn number(config: Config<'_>) -> Result<Part, String> {
    let (min, max) = (
        config.number("min")?.unwrap_or(1.0),
        config.number("max")?.unwrap_or(100.0),
    );
    let codec = Codec::Number(Scale::within(Some(min), Some(max)));
    let mut number = written(config, None, codec)?;
    number.unit = config.text("unit_of_measurement").map(String::from);
    Ok(number)
}

fn options(config: Config<'_>) -> Result<Vec<String>, String> {
    match config.texts("options") {
        options if options.is_empty() => Err("a select without options".into()),
        options => Ok(options),
    }
}

fn button(config: Config<'_>) -> Result<Part, String> {
    config.needed("command_topic")?;
    Ok(Part {
        write: writing(config, "command_topic", "command_template")?,
        ..part(None, Codec::Press(config.payload("payload_press", "PRESS")))
    })
}

fn availability(config: Config<'_>) -> Result<Availability, String> {
    let mut topics = Vec::new();
    if config.0.contains_key("availability_topic") {
        topics.push(presence(config, "availability_topic", "availability_template")?);
    }
    let listed = match config.0.get("availability") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_object).collect(),
        Some(Value::Object(fields)) => vec![fields],
        _ => Vec::new(),
    };
    for fields in listed {
        topics.push(presence(Config(fields), "topic", "value_template")?);
    }
    let mode = match config.text("availability_mode") {
        Some("all") => Mode::All,
        Some("any") => Mode::Any,
        _ => Mode::Latest,
    };
    Ok(Availability { topics, mode })
}

fn presence(config: Config<'_>, topic: &str, template: &str) -> Result<Presence, String> {
    let yes = config.payload("payload_available", "online");
    let no = config.payload("payload_not_available", "offline");
    Ok(Presence::new(
        config.needed(topic)?,
        config.template(template)?,
        yes,
        no,
    ))
}
