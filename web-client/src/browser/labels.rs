//! What lies over the tiles: names, who does not answer, and which tile is large.

use tessera_wire::{Layout, Place, TileInfo};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::dom::{append, by_id, create, document, property, set, text_element};
use crate::texts::{Texts, fill};

/// One label for each taken place, as a button that makes its tile large.
#[derive(Debug)]
pub(crate) struct Labels {
    texts: &'static Texts,
    layout: Layout,
    labels: Vec<Label>,
    large: Option<u32>,
}

/// What lies over one tile.
#[derive(Debug)]
struct Label {
    tile: Element,
    /// The button by which a host ends the seat.
    remove: Option<Element>,
}

impl Label {
    fn parts(&self) -> impl Iterator<Item = &Element> {
        std::iter::once(&self.tile).chain(&self.remove)
    }
}

impl Labels {
    pub(crate) fn new(texts: &'static Texts) -> Self {
        Self { texts, layout: Layout::default(), labels: Vec::new(), large: None }
    }

    /// Who has that slot.
    pub(crate) fn place(&self, slot: u32) -> Option<&Place> {
        self.layout.places.iter().find(|place| place.slot == slot)
    }

    /// Whether nobody else comes in.
    pub(crate) fn is_locked(&self) -> bool {
        self.layout.locked
    }

    /// Takes a new layout; gives the one from before.
    pub(crate) fn arrange(&mut self, layout: Layout, own: &str, is_host: bool) -> Layout {
        let frame: HtmlElement = by_id("frame");
        property(&frame, "--ratio", &format!("calc({} / {})", layout.width, layout.height.max(1)));
        let tiles: Element = by_id("tiles");
        let focused = document().active_element().and_then(|element| {
            let attribute =
                ["data-slot", "data-remove"].into_iter().find(|name| element.has_attribute(name))?;
            Some(format!("[{attribute}=\"{}\"]", element.get_attribute(attribute)?))
        });
        tiles.replace_children_with_node_0();
        self.labels = layout.places.iter().map(|place| self.label(place, &layout, own, is_host)).collect();
        for part in self.labels.iter().flat_map(Label::parts) {
            append(&tiles, part);
        }
        if let Some(focused) = focused.and_then(|selector| tiles.query_selector(&selector).ok()?) {
            // An element that cannot have the focus does not take it.
            let _focused = focused.unchecked_ref::<HtmlElement>().focus();
        }
        let before = std::mem::replace(&mut self.layout, layout);
        self.large = self.large.filter(|&slot| self.place(slot).is_some());
        self.enlarge(self.large);
        before
    }

    fn label(&self, place: &Place, layout: &Layout, own: &str, is_host: bool) -> Label {
        let tile = create("button");
        let is_own = place.client_id == own;
        let class = match (is_own, place.video_off) {
            (false, false) => "tile",
            (false, true) => "tile off",
            (true, false) => "tile own",
            (true, true) => "tile own off",
        };
        set(&tile, "type", Some("button"));
        set(&tile, "class", Some(class));
        set(&tile, "data-testid", Some("tile"));
        set(&tile, "data-client-id", Some(&place.client_id));
        set(&tile, "data-slot", Some(&place.slot.to_string()));
        set(&tile, "data-initial", place.display_name.chars().next().map(String::from).as_deref());
        let share = |part: u32, whole: u32| format!("calc(100% * {part} / {})", whole.max(1));
        let style = tile.unchecked_ref::<HtmlElement>();
        property(style, "left", &share(place.x, layout.width));
        property(style, "top", &share(place.y, layout.height));
        property(style, "width", &share(place.width, layout.width));
        property(style, "height", &share(place.height, layout.height));
        let name = create("span");
        name.set_text_content(Some(&if is_own {
            format!("{} ({})", place.display_name, self.texts.you)
        } else {
            place.display_name.clone()
        }));
        append(&tile, &name);
        let remove = (is_host && !is_own).then(|| {
            let remove = text_element("button", "\u{d7}");
            set(&remove, "type", Some("button"));
            set(&remove, "class", Some("remove"));
            set(&remove, "data-remove", Some(&place.slot.to_string()));
            let words = fill(self.texts.remove_somebody, &place.display_name);
            set(&remove, "aria-label", Some(&words));
            let style = remove.unchecked_ref::<HtmlElement>();
            style.set_title(&words);
            property(style, "left", &share(place.x + place.width, layout.width));
            property(style, "top", &share(place.y, layout.height));
            remove
        });
        Label { tile, remove }
    }

    /// Dims the tiles of those who do not answer.
    pub(crate) fn dim(&self, infos: &[TileInfo]) {
        for (Label { tile, .. }, place) in self.labels.iter().zip(&self.layout.places) {
            let is_stale = infos.iter().any(|info| info.slot == place.slot && info.stale);
            // A list of classes takes any word without a space.
            let _set = tile.class_list().toggle_with_force("stale", is_stale);
            self.describe(tile, place, is_stale);
        }
    }

    fn describe(&self, tile: &Element, place: &Place, is_stale: bool) {
        let name = tile.text_content().unwrap_or_default();
        let mut words = if self.large == Some(place.slot) {
            format!("{name}. {}", self.texts.back_to_all)
        } else {
            fill(self.texts.show_large, &name)
        };
        for (is_so, word) in [(place.video_off, self.texts.off), (is_stale, self.texts.stale)] {
            if is_so {
                words = format!("{words}, {word}");
            }
        }
        set(tile, "aria-label", Some(&words));
    }

    /// Makes a tile large, or shows everybody again if it is.
    pub(crate) fn toggle(&mut self, slot: u32) {
        self.enlarge(Some(slot).filter(|_| self.large != Some(slot)));
    }

    /// Makes one tile as large as the mosaic, or shows everybody again.
    pub(crate) fn enlarge(&mut self, slot: Option<u32>) {
        self.large = slot;
        let place = slot.and_then(|slot| self.place(slot));
        let canvas: HtmlElement = by_id("mosaic");
        let transform = place.map(|place| {
            let (width, height) = (self.layout.width.max(1), self.layout.height.max(1));
            format!(
                "scale(calc({width} / {})) translate(calc(-100% * {} / {width}), calc(-100% * {} / {height}))",
                place.width.max(1),
                place.x,
                place.y,
            )
        });
        property(&canvas, "transform", transform.as_deref().unwrap_or("none"));
        for (label, other) in self.labels.iter().zip(&self.layout.places) {
            for part in label.parts() {
                part.unchecked_ref::<HtmlElement>().set_hidden(slot.is_some_and(|slot| slot != other.slot));
                set(part, "data-large", (slot == Some(other.slot)).then_some("true"));
            }
        }
    }
}
