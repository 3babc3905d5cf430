//! What a call goes through, as one pure machine: an event and the time go in, effects come out.
//!
//! ```text
//! Idle -> Joining -> Live -> Left
//!            |  ^      |
//!            v  |      v
//!         Reconnecting <-'      any of the three -> Failed, when trying again cannot help
//! ```
//!
//! A participant's seat is the stream of mosaics itself, so there is one stream at a time and everything here
//! is about it. Time is counted from the opening of the page.

use std::time::Duration;

use tonic::Code;

/// The server says something at least every 5 s, so this long a silence is a dead connection.
pub const SILENCE: Duration = Duration::from_secs(12);
/// How long the first response may take.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause before trying again; each later one is twice as long, up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause before trying again.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Who comes, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Random for each tab, unless the address of the page names one.
    pub client_id: String,
    /// The name that people see; may be empty and may repeat.
    pub name: String,
    /// The room; empty is the main one.
    pub room: String,
    /// With a seat or without.
    pub role: Role,
}

/// With a seat or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees and is seen.
    Participant,
    /// Sees only.
    Spectator,
}

/// What brings somebody back to the place from before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The secret that proves the seat, as long as it is kept.
    pub session: String,
    /// The slot, asked for when nothing is kept any more.
    pub slot: u32,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants in, back to the place from before if there was one.
    Join(Entry, Option<Claim>),
    /// A response came, with the seat if it told one.
    Heard(Option<Claim>),
    /// The stream ended.
    Ended(Ending),
    /// The browser has no connection left for the stream.
    Crowded,
    /// Somebody wants out.
    Leave,
    /// The browser has a network again, or somebody does not want to wait: try now.
    TryNow,
    /// The browser puts the page aside, or takes it up again.
    Frozen,
    /// See [`Event::Frozen`].
    Thawed,
    /// Time has passed.
    Tick,
}

/// How a stream ended: as the server said it, or as the browser saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The gRPC status code.
    pub code: Code,
    /// The server's words, English.
    pub message: String,
}

impl Ending {
    /// An ending with words of our own.
    pub(crate) fn new(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Open the stream. There is no other one.
    Open(Entry, Option<Claim>),
    /// Drop the stream, if it is still there.
    Close,
    /// Keep this for a reload of the page.
    Remember(Claim),
    /// There is no place to come back to.
    Forget,
}

/// Where a call is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Before the first join.
    Idle,
    /// The stream is being opened for the first time.
    Joining,
    /// Mosaics come.
    Live,
    /// The stream was lost, and is tried again.
    Reconnecting,
    /// Somebody has left.
    Left,
    /// Trying again would not help.
    Failed(Failure),
}

impl State {
    /// The state's name for programs that look at the page.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Joining => "joining",
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Left => "left",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether there is a call to show: somebody is in it, or comes back to it.
    pub fn is_call(&self) -> bool {
        matches!(self, Self::Live | Self::Reconnecting)
    }
}

/// Why trying again would not help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Somebody else has this client id.
    IdTaken,
    /// There is no place left, or too many come from here; the server's words.
    Full(String),
    /// Another tab or program came with this seat's session.
    TakenOver,
    /// This browser's other tabs have all the connections that HTTP/1.1 gives it.
    TooManyTabs,
    /// A host ended the seat.
    Removed,
    /// The server does not know this person; its words.
    Stranger(String),
    /// The server does not let this person in; its words.
    NotAllowed(String),
    /// The server does not take what we send; its words.
    Rejected(String),
}

/// This moment: how long the page has been open, and a number from 0 to 1 that nobody can foresee.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Time since the page was opened.
    pub at: Duration,
    /// For jitter: everybody who lost the same server must not come back at the same moment.
    pub chance: f64,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    state: State,
    entry: Option<Entry>,
    claim: Option<Claim>,
    /// Whether a stream is open or being opened.
    is_open: bool,
    /// When something has to happen by itself: the next attempt, or giving a silent stream up.
    alarm: Option<Duration>,
    /// Attempts since the last response.
    attempts: u32,
    /// Since when there has been no mosaic: the join, or the loss of the stream.
    waiting_since: Duration,
    /// Whether there was one since the join.
    was_live: bool,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            state: State::Idle,
            entry: None,
            claim: None,
            is_open: false,
            alarm: None,
            attempts: 0,
            waiting_since: Duration::ZERO,
            was_live: false,
        }
    }
}

impl Call {
    /// Where the call is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Who is in it, or was.
    pub fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    /// The own seat, if there is one.
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// When the next [`Event::Tick`] is due.
    pub fn alarm(&self) -> Option<Duration> {
        self.alarm
    }

    /// How long somebody who is joining or coming back has waited at `at`.
    pub fn waiting(&self, at: Duration) -> Duration {
        at.saturating_sub(self.waiting_since)
    }

    /// Whether there was a mosaic since the join.
    pub fn was_live(&self) -> bool {
        self.was_live
    }

