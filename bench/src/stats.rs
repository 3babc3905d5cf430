//! The one figure that is taken of many.

/// The value in the middle of `values`, which must be numbers; the upper one of two.
///
/// # Panics
///
/// When there are none.
pub fn median<T: PartialOrd + Copy>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("numbers have an order"));
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_values_are_below_the_median() {
        assert_eq!(median(&mut [5.0, 1.0, 100.0]), 5.0);
        assert_eq!(median(&mut [7]), 7);
    }
}
