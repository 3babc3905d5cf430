//! What lies over the tiles: names, who does not answer, and which tile is large.

use tessera_wire::{Layout, Place, TileInfo};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use super::dom::{append, by_id, create, document, property, set};
use crate::texts::{Texts, fill};

/// One label for each taken place, as a button that makes its tile large.
#[derive(Debug)]
pub(crate) struct Labels {
    texts: &'static Texts,
    layout: Layout,
    labels: Vec<Element>,
    large: Option<u32>,
}

impl Labels {
    pub(crate) fn new(texts: &'static Texts) -> Self {
        Self { texts, layout: Layout::default(), labels: Vec::new(), large: None }
    }

    /// Takes a new layout; gives the one from before.
    pub(crate) fn arrange(&mut self, layout: Layout, own: &str) -> Layout {
        let frame: HtmlElement = by_id("frame");
        property(&frame, "--ratio", &format!("calc({} / {})", layout.width, layout.height.max(1)));
        let tiles: Element = by_id("tiles");
        let focused = document().active_element().and_then(|element| element.get_attribute("data-slot"));
        tiles.replace_children_with_node_0();
        self.labels = layout.places.iter().map(|place| self.label(place, &layout, own)).collect();
        for label in &self.labels {
            append(&tiles, label);
            if focused.is_some() && label.get_attribute("data-slot") == focused {
                // An element that cannot have the focus does not take it.
                let _focused = label.unchecked_ref::<HtmlElement>().focus();
            }
        }
        let before = std::mem::replace(&mut self.layout, layout);
        self.large = self.large.filter(|slot| self.layout.places.iter().any(|place| place.slot == *slot));
        self.enlarge(self.large);
        before
    }

    fn label(&self, place: &Place, layout: &Layout, own: &str) -> Element {
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
        tile
    }

    /// Dims the tiles of those who do not answer.
    pub(crate) fn dim(&self, infos: &[TileInfo]) {
        for (label, place) in self.labels.iter().zip(&self.layout.places) {
            let is_stale = infos.iter().any(|info| info.slot == place.slot && info.stale);
            // A list of classes takes any word without a space.
            let _set = label.class_list().toggle_with_force("stale", is_stale);
            self.describe(label, place, is_stale);
        }
    }

    fn describe(&self, label: &Element, place: &Place, is_stale: bool) {
        let name = label.text_content().unwrap_or_default();
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
        set(label, "aria-label", Some(&words));
    }

    /// Makes a tile large, or shows everybody again if it is.
    pub(crate) fn toggle(&mut self, slot: u32) {
        self.enlarge(Some(slot).filter(|_| self.large != Some(slot)));
    }

    /// Makes one tile as large as the mosaic, or shows everybody again.
    pub(crate) fn enlarge(&mut self, slot: Option<u32>) {
        self.large = slot;
        let place = self.layout.places.iter().find(|place| Some(place.slot) == slot);
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
            let tile = label.unchecked_ref::<HtmlElement>();
            tile.set_hidden(slot.is_some_and(|slot| slot != other.slot));
            set(label, "data-large", (slot == Some(other.slot)).then_some("true"));
        }
    }
}
