//! What a host may do to the room, and what everybody sees of it.

use tessera_wire::{EndSeatRequest, LockRoomRequest};

use super::{App, Message, tell};
use crate::browser::dom::Task;

impl App {
    pub(super) fn is_host(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.host)
    }

    pub(super) fn show_rule(&self) {
        self.view.rule(self.is_host(), self.labels.is_locked());
    }

    /// Asks whether whoever has that slot is to go.
    pub(super) fn ask_removal(&mut self, slot: u32) {
        let Some(place) = self.labels.place(slot) else { return };
        self.view.ask_removal(&place.display_name);
        self.removing = Some(place.client_id.clone());
    }

    /// Ends the seat of whom it was asked about.
    pub(super) fn remove(&mut self) {
        let (Some(client_id), Some(room)) = (self.removing.take(), self.room()) else { return };
        let client = self.client.clone();
        self.ruling = Some(Task::spawn(async move {
            tell(Message::Ruled(client.end_seat(&EndSeatRequest { room, client_id }).await));
        }));
    }

    /// Locks the room, or opens it again.
    pub(super) fn lock(&mut self) {
        let Some(room) = self.room() else { return };
        let (client, locked) = (self.client.clone(), !self.labels.is_locked());
        self.ruling = Some(Task::spawn(async move {
            tell(Message::Ruled(client.lock_room(&LockRoomRequest { room, locked }).await));
        }));
    }

    /// The room of the call.
    fn room(&self) -> Option<String> {
        self.call.entry().map(|entry| entry.room.clone())
    }
}
