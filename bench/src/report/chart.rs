//! Charts as SVG. What is written in them is small on purpose: words are the page's, so that they stay readable
//! however narrow it is.

use std::fmt::Write;

use crate::results::{Curve, Pair, Target, Verdict};

/// A bar's drawing is so wide, whatever width it is shown at.
const BAR: f64 = 1000.0;
/// How far beyond what must be the bars reach: aims are at about twice that.
const BEST_SCORE: f64 = 3.0;

/// How a ratio stands beside what it must be (the line) and what we would like (the diamond).
pub(super) fn bullet(pair: &Pair) -> String {
    let Target { at_least, aim, .. } = pair.target;
    let x = |ratio| (pair.target.score(ratio) / BEST_SCORE).clamp(0.0, 1.0) * BAR;
    let class = match pair.verdict() {
        Verdict::Aim => "aim",
        Verdict::AtLeast => "met",
        Verdict::Missed => "missed",
    };
    bar(&format!(
        r#"<rect class="track" width="{BAR}" height="24"/><rect class="{class}" y="4" width="{:.0}" height="16"/>
           <path class="must" d="M{must:.0} 0v24"/><path class="wish" d="M{wish:.0} 0v24"/>"#,
        x(pair.ratio),
        must = x(at_least),
        wish = x(aim),
    ))
}

/// A part of the largest.
pub(super) fn part(value: f64, largest: f64, class: &str) -> String {
    let width = value / largest * BAR;
    bar(&format!(
        r#"<rect class="track" width="{BAR}" height="24"/><rect class="{class}" y="4" width="{width:.1}" height="16"/>"#
    ))
}

/// Percentiles, each as far as it goes.
pub(super) fn percentiles(values: [f64; 3], largest: f64) -> String {
    let mut inside = format!(r#"<rect class="track" width="{BAR}" height="24"/>"#);
    for (value, class) in values.iter().zip(["p50", "p95", "p99"]).rev() {
        let width = value / largest * BAR;
        // A String takes everything.
        let _ = write!(inside, r#"<rect class="{class}" y="4" width="{width:.1}" height="16"/>"#);
    }
    bar(&inside)
}

fn bar(inside: &str) -> String {
    format!(
        r#"<svg class="bar" viewBox="0 0 {BAR} 24" preserveAspectRatio="none" aria-hidden="true">{inside}</svg>"#
    )
}

/// The plot of a curve within its drawing: left, top, right, bottom.
const PLOT: [f64; 4] = [44.0, 14.0, 324.0, 158.0];
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 192.0;

/// A curve from zero on, both ways, so that a flat one looks flat.
pub(super) fn curve(curve: &Curve) -> String {
    let [left, top, right, bottom] = PLOT;
    let largest_x = curve.points.iter().fold(1.0, |most: f64, (x, _)| most.max(*x));
    let largest_y = curve.points.iter().fold(curve.limit.unwrap_or_default(), |most, (_, y)| most.max(*y));
    let step = round_step(largest_y);
    let lines = (largest_y / step).ceil().max(1.0);
    let at = |x: f64, y: f64| {
        (left + x / largest_x * (right - left), bottom - y.max(0.0) / (lines * step) * (bottom - top))
    };
    let mut inside = String::new();
    for line in 0..=lines as u32 {
        let value = f64::from(line) * step;
        let y = at(0.0, value).1;
        let _ = write!(
            inside,
            r#"<path class="grid" d="M{left} {y:.1}H{right}"/><text x="{:.0}" y="{:.1}" text-anchor="end">{value}</text>"#,
            left - 6.0,
            y + 4.0
        );
    }
    inside += &x_labels(curve, at);
    if let Some(limit) = curve.limit {
        let y = at(0.0, limit).1;
        let _ = write!(
            inside,
            r#"<path class="limit" d="M{left} {y:.1}H{right}"/><text class="limit-word" x="{right}" y="{:.1}" text-anchor="end">at most</text>"#,
            y + 13.0
        );
    }
    inside += &line(curve, at);
    format!(
        r#"<svg class="curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}: {}">{inside}</svg>"#,
        curve.name, curve.y
    )
}

fn x_labels(curve: &Curve, at: impl Fn(f64, f64) -> (f64, f64)) -> String {
    let mut labels = String::new();
    let mut free_from = 0.0;
    let bottom = PLOT[3];
    for (number, _) in &curve.points {
        let x = at(*number, 0.0).0;
        // Those that would lie on the one before are left out.
        if x >= free_from {
            let _ = write!(
                labels,
                r#"<text x="{x:.1}" y="{}" text-anchor="middle">{number}</text>"#,
                bottom + 15.0
            );
            free_from = x + 22.0;
        }
    }
    let middle = f64::midpoint(PLOT[0], PLOT[2]);
    let _ = write!(
        labels,
        r#"<text class="axis" x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
        bottom + 30.0,
        curve.x
    );
    labels
}

fn line(curve: &Curve, at: impl Fn(f64, f64) -> (f64, f64)) -> String {
    let points: Vec<_> = curve.points.iter().map(|(x, y)| at(*x, *y)).collect();
    let path: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let mut line = format!(r#"<path class="line" d="M{}"/>"#, path.join("L"));
    for ((x, y), (number, cost)) in points.iter().zip(&curve.points) {
        let _ = write!(
            line,
            r#"<circle class="dot" cx="{x:.1}" cy="{y:.1}" r="3.5"><title>{number} {}: {cost:.1}</title></circle>"#,
            curve.x
        );
    }
    line
}

/// The distance of grid lines up to `largest`: 1, 2 or 5 with noughts, for four to eight lines or so.
fn round_step(largest: f64) -> f64 {
    let rough = (largest / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_lines_are_at_round_numbers() {
        for (largest, step) in [(4.2, 1.0), (9.0, 2.0), (21.0, 5.0), (1000.0, 200.0)] {
            assert!((round_step(largest) - step).abs() < 1e-9, "{largest}");
        }
    }

    #[test]
    fn a_flat_curve_is_drawn_flat() {
        let points = vec![(1.0, 5.0), (10.0, 5.0)];
        let flat = Curve { name: "n".into(), x: "x".into(), y: "y".into(), limit: None, points };
        let drawn = curve(&flat);
        let path = drawn.split("class=\"line\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
        let heights: Vec<_> = path.split('L').map(|point| point.split(' ').nth(1).unwrap()).collect();
        assert_eq!(heights[0], heights[1]);
    }
}
