//! Amounts as they are answered.

/// US dollars to the cent: more digits would promise what no model knows.
pub(crate) fn cents(amount: f64) -> f64 {
    let rounded = (amount * 100.0).round() / 100.0;
    // Prices beyond 10^306 overflow on the way.
    if rounded.is_finite() { rounded } else { amount }
}
