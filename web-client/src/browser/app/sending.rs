//! Frames up: from a picture of the camera to a push that was answered.

use std::time::Duration;

use bytes::Bytes;
use tessera_wire::{FrameRequest, PushFrameResponse};

use super::{App, Message, is_seen, tell};
use crate::browser::dom::{Task, document, now, words};
use crate::browser::encoder::Shape;
use crate::browser::large::is_picture_in_picture;
use crate::browser::transport::{MAX_FRAME_BYTES, is_http2};
use crate::call::Ending;
use crate::fit;
use crate::texts::fill;

/// Without frames, so often comes a sign of life.
const LIFE: Duration = Duration::from_secs(2);
/// A camera's pictures come a little early or late; they are not skipped for that.
const EARLY: Duration = Duration::from_millis(8);

/// So many pushes in a row that failed are told, while the stream lives.
const UNANSWERED: u32 = 20;

/// A push that is made ready: a frame, or a sign of life without one.
#[derive(Debug)]
pub(super) struct Push {
    jpeg: Bytes,
    taken_at: Duration,
}

impl App {
    /// A picture is there: a JPEG is made of it if it is time for one and the way is free.
    pub(super) fn picture(&mut self, taken_at: Duration) {
        if !self.is_sending() || now() + EARLY < self.next_picture {
            return;
        }
        let window = self.pace.window(most_in_flight());
        if self.encoder.is_busy() || self.outbox.is_full(window) {
            return self.outbox.skip();
        }
        let (Some(feed), Some(seat)) = (&self.feed, &self.seat) else { return };
        let Some(size) = feed.size() else { return };
        let tile = (f64::from(seat.tile_width), f64::from(seat.tile_height));
        let shape = Shape {
            width: seat.tile_width,
            height: seat.tile_height,
            place: fit::place(size, tile, seat.fit()),
            quality: self.pace.quality(seat.quality),
        };
        if let Err(error) = self.encoder.encode(&feed.video, shape) {
            return self.complain(fill(self.texts.camera_failed, &words(&error)));
        }
        (self.encoding, self.last_picture) = (taken_at, now());
        let due = self.next_picture + self.pace.interval();
        // Whoever was late does not make up for it.
        self.next_picture = if due + self.pace.interval() < now() { now() } else { due };
    }

    pub(super) fn encoded(&mut self, jpeg: Result<Bytes, String>) {
        self.encoder.done();
        match jpeg {
            Ok(jpeg) if jpeg.len() > MAX_FRAME_BYTES => self.outbox.skip(),
            Ok(jpeg) if self.is_sending() => {
                self.outbox.put(Push { jpeg, taken_at: self.encoding });
                self.send();
            }
            Ok(_) => {}
            Err(error) => self.complain(fill(self.texts.camera_failed, &error)),
        }
    }

    /// A screen on which nothing moves gives no pictures, and hidden pages are told of none: so they are looked for.
    pub(super) fn look_for_picture(&mut self) {
        if self.is_hidden_but_seen() || now() >= self.last_picture + LIFE {
            self.picture(now());
        }
    }

    /// Says that somebody is here, when no frame has said it for a while.
    pub(super) fn give_sign(&mut self) {
        self.outbox.expire(now());
        if self.seat.is_some() && (now() >= self.last_push + LIFE || self.last_push.is_zero()) {
            self.outbox.put(Push { jpeg: Bytes::new(), taken_at: Duration::ZERO });
            self.send();
        }
    }

    /// Sends what is next, as long as the way has room.
    pub(super) fn send(&mut self) {
        let (Some(seat), Some(entry)) = (&self.seat, self.call.entry()) else { return };
        while let Some((number, push)) = self.outbox.take(self.pace.window(most_in_flight())) {
            self.last_push = now();
            let request = FrameRequest {
                video_off: push.jpeg.is_empty() && self.feed.is_none(),
                frame_data: push.jpeg,
                client_id: entry.client_id.clone(),
                room: entry.room.clone(),
                session: seat.session.clone(),
                sequence: number,
                captured_at_us: push.taken_at.as_micros() as u64,
                ..FrameRequest::default()
            };
            let client = self.client.clone();
            let bytes = request.frame_data.len();
            let task = Task::spawn(async move {
                let answer = client.push_frame(&request).await;
                tell(Message::Pushed { number, bytes, answer });
            });
            self.outbox.sent(number, task, now());
        }
    }

    pub(super) fn pushed(&mut self, number: u64, bytes: usize, answer: Result<PushFrameResponse, Ending>) {
        let round_trip = self.outbox.answered(number, now());
        self.unanswered = if answer.is_ok() { 0 } else { self.unanswered + 1 };
        if let Err(ending) = &answer
            && self.unanswered == UNANSWERED
        {
            self.complain(fill(self.texts.pushes_fail, &ending.message));
        }
        if let (Some(round_trip), Ok(answer)) = (round_trip, answer) {
            self.stats.round_trips.note(round_trip, now());
            if bytes > 0 {
                // What is small is quick, and says nothing of the way of a frame.
                self.pace.answered(round_trip, now());
            }
            if answer.superseded {
                self.outbox.skip();
            } else if bytes > 0 {
                self.stats.up.note(bytes, now());
            }
            if let Some(refusal) = answer.refusal {
                self.complain(fill(self.texts.frames_refused, &refusal.message));
            }
        }
        self.send();
    }

    pub(super) fn is_sending(&self) -> bool {
        self.seat.is_some() && self.feed.is_some() && (is_seen() || self.is_hidden_but_seen())
    }

    /// Whoever shares another window has this page behind it, and whoever has the small one may, too.
    pub(super) fn is_hidden_but_seen(&self) -> bool {
        document().hidden() && (self.is_screen() || is_picture_in_picture())
    }
}

/// HTTP/1.1 gives a browser six connections to a server, for all its tabs.
fn most_in_flight() -> usize {
    if is_http2() { 4 } else { 2 }
}
