//! What the page costs and how quick it is.

use std::time::Duration;

use serde_json::Value;
use tessera_client::pacing::Pace;
use tokio::time::sleep;

use crate::chromium::{Camera, Chromium, Page};
use crate::picture::Look;
use crate::server::{Native, Server};

/// Openings of the page whose median counts.
const OPENINGS: usize = 5;
/// The page's percentiles are those of ten seconds; the first ones are still of its start.
const SETTLING: Duration = Duration::from_secs(15);

pub(crate) async fn take(chromium: &Chromium) {
    let server = Server::start(&[]).await;
    sizes(chromium, &server).await;
    openings(chromium, &server).await;
    println!(
        "| in the call | frames up | mosaics down | round trip p50 / p95 | camera to screen p50 / p95 |"
    );
    println!("| --- | --- | --- | --- | --- |");
    call(chromium, &server, "alone", 0).await;
    call(chromium, &server, "with three more, 30 frames a second each", 3).await;
}

/// Every file of the page, as it travels.
async fn sizes(chromium: &Chromium, server: &Server) {
    let page = chromium.open(server, "", Camera::Denied).await;
    page.state("idle").await;
    let entries = page
        .run(
            "const entries = ['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind)); \
             const files = new Map(entries.map(entry => [new URL(entry.name).pathname.split('/').pop(), entry])); \
             return [...files].filter(([, entry]) => entry.encodedBodySize) \
             .map(([name, entry]) => [name, entry.encodedBodySize, entry.decodedBodySize])",
        )
        .await;
    println!("| file | bytes that travel (brotli) | bytes |\n| --- | --- | --- |");
    for entry in entries.as_array().into_iter().flatten() {
        let name = entry[0].as_str().filter(|name| !name.is_empty()).unwrap_or("index.html");
        println!("| {name} | {} | {} |", entry[1], entry[2]);
    }
    println!();
    page.close().await;
}

/// From the address to the first mosaic on the canvas, in a new browser and in one that was here before.
async fn openings(chromium: &Chromium, server: &Server) {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..OPENINGS {
        let page = chromium.open(server, "?autojoin=1", Camera::shows(Look(1))).await;
        first.push(first_mosaic(&page).await);
        page.reload().await;
        again.push(first_mosaic(&page).await);
        page.close().await;
    }
    println!("| from the address to the first mosaic, median of {OPENINGS} | ms |\n| --- | --- |");
    println!("| first visit | {:.0} |\n| second visit | {:.0} |\n", median(first), median(again));
}

async fn first_mosaic(page: &Page) -> f64 {
    page.until("performance.getEntriesByName('first mosaic').length").await;
    let at = page.run("return performance.getEntriesByName('first mosaic')[0].startTime").await;
    at.as_f64().unwrap()
}

async fn call(chromium: &Chromium, server: &Server, what: &str, others: usize) {
    let mut natives = Vec::new();
    for n in 0..others {
        let pace = Pace::Every(Duration::from_secs(1) / 30);
        natives.push(Native::show(server, &format!("other{n}"), Look(n), pace).await);
    }
    let page = chromium.open(server, "?autojoin=1", Camera::shows(Look(3))).await;
    page.state("live").await;
    sleep(SETTLING).await;
    let figures = page.run("return { ...document.getElementById('stats').dataset }").await;
    let figure = |name: &str| figures[name].as_str().map(str::to_owned).unwrap_or_default();
    println!(
        "| {what} | {} | {} | {} | {} |",
        figure("framesUp"),
        figure("framesDown"),
        figure("roundTrip"),
        figure("latency"),
    );
    assert_ne!(figures, Value::Null);
    page.close().await;
    for native in natives {
        native.leave().await;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
