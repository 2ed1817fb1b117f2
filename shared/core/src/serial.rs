//! How single values are read from JSON where serde's own way would copy more or take more than we mean, and how numbers
//! are said.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde::ser::Serializer;

/// A `T` that was an object. A derived struct would also take a list of its fields' values, which nobody means.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        d.deserialize_map(Members(PhantomData))
    }
}

/// An optional object, for `deserialize_with`.
pub(crate) fn object<'de, D, T>(d: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Object<T>>::deserialize(d)?.map(|object| object.0))
}

/// A whole number that has bounds.
pub(crate) trait Whole: TryFrom<i64> {
    /// What is needed, in words.
    const FORM: &'static str;
}

impl Whole for i32 {
    const FORM: &'static str = "a whole number from -2147483648 to 2147483647";
}

impl Whole for u32 {
    const FORM: &'static str = "a whole number from 0 to 4294967295";
}

/// An optional whole number, for `deserialize_with`. `10.0` is 10: some languages know only one kind of number.
pub(crate) fn whole<'de, D: Deserializer<'de>, T: Whole>(d: D) -> Result<Option<T>, D::Error> {
    struct Number<T>(PhantomData<T>);
    impl<T: Whole> Visitor<'_> for Number<T> {
        type Value = Option<T>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::FORM)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
            let wrong = |_| E::invalid_value(Unexpected::Signed(v), &self);
            T::try_from(v).map(Some).map_err(wrong)
        }
        fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
            match i64::try_from(v) {
                Ok(v) => self.visit_i64(v),
                Err(_) => Err(E::invalid_value(Unexpected::Unsigned(v), &self)),
            }
        }
        fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
            if v.fract() == 0.0 && v.abs() <= EXACT {
                self.visit_i64(v as i64)
            } else {
                Err(E::invalid_value(Unexpected::Float(v), &self))
            }
        }
    }
    d.deserialize_any(Number(PhantomData))
}

/// The same where there must be one.
pub(crate) fn whole_needed<'de, D: Deserializer<'de>, T: Whole>(d: D) -> Result<T, D::Error> {
    let null = || D::Error::invalid_type(Unexpected::Unit, &T::FORM);
    whole(d)?.ok_or_else(null)
}

/// Whole numbers up to here are exact in an `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Says a number as it was given, for `serialize_with`: a whole one has no fraction.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
pub(crate) fn number<S: Serializer>(value: &f64, s: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && value.abs() <= EXACT {
        s.serialize_i64(*value as i64)
    } else {
        s.serialize_f64(*value)
    }
}

/// Says a number that may be absent, likewise.
#[expect(clippy::ref_option, reason = "serde hands over references")]
pub(crate) fn optional_number<S: Serializer>(value: &Option<f64>, s: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, s),
        None => s.serialize_none(),
    }
}

/// Reads a string by parsing it in place, without a copy.
pub(crate) struct Parsed<T> {
    what: &'static str,
    made: PhantomData<T>,
}

impl<T> Parsed<T> {
    /// For a `what`, as in "invalid type: integer `1`, expected WHAT".
    pub(crate) const fn new(what: &'static str) -> Self {
        Self {
            what,
            made: PhantomData,
        }
    }
}

impl<T> Visitor<'_> for Parsed<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    #[derive(Serialize)]
    struct Said {
        #[serde(serialize_with = "super::number")]
        given: f64,
        #[serde(serialize_with = "super::optional_number")]
        perhaps: Option<f64>,
    }

    #[test]
    fn numbers_are_said_as_they_are_written_by_people() {
        for (given, perhaps, said) in [
            (50.0, Some(100.0), r#"{"given":50,"perhaps":100}"#),
            (33.3, Some(0.000_06), r#"{"given":33.3,"perhaps":0.00006}"#),
            (-0.0, None, r#"{"given":0,"perhaps":null}"#),
            (1e300, Some(-2.0), r#"{"given":1e+300,"perhaps":-2}"#),
        ] {
            let text = serde_json::to_string(&Said { given, perhaps }).unwrap();
            assert_eq!(text, said);
        }
    }
}
