//! The time of day: zones, days of the week, windows, the sun, and the clocks.

mod clock;
mod day;
mod sun;
mod window;
mod zone;

pub(crate) use clock::{Clock, HOUR};
pub(crate) use day::{Days, TimeOfDay};
pub(crate) use sun::{Place, SunEvent};
pub(crate) use window::Window;
pub(crate) use zone::Zone;
