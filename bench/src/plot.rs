//! A plot from its description as JSON: drawn as those of the simulation are (`crates/scale`).

use std::io::Read as _;

use scale::plot::{Axis, Mark, Plot, Scale, Series};
use serde::Deserialize;

/// What is read from the standard input.
#[derive(Deserialize)]
struct Description {
    title: String,
    x: Side,
    y: Side,
    series: Vec<Line>,
    /// Rows of dots instead of lines: then the ticks of `y` are the rows' names.
    #[serde(default)]
    rows: Vec<String>,
}

#[derive(Deserialize)]
struct Side {
    label: String,
    /// What is written on the axis; the first and the last are its ends.
    ticks: Vec<f64>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Reads a description, and prints the plot as SVG.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    print!("{}", drawn(serde_json::from_str(&text)?).to_svg());
    Ok(())
}

fn drawn(description: Description) -> Plot {
    let Description { title, x, y, series, rows } = description;
    let is_dots = !rows.is_empty();
    let mut y = axis(y, Scale::Log);
    if is_dots {
        y = Axis { scale: Scale::Linear, ..y };
        y.ticks = rows.into_iter().enumerate().map(|(number, name)| (f64::from(u32::try_from(number).unwrap_or(0)), name)).collect();
    }
    Plot {
        title: title.leak(),
        x: axis(x, Scale::Log),
        y,
        series: series.into_iter().map(|Line { name, points }| Series { name, points }).collect(),
        mark: if is_dots { Mark::Dot } else { Mark::Line },
    }
}

fn axis(description: Side, scale: Scale) -> Axis {
    // The texts of a plot live as long as this program, which draws one and ends.
    Axis::new(description.label.leak(), scale, &description.ticks, "")
}
