//! A chart as marks in a box: the same for the page and for the PDF.
//!
//! What is unknown is left open, never drawn as zero. Colours are told apart by people who see few of them (Okabe and Ito);
//! lines differ by their dashes too.

use hotline_core::paper::{Chart, Form};

use super::letters::{self, Face};

/// Size of the box, points.
pub const WIDTH: f32 = 495.0;
/// Its height.
pub const HEIGHT: f32 = 200.0;
/// More places than this are not drawn.
pub const PLACES_MAX: usize = 2_000;
/// More series than this are not drawn.
pub const SERIES_MAX: usize = 8;
/// Size of the letters.
pub const LETTERS: f32 = 8.0;

const LEFT: f32 = 46.0;
const RIGHT: f32 = 6.0;
const TOP: f32 = 12.0;
const BOTTOM: f32 = 18.0;
const LEGEND: f32 = 14.0;
/// Lines across, about.
const TICKS: f64 = 5.0;
/// Beyond this nobody reads a figure, and `f32` has no room for it.
const LARGEST: f64 = 1e15;

/// A colour of the sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Letters.
pub const INK: Colour = Colour(0x33, 0x33, 0x33);
/// Lines across.
pub const FAINT: Colour = Colour(0xdd, 0xdd, 0xdd);

const SERIES: [(Colour, Option<f32>); SERIES_MAX] = [
    (Colour(0x00, 0x5f, 0xa3), None),
    (Colour(0xc2, 0x4e, 0x00), Some(6.0)),
    (Colour(0x00, 0x7a, 0x5a), Some(2.5)),
    (Colour(0x8a, 0x4d, 0x7c), Some(9.0)),
    (Colour(0x8a, 0x6a, 0x00), Some(4.0)),
    (Colour(0x2b, 0x7b, 0xb0), Some(1.5)),
    (Colour(0x55, 0x55, 0x55), Some(12.0)),
    (Colour(0xa0, 0x1c, 0x1c), Some(3.0)),
];

/// Where a text stands with regard to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// Ends there.
    End,
}

/// One mark; the origin is above and left.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A filled rectangle.
    Bar {
        /// Left.
        x: f32,
        /// Top.
        y: f32,
        /// To the right.
        width: f32,
        /// Downwards.
        height: f32,
        /// Filled with.
        colour: Colour,
    },
    /// A line through points.
    Path {
        /// At least one.
        points: Vec<(f32, f32)>,
        /// How thick.
        width: f32,
        /// Drawn with.
        colour: Colour,
        /// Length of its dashes; `None`: without gaps.
        dash: Option<f32>,
    },
    /// A text.
    Text {
        /// Its point.
        x: f32,
        /// Its base line.
        y: f32,
        /// The words.
        text: String,
        /// How it stands there.
        anchor: Anchor,
    },
}

/// The axis: from, to, one line every.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// Where all values are whole, so are the lines: nobody counts one and a half calls.
    fn over(values: &[f64]) -> Self {
        let whole = values.iter().all(|value| value.fract() == 0.0);
        let (low, high) =
            values.iter().fold((0.0_f64, 0.0_f64), |(low, high), &value| (low.min(value), high.max(value)));
        let high = if high - low < 1e-9 { low + 1.0 } else { high };
        let rough = (high - low) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let step = if whole { step.max(1.0) } else { step };
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, step }
    }

    fn y(self, value: f64, top: f32, bottom: f32) -> f32 {
        let share = (value - self.low) / (self.high - self.low);
        bottom - (bottom - top) * share.clamp(0.0, 1.0) as f32
    }

    fn ticks(self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round().clamp(0.0, 24.0) as u32;
        (0..=count).map(move |number| self.low + self.step * f64::from(number))
    }
}

/// Where what is drawn.
#[derive(Debug, Clone, Copy)]
struct Field {
    axis: Axis,
    top: f32,
    bottom: f32,
    /// Width of one place.
    place: f32,
}

/// What is known at each place.
fn values(chart: &Chart) -> impl Iterator<Item = (usize, usize, f64)> {
    chart.series.iter().take(SERIES_MAX).enumerate().flat_map(move |(series, (_, values))| {
        let places = values.iter().take(chart.labels.len().min(PLACES_MAX)).enumerate();
        places.filter_map(move |(place, value)| {
            value.filter(|value| value.is_finite()).map(|value| (series, place, value.clamp(-LARGEST, LARGEST)))
        })
    })
}

