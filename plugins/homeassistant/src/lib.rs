//! Home Assistant's MQTT discovery, both ways.

mod about;
mod classes;
mod codec;
mod components;
mod config;
mod effect;
mod entity;
mod found;
mod keys;
mod light;
mod link;
mod lists;
mod names;
mod offer;
mod offered;
mod own;
mod parts;
mod plugin;
mod settings;
mod status;
mod template;
#[cfg(test)]
mod tests;
mod values;

pub use plugin::HomeAssistant;
pub use status::Status;
