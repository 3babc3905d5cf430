//! Mosaics down: from a response to the canvas, its labels and the figures.

use std::time::Duration;

use tessera_wire::{Layout, TileInfo};
use web_sys::ImageBitmap;

use super::{App, is_seen};
use crate::browser::dom::{self, now};
use crate::browser::screen::Mosaic;
use crate::news::{News, between};
use crate::stats::Values;
use crate::texts::fill;

impl App {
    pub(super) fn show(&mut self, mosaic: Mosaic, bitmap: Option<&ImageBitmap>) {
        self.screen.draw(mosaic.jpeg, bitmap);
        if !std::mem::replace(&mut self.has_drawn, true) {
            dom::mark("first mosaic");
        }
        if let Some(layout) = mosaic.layout {
            self.arrange(layout);
        }
        self.labels.dim(&mosaic.tiles);
        self.measure(&mosaic.tiles);
        self.screen.go_on(is_seen());
    }

    pub(super) fn arrange(&mut self, layout: Layout) {
        let own = self.call.entry().map(|entry| entry.client_id.clone()).unwrap_or_default();
        let after = layout.clone();
        let before = self.labels.arrange(layout, &own);
        if before.version == 0 {
            return;
        }
        let words: Vec<String> = between(&before, &after, &own)
            .into_iter()
            .map(|news| match news {
                News::Came(name) => fill(self.texts.came, &name),
                News::Went(name) => fill(self.texts.went, &name),
            })
            .collect();
        if !words.is_empty() {
            self.view.news(&words.join(" "));
        }
    }

    /// How old the own frame is that is shown for the first time.
    pub(super) fn measure(&mut self, tiles: &[TileInfo]) {
        let Some(seat) = &self.seat else { return };
        let own = tiles.iter().find(|tile| tile.slot == seat.slot);
        if let Some(own) = own.filter(|own| own.captured_at_us > 0 && own.sequence != self.own_shown) {
            self.own_shown = own.sequence;
            self.stats.latencies.note(now().saturating_sub(Duration::from_micros(own.captured_at_us)));
        }
    }

    pub(super) fn figures(&mut self) {
        let (up, bytes_up) = self.stats.up.rates(now());
        let (down, bytes_down) = self.stats.down.rates(now());
        let times = |values: &Values| match (values.percentile(0.5), values.percentile(0.95)) {
            (Some(p50), Some(p95)) => format!("{} / {} ms", p50.as_millis(), p95.as_millis()),
            _ => "–".to_owned(),
        };
        let rate = |bytes: f64| format!("{:.1} Mbit/s", bytes * 8.0 / 1e6);
        let quality = self.seat.as_ref().map_or(0, |seat| self.pace.quality(seat.quality));
        let texts = self.texts;
        let skipped = self.outbox.skipped() + self.stats.not_shown;
        self.view.stats(&[
            ("frames-up", texts.frames_up, format!("{up:.1} /s")),
            ("frames-down", texts.frames_down, format!("{down:.1} /s")),
            ("round-trip", texts.round_trip, times(&self.stats.round_trips)),
            ("latency", texts.latency, times(&self.stats.latencies)),
            ("bytes-up", texts.bytes_up, rate(bytes_up)),
            ("bytes-down", texts.bytes_down, rate(bytes_down)),
            ("skipped", texts.skipped, skipped.to_string()),
            ("quality", texts.quality, format!("{:.0} /s · {quality}", self.pace.rate())),
        ]);
    }
}
