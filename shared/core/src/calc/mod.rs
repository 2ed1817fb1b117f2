//! Figures worked out from a job: rates, health, the time of completion. Pure arithmetic, null rather than absurd.

pub mod eta;
pub mod health;
pub mod pattern;
pub mod rate;
