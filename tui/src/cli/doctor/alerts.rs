//! What the daemon itself says is wrong: its alerts that disturb somebody, and its hooks that fail.

use jobtop_client::Endpoint;
use jobtop_client::rest::Rest;
use jobtop_core::Timestamp;
use jobtop_core::alert::{Alert, Rule};
use jobtop_core::proto::hook::HookView;

use super::{Finding, PATIENCE};
use crate::clock;

/// Asks it. What it does not say to us, as the hooks to whoever may not manage them, is left out.
pub(super) async fn look(endpoint: &Endpoint) -> Vec<Finding> {
    let rest = Rest::new(endpoint.clone());
    let asked = async { (rest.alerts().await.ok(), rest.hooks().await.ok()) };
    let Ok((alerts, hooks)) = tokio::time::timeout(PATIENCE, asked).await else {
        return Vec::new();
    };
    let hooks = hooks.map(|answer| answer.hooks);
    let mut findings = alerts.map_or_else(Vec::new, |answer| {
        // A hook that fails is said once.
        let are_seen = hooks.is_some();
        let alerts = answer.alerts.into_iter();
        let alerts: Vec<Alert> = alerts
            .filter(|alert| !(are_seen && alert.rule == Rule::Hooks))
            .collect();
        of_alerts(&alerts, clock::now().wall)
    });
    findings.extend(hooks.map_or_else(Vec::new, |hooks| of_hooks(&hooks)));
    findings
}

fn of_alerts(alerts: &[Alert], now: Timestamp) -> Vec<Finding> {
    const CHECK: &str = "alerts";
    let disturbing = alerts.iter().filter(|alert| alert.disturbs(now));
    let findings: Vec<Finding> = disturbing
        .map(|alert| Finding::wrong(CHECK, &*alert.message, &*alert.suggestion))
        .collect();
    if !findings.is_empty() {
        return findings;
    }
    let quiet = alerts.iter().filter(|alert| alert.is_active()).count();
    vec![match quiet {
        0 => Finding::well(CHECK, "there is none"),
        n => Finding::note(
            CHECK,
            format!("{n} acknowledged or muted; `jobtop alerts` lists them"),
        ),
    }]
}

fn of_hooks(hooks: &[HookView]) -> Vec<Finding> {
    const CHECK: &str = "hooks";
    let failing = hooks.iter().filter_map(|hook| {
        let why = hook.failure.as_ref()?;
        Some(Finding::wrong(
            CHECK,
            format!("the hook {} fails: {why}", hook.name),
            format!("Try it: jobtop hooks test {}", hook.name),
        ))
    });
    let findings: Vec<Finding> = failing.collect();
    if findings.is_empty() && !hooks.is_empty() {
        return vec![Finding::well(CHECK, format!("{} told", hooks.len()))];
    }
    findings
}