/// The chart's marks.
pub fn marks(chart: &Chart, language: &str) -> Vec<Mark> {
    let places = chart.labels.len().min(PLACES_MAX);
    let top = TOP + if chart.series.len() > 1 { LEGEND } else { 0.0 };
    let axis = Axis::over(&values(chart).map(|(_, _, value)| value).collect::<Vec<_>>());
    let place = (WIDTH - LEFT - RIGHT) / places.max(1) as f32;
    let field = Field { axis, top, bottom: HEIGHT - BOTTOM, place };
    let mut marks = across(field, &chart.unit, language);
    if values(chart).next().is_none() {
        let text = if language.starts_with("de") { "keine Werte" } else { "no values" };
        marks.push(Mark::Text {
            x: WIDTH / 2.0,
            y: f32::midpoint(top, field.bottom),
            text: text.to_owned(),
            anchor: Anchor::Middle,
        });
    }
    match chart.form {
        Form::Bars => marks.extend(bars(chart, field)),
        Form::Line => marks.extend(lines(chart, field)),
    }
    marks.extend(names(chart, places, field));
    if chart.series.len() > 1 {
        marks.extend(legend(chart));
    }
    marks
}

fn across(field: Field, unit: &str, language: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for value in field.axis.ticks() {
        let y = field.axis.y(value, field.top, field.bottom);
        let colour = if value.abs() < field.axis.step / 1e6 { INK } else { FAINT };
        marks.push(Mark::Path { points: vec![(LEFT, y), (WIDTH - RIGHT, y)], width: 0.5, colour, dash: None });
        let text = super::number(value, language);
        let text = letters::cut(&text, Face::Regular, LETTERS, LEFT - 5.0);
        marks.push(Mark::Text { x: LEFT - 4.0, y: y + 2.8, text, anchor: Anchor::End });
    }
    if !unit.is_empty() {
        let text = letters::cut(unit, Face::Regular, LETTERS, LEFT * 2.0);
        marks.push(Mark::Text { x: 0.0, y: LETTERS, text, anchor: Anchor::Start });
    }
    marks
}

fn bars(chart: &Chart, field: Field) -> Vec<Mark> {
    let series = chart.series.len().clamp(1, SERIES_MAX) as f32;
    let wide = field.place * 0.75 / series;
    let ground = field.axis.y(0.0, field.top, field.bottom);
    values(chart)
        .map(|(number, place, value)| {
            let y = field.axis.y(value, field.top, field.bottom);
            let x = LEFT + field.place * (place as f32 + 0.125) + wide * number as f32;
            // A value that is known is seen, even if it is nothing.
            let height = (ground - y).abs().max(0.6);
            let top = if value < 0.0 { ground } else { ground - height };
            Mark::Bar { x, y: top, width: wide * 0.92, height, colour: SERIES[number % SERIES_MAX].0 }
        })
        .collect()
}

/// A line without gaps: its series, the place of its last point, its points.
type Run = (usize, usize, Vec<(f32, f32)>);

fn lines(chart: &Chart, field: Field) -> Vec<Mark> {
    let mut runs: Vec<Run> = Vec::new();
    for (number, place, value) in values(chart) {
        let point = (LEFT + field.place * (place as f32 + 0.5), field.axis.y(value, field.top, field.bottom));
        match runs.last_mut() {
            Some((series, last, points)) if *series == number && *last + 1 == place => {
                points.push(point);
                *last = place;
            }
            // After a gap the line begins anew.
            Some(_) | None => runs.push((number, place, vec![point])),
        }
    }
    let few = chart.labels.len() <= 60;
    runs.into_iter()
        .flat_map(|(number, _, points)| {
            let (colour, dash) = SERIES[number % SERIES_MAX];
            let alone = points.len() == 1;
            let dots = points.clone().into_iter().filter(move |_| few || alone);
            let dots = dots.map(move |(x, y)| Mark::Bar { x: x - 1.6, y: y - 1.6, width: 3.2, height: 3.2, colour });
            std::iter::once(Mark::Path { points, width: 1.4, colour, dash }).chain(dots)
        })
        .collect()
}

