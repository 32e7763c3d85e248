//! Keeps only the pairs that no other pair makes superfluous.

/// Steps whose keys and values both rise. A pair with a higher key and no higher value than another
/// says nothing that the other doesn't, so it is not kept: there are never more steps than values.
#[derive(Debug)]
pub(crate) struct Staircase<K, V>(Vec<(K, V)>);

impl<K, V> Default for Staircase<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V: Ord + Copy> Staircase<K, V> {
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let through = self.0.partition_point(|(held, _)| *held <= key);
        if through > 0 && self.0[through - 1].1 >= value {
            return;
        }
        let from = self.0.partition_point(|(held, _)| *held < key);
        let superfluous = self.0[from..].partition_point(|(_, held)| *held <= value);
        self.0.splice(from..from + superfluous, [(key, value)]);
    }

    /// The highest value with a key below this one.
    pub(crate) fn below(&self, key: K) -> Option<(K, V)> {
        let through = self.0.partition_point(|(held, _)| *held < key);
        through.checked_sub(1).map(|last| self.0[last])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In whatever order pairs come, it gives the same answer as a search through all of them.
        #[test]
        fn answers_as_a_look_through_all_pairs(
            pairs in proptest::collection::vec((0..40_u32, 0..40_u32), 0..60),
            asked in 0..45_u32,
        ) {
            let mut staircase = Staircase::default();
            pairs.iter().for_each(|(key, value)| staircase.insert(*key, *value));
            let highest = pairs.iter().filter(|(key, _)| *key < asked).map(|(_, value)| *value).max();
            prop_assert_eq!(staircase.below(asked).map(|(_, value)| value), highest);
            prop_assert!(staircase.0.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
        }
    }
}
