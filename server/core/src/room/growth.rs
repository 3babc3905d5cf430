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
    /// For each grid, the smallest first: since when it has had every slot that is needed.
    sufficed: [Option<Instant>; Grid::MAX as usize],
}

impl Growth {
    pub(super) fn new(canvas: Canvas) -> Self {
        Self { canvas, shown: canvas.smallest(), next: None, sufficed: [None; Grid::MAX as usize] }
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
        for (grid, since) in grids().zip(&mut self.sufficed) {
            *since = (grid >= needed).then(|| since.unwrap_or(now));
        }
        let is_due = |since: Instant| now.saturating_duration_since(since) >= SHRINK_AFTER;
        let mut smaller = grids().zip(self.sufficed).take_while(|(grid, _)| *grid < self.shown);
        let due = smaller.find(|(_, since)| since.is_some_and(is_due));
        let goal = due.map_or(self.shown, |(grid, _)| grid).max(needed);
        // What is on its way becomes no smaller before it is shown: whoever comes and goes would have tiles made anew each time,
        // and nobody would see the grid.
        let next = (goal != self.shown).then_some(goal).max(self.next.filter(|_| goal != self.shown));
        std::mem::replace(&mut self.next, next) != next
    }

    /// When to decide again, if nobody comes or goes until then.
    pub(super) fn due(&self) -> Option<Instant> {
        let goal = self.next.unwrap_or(self.shown);
        let smaller = grids().zip(self.sufficed).take_while(|(grid, _)| *grid < goal);
        smaller.filter_map(|(_, since)| since).min().map(|since| since + SHRINK_AFTER)
    }

    /// Shows what came next.
    pub(super) fn switch(&mut self) {
        if let Some(next) = self.next.take() {
            self.shown = next;
        }
    }
}

/// All grids, the smallest first.
fn grids() -> impl Iterator<Item = Grid> {
    (1..=Grid::MAX).filter_map(Grid::new)
}
