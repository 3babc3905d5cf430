//! Hostile guests of Tessera as programs.
//!
//! [`attack`] is what they try and [`proxy`] the bad lines they have. [`bystanders`] are the healthy clients who must not
//! notice. [`stage`] is a server in this process with bystanders on it, for the quick rows of the tests; [`program`] is the
//! server as a program of its own, and [`soak`] what runs for long and is measured.
//!
//! Attackers come from 127.0.0.2 and up, whoever is healthy from 127.0.0.1.

pub mod attack;
pub mod bystanders;
pub mod guest;
pub mod pictures;
pub mod program;
pub mod proxy;
pub mod soak;
pub mod stage;
pub mod target;
pub mod web;
pub mod witness;
