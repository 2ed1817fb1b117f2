//! Names that are told apart: the first so many by themselves, all that come later as one. So whoever makes up names makes
//! no more series than there is room for.

use std::sync::{Arc, OnceLock};

/// So many names are told apart.
pub const TOLD_APART: usize = 50;
/// All others are told as this; so is one of that name.
pub const OTHER: &str = "other";

/// Room for a name and what is kept for it.
type Place<T> = OnceLock<(Arc<str>, T)>;

/// The names, each with what is kept for it. No lock: a name that came is never replaced.
#[derive(Debug)]
pub struct Names<T> {
    named: Box<[Place<T>]>,
    other: T,
}

impl<T: Default> Default for Names<T> {
    fn default() -> Self {
        Self {
            named: (0..TOLD_APART).map(|_| OnceLock::new()).collect(),
            other: T::default(),
        }
    }
}

impl<T: Default> Names<T> {
    /// What is kept for that name, and whether that is its own.
    pub fn of(&self, name: &str) -> (&T, bool) {
        if name == OTHER {
            return (&self.other, false);
        }
        for place in &self.named {
            let (taken, kept) = place.get_or_init(|| (name.into(), T::default()));
            if **taken == *name {
                return (kept, true);
            }
        }
        (&self.other, false)
    }

    /// All names that came, and at last what is kept for all others.
    pub fn all(&self) -> impl Iterator<Item = (&str, &T)> {
        let named = self.named.iter().map_while(OnceLock::get);
        named
            .map(|(name, kept)| (&**name, kept))
            .chain([(OTHER, &self.other)])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_flood_of_names_is_one_more() {
        let names: Names<AtomicU64> = Names::default();
        for round in 0..2 {
            for n in 0..500 {
                let name = format!("type{n}");
                let (count, own) = names.of(&name);
                count.fetch_add(1, Ordering::Relaxed);
                assert_eq!(own, n < TOLD_APART, "{name} in round {round}");
            }
        }
        assert!(!names.of(OTHER).1, "its name is taken");
        let all: Vec<(&str, u64)> = names
            .all()
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
            .collect();
        assert_eq!(all.len(), TOLD_APART + 1);
        assert_eq!(all[0], ("type0", 2));
        assert_eq!(all[TOLD_APART], (OTHER, 900));
    }
}
