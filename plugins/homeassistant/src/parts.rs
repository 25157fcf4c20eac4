//! Parts of entities that several components have.

use crate::codec::Codec;
use crate::config::Config;
use crate::entity::{Part, Read, Write};

/// One that is neither read nor written yet.
pub(crate) fn part(role: Option<&'static str>, codec: Codec) -> Part {
    Part {
        role,
        codec,
        unit: None,
        read: None,
        write: None,
    }
}

/// What is read at this topic, where there is one.
pub(crate) fn reading(config: Config<'_>, topic: &str, template: &str) -> Result<Option<Read>, String> {
    let Some(topic) = config.topic(topic)? else {
        return Ok(None);
    };
    let template = config.template(template)?;
    Ok(Some(Read { topic, template }))
}

/// What is written at this topic, where there is one.
pub(crate) fn writing(config: Config<'_>, topic: &str, template: &str) -> Result<Option<Write>, String> {
    let Some(topic) = config.topic(topic)? else {
        return Ok(None);
    };
    Ok(Some(Write {
        topic,
        template: config.template(template)?,
        retain: config.flag("retain"),
    }))
}

/// What is on or off: a switch, a fan, and a light of the plain schema.
pub(crate) fn on_off(config: Config<'_>, state: &str, template: &str) -> Result<Part, String> {
    let on = config.payload("payload_on", "ON");
    let off = config.payload("payload_off", "OFF");
    let codec = Codec::Switch {
        on: both(on.clone(), config.payload("state_on", &on)),
        off: both(off.clone(), config.payload("state_off", &off)),
    };
    config.needed("command_topic")?;
    Ok(Part {
        read: reading(config, &format!("{state}_topic"), template)?,
        write: writing(config, "command_topic", "command_template")?,
        ..part(Some("on"), codec)
    })
}

/// What is written, and what may be read in its place.
pub(crate) fn both(written: String, read: String) -> Vec<String> {
    let mut texts = vec![written];
    if !texts.contains(&read) {
        texts.push(read);
    }
    texts
}

/// What is read at `state_topic` and written at `command_topic`.
pub(crate) fn written(config: Config<'_>, role: Option<&'static str>, codec: Codec) -> Result<Part, String> {
    config.needed("command_topic")?;
    Ok(Part {
        read: reading(config, "state_topic", "value_template")?,
        write: writing(config, "command_topic", "command_template")?,
        ..part(role, codec)
    })
}
