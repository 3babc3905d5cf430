//! The camera and the screen: asked for, chosen, lost and found again.

use std::time::Duration;

use super::App;
use crate::browser::camera::{self, Device, Feed, Source};
use crate::browser::identity;
use crate::notice::CameraError;

/// The original's tile, until the server says otherwise.
const USUAL_TILE: (u32, u32) = (640, 480);

impl App {
    pub(super) fn open_camera(&mut self, device: Option<String>) {
        self.wants_camera = true;
        self.open_feed(Source::Camera, device);
    }

    pub(super) fn open_feed(&mut self, source: Source, device: Option<String>) {
        self.last_asked += 1;
        (self.camera_error, self.is_camera_error_read) = (None, false);
        let size = self.seat.as_ref().map_or(USUAL_TILE, |seat| (seat.tile_width, seat.tile_height));
        if source == Source::Camera {
            // Many cameras give their pictures to one at a time.
            self.feed = None;
        }
        self.asking = Some(source);
        camera::open(source, device, size, self.last_asked);
    }

    pub(super) fn fed(&mut self, number: u32, feed: Result<Feed, CameraError>) {
        // What is not wanted any more is closed by its Drop.
        if number != self.last_asked {
            return;
        }
        let source = self.asking.take();
        match feed {
            Ok(feed) => {
                self.feed = Some(feed);
                self.next_picture = Duration::ZERO;
            }
            Err(error) if source == Some(Source::Screen) => {
                if error != CameraError::Denied {
                    self.complaint = Some(self.texts.share_failed.to_owned());
                }
                // Whoever thinks better of sharing goes on as before, and a camera that was asked for is asked again.
                self.want_feed();
            }
            Err(error) => self.camera_error = Some(error),
        }
        self.listing = camera::list();
        self.last_push = Duration::ZERO;
    }

    /// Whether the pictures of that number are those that are sent now.
    pub(super) fn is_feed(&self, number: u32) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.number == number)
    }

    pub(super) fn is_screen(&self) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.source == Source::Screen)
    }

    pub(super) fn feed_ended(&mut self) {
        let was_screen = self.feed.take().is_some_and(|feed| feed.source == Source::Screen);
        self.last_push = Duration::ZERO;
        if was_screen && self.wants_camera {
            self.open_camera(identity::camera());
        } else if !was_screen {
            (self.camera_error, self.is_camera_error_read) = (Some(CameraError::Gone), false);
        }
    }

    pub(super) fn devices_changed(&mut self) {
        self.listing = camera::list();
        let is_refused =
            matches!(self.camera_error, None | Some(CameraError::Denied | CameraError::Insecure));
        if self.wants_camera && self.feed.is_none() && !is_refused {
            self.open_camera(identity::camera());
        }
    }

    pub(super) fn list(&mut self, devices: Vec<Device>) {
        self.devices = devices;
        let chosen = self.feed.as_ref().and_then(Feed::device).or_else(identity::camera);
        self.view.cameras(&self.devices, chosen.as_deref());
    }

    pub(super) fn toggle_camera(&mut self) {
        if self.feed.is_some() || self.asking.is_some() {
            self.wants_camera = false;
            self.drop_feed();
            self.give_sign();
        } else if camera::is_secure() {
            self.open_camera(identity::camera());
        } else {
            (self.camera_error, self.is_camera_error_read) = (Some(CameraError::Insecure), false);
        }
    }

    /// Opens the camera again for whoever only watched meanwhile.
    pub(super) fn want_feed(&mut self) {
        if self.wants_camera && self.feed.is_none() && self.asking.is_none() && self.camera_error.is_none() {
            self.open_camera(identity::camera());
        }
    }

    /// Stops sending pictures: the camera's light goes out.
    pub(super) fn drop_feed(&mut self) {
        self.last_asked += 1;
        (self.feed, self.asking) = (None, None);
        self.last_push = Duration::ZERO;
    }

    /// A screen is shared with the call alone: where that ends, so does the sharing, and the camera comes back.
    pub(super) fn end_sharing(&mut self) {
        let is_asked_for = self.asking == Some(Source::Screen);
        if !is_asked_for && !self.is_screen() {
            return;
        }
        if is_asked_for {
            self.last_asked += 1;
            self.asking = None;
        }
        self.feed.take_if(|feed| feed.source == Source::Screen);
        self.want_feed();
    }

    pub(super) fn toggle_share(&mut self) {
        if self.is_screen() {
            self.feed_ended();
        } else {
            self.open_feed(Source::Screen, None);
        }
    }
}
