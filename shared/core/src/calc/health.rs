//! The story's four grades of health, by its own thresholds.

use serde::{Deserialize, Serialize};

/// How well a job goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// More than one item in ten goes wrong.
    Poor,
    /// More than one in twenty, or fewer than 10 items a second.
    Fair,
    /// More than one in a hundred, or fewer than 100 items a second.
    Good,
    /// None of these.
    Excellent,
}

impl Health {
    /// The word on the wire and on the screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
            Self::Excellent => "excellent",
        }
    }
}

/// The grade of an error rate (errors per item) and a rate (items per second).
#[must_use]
pub fn grade(error_rate: f64, items_per_second: f64) -> Health {
    if error_rate > 0.1 {
        Health::Poor
    } else if error_rate > 0.05 || items_per_second < 10.0 {
        Health::Fair
    } else if error_rate > 0.01 || items_per_second < 100.0 {
        Health::Good
    } else {
        Health::Excellent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storys_thresholds() {
        for (errors, rate, expected) in [
            (0.11, 1e6, Health::Poor),
            (0.1, 1e6, Health::Fair),
            (0.051, 1e6, Health::Fair),
            (0.05, 1e6, Health::Good),
            (0.0, 9.9, Health::Fair),
            (0.0, 10.0, Health::Good),
            (0.011, 1e6, Health::Good),
            (0.01, 100.0, Health::Excellent),
            (0.0, 99.9, Health::Good),
        ] {
            assert_eq!(grade(errors, rate), expected, "{errors} {rate}");
        }
    }
}
