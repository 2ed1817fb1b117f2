//! Says of a text, without reading through it, that it has not what is looked for: which three bytes in a row it has, as bits.

/// Bits of a sieve. The texts of a chunk have some hundreds to some thousands of trigrams.
const BITS: usize = 1 << 16;

/// The trigrams of a text. Some that it has not share the bit of one that it has.
#[derive(Clone, Debug)]
pub(super) struct Sieve(Box<[u64]>);

/// Those that a text must have in which another one is found.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u16>);

impl Sieve {
    pub(super) fn of(text: &str) -> Self {
        let mut bits = vec![0_u64; BITS / 64].into_boxed_slice();
        for bit in trigrams(text) {
            bits[usize::from(bit) / 64] |= 1 << (bit % 64);
        }
        Self(bits)
    }

    /// Whether the text can have the other one in it. It need not.
    pub(super) fn may_have(&self, Bits(wanted): &Bits) -> bool {
        wanted
            .iter()
            .all(|bit| self.0[usize::from(*bit) / 64] >> (bit % 64) & 1 == 1)
    }
}

impl Bits {
    pub(super) fn of(text: &str) -> Self {
        Self(trigrams(text).collect())
    }
}

fn trigrams(text: &str) -> impl Iterator<Item = u16> {
    text.as_bytes().windows(3).map(|three| {
        let number = u32::from_le_bytes([three[0], three[1], three[2], 0]);
        // Multiplicative hashing with 2^32 / golden ratio: Knuth, The Art of Computer Programming, vol. 3, section 6.4.
        (number.wrapping_mul(0x9E37_79B1) >> 16) as u16
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_passes_and_most_of_what_is_not_does_not() {
        let rows: Vec<String> = (0..4_096)
            .map(|n| format!("orders-{n}.csv ärger "))
            .collect();
        let text = rows.concat();
        let sieve = Sieve::of(&text);
        for start in (0..text.len())
            .filter(|start| text.is_char_boundary(*start))
            .step_by(7)
        {
            for end in
                (start..(start + 20).min(text.len())).filter(|end| text.is_char_boundary(*end))
            {
                assert!(sieve.may_have(&Bits::of(&text[start..end])));
            }
        }
        let held_back = (0..1_000).filter(|n| !sieve.may_have(&Bits::of(&format!("invoice {n}"))));
        assert!(held_back.count() > 990);
    }
}
