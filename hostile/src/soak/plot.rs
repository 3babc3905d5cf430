//! A plot of the soak as SVG: three panels over one time, with the attacks shaded; readable on light and on dark.

use std::fmt::Write as _;

use super::sampler::{Sample, Shaded};

/// The picture, in pixels.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 600.0;
/// Where panels begin and end from left to right.
const LEFT: f64 = 70.0;
const RIGHT: f64 = WIDTH - 20.0;
/// The first panel's top, how high one is, and where the next begins.
const TOP: f64 = 40.0;
const PANEL: f64 = 140.0;
const STEP: f64 = 180.0;
/// Points of a line, at most: as many as can be told apart.
const POINTS: usize = 900;

/// Colours by their use, for light and dark; GitHub's page and an editor both say which it is.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#444}.title{font-weight:600}.grid{stroke:#ccc;stroke-width:.5}\
.attack{fill:#d9480f;opacity:.12}.line{fill:none;stroke:#1864ab;stroke-width:1.2;stroke-linejoin:round}\
@media(prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#555}.attack{fill:#ff922b;opacity:.18}.line{stroke:#74c0fc}}";

/// What one panel shows.
struct Panel {
    title: &'static str,
    value: fn(&Sample) -> f64,
}

const PANELS: [Panel; 3] = [
    Panel { title: "resident memory of the server, MB", value: |sample| sample.usage.memory as f64 / 1e6 },
    Panel { title: "open descriptors of the server", value: |sample| sample.usage.descriptors as f64 },
    Panel { title: "largest gap of the healthy, ms", value: |sample| sample.gap_ms },
];

/// The plot.
pub(super) fn svg(samples: &[Sample], shaded: &[Shaded]) -> String {
    let end = samples.last().map_or(1.0, |sample| sample.at).max(1.0);
    let x = |at: f64| LEFT + (RIGHT - LEFT) * at / end;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\
         <title>Memory, descriptors and gaps of a server under attack</title><style>{STYLE}</style>\n"
    );
    for (n, panel) in PANELS.iter().enumerate() {
        let top = TOP + STEP * n as f64;
        bands(&mut svg, shaded, top, x);
        draw(&mut svg, panel, samples, top, x);
    }
    time_axis(&mut svg, end, x);
    svg.push_str("</svg>\n");
    svg
}

/// The times of attacks, each with its name for the pointer.
fn bands(svg: &mut String, shaded: &[Shaded], top: f64, x: impl Fn(f64) -> f64) {
    for Shaded { from, to, name } in shaded {
        let (left, width) = (x(*from), x(*to) - x(*from));
        // To a string, writing cannot fail.
        writeln!(
            svg,
            "<rect class=\"attack\" x=\"{left:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{PANEL}\"><title>{name}</title></rect>"
        )
        .ok();
    }
}

fn draw(svg: &mut String, panel: &Panel, samples: &[Sample], top: f64, x: impl Fn(f64) -> f64) {
    let most = round_up(samples.iter().map(panel.value).fold(1.0, f64::max));
    let y = |value: f64| top + PANEL * (1.0 - value / most);
    writeln!(svg, "<text class=\"title\" x=\"{LEFT}\" y=\"{}\">{}</text>", top - 8.0, panel.title).ok();
    for share in [0.0, 0.5, 1.0] {
        let (value, y) = (most * share, y(most * share));
        writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y}H{RIGHT}\"/>").ok();
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{value}</text>", LEFT - 8.0, y + 4.0).ok();
    }
    let points = thinned(samples, panel.value).map(|(at, value)| format!("{:.1},{:.1}", x(at), y(value)));
    writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", points.collect::<Vec<_>>().join(" ")).ok();
}

/// So few points that they can be told apart, each the largest of those that it stands for.
fn thinned(samples: &[Sample], value: fn(&Sample) -> f64) -> impl Iterator<Item = (f64, f64)> + '_ {
    let each = samples.len().div_ceil(POINTS).max(1);
    samples.chunks(each).map(move |chunk| (chunk[0].at, chunk.iter().map(value).fold(0.0, f64::max)))
}

fn time_axis(svg: &mut String, end: f64, x: impl Fn(f64) -> f64) {
    let bottom = TOP + STEP * (PANELS.len() - 1) as f64 + PANEL + 18.0;
    let (unit, name) = if end >= 180.0 { (60.0, "min") } else { (1.0, "s") };
    for n in 0..=4 {
        let value = (end / unit / 4.0 * f64::from(n)).floor();
        writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{bottom}\" text-anchor=\"middle\">{value} {name}</text>",
            x(value * unit)
        )
        .ok();
    }
}

/// The next number of one digit that is 1, 2, 4, 5 or 8, and zeros: its half is a short number, too.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 8.0, 10.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|&most| most >= value)
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([1.0, 3.0, 41.0, 55.0, 900.0].map(round_up), [1.0, 4.0, 50.0, 80.0, 1000.0]);
    }
}
