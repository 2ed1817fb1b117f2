//! How fast, and how faulty: items per second of active time, errors per item.

/// Items per second of active time; `None` until something is counted and some time has passed.
#[must_use]
pub fn items_per_second(processed: u64, active_ms: u64) -> Option<f64> {
    (processed > 0 && active_ms > 0).then(|| {
        let rate = processed as f64 / (active_ms as f64 / 1000.0);
        // As many digits as anybody reads; a slow job's rate must not become zero by it.
        let digits = if rate >= 1_000.0 {
            10.0
        } else if rate >= 1.0 {
            1_000.0
        } else {
            return rate;
        };
        (rate * digits).round() / digits
    })
}

/// Errors per processed item (0.01 is one in a hundred); `None` until something is counted.
#[must_use]
pub fn error_rate(errors: u64, processed: u64) -> Option<f64> {
    (processed > 0).then(|| errors as f64 / processed as f64)
}
