//! Plugins for the demonstrations, beside `plugins/example`.

mod faulty;
mod sensor;
mod thermostat;

pub use faulty::Faulty;
pub use sensor::Sensor;
pub use thermostat::Thermostat;
