//! What is recorded, when it is written, what queries answer, and where that ends.

mod bounds;
mod recorded;
mod support;
