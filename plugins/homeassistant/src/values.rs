//! States of the house as Home Assistant reads them, and its commands as the house does.

use serde_json::{Map, Value, json};

use crate::codec::number_of;
use crate::offer::Command;

/// The state of the light with this behind its properties' names, of Home Assistant's JSON schema.
pub(crate) fn light(reported: &Map<String, Value>, suffix: &str) -> Value {
    let field = |name: &str| reported.get(&format!("{name}{suffix}"));
    let number = |name: &str| field(name).filter(|value| value.is_number());
    let mut state = Map::new();
    match field("on").and_then(Value::as_bool) {
        Some(true) => state.insert("state".into(), json!("ON")),
        Some(false) => state.insert("state".into(), json!("OFF")),
        None => state.insert("state".into(), Value::Null),
    };
    if let Some(brightness) = number("brightness") {
        state.insert("brightness".into(), brightness.clone());
    }
    if let Some(temp) = number("color_temp") {
        state.insert("color_temp".into(), temp.clone());
    }
    let xy = field("color_xy").and_then(|color| Some(json!({"x": color.get("x")?, "y": color.get("y")?})));
    let hs = field("color_hs");
    let hs = hs.and_then(|color| Some(json!({"h": color.get("hue")?, "s": color.get("saturation")?})));
    let mode = field("color_mode").and_then(Value::as_str);
    let color = xy.map(|color| ("xy", color)).or(hs.map(|color| ("hs", color)));
    let mode = match (mode, &color) {
        (Some("color_temp"), _) | (None, None) if number("color_temp").is_some() => Some("color_temp"),
        (_, Some((mode, _))) => Some(*mode),
        (_, None) => None,
    };
    if let Some(mode) = mode {
        state.insert("color_mode".into(), json!(mode));
    }
    if let Some((_, color)) = color {
        state.insert("color".into(), color);
    }
    Value::Object(state)
}

/// The fields that a command sets.
///
/// # Errors
/// What is allowed.
pub(crate) fn command(command: &Command, payload: &str) -> Result<Map<String, Value>, &'static str> {
    let one = |name: &str, value: Value| Ok(Map::from_iter([(name.to_owned(), value)]));
    match command {
        Command::Switch(name) => match payload {
            "ON" => one(name, json!(true)),
            "OFF" => one(name, json!(false)),
            _ => Err("a command that is neither ON nor OFF"),
        },
        Command::Number(name) => {
            let number = payload
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite());
            one(name, number_of(number.ok_or("a command that is no number")?))
        }
        Command::Text(name) if payload.len() <= 1_024 => one(name, json!(payload)),
        Command::Text(_) => Err("a command of more than 1,024 bytes"),
        Command::Cover { stops } => match payload {
            "OPEN" => one("open", json!(true)),
            "CLOSE" => one("open", json!(false)),
            "STOP" if *stops => one("stop", json!(true)),
            _ => Err("a command that is none of OPEN, CLOSE and STOP"),
        },
        Command::Light(suffix) => light_command(payload, suffix),
    }
}

fn light_command(payload: &str, suffix: &str) -> Result<Map<String, Value>, &'static str> {
    let command: Value =
        serde_json::from_str(payload).map_err(|_| "a command of a light that is not JSON")?;
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| fields.insert(format!("{name}{suffix}"), value);
    match command["state"].as_str() {
        Some("ON") => set("on", json!(true)),
        Some("OFF") => set("on", json!(false)),
        _ => return Err("a command of a light without ON and OFF"),
    };
    for name in ["brightness", "color_temp"] {
        match &command[name] {
            Value::Null => {}
            value if value.is_number() => {
                set(name, value.clone());
            }
            _ => return Err("a command of a light with what is no number"),
        }
    }
    let color = &command["color"];
    for (name, short, long) in [
        ("color_xy", ["x", "y"], ["x", "y"]),
        ("color_hs", ["h", "s"], ["hue", "saturation"]),
    ] {
        if short.iter().all(|part| color[*part].is_number()) {
            let parts = short
                .iter()
                .zip(long)
                .map(|(short, long)| (long.to_owned(), color[*short].clone()));
            set(name, Value::Object(parts.collect()));
        }
    }
    Ok(fields)
}
