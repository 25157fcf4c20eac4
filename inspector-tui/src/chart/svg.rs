//! A chart as SVG, for documents and browsers.

use std::fmt::{self, Write as _};

use super::{Picture, scale};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 40.0;
/// Okabe and Ito 2008, which people who are colour-blind tell apart.
const COLOURS: [&str; super::picture::MAX_DRAWN] = [
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8a7a00", "#000000",
];

/// The picture; `clock` writes a time of the target's clock.
pub fn svg(picture: &Picture<'_>, clock: impl Fn(u64) -> String) -> String {
    let mut out = String::new();
    // Writing to a text does not fail.
    let _ = write(&mut out, picture, clock);
    out
}

fn write(out: &mut String, picture: &Picture<'_>, clock: impl Fn(u64) -> String) -> fmt::Result {
    let (low, high) = picture.span();
    let legend = TOP + HEIGHT + 50.0;
    let full = legend + 20.0 * picture.lines.len() as f64 + 10.0;
    let span = picture.to.saturating_sub(picture.from).max(1) as f64;
    let x = |at: u64| LEFT + WIDTH * (at as f64 - picture.from as f64) / span;
    let y = |value: f64| TOP + HEIGHT * (high - value) / (high - low);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {full}" font-family="sans-serif" font-size="13">"#,
        LEFT + WIDTH + 30.0
    )?;
    writeln!(out, r##"<rect width="100%" height="100%" fill="#fff"/>"##)?;
    writeln!(
        out,
        r#"<text x="{LEFT}" y="24" font-size="16">{}</text>"#,
        Text(&picture.title)
    )?;
    // Of calls each row says what it is.
    let marks = if picture.heat.is_empty() { 6 } else { 0 };
    for mark in scale::marks(low, high, marks).into_iter().take(marks * 3) {
        let at = y(mark);
        writeln!(out, r##"<path d="M{LEFT} {at:.1}h{WIDTH}" stroke="#ddd"/>"##)?;
        let label = scale::with_unit(mark, picture.unit());
        writeln!(
            out,
            r#"<text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            at + 4.0,
            Text(&label)
        )?;
    }
    for mark in scale::times(picture.from, picture.to, 8, picture.epoch) {
        let at = x(mark);
        writeln!(out, r##"<path d="M{at:.1} {TOP}v{HEIGHT}" stroke="#eee"/>"##)?;
        let below = TOP + HEIGHT + 20.0;
        writeln!(
            out,
            r#"<text x="{at:.1}" y="{below}" text-anchor="middle">{}</text>"#,
            Text(&clock(mark))
        )?;
    }
    // A line goes on outside the time that is seen.
    writeln!(
        out,
        r#"<clipPath id="plot"><rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}"/></clipPath>"#
    )?;
    writeln!(
        out,
        r##"<rect x="{LEFT}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#888"/>"##
    )?;
    for (nth, (line, colour)) in picture.lines.iter().zip(COLOURS).enumerate() {
        let mut path = String::new();
        for point in &line.points {
            let command = if path.is_empty() { 'M' } else { 'L' };
            write!(path, "{command}{:.1} {:.1}", x(point.at), y(point.high))?;
            if point.low < point.high {
                write!(
                    path,
                    "V{:.1}L{:.1} {:.1}",
                    y(point.low),
                    x(point.at),
                    y(point.last)
                )?;
            }
        }
        writeln!(
            out,
            r#"<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.5" clip-path="url(#plot)"/>"#
        )?;
        let at = legend + 20.0 * nth as f64;
        writeln!(
            out,
            r#"<path d="M{LEFT} {:.1}h24" stroke="{colour}" stroke-width="3"/>"#,
            at - 4.0
        )?;
        let figures = format!(
            "{}: last {}, min {}, max {}, mean {}",
            line.name,
            scale::with_unit(line.last, line.unit),
            scale::with_unit(line.low, line.unit),
            scale::with_unit(line.high, line.unit),
            scale::with_unit(line.mean, line.unit)
        );
        writeln!(
            out,
            r#"<text x="{}" y="{at}">{}</text>"#,
            LEFT + 32.0,
            Text(&figures)
        )?;
    }
    heat(out, picture, x, span)?;
    writeln!(out, "</svg>")
}

/// How long calls took: a column a stretch of time, the longest on top.
fn heat(out: &mut String, picture: &Picture<'_>, x: impl Fn(u64) -> f64, span: f64) -> fmt::Result {
    let rows = picture
        .heat
        .iter()
        .map(|heat| heat.counts.len())
        .max()
        .unwrap_or(0);
    let most = picture
        .heat
        .iter()
        .flat_map(|heat| &heat.counts)
        .max()
        .copied()
        .unwrap_or(0);
    let each = HEIGHT / rows.max(1) as f64;
    let wide = (WIDTH * super::SECOND as f64 / span).max(1.0);
    for row in 0..rows {
        let top = TOP + HEIGHT - each * (row + 1) as f64;
        for heat in &picture.heat {
            let count = heat.counts.get(row).copied().unwrap_or(0);
            if count > 0 {
                let part = (count as f64).ln_1p() / (most as f64).ln_1p();
                let at = (x(heat.at) - wide).max(LEFT);
                writeln!(
                    out,
                    r##"<rect x="{at:.1}" y="{top:.1}" width="{wide:.1}" height="{each:.1}" fill="#d55e00" fill-opacity="{part:.2}"/>"##
                )?;
            }
        }
        let label = super::bucket(row, rows);
        let at = top + each / 2.0 + 4.0;
        writeln!(
            out,
            r#"<text x="{}" y="{at:.1}" text-anchor="end">{label}</text>"#,
            LEFT - 8.0
        )?;
    }
    Ok(())
}

/// A text as XML takes it.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML has no place for these.
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
