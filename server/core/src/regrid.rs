//! Tiles anew when the grid changes: for everybody who says nothing meanwhile, from the last good frame.

use std::sync::Arc;

use futures_util::future::join_all;
use tessera_mosaic::{Fit, TileSpec};
use tokio::time::sleep_until;
use tracing::{error, info};

use crate::pool::Pool;
use crate::room::Missing;
use crate::seat::Seats;

/// Watches over the grid of one room, for ever. The old grid is served until the new one lacks nothing.
pub(crate) async fn regrid(seats: Arc<Seats>, pool: Arc<Pool>, fit: Fit) {
    let mut changes = seats.changes();
    let mut side = seats.layout().grid.side();
    loop {
        // What happens from here on wakes us again.
        changes.borrow_and_update();
        let (missing, look_again) = seats.plan();
        let shown = seats.layout().grid.side();
        if std::mem::replace(&mut side, shown) != shown {
            info!("the grid is {shown}x{shown} now");
        }
        if !missing.is_empty() {
            join_all(missing.into_iter().map(|missing| remake(&seats, &pool, fit, missing))).await;
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
            _ = changes.changed() => {}
        }
    }
}

async fn remake(seats: &Seats, pool: &Pool, fit: Fit, missing: Missing) {
    let made = pool.tile(missing.jpeg.clone(), TileSpec { format: missing.format, fit }).await;
    let tile = made
        .map(|ingested| Arc::new(ingested.tile))
        .inspect_err(|error| error!(%error, "a frame that was good makes no tile for the new grid"));
    seats.remade(&missing, tile.ok());
}
