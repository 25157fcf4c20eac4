//! The screens: pure functions of the model and the screens' state.

pub mod format;
pub mod ink;
pub mod json;
