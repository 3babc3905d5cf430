//! The stream of mosaics, which is the seat too: opened, lost, opened again.

use std::time::Duration;

use tessera_wire::{FrameResponse, WatchMosaicRequest};
use tonic::Code;

use super::{App, Message, is_seen, tell};
use crate::browser::dom::{Task, now};
use crate::browser::identity;
use crate::browser::lines::Line;
use crate::browser::screen::Mosaic;
use crate::browser::transport::{Client, is_http2};
use crate::call::{Claim, Effect, Ending, Entry, Event, Now, Role, State};

impl App {
    pub(super) fn happen(&mut self, event: Event) {
        let before = self.call.state().clone();
        let effects = self.call.handle(event, Now { at: now(), chance: js_sys::Math::random() });
        for effect in effects {
            match effect {
                Effect::Open(entry, claim) => self.open_stream(&entry, claim.as_ref()),
                Effect::Close => self.close_stream(),
                Effect::Remember(claim) => identity::remember(Some(&claim)),
                Effect::Forget => identity::remember(None),
            }
        }
        let state = self.call.state().clone();
        if state == before {
            return;
        }
        // What was told before holds no more; where the call is, is told elsewhere.
        self.view.news(match state {
            State::Live if before == State::Reconnecting => self.texts.reconnected,
            State::Live => self.texts.joined,
            _ => "",
        });
        if matches!(state, State::Left | State::Failed(_)) {
            self.line = None;
            self.end_sharing();
            self.small.close();
        }
    }

    pub(super) fn open_stream(&mut self, entry: &Entry, claim: Option<&Claim>) {
        let is_participant = entry.role == Role::Participant;
        let request = WatchMosaicRequest {
            client_id: if is_participant { entry.client_id.clone() } else { String::new() },
            room: entry.room.clone(),
            display_name: entry.name.clone(),
            session: claim.map(|claim| claim.session.clone()).unwrap_or_default(),
            preferred_slot: claim.map(|claim| claim.slot),
            max_fps: 0,
        };
        self.pace.reset();
        let needs_line = self.line.is_none();
        self.stream = Some(Task::spawn(watch(self.client.clone(), request, needs_line)));
    }

    pub(super) fn close_stream(&mut self) {
        self.stream = None;
        self.seat = None;
        self.outbox.clear();
        self.screen.clear();
    }

    pub(super) fn respond(&mut self, response: FrameResponse) {
        let claim =
            response.seat.as_ref().map(|seat| Claim { session: seat.session.clone(), slot: seat.slot });
        if let Some(seat) = response.seat {
            self.seat = Some(seat);
            self.live_again();
        }
        self.happen(Event::Heard(claim));
        // The server is heard every five seconds at least, also where a hidden page's clock stands still.
        self.give_sign();
        if response.frame_data.is_empty() {
            self.labels.dim(&response.tiles);
            return;
        }
        self.stats.down.note(response.frame_data.len(), now());
        let mosaic = Mosaic { jpeg: response.frame_data, layout: response.layout, tiles: response.tiles };
        self.stats.not_shown += u64::from(self.screen.put(mosaic, is_seen()));
    }

    /// A seat was taken or is another: the camera's state is told at once.
    pub(super) fn live_again(&mut self) {
        self.own_shown = 0;
        (self.last_push, self.last_picture) = (Duration::ZERO, Duration::ZERO);
        self.give_sign();
    }
}

/// The stream of mosaics, told message by message.
async fn watch(client: Client, request: WatchMosaicRequest, needs_line: bool) {
    if needs_line {
        match if is_http2() { Line::NotNeeded } else { Line::take().await } {
            Line::NoneLeft => return tell(Message::Crowded),
            line => tell(Message::Line(line)),
        }
    }
    let ending = match client.watch_mosaic(&request).await {
        Ok(mut mosaics) => loop {
            match mosaics.next().await {
                Ok(Some(response)) => tell(Message::Response(Box::new(response))),
                Ok(None) => break Ending::new(Code::Unavailable, "the stream ended"),
                Err(ending) => break ending,
            }
        },
        Err(ending) => ending,
    };
    tell(Message::StreamEnded(ending));
}
