//! Plots as SVG, readable on light and on dark ground: lines with a label at their end, or dots in rows.

use std::fmt::Write as _;

use crate::chance::log10;

/// How numbers lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Log,
}

/// One axis: what it shows with its unit, from where to where, and what is written at which values.
#[derive(Debug, Clone)]
pub struct Axis {
    /// With the unit.
    pub label: &'static str,
    /// How numbers lie on it.
    pub scale: Scale,
    /// Its ends.
    pub range: (f64, f64),
    /// Values and their texts.
    pub ticks: Vec<(f64, String)>,
}

/// Numbers of one kind.
#[derive(Debug, Clone)]
pub struct Series {
    /// Written at the end of its line, or in front of all rows.
    pub name: String,
    /// Points; of dots, the second is the number of the row.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
#[derive(Debug, Clone)]
pub struct Plot {
    /// What it shows.
    pub title: &'static str,
    /// Across.
    pub x: Axis,
    /// Upwards; of dots, the ticks are the names of the rows.
    pub y: Axis,
    /// At most eight.
    pub series: Vec<Series>,
    /// How points are drawn.
    pub mark: Mark,
}

/// How points are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Joined, with a label at the end.
    Line,
    /// One by one, with labels above.
    Dot,
}

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 440.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 382.0;
/// Space for the labels at the ends of lines.
const RIGHT: f64 = 590.0;
const COLOURS: [(&str, &str); 8] = [
    ("#0b62a4", "#6cb6ff"),
    ("#b3420a", "#ffa657"),
    ("#1a7f37", "#56d364"),
    ("#8250df", "#d2a8ff"),
    ("#9a6700", "#e3b341"),
    ("#bf3989", "#f778ba"),
    ("#57606a", "#b1bac4"),
    ("#0a7d7d", "#56d4dd"),
];

impl Axis {
    /// An axis with ticks at these values, written with `unit` behind them.
    pub fn new(label: &'static str, scale: Scale, values: &[f64], unit: &str) -> Self {
        let ends = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(1.0));
        Self { label, scale, range: ends, ticks: values.iter().map(|value| (*value, format!("{}{unit}", short(*value)))).collect() }
    }

    /// Where a value lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        let on_scale = |value: f64| if self.scale == Scale::Log { log10(value) } else { value };
        let (from, to) = (on_scale(self.range.0), on_scale(self.range.1));
        ((on_scale(value) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

impl Plot {
    /// As SVG.
    pub fn to_svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\">\n<title>{}</title>\n{}",
            escape(self.title),
            style()
        );
        line(&mut svg, &format!("<text class=\"title\" x=\"16\" y=\"24\">{}</text>", escape(self.title)));
        self.draw_axes(&mut svg);
        match self.mark {
            Mark::Line => self.draw_lines(&mut svg),
            Mark::Dot => self.draw_dots(&mut svg),
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn left(&self) -> f64 {
        if self.mark == Mark::Dot { 250.0 } else { 84.0 }
    }

    fn right(&self) -> f64 {
        if self.mark == Mark::Dot { WIDTH - 40.0 } else { RIGHT }
    }

    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.left() + self.x.place(x) * (self.right() - self.left()), BOTTOM - self.y.place(y) * (BOTTOM - TOP))
    }

    fn draw_axes(&self, svg: &mut String) {
        let (left, right) = (self.left(), self.right());
        for (value, text) in &self.y.ticks {
            let (_, y) = self.at((self.x.range.0, *value));
            line(svg, &format!("<line class=\"grid\" x1=\"{left:.0}\" x2=\"{right:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"));
            line(svg, &format!("<text class=\"end\" x=\"{:.0}\" y=\"{:.1}\">{}</text>", left - 8.0, y + 4.0, escape(text)));
        }
        for (value, text) in &self.x.ticks {
            let (x, _) = self.at((*value, self.y.range.0));
            line(svg, &format!("<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/>", BOTTOM + 4.0));
            line(svg, &format!("<text class=\"middle\" x=\"{x:.1}\" y=\"{}\">{}</text>", BOTTOM + 20.0, escape(text)));
        }
        let middle = f64::midpoint(left, right);
        line(svg, &format!("<text class=\"middle label\" x=\"{middle:.0}\" y=\"{}\">{}</text>", BOTTOM + 44.0, escape(self.x.label)));
        let y_label = TOP - if self.mark == Mark::Dot { 2.0 } else { 14.0 };
        if self.mark == Mark::Line {
            line(svg, &format!("<text class=\"label\" x=\"16\" y=\"{y_label}\">{}</text>", escape(self.y.label)));
        }
    }

    fn draw_lines(&self, svg: &mut String) {
        let mut labels = vec![];
        for (number, series) in self.series.iter().enumerate() {
            let points: Vec<_> = series.points.iter().map(|point| self.at(*point)).collect();
            let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            line(svg, &format!("<polyline class=\"line s{number}\" points=\"{}\"/>", path.join(" ")));
            if let Some((x, y)) = points.last() {
                line(svg, &format!("<circle class=\"s{number} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"));
                labels.push((*y, number, &series.name));
            }
        }
        labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Labels keep a distance: downwards from the first, and then back up what went below the axis.
        let mut below = f64::MIN;
        for label in &mut labels {
            label.0 = label.0.max(below + 16.0);
            below = label.0;
        }
        let mut above = BOTTOM;
        for label in labels.iter_mut().rev() {
            label.0 = label.0.min(above);
            above = label.0 - 16.0;
        }
        for (y, number, name) in labels {
            line(svg, &format!("<text class=\"t{number}\" x=\"{}\" y=\"{:.1}\">{}</text>", self.right() + 10.0, y + 4.0, escape(name)));
        }
    }

    fn draw_dots(&self, svg: &mut String) {
        let mut x = 16.0;
        for (number, series) in self.series.iter().enumerate() {
            line(svg, &format!("<circle class=\"s{number} dot\" cx=\"{:.0}\" cy=\"44\" r=\"5\"/>", x + 5.0));
            line(svg, &format!("<text class=\"t{number}\" x=\"{:.0}\" y=\"48\">{}</text>", x + 15.0, escape(&series.name)));
            x += 34.0 + 6.6 * f64::from(u32::try_from(series.name.chars().count()).unwrap_or(0));
            for point in &series.points {
                let (x, y) = self.at(*point);
                // Equal places of several series lie below each other.
                let y = y + 5.0 * (f64::from(u32::try_from(number).unwrap_or(0)) - 1.5);
                line(svg, &format!("<circle class=\"s{number} dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"));
            }
        }
    }
}

