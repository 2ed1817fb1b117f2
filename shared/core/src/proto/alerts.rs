//! The bodies about alerts.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::job::progress::count;

/// `GET /api/alerts`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertsAnswer {
    /// Active ones first, then those that are over; of each kind the newest first.
    pub alerts: Vec<Alert>,
}

/// `POST /api/alerts/ID/ack` and `POST /api/alerts/ID/mute`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertAnswer {
    /// The alert as it is now.
    pub alert: Alert,
}

/// `POST /api/alerts/ID/mute`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MuteBody {
    /// For how long its cause is not to disturb anybody; an hour if that is not said.
    #[serde(deserialize_with = "count", skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}
