//! Plugins for the demonstrations, beside `plugins/example`: two are made by `plugin-kit`, and two are written by hand.

mod faulty;
mod relay;
mod sensor;
mod thermostat;

pub use faulty::Faulty;
pub use relay::Relay;
pub use sensor::Sensor;
pub use thermostat::Thermostat;
