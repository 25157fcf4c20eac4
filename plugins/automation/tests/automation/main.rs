//! Rules, as those who write them see them: what triggers, what stops, what is done, and what is said of it.

mod actions;
mod conditions;
mod house;
mod inputs;
mod loops;
mod modes;
mod scale;
mod spoiled;
mod storage;
mod time;
mod triggers;
