//! Healthy clients beside an attack: two who send and four who watch, and how long they had to wait.

mod pulse;

use std::fmt;
use std::time::Duration;

use tessera_wire::{FrameRequest, FrameResponse, WatchMosaicRequest};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;

use crate::guest::{self, Guest};
use crate::pictures::reel;
use crate::target::Target;
use crate::web;
pub use pulse::{Gap, Pulse};

/// Between two frames of one sender.
const PERIOD: Duration = Duration::from_millis(50);
/// Before somebody whose stream has ended joins again. That it ended is noted all the same.
const PAUSE: Duration = Duration::from_millis(200);

/// How long all of them may take to get in.
const ARRIVAL: Duration = Duration::from_secs(10);

/// The seats that bystanders have.
pub const SEATS: [&str; 2] = ["client1", "client2"];

/// What they bring to a server that wants tokens, all for its main room.
#[derive(Clone)]
pub struct Tokens {
    /// Of those who send: a guest's for each of [`SEATS`].
    pub guests: [String; 2],
    /// Of those who only watch.
    pub viewer: String,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Two senders and four viewers. They leave with this value.
#[derive(Debug)]
pub struct Bystanders {
    pulses: Vec<Pulse>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Bystanders {
    /// Lets them join, on the runtime of the caller, and waits until each has seen something.
    ///
    /// # Panics
    ///
    /// When one of them does not get in.
    pub async fn join(server: Target, tile: (u32, u32)) -> Self {
        Self::join_with(server, tile, None).await
    }

    /// As [`Bystanders::join`], with tokens if the server wants some.
    ///
    /// # Panics
    ///
    /// When one of them does not get in.
    pub async fn join_with(server: Target, tile: (u32, u32), tokens: Option<Tokens>) -> Self {
        let mut tasks = Vec::new();
        let mut start = |name, who: Who| {
            let pulse = Pulse::new(name);
            let door = Door { server, token: tokens.clone().map(|tokens| who.choose(tokens)) };
            tasks.push(AbortOnDropHandle::new(tokio::spawn(live(door, tile, who, pulse.clone()))));
            pulse
        };
        let pulses = vec![
            start("sender by StreamFrames", Who::Streamer),
            start("sender by PushFrame", Who::Pusher),
            start("spectator 1", Who::Spectator),
            start("spectator 2", Who::Spectator),
            start("spectator 3", Who::Spectator),
            start("spectator in a browser", Who::Browser),
        ];
        let bystanders = Self { pulses, _tasks: tasks };
        if timeout(ARRIVAL, bystanders.all_see_something_new()).await.is_err() {
            panic!("not all bystanders see something: {:?}", bystanders.ended());
        }
        bystanders
    }

    /// Forgets what was, and measures from now on.
    pub fn begin(&self) {
        self.pulses.iter().for_each(Pulse::begin);
    }

    /// Waits until each of them has seen something that is newer than now.
    pub async fn all_see_something_new(&self) {
        futures_util::future::join_all(self.pulses.iter().map(Pulse::next)).await;
    }

    /// The longest wait since the last [`Bystanders::begin`], those included that last.
    ///
    /// # Panics
    ///
    /// When there are no bystanders.
    pub fn largest_gap(&self) -> Gap {
        self.pulses.iter().map(Pulse::largest_gap).max_by_key(|gap| gap.length).expect("there are bystanders")
    }

    /// The longest wait since the last call, those included that last.
    ///
    /// # Panics
    ///
    /// When there are no bystanders.
    pub fn take_largest_gap(&self) -> Gap {
        self.pulses
            .iter()
            .map(Pulse::take_largest_gap)
            .max_by_key(|gap| gap.length)
            .expect("there are bystanders")
    }

    /// Whose stream ended since the last [`Bystanders::begin`], and why.
    pub fn ended(&self) -> Vec<String> {
        self.pulses.iter().filter_map(Pulse::ended).collect()
    }
}

/// What a bystander does.
#[derive(Debug, Clone, Copy)]
enum Who {
    Streamer,
    Pusher,
    Spectator,
    Browser,
}

impl Who {
    /// The token that is his.
    fn choose(self, tokens: Tokens) -> String {
        let [streamer, pusher] = tokens.guests;
        match self {
            Self::Streamer => streamer,
            Self::Pusher => pusher,
            Self::Spectator | Self::Browser => tokens.viewer,
        }
    }
}

/// The way in of one of them.
struct Door {
    server: Target,
    token: Option<String>,
}

impl Door {
    async fn enter(&self) -> Result<Guest, Status> {
        let guest = Guest::connect(self.server).await?;
        Ok(match &self.token {
            Some(token) => guest.with_token(token),
            None => guest,
        })
    }
}

/// Takes part until it is dropped.
async fn live(door: Door, tile: (u32, u32), who: Who, pulse: Pulse) {
    loop {
        let ended = match who {
            Who::Streamer => stream(&door, tile, &pulse).await,
            Who::Pusher => push(&door, tile, &pulse).await,
            Who::Spectator => spectate(&door, &pulse).await,
            Who::Browser => {
                let see = |response: &FrameResponse| pulse.beat(response.sequence);
                web::watch(door.server, door.token.as_deref(), see).await
            }
        };
        let why = ended.err().unwrap_or_else(|| Status::ok("it ended"));
        pulse.end(&format!("{:?}: {}", why.code(), why.message()));
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sends frames, each after the answer to the one before.
async fn stream(door: &Door, tile: (u32, u32), pulse: &Pulse) -> Result<(), Status> {
    let guest = door.enter().await?;
    let (mut frames, _) = guest.join(guest::hello(SEATS[0])).await?;
    let mut ticks = ticks();
    for jpeg in reel(tile.0, tile.1).iter().cycle() {
        ticks.tick().await;
        let response = frames.show(jpeg.clone()).await?;
        if let Some(refusal) = response.refusal {
            return Err(Status::internal(format!("a good frame was refused: {}", refusal.message)));
        }
        pulse.beat(response.sequence);
    }
    Ok(())
}

/// Watches from a seat, and pushes frames into it.
async fn push(door: &Door, tile: (u32, u32), pulse: &Pulse) -> Result<(), Status> {
    let guest = door.enter().await?;
    let mut mosaics = guest.watch(guest::seated(SEATS[1])).await?;
    let seat = guest::first(&mut mosaics).await?.seat.ok_or_else(|| Status::internal("no seat"))?;
    let pushing = async {
        let mut ticks = ticks();
        for (jpeg, sequence) in reel(tile.0, tile.1).iter().cycle().zip(1..) {
            ticks.tick().await;
            let request =
                FrameRequest { client_id: SEATS[1].to_owned(), ..guest::push(&seat, sequence, jpeg.clone()) };
            if let Some(refusal) = guest.push(request).await?.refusal {
                return Err(Status::internal(format!("a good push was refused: {}", refusal.message)));
            }
        }
        Ok(())
    };
    let watching = async {
        loop {
            pulse.beat(guest::first(&mut mosaics).await?.sequence);
        }
    };
    tokio::select! {
        ended = pushing => ended,
        ended = watching => ended,
    }
}

async fn spectate(door: &Door, pulse: &Pulse) -> Result<(), Status> {
    let mut mosaics = door.enter().await?.watch(WatchMosaicRequest::default()).await?;
    loop {
        pulse.beat(guest::first(&mut mosaics).await?.sequence);
    }
}

/// When frames are due. One that comes late pushes the others back.
fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