fn style() -> String {
    let mut light = String::new();
    let mut dark = String::new();
    for (number, (on_light, on_dark)) in COLOURS.iter().enumerate() {
        let number = &number.to_string();
        for (text, colour) in [(&mut light, on_light), (&mut dark, on_dark)] {
            text.extend([".s", number, "{stroke:", colour, "}.s", number, ".dot,.t", number, "{fill:", colour, "}"]);
        }
    }
    format!(
        "<style>\nsvg{{background:#fff}}text{{font:13px sans-serif;fill:#1f2328}}.title{{font-weight:bold;font-size:15px}}.label{{fill:#57606a}}\
         .end{{text-anchor:end}}.middle{{text-anchor:middle}}.grid{{stroke:#d0d7de}}.line{{fill:none;stroke-width:2}}\n{light}\n\
         @media (prefers-color-scheme:dark){{svg{{background:#0d1117}}text{{fill:#e6edf3}}.label{{fill:#b1bac4}}.grid{{stroke:#30363d}}{dark}}}\n</style>\n"
    )
}

fn line(svg: &mut String, text: &str) {
    svg.push_str(text);
    svg.push('\n');
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A number as a tick has it: 1000000 as 1M.
fn short(value: f64) -> String {
    let mut text = String::new();
    let written = match value {
        value if value >= 1e6 => write!(text, "{}M", value / 1e6),
        value if value >= 1e3 => write!(text, "{}k", value / 1e3),
        value => write!(text, "{value}"),
    };
    debug_assert!(written.is_ok());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_its_axes_its_points_and_its_labels() {
        let x = Axis::new("day", Scale::Linear, &[0.0, 10.0], "");
        let y = Axis::new("messages <1>", Scale::Log, &[1.0, 10.0, 1000.0], " %");
        let series = vec![Series { name: "one".to_owned(), points: vec![(0.0, 1.0), (10.0, 1000.0)] }];
        let svg = Plot { title: "Growth", x, y, series, mark: Mark::Line }.to_svg();
        assert!(svg.contains("points=\"84.0,382.0 590.0,64.0\""), "{svg}");
        for text in ["Growth", "messages &lt;1&gt;", ">one<", "1k %", "prefers-color-scheme:dark"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
    }
}
