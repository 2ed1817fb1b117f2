//! The daemon itself: what its store has and takes, and whether it is well.

use jobtop_core::proto::history::StoreAnswer;

use super::hosts::HostId;
use super::{App, Effect, Screen};

/// What the daemon said of its store.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Keeper {
    /// Its answer.
    pub(crate) store: Option<StoreAnswer>,
    /// Why there is none.
    pub(crate) refused: Option<String>,
}

impl Keeper {
    /// What is wrong with the store, in a few words, if anything is.
    pub(crate) fn trouble(&self) -> Option<String> {
        let store = self.store.as_ref()?;
        match (store.state.as_str(), store.damage.len()) {
            ("good", 0) => None,
            ("good", 1) => Some("damage was found".to_owned()),
            ("good", count) => Some(format!("{count} damages were found")),
            ("no_room", _) => Some("the disk is full".to_owned()),
            _ => Some("the store is degraded".to_owned()),
        }
    }
}

/// Opens the page about the daemon, or leaves it.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    if let Screen::Daemon(_) = app.screen {
        app.screen = app.ground.screen();
        return Vec::new();
    }
    app.screen = Screen::Daemon(0);
    (0..app.hosts.all().len()).map(Effect::AskStore).collect()
}

/// Takes its answer over.
pub(super) fn told(app: &mut App, host: HostId, result: Result<StoreAnswer, String>) {
    let keeper = &mut app.hosts.at_mut(host).keeper;
    match result {
        Ok(store) => {
            *keeper = Keeper {
                store: Some(store),
                refused: None,
            };
        }
        // What was known of it stays.
        Err(words) => keeper.refused = Some(words),
    }
}
