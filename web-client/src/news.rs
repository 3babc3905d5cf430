//! Who came and who went, from one layout to the next.

use tessera_wire::{Layout, Place};

/// Something to tell about somebody, by the name that people see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Somebody has joined.
    Came(String),
    /// Somebody has left.
    Went(String),
    /// A host has locked the room.
    Locked,
    /// And has opened it again.
    Unlocked,
}

/// What happened between two layouts to everybody but `own`.
pub fn between(before: &Layout, after: &Layout, own: &str) -> Vec<News> {
    let not_in = |layout: &Layout, place: &&Place| {
        place.client_id != own && !layout.places.iter().any(|other| other.client_id == place.client_id)
    };
    let name = |place: &Place| place.display_name.clone();
    let went = before.places.iter().filter(|place| not_in(after, place)).map(name).map(News::Went);
    let came = after.places.iter().filter(|place| not_in(before, place)).map(name).map(News::Came);
    let lock =
        (before.locked != after.locked).then_some(if after.locked { News::Locked } else { News::Unlocked });
    went.chain(came).chain(lock).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(ids: &[&str]) -> Layout {
        let place = |id: &&str| Place {
            client_id: (*id).to_owned(),
            display_name: id.to_uppercase(),
            ..Place::default()
        };
        Layout { places: ids.iter().map(place).collect(), ..Layout::default() }
    }

    #[test]
    fn those_who_came_and_went_are_told_but_not_oneself() {
        let news = between(&layout(&["me", "a", "b"]), &layout(&["b", "c"]), "me");
        assert_eq!(news, [News::Went("A".into()), News::Came("C".into())]);
        assert_eq!(between(&layout(&[]), &layout(&["me"]), "me"), []);
        assert_eq!(between(&layout(&["a"]), &layout(&["a"]), "me"), []);
        let locked = Layout { locked: true, ..layout(&["a"]) };
        assert_eq!(between(&layout(&["a"]), &locked, "me"), [News::Locked]);
        assert_eq!(between(&locked, &layout(&["a"]), "me"), [News::Unlocked]);
    }
}
