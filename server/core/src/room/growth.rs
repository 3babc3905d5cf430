//! Which grid is shown, and which one comes next.

use std::time::{Duration, Instant};

use tessera_mosaic::{Canvas, Grid, Layout};

/// How long a smaller grid must have sufficed before it comes: somebody who is back soon moves nothing.
pub(super) const SHRINK_AFTER: Duration = Duration::from_secs(10);

/// The grid that is shown and, while tiles are made for it, the one that comes next.
#[derive(Debug)]
pub(super) struct Growth {
    canvas: Canvas,
    shown: Grid,
    next: Option<Grid>,
    /// Since when a smaller grid would do.
    wide_since: Option<Instant>,
}

impl Growth {
    pub(super) fn new(canvas: Canvas) -> Self {
        Self { canvas, shown: canvas.smallest(), next: None, wide_since: None }
    }

    /// Grids and tiles that are shown now.
    pub(super) fn shown(&self) -> Layout {
        self.canvas.layout(self.shown)
    }

    /// Grids and tiles that come next, while a switch is in work.
    pub(super) fn next(&self) -> Option<Layout> {
        self.next.map(|grid| self.canvas.layout(grid))
    }

    /// Decides what comes next when the seats need `needed` slots a side: more at once, less after a while.
    /// Says whether that is another grid than was decided before.
    pub(super) fn aim(&mut self, needed: Grid, now: Instant) -> bool {
        let needed = needed.max(self.canvas.smallest());
        if needed >= self.shown {
            self.wide_since = None;
        }
        let is_due = |since: Instant| now.saturating_duration_since(since) >= SHRINK_AFTER;
        let goal = match needed.cmp(&self.shown) {
            std::cmp::Ordering::Greater => needed,
            std::cmp::Ordering::Less if is_due(*self.wide_since.get_or_insert(now)) => needed,
            std::cmp::Ordering::Less | std::cmp::Ordering::Equal => self.shown,
        };
        let next = (goal != self.shown).then_some(goal);
        std::mem::replace(&mut self.next, next) != next
    }

    /// When to decide again, if nobody comes or goes until then.
    pub(super) fn due(&self) -> Option<Instant> {
        self.wide_since.filter(|_| self.next.is_none()).map(|since| since + SHRINK_AFTER)
    }

    /// Shows what came next.
    pub(super) fn switch(&mut self) {
        if let Some(next) = self.next.take() {
            (self.shown, self.wide_since) = (next, None);
        }
    }
}
