//! Tiles anew when the grid changes: for everybody who says nothing meanwhile, from the last good frame.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tessera_mosaic::{Fit, TileSpec};
use tokio::time::{sleep_until, timeout};
use tracing::{error, info};

use crate::pool::Pool;
use crate::room::{Missing, Unmade};
use crate::seat::Seats;

/// The next grid waits so long for a tile, and comes without it then, which follows: whoever sends what takes long to make
/// holds nobody up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches over the grid of one room, for ever. The old grid is served until the new one lacks nothing, or [`PATIENCE`] is over.
pub(crate) async fn regrid(seats: Arc<Seats>, pool: Arc<Pool>, fit: Fit) {
    let mut plans = seats.plans();
    let mut side = seats.layout().grid.side();
    loop {
        // What happens from here on wakes us again.
        plans.borrow_and_update();
        let (missing, look_again) = seats.plan();
        let shown = seats.layout().grid.side();
        if std::mem::replace(&mut side, shown) != shown {
            info!("the grid is {shown}x{shown} now");
        }
        if !missing.is_empty() {
            let is_awaited = missing.iter().any(|missing| missing.is_awaited);
            let remade = missing.into_iter().map(|missing| remake(&seats, &pool, fit, missing));
            tokio::select! {
                _ = join_all(remade) => {}
                // What the grid did not wait for does not keep the next one waiting.
                _ = plans.changed(), if !is_awaited => {}
            }
            continue;
        }
        let time = async {
            match look_again {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => {}
            // The sender is the room's, which lives as long as this does.
            _ = plans.changed() => {}
        }
    }
}

/// Its sender pays for it: whoever sends frames that take long has them made anew behind everybody else's.
async fn remake(seats: &Seats, pool: &Pool, fit: Fit, missing: Missing) {
    // Who has left needs no tile.
    let Ok(account) = seats.account(missing.ticket) else { return };
    let spec = TileSpec { format: missing.format, fit };
    let made = timeout(PATIENCE, pool.tile(missing.jpeg.clone(), spec, &account)).await;
    let made = match made {
        Ok(Ok(piece)) => Ok(piece),
        Ok(Err(error)) => {
            error!(%error, "a frame that was good makes no tile for the new grid");
            Err(Unmade::Impossible)
        }
        Err(_) => Err(Unmade::Late),
    };
    seats.remade(&missing, made);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tessera_mosaic::{Canvas, Grid, Layout, Picture, Quality, TileFormat, TileSize, encode_jpeg};
    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::limits::Limits;
    use crate::peer::Peer;
    use crate::room::{Join, Stamp};
    use crate::seat::Seat;
    use crate::usage::Account;

    fn sit(seats: &Arc<Seats>, id: &str) -> Seat {
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), Instant::now());
        seats.take(Join::of(id), peer).unwrap()
    }

    async fn until(seats: &Seats, side: u32) {
        let mut changes = seats.changes();
        changes.wait_for(|_| seats.layout().grid.side() == side).await.unwrap();
    }

    fn format() -> TileFormat {
        TileFormat { size: TileSize::new(160, 128).unwrap(), quality: Quality::new(85).unwrap() }
    }

    /// Has somebody show a black picture in the grid that is shown.
    async fn show(seats: &Seats, pool: &Pool, seat: &Seat, sequence: u64) {
        let jpeg = encode_jpeg(&Picture::black(160, 128).unwrap(), Quality::new(95).unwrap()).into();
        let spec = TileSpec { format: format(), fit: Fit::Contain };
        let piece = pool.tile(Clone::clone(&jpeg), spec, &Account::default()).await.unwrap();
        let stamp = Stamp { sequence, ..Stamp::default() };
        assert_eq!(seats.show(seat.ticket(), &jpeg, stamp, &[piece]).unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_grid_comes_without_a_tile_that_takes_long_and_the_tile_follows() {
        let seats = Seats::of(Canvas::new(Layout { grid: Grid::new(2).unwrap(), format: format() }));
        let mut limits = Limits::default();
        limits.frames.decoders = Some(1);
        let pool = Arc::new(Pool::new(&limits.frames));
        let task = regrid(Arc::clone(&seats), Arc::clone(&pool), Fit::Contain);
        let _task = AbortOnDropHandle::new(tokio::spawn(task));
        let four: Vec<_> = (1..=4).map(|n| sit(&seats, &format!("client{n}"))).collect();
        show(&seats, &pool, &four[0], 1).await;
        let busy = pool.occupy(2).await;

        let (_fifth, begun) = (sit(&seats, "client5"), tokio::time::Instant::now());
        until(&seats, 3).await;
        assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < 2 * PATIENCE);
        let is_shown = || seats.snapshot().0.places[0].shown.is_some();
        assert!(!is_shown());
        drop(busy);
        seats.changes().wait_for(|_| is_shown()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_says_a_word_and_the_grid_grows_and_ten_seconds_after_the_fifth_has_left_shrinks() {
        let format = format();
        let seats = Seats::of(Canvas::new(Layout { grid: Grid::new(2).unwrap(), format }));
        let pool = Arc::new(Pool::new(&Limits::default().frames));
        let task = regrid(Arc::clone(&seats), Arc::clone(&pool), Fit::Contain);
        let _task = AbortOnDropHandle::new(tokio::spawn(task));

        let four: Vec<_> = (1..=4).map(|n| sit(&seats, &format!("client{n}"))).collect();
        for (seat, sequence) in four.iter().zip(1..) {
            show(&seats, &pool, seat, sequence).await;
        }
        let fifth = sit(&seats, "client5");
        until(&seats, 3).await;

        drop(fifth);
        let left = tokio::time::Instant::now();
        until(&seats, 2).await;
        let after = left.elapsed();
        assert!((Duration::from_secs(10)..Duration::from_secs(11)).contains(&after), "{after:?}");
        let (snapshot, _) = seats.snapshot();
        let shown = snapshot.places.iter().map(|place| place.shown.unwrap().sequence);
        let tiles = snapshot.pieces.iter().map(|piece| piece.as_ref().unwrap().format());
        for seat in &four {
            let account = seats.account(seat.ticket()).unwrap();
            assert!(account.of_late(Instant::now()) > Duration::ZERO, "who sends it pays for it");
        }
        let shown: Vec<_> = shown.zip(tiles).collect();
        assert_eq!(shown, [1, 2, 3, 4].map(|sequence| (sequence, format)));
    }
}
