//! Plugins for the demonstrations, beside `plugins/example`: two are made by `plugin-kit`, and one is written by hand.

mod faulty;
mod sensor;
mod thermostat;

pub use faulty::Faulty;
pub use sensor::Sensor;
pub use thermostat::Thermostat;
