//! What others offer, and what the house offers.

mod found;
mod offered;
