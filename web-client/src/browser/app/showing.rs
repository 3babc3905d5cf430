//! Mosaics down: from a response to the canvas, its labels and the figures.

use std::time::Duration;

use tessera_wire::{Layout, TileInfo};
use web_sys::ImageBitmap;

use super::{App, is_seen};
use crate::browser::dom::{self, decimal, now};
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
        let before = self.labels.arrange(layout, &own, self.is_host());
        self.show_rule();
        if before.version == 0 {
            return;
        }
        let mut words = String::new();
        for news in between(&before, &after, &own) {
            words += &match news {
                News::Came(name) => fill(self.texts.came, &name),
                News::Went(name) => fill(self.texts.went, &name),
                News::Locked => self.texts.room_locked.to_owned(),
                News::Unlocked => self.texts.room_unlocked.to_owned(),
            };
            words.push(' ');
        }
        if !words.is_empty() {
            self.view.news(words.trim_end());
        }
    }

    /// How old the own frame is that is shown for the first time.
    pub(super) fn measure(&mut self, tiles: &[TileInfo]) {
        let Some(seat) = &self.seat else { return };
        let own = tiles.iter().find(|tile| tile.slot == seat.slot);
        if let Some(own) = own.filter(|own| own.captured_at_us > 0 && own.sequence != self.own_shown) {
            self.own_shown = own.sequence;
            let age = now().saturating_sub(Duration::from_micros(own.captured_at_us));
            self.stats.latencies.note(age, now());
        }
    }

    pub(super) fn figures(&mut self) {
        let (up, bytes_up) = self.stats.up.rates(now());
        let (down, bytes_down) = self.stats.down.rates(now());
        let times = |values: &Values| match (values.percentile(0.5), values.percentile(0.95)) {
            (Some(p50), Some(p95)) => format!("{} / {} ms", milliseconds(p50), milliseconds(p95)),
            _ => "–".to_owned(),
        };
        let frames = |rate: f64| decimal(rate, 1) + " /s";
        let bits = |bytes: f64| decimal(bytes * 8.0 / 1e6, 1) + " Mbit/s";
        let quality = self.seat.as_ref().map_or(0, |seat| self.pace.quality(seat.quality));
        let texts = self.texts;
        let skipped = self.outbox.skipped() + self.stats.not_shown;
        self.view.stats(&[
            ("frames-up", texts.frames_up, frames(up)),
            ("frames-down", texts.frames_down, frames(down)),
            ("round-trip", texts.round_trip, times(&self.stats.round_trips)),
            ("latency", texts.latency, times(&self.stats.latencies)),
            ("bytes-up", texts.bytes_up, bits(bytes_up)),
            ("bytes-down", texts.bytes_down, bits(bytes_down)),
            ("skipped", texts.skipped, skipped.to_string()),
            ("quality", texts.quality, format!("{} /s · {quality}", self.pace.rate() as u32)),
        ]);
    }
}

fn milliseconds(time: Duration) -> u32 {
    (time.as_secs_f64() * 1e3).round() as u32
}
