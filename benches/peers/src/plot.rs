//! The ratios of a comparison as a picture: a bar for each case, up to its median, and a line over its range.

use std::{error::Error, path::Path};

use plotters::prelude::*;

use crate::{
    Failure,
    report::{Comparison, Spread},
};

const WIDTH: u32 = 900;
const BAR_HEIGHT: u32 = 26;
/// The title, and the scale below.
const MARGINS_HEIGHT: u32 = 110;
const LABELS_WIDTH: u32 = 300;
/// Half of a bar's thickness, where cases are 1 apart.
const HALF_BAR: f64 = 0.32;
const OURS: RGBColor = RGBColor(46, 125, 50);
const THEIRS: RGBColor = RGBColor(198, 40, 40);

/// Draws the ratios into an SVG file: on a logarithmic scale, green where ours is better.
///
/// # Errors
/// If the file could not be written, or there is nothing to draw.
pub fn draw(comparison: &Comparison, path: &Path) -> Result<(), Failure> {
    let bars: Vec<_> = comparison.rows.iter().map(|row| (row.case.as_str(), row.ratio())).collect();
    // The errors of `plotters` borrow from what it draws on.
    draw_bars(comparison, &bars, path)
        .map_err(|error| format!("cannot draw {}: {error}", path.display()).into())
}

fn draw_bars(comparison: &Comparison, bars: &[(&str, Spread)], path: &Path) -> Result<(), Box<dyn Error>> {
    let count = u32::try_from(bars.len())?;
    let area = SVGBackend::new(path, (WIDTH, MARGINS_HEIGHT + BAR_HEIGHT * count)).into_drawing_area();
    area.fill(&WHITE)?;
    let least = bars.iter().map(|(_, ratio)| ratio.least).fold(0.9, f64::min) * 0.9;
    let greatest = bars.iter().map(|(_, ratio)| ratio.greatest).fold(1.1, f64::max) * 1.1;
    let title = format!("{}: how many times better than {}", comparison.name, comparison.peer);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .margin_right(30)
        .y_label_area_size(LABELS_WIDTH)
        .x_label_area_size(40)
        .build_cartesian_2d((least..greatest).log_scale(), (f64::from(count) - 0.5)..-0.5)?;
    let label = |y: &f64| label_at(*y, bars);
    chart
        .configure_mesh()
        .disable_y_mesh()
        .max_light_lines(0)
        .x_labels(10)
        .y_labels(bars.len() * 2 + 1)
        .y_label_formatter(&label)
        .x_label_formatter(&|ratio| format!("{ratio}"))
        .x_desc("ratio, median and range of the rounds")
        .draw()?;
    for (position, (_, ratio)) in (0_u32..).zip(bars) {
        let y = f64::from(position);
        let color = if ratio.median >= 1.0 { OURS } else { THEIRS };
        let bar = [(1.0, y - HALF_BAR), (ratio.median, y + HALF_BAR)];
        chart.draw_series([Rectangle::new(bar, color.mix(0.7).filled())])?;
        chart.draw_series([PathElement::new([(ratio.least, y), (ratio.greatest, y)], BLACK)])?;
        let text = format!("{:.2}", ratio.median);
        chart.draw_series([Text::new(text, (ratio.greatest * 1.01, y - HALF_BAR), ("sans-serif", 12))])?;
    }
    area.present()?;
    Ok(())
}

/// The name of the case at this height, if there is one.
fn label_at(y: f64, bars: &[(&str, Spread)]) -> String {
    let mut positions = (0_u32..).zip(bars);
    let found = positions.find(|(position, _)| (f64::from(*position) - y).abs() < 1e-6);
    found.map_or_else(String::new, |(_, (case, _))| (*case).to_owned())
}
