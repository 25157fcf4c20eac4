//! x
#![allow(dead_code)]
mod about;
mod codec;
mod components;
mod config;
mod effect;
mod entity;
mod found;
mod keys;
mod light;
mod names;
mod parts;
mod status;
mod template;
#[cfg(test)]
mod tests;
