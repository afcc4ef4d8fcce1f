//! Bars of figures beside each other, as SVG.
//!
//! ```text
//! chart FILE.svg < FIGURES.json
//! ```
//!
//! The input is `{"title": "..", "panels": [{"title": "..", "bars": [{"name": "..", "value": 1.5}]}]}`;
//! bars whose name begins with `wirecraft` stand out.
#![forbid(unsafe_code)]

use anyhow::{Context as _, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde_json::Value;
use std::io::Read as _;

/// Lengths are in pixels.
const PANEL_WIDTH: u32 = 480;
const TITLE_HEIGHT: u32 = 40;
const BAR_HEIGHT: i32 = 20;
const BAR_DISTANCE: i32 = 26;
const BARS_TOP: i32 = 36;
const NAME_WIDTH: i32 = 160;
const VALUE_WIDTH: i32 = 60;

/// How many panels stand beside each other.
const COLUMNS: usize = 2;

const OURS: RGBColor = RGBColor(0x1b, 0x6f, 0xb5);
const THEIRS: RGBColor = RGBColor(0xb0, 0xb7, 0xbf);
const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);

struct Panel {
    title: String,
    bars: Vec<(String, f64)>,
}

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .context("usage: chart FILE.svg < FIGURES.json")?;
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let figures: Value = serde_json::from_str(&input).context("the figures")?;
    let title = figures["title"].as_str().unwrap_or_default();
    let panels = figures["panels"].as_array().context("panels")?;
    let panels: Option<Vec<Panel>> = panels.iter().map(Panel::read).collect();
    draw(
        &path,
        title,
        &panels.context("a panel without title or bars")?,
    )
}

fn draw(path: &str, title: &str, panels: &[Panel]) -> Result<()> {
    let bars = panels
        .iter()
        .map(|panel| panel.bars.len())
        .max()
        .unwrap_or(0);
    let panel_height = BARS_TOP + BAR_DISTANCE * i32::try_from(bars)? + 10;
    let rows = panels.len().div_ceil(COLUMNS);
    let width = PANEL_WIDTH * u32::try_from(COLUMNS)?;
    let height = TITLE_HEIGHT + u32::try_from(panel_height)? * u32::try_from(rows)?;
    let root = SVGBackend::new(path, (width, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, body) = root.split_vertically(TITLE_HEIGHT);
    head.draw_text(title, &style(18, HPos::Left), (12, 22))?;
    for (panel, area) in panels.iter().zip(body.split_evenly((rows, COLUMNS))) {
        panel.draw(&area)?;
    }
    root.present()?;
    Ok(())
}

fn style(size: u32, at: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size)).color(&TEXT);
    style.pos(Pos::new(at, VPos::Center))
}

impl Panel {
    fn read(panel: &Value) -> Option<Self> {
        let bars = panel["bars"].as_array()?.iter();
        let bar = |bar: &Value| Some((bar["name"].as_str()?.to_owned(), bar["value"].as_f64()?));
        Some(Self {
            title: panel["title"].as_str()?.to_owned(),
            bars: bars.map(bar).collect::<Option<_>>()?,
        })
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<()> {
        area.draw_text(&self.title, &style(15, HPos::Left), (12, 16))?;
        let greatest = self
            .bars
            .iter()
            .map(|(_, value)| *value)
            .fold(0.0, f64::max);
        let room = i32::try_from(PANEL_WIDTH)? - NAME_WIDTH - VALUE_WIDTH;
        let mut top = BARS_TOP;
        for (name, value) in &self.bars {
            let share = if greatest > 0.0 {
                value / greatest
            } else {
                0.0
            };
            #[expect(clippy::cast_possible_truncation, reason = "less than a panel is wide")]
            let end = NAME_WIDTH + (f64::from(room) * share) as i32;
            let colour = if name.starts_with("wirecraft") {
                OURS
            } else {
                THEIRS
            };
            let corners = [(NAME_WIDTH, top), (end, top + BAR_HEIGHT)];
            area.draw(&Rectangle::new(corners, colour.filled()))?;
            let middle = top + BAR_HEIGHT / 2;
            area.draw_text(name, &style(13, HPos::Right), (NAME_WIDTH - 8, middle))?;
            let text = if *value < 100.0 {
                format!("{value:.2}")
            } else {
                format!("{value:.0}")
            };
            area.draw_text(&text, &style(13, HPos::Left), (end + 6, middle))?;
            top += BAR_DISTANCE;
        }
        Ok(())
    }
}
