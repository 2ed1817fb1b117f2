//! The producer's own settings: carried along, never executed, never looked into beyond whether they can be read.

use std::sync::Arc;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// A job's `config`: any JSON, kept as it was written (numbers keep their digits), never looked into.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Config(pub Arc<RawValue>);

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(d)?;
        // Half a surrogate or 1e400 would pass through us and break whoever lists this job with a stricter reader.
        serde_json::from_str::<Sound>(raw.get()).map_err(D::Error::custom)?;
        // Line breaks can only stand between tokens; a job must fit a line of `--jsonl`.
        if raw.get().contains(['\n', '\r']) {
            let line = raw.get().replace(['\n', '\r'], "");
            return RawValue::from_string(line)
                .map(|raw| Self(raw.into()))
                .map_err(D::Error::custom);
        }
        Ok(Self(raw.into()))
    }
}

/// Any JSON whose strings and numbers can all be read; keeps nothing.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Self;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

impl Default for Config {
    fn default() -> Self {
        let raw =
            RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| unreachable!("{{}} is JSON"));
        Self(raw.into())
    }
}

impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}
