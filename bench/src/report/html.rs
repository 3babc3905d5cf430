//! The page: one file, no scripts, nothing from elsewhere.

use super::chart::{bullet, curve, part, percentiles};
use super::{bytes, psnr, quality_word};
use crate::results::{Curve, Load, Machine, Pair, Results, Sense, Step, Verdict};

const STYLE: &str = include_str!("style.css");

/// The page of all results.
pub fn page(results: &Results) -> String {
    let sections = [
        headline(results),
        pairs(&results.pairs),
        steps(&results.steps),
        loads(&results.loads),
        growth(&results.growth),
        figures(&results.pairs),
        foot(results),
    ];
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tessera: what a mosaic costs</title>
<style>{STYLE}</style>
<h1>What a mosaic costs</h1>
<p>Tessera joins compressed tiles instead of pixels. Ratios of two things measured in turns on one core; milliseconds are this
machine's.</p>
{}
</html>
"#,
        sections.concat()
    )
}

/// What a title and a sentence stand above, if there is anything.
fn section(title: &str, says: &str, inside: &str) -> String {
    if inside.is_empty() { String::new() } else { format!("<h2>{title}</h2>\n<p>{says}</p>\n{inside}") }
}

/// The first of each kind that people ask for, large.
fn headline(results: &Results) -> String {
    let wanted = ["canonical tile in", "four 640x480", "the whole server"];
    let pairs = wanted.iter().filter_map(|job| results.pairs.iter().find(|pair| pair.job.contains(job)));
    let mut cards: Vec<_> = pairs
        .map(|pair| {
            card(
                &format!("{:.1}<small>× less CPU</small>", pair.ratio),
                &format!("{}, beside {}", pair.job, pair.against),
            )
        })
        .collect();
    if let Some((load, latency)) =
        results.loads.first().and_then(|load| Some((load, load.result.latency_ms?)))
    {
        let says = format!("from a camera to a viewer, half of all frames: {}", load.name);
        cards.push(card(&format!("{:.0}<small> ms</small>", latency.p50), &says));
    }
    format!("<div class=\"cards headline\">{}</div>\n", cards.concat())
}

fn card(figure: &str, says: &str) -> String {
    format!("<div class=\"card\"><div class=\"big\">{figure}</div><p>{}</p></div>", text(says))
}

fn pairs(pairs: &[Pair]) -> String {
    let says = "The line is what must be, the broken one what we aim at; longer is better. Each bar ends at three times \
                what must be.";
    let jobs: String = pairs.chunk_by(|a, b| a.job == b.job).map(job).collect();
    let inside = if jobs.is_empty() { jobs } else { format!("<div class=\"card jobs\">{jobs}</div>\n") };
    section("Beside what else one would run", says, &inside)
}

/// A job, beside all who do it.
fn job(pairs: &[Pair]) -> String {
    let rows: String = pairs.iter().map(pair).collect();
    format!("<h3>{}</h3><div class=\"rows\">{rows}</div>", text(&pairs[0].job))
}