    /// Takes an event, and says what is to be done, in this order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        match event {
            Event::Join(entry, claim) => self.join(entry, claim, now),
            Event::Heard(seat) => self.hear(seat, now),
            Event::Ended(ending) if self.is_open => self.end(ending, now),
            Event::Crowded if self.is_open => self.stop(State::Failed(Failure::TooManyTabs)),
            Event::Ended(_) | Event::Crowded => Vec::new(),
            Event::Leave => self.stop(State::Left),
            Event::TryNow | Event::Thawed if self.state == State::Reconnecting => self.open_anew(now),
            Event::TryNow | Event::Thawed => Vec::new(),
            Event::Frozen => self.freeze(now),
            Event::Tick if self.alarm.is_some_and(|at| now.at >= at) => self.ring(now),
            Event::Tick => Vec::new(),
        }
    }

    fn join(&mut self, entry: Entry, claim: Option<Claim>, now: Now) -> Vec<Effect> {
        if matches!(self.state, State::Joining | State::Live | State::Reconnecting) {
            return Vec::new();
        }
        // Whoever leaves and is back at once may find the old seat still standing: its session proves it.
        let own = self
            .claim
            .take()
            .filter(|_| self.entry.as_ref().is_some_and(|old| old.client_id == entry.client_id));
        self.claim = claim.or(own).filter(|_| entry.role == Role::Participant);
        self.entry = Some(entry);
        self.was_live = false;
        self.attempts = 0;
        self.waiting_since = now.at;
        self.state = State::Joining;
        self.open(now).into_iter().collect()
    }

    fn hear(&mut self, seat: Option<Claim>, now: Now) -> Vec<Effect> {
        if !self.is_open {
            return Vec::new();
        }
        self.state = State::Live;
        self.was_live = true;
        self.attempts = 0;
        self.alarm = Some(now.at + SILENCE);
        match seat {
            Some(seat) if self.claim.as_ref() != Some(&seat) => {
                self.claim = Some(seat.clone());
                vec![Effect::Remember(seat)]
            }
            _ => Vec::new(),
        }
    }

    fn end(&mut self, ending: Ending, now: Now) -> Vec<Effect> {
        match failure(ending, self.state == State::Live) {
            // Whoever was in has a seat that is kept, or will find one: others who came back first make place again.
            Some(Failure::Full(_)) if self.was_live => self.lose(now),
            Some(failure) => self.stop(State::Failed(failure)),
            None => self.lose(now),
        }
    }

    /// The stream is lost: comes back after a pause.
    fn lose(&mut self, now: Now) -> Vec<Effect> {
        let effects = self.close();
        if self.state == State::Live {
            self.waiting_since = now.at;
        }
        self.state = State::Reconnecting;
        self.alarm = Some(now.at + pause(self.attempts, now.chance));
        self.attempts += 1;
        effects
    }

    fn ring(&mut self, now: Now) -> Vec<Effect> {
        if self.is_open { self.lose(now) } else { self.open_anew(now) }
    }

    fn open_anew(&mut self, now: Now) -> Vec<Effect> {
        let mut effects = self.close();
        effects.extend(self.open(now));
        effects
    }

    fn open(&mut self, now: Now) -> Option<Effect> {
        let entry = self.entry.clone()?;
        self.is_open = true;
        self.alarm = Some(now.at + JOIN_TIMEOUT);
        Some(Effect::Open(entry, self.claim.clone()))
    }

    fn close(&mut self) -> Vec<Effect> {
        self.alarm = None;
        if std::mem::take(&mut self.is_open) { vec![Effect::Close] } else { Vec::new() }
    }

    /// A page that is put aside does not hold its seat with a stream that nobody reads.
    fn freeze(&mut self, now: Now) -> Vec<Effect> {
        if !matches!(self.state, State::Joining | State::Live | State::Reconnecting) {
            return Vec::new();
        }
        self.waiting_since = now.at;
        self.state = State::Reconnecting;
        self.close()
    }

    /// The call is over: nothing happens by itself any more.
    fn stop(&mut self, state: State) -> Vec<Effect> {
        if matches!(self.state, State::Idle | State::Left | State::Failed(_)) {
            return Vec::new();
        }
        let mut effects = self.close();
        if self.claim.is_some() {
            effects.push(Effect::Forget);
        }
        if state != State::Left {
            self.claim = None;
        }
        self.state = state;
        effects
    }
}

/// What an ending means; `None` when trying again may help.
fn failure(ending: Ending, was_live: bool) -> Option<Failure> {
    match ending.code {
        Code::AlreadyExists => Some(Failure::IdTaken),
        Code::ResourceExhausted => Some(Failure::Full(ending.message)),
        Code::Aborted => Some(Failure::TakenOver),
        Code::Unauthenticated => Some(Failure::Stranger(ending.message)),
        // Whoever is in loses the seat by a host alone.
        Code::PermissionDenied if was_live => Some(Failure::Removed),
        Code::PermissionDenied => Some(Failure::NotAllowed(ending.message)),
        Code::NotFound
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::OutOfRange => Some(Failure::Rejected(ending.message)),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => None,
    }
}

/// The pause before the next attempt: from half of a doubling step to the whole of it, by chance.
fn pause(attempts: u32, chance: f64) -> Duration {
    let step = FIRST_PAUSE.saturating_mul(1 << attempts.min(8)).min(LONGEST_PAUSE);
    let share = 0.5 + 0.5 * chance.clamp(0.0, 1.0);
    Duration::from_millis((step.as_secs_f64() * 1e3 * share).round() as u64)
}

#[cfg(test)]
mod tests;