/// The places' names: every one, or every so many that they do not touch.
fn names(chart: &Chart, places: usize, field: Field) -> Vec<Mark> {
    let longest = chart.labels.iter().take(places).map(|label| letters::width(label, Face::Regular, LETTERS));
    let longest = longest.fold(1.0_f32, f32::max).min(90.0) + 6.0;
    let every = (longest / field.place).ceil().max(1.0) as usize;
    let room = field.place * every as f32 - 4.0;
    let shown = chart.labels.iter().take(places).enumerate().step_by(every);
    shown
        .map(|(place, label)| {
            let text = letters::cut(label, Face::Regular, LETTERS, room);
            let half = letters::width(&text, Face::Regular, LETTERS) / 2.0;
            let x = LEFT + field.place * (place as f32 + 0.5);
            let x = x.clamp(half, (WIDTH - half).max(half));
            Mark::Text { x, y: HEIGHT - BOTTOM + LETTERS + 4.0, text, anchor: Anchor::Middle }
        })
        .collect()
}

fn legend(chart: &Chart) -> Vec<Mark> {
    let (mut marks, mut x) = (Vec::new(), LEFT);
    let room = (WIDTH - LEFT) / chart.series.len().clamp(1, SERIES_MAX) as f32;
    for (number, (name, _)) in chart.series.iter().take(SERIES_MAX).enumerate() {
        let (colour, dash) = SERIES[number];
        let y = TOP - 3.0;
        marks.push(match chart.form {
            Form::Bars => Mark::Bar { x, y: y - 3.0, width: 12.0, height: 6.0, colour },
            Form::Line => Mark::Path { points: vec![(x, y), (x + 14.0, y)], width: 1.6, colour, dash },
        });
        let text = letters::cut(name, Face::Regular, LETTERS, (room - 26.0).max(10.0));
        let wide = letters::width(&text, Face::Regular, LETTERS);
        marks.push(Mark::Text { x: x + 17.0, y: y + 2.8, text, anchor: Anchor::Start });
        x += (17.0 + wide + 12.0).min(room);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(form: Form, series: Vec<Vec<Option<f64>>>) -> Chart {
        let places = series.iter().map(Vec::len).max().unwrap_or(0);
        Chart {
            title: "Response".to_owned(),
            form,
            unit: "min".to_owned(),
            labels: (0..places).map(|place| format!("week {place}")).collect(),
            series: series.into_iter().enumerate().map(|(n, values)| (format!("s{n}"), values)).collect(),
        }
    }

    fn points(marks: &[Mark]) -> Vec<(f32, f32)> {
        marks
            .iter()
            .flat_map(|mark| match mark {
                Mark::Bar { x, y, width, height, .. } => vec![(*x, *y), (x + width, y + height)],
                Mark::Path { points, .. } => points.clone(),
                Mark::Text { x, y, .. } => vec![(*x, *y)],
            })
            .collect()
    }

    #[test]
    fn the_unknown_is_a_gap_and_not_a_zero() {
        let gap = chart(Form::Line, vec![vec![Some(4.0), Some(5.0), None, Some(6.0)]]);
        let runs = |marks: &[Mark]| {
            marks.iter().filter(|mark| matches!(mark, Mark::Path { width, .. } if *width > 1.0)).count()
        };
        assert_eq!(runs(&marks(&gap, "en")), 2);
        let bars = marks(&chart(Form::Bars, vec![vec![Some(4.0), None, Some(0.0)]]), "en");
        assert_eq!(bars.iter().filter(|mark| matches!(mark, Mark::Bar { .. })).count(), 2);
    }

    #[test]
    fn all_stays_in_its_box_whatever_the_values() {
        for values in [
            vec![],
            vec![None],
            vec![Some(0.0)],
            vec![Some(-3.0), Some(7.5)],
            vec![Some(f64::NAN), Some(f64::INFINITY), Some(1.0)],
            vec![Some(f64::MAX), Some(f64::MIN), Some(f64::MIN_POSITIVE)],
            (0..5_000).map(|n| Some(f64::from(n))).collect(),
        ] {
            for form in [Form::Bars, Form::Line] {
                let marks = marks(&chart(form, vec![values.clone(), values.clone()]), "de");
                assert!(marks.len() < 10_000);
                for (x, y) in points(&marks) {
                    assert!((-0.1..=WIDTH + 0.1).contains(&x) && (-0.1..=HEIGHT + 0.1).contains(&y), "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn steps_are_round() {
        let axis = Axis::over(&[3.0, 47.0]);
        assert_eq!(axis, Axis { low: 0.0, high: 50.0, step: 10.0 });
        assert_eq!(axis.ticks().last(), Some(50.0));
    }
}