fn pair(pair: &Pair) -> String {
    let verdict = pair.verdict();
    let word = format!(r#"<span class="word {0}">{0}</span>"#, verdict.word());
    let (low, high) = pair.spread;
    let target = &pair.target;
    let mut note = format!("at least {}, aim {}; rounds {low:.2} to {high:.2}", target.at_least, target.aim);
    if let (Some(psnr), Some(bytes)) = (psnr(pair), bytes(pair)) {
        note += &format!("; {bytes}, {psnr}");
    }
    if pair.keeps_quality().is_some() {
        note += &format!("; quality {}", quality_word(pair));
    }
    let against = format!("beside {}", pair.against);
    row(&against, &format!("{}{word}", target.in_words(pair.ratio)), Some(&note), &bullet(pair))
}

fn in_card(rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() {
        rows
    } else {
        format!("<div class=\"card\"><div class=\"rows\">{rows}</div></div>\n")
    }
}

/// A line with a value, a note below and a bar. `value` may have marks in it.
fn row(what: &str, value: &str, note: Option<&str>, bar: &str) -> String {
    let note = note.map(|note| format!("<div class=\"note\">{}</div>", text(note))).unwrap_or_default();
    format!("<div class=\"row\"><div>{}</div><div class=\"value\">{value}</div>{bar}{note}</div>", text(what))
}

fn steps(steps: &[Step]) -> String {
    let mut sizes: Vec<&str> = steps.iter().map(|step| step.tile.as_str()).collect();
    sizes.dedup();
    let cards: String = sizes.iter().map(|size| steps_of(size, steps)).collect();
    let inside = if cards.is_empty() { cards } else { format!("<div class=\"cards steps\">{cards}</div>\n") };
    let says = "Median CPU time of each way from a frame to a tile (dark), and of the steps that ways are made of (pale), \
                for small and for large tiles.";
    section("The codec, step by step", says, &inside)
}

fn steps_of(size: &str, steps: &[Step]) -> String {
    let steps: Vec<_> = steps.iter().filter(|step| step.tile == size).collect();
    let largest = steps.iter().map(|step| step.median_us).fold(0.0, f64::max);
    let rows: String = steps
        .iter()
        .map(|step| {
            let what = match &step.way {
                Some(way) => format!("{}: {way}", step.step),
                None => step.step.clone(),
            };
            let class = if step.way.is_some() { "way" } else { "step" };
            row(&what, &time(step.median_us), None, &part(step.median_us, largest, class))
        })
        .collect();
    format!("<div class=\"card\"><h3>tiles of {size}</h3><div class=\"rows\">{rows}</div></div>")
}

fn time(us: f64) -> String {
    match us {
        1000.0.. => format!("{:.2} ms", us / 1e3),
        100.0.. => format!("{us:.0} µs"),
        _ => format!("{us:.1} µs"),
    }
}

fn loads(loads: &[Load]) -> String {
    let times = loads.iter().filter_map(|load| Some(latency(load)?.1));
    let largest = times.map(|[_, _, p99]| p99).fold(0.0, f64::max);
    let says = "<span class=\"key\" style=\"background:var(--main)\"></span>p50\
                <span class=\"key\" style=\"background:var(--mid)\"></span>p95\
                <span class=\"key\" style=\"background:var(--pale)\"></span>p99. From a frame's capture to a viewer who has \
                it, in milliseconds; the server has one core.";
    section("The server under load", says, &in_card(loads.iter().map(|it| load(it, largest))))
}

/// What is measured, and its percentiles.
fn latency(load: &Load) -> Option<(&'static str, [f64; 3])> {
    let result = &load.result;
    let of = |it: tessera_client::bench::Percentiles| [it.p50, it.p95, it.p99];
    let seen = result.latency_ms.map(|it| ("capture to viewer", of(it)));
    seen.or_else(|| result.round_trip_ms.map(|it| ("frame to answer", of(it))))
}

fn load(load: &Load, largest: f64) -> String {
    let Some((what, times)) = latency(load) else { return String::new() };
    let [p50, p95, p99] = times;
    let result = &load.result;
    let mut note = format!("{what}; {:.0} mosaics a second", result.mosaics as f64 / result.seconds);
    if let Some(rates) = result.viewer_fps {
        note += &format!(", {:.1} for a viewer ({:.1} to {:.1})", rates.median, rates.min, rates.max);
    }
    if let Some(cost) = &result.server {
        note += &format!("; {:.3} ms of CPU a mosaic", cost.cpu_ms_per_mosaic);
        if result.viewer_fps.is_some() {
            note += &format!(", {:.1} ms a viewer and second", cost.cpu_ms_per_viewer_second);
        }
        note += &format!("; {:.0} MB of memory", cost.memory.loaded as f64 / 1e6);
    }
    row(&load.name, &format!("{p50:.1} · {p95:.1} · {p99:.1}"), Some(&note), &percentiles(times, largest))
}

fn growth(curves: &[Curve]) -> String {
    let cards: String = curves.iter().map(one_curve).collect();
    let inside = if cards.is_empty() { cards } else { format!("<div class=\"cards\">{cards}</div>\n") };
    let says = "A flat line means that nobody costs more because others are there.";
    section("As people come", says, &inside)
}

fn one_curve(it: &Curve) -> String {
    let says = format!("{}; largest over smallest {:.2}", it.y, it.spread());
    format!("<div class=\"card\"><h3>{}</h3>{}<p>{}</p></div>", text(&it.name), curve(it), text(&says))
}

fn figures(pairs: &[Pair]) -> String {
    let rows: String = pairs.iter().map(figures_row).collect();
    let table = format!(
        "<div class=\"scroll\"><table><thead><tr><th>job</th><th>beside</th><th>measured</th><th>at least</th><th>aim</th>\
         <th>ours</th><th>theirs</th><th>unit</th><th>bytes (beside theirs)</th><th>PSNR (beside theirs)</th><th>quality</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>\n"
    );
    let says = "PSNR is of the luma of each quadrant against the frame that it shows, scaled by a Lanczos filter; \"exact\" \
                is a frame that is the tile already. Quality is kept when at the same quality number a mosaic is at most 0.1 dB \
                worse and 2 % larger.";
    section("The figures", says, if pairs.is_empty() { "" } else { &table })
}

fn figures_row(pair: &Pair) -> String {
    let number = |value: f64| match pair.target.sense {
        Sense::TimesLess | Sense::OfItsTime | Sense::OfItsRate if value >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.3}"),
    };
    let mark = if pair.verdict() == Verdict::Missed { " (missed)" } else { "" };
    let cells = [
        (text(&pair.job), false),
        (text(&pair.against), false),
        (format!("<b>{}</b>{mark}", pair.target.in_words(pair.ratio)), true),
        (pair.target.at_least.to_string(), true),
        (pair.target.aim.to_string(), true),
        (number(pair.ours), true),
        (number(pair.theirs), true),
        (text(&pair.unit), false),
        (bytes(pair).unwrap_or_default(), true),
        (psnr(pair).unwrap_or_default(), true),
        (quality_word(pair).to_owned(), false),
    ];
    let cell = |(inside, is_number): &(String, bool)| {
        let class = if *is_number { " class=\"number\"" } else { "" };
        format!("<td{class}>{inside}</td>")
    };
    format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
}

fn foot(results: &Results) -> String {
    let Machine { processor, processors, date, commit } = &results.machine;
    let frames: Vec<_> = results
        .frames
        .iter()
        .map(|set| format!("{} of {} ({} kB each)", set.count, set.name, set.bytes / 1000))
        .collect();
    format!(
        "<footer>{}, {processors} processors; {date}, commit {}. Frames: {}. Made by <code>make bench</code>; the original's \
         kind of program beside it by <code>make bench PEERS=1</code>.</footer>\n",
        text(processor),
        text(commit),
        text(&frames.join(", ")),
    )
}

/// Text as HTML has it.
fn text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_nothing_is_a_page_without_sections() {
        let machine =
            Machine { processor: "<x>".into(), processors: 2, date: String::new(), commit: String::new() };
        let none =
            Results { machine, frames: vec![], steps: vec![], pairs: vec![], loads: vec![], growth: vec![] };
        let page = page(&none);
        assert!(!page.contains("<h2>") && page.contains("&lt;x&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains("http"), "{page}");
    }
}
