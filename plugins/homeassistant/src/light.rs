//! Lights, of the plain schema and of the one of JSON.

use crate::codec::{Codec, Scale};
use crate::config::Config;
use crate::entity::{JsonLight, Part};
use crate::parts::{self, on_off, reading, writing};

/// The parts of a light, and how they are said where that is by JSON.
pub(crate) struct Light {
    pub(crate) parts: Vec<Part>,
    pub(crate) json: Option<JsonLight>,
}

const XY: Codec = Codec::Tuple(&["x", "y"]);
const HS: Codec = Codec::Tuple(&["hue", "saturation"]);
const RGB: Codec = Codec::Tuple(&["red", "green", "blue"]);

pub(crate) fn read(config: Config<'_>) -> Result<Light, String> {
    match config.text("schema") {
        None | Some("basic" | "default") => plain(config),
        Some("json") => json(config),
        Some(schema) => Err(format!("lights of the schema {schema:?} are not known")),
    }
}

fn part(role: &'static str, codec: Codec, unit: Option<&str>) -> Part {
    Part {
        unit: unit.map(String::from),
        ..parts::part(Some(role), codec)
    }
}

fn brightness(config: Config<'_>) -> Result<Scale, String> {
    match config.number("brightness_scale")?.unwrap_or(255.0) {
        scale if scale > 0.0 => Ok(Scale::percent(0.0, scale)),
        scale => Err(format!("brightness_scale is {scale}")),
    }
}

fn color_temp(config: Config<'_>) -> Result<Codec, String> {
    let (min, max) = (
        config.number("min_mireds")?.or(Some(153.0)),
        config.number("max_mireds")?.or(Some(500.0)),
    );
    Ok(Codec::Number(Scale::within(min, max)))
}

fn plain(config: Config<'_>) -> Result<Light, String> {
    let mut parts = vec![on_off(config, "state", "state_value_template")?];
    for (role, name, codec, unit) in [
        (
            "brightness",
            "brightness",
            Codec::Number(brightness(config)?),
            Some("%"),
        ),
        ("color_temp", "color_temp", color_temp(config)?, Some("mired")),
        ("color_xy", "xy", XY, None),
        ("color_hs", "hs", HS, None),
        ("color_rgb", "rgb", RGB, None),
    ] {
        let read = reading(
            config,
            &format!("{name}_state_topic"),
            &format!("{name}_value_template"),
        )?;
        let write = writing(
            config,
            &format!("{name}_command_topic"),
            &format!("{name}_command_template"),
        )?;
        if read.is_some() || write.is_some() {
            parts.push(Part {
                read,
                write,
                ..part(role, codec, unit)
            });
        }
    }
    Ok(Light { parts, json: None })
}

fn json(config: Config<'_>) -> Result<Light, String> {
    let modes = config.texts("supported_color_modes");
    let has = |mode: &str| modes.iter().any(|known| known == mode);
    let (on, off) = (vec!["ON".to_owned()], vec!["OFF".to_owned()]);
    let mut parts = vec![part("on", Codec::Switch { on, off }, None)];
    let is_dimmable = config.flag("brightness") || modes.iter().any(|mode| mode != "onoff");
    if is_dimmable {
        parts.push(part("brightness", Codec::Number(brightness(config)?), Some("%")));
    }
    if has("color_temp") {
        parts.push(part("color_temp", color_temp(config)?, Some("mired")));
    }
    for (mode, role, codec) in [
        ("xy", "color_xy", XY),
        ("hs", "color_hs", HS),
        ("rgb", "color_rgb", RGB),
    ] {
        if has(mode) {
            parts.push(part(role, codec, None));
        }
    }
    if modes.len() > 1 {
        parts.push(part("color_mode", Codec::Text, None));
    }
    let command = writing(config, "command_topic", "command_template")?.ok_or("command_topic is missing")?;
    Ok(Light {
        parts,
        json: Some(JsonLight {
            state: config.topic("state_topic")?,
            command,
            brightness: brightness(config)?,
        }),
    })
}
