//! A document for people: reports and postmortems, before anybody decides whether they become a page, Markdown or PDF.
//! No layout, no language: texts come in finished.

/// A document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Paper {
    /// Its title.
    pub title: String,
    /// Whose and of when ("Acme Logistics, October 2026").
    pub subtitle: String,
    /// Language tag (`en`, `de`), for hyphens, quotes and screen readers.
    pub language: String,
    /// At the foot of every page: who made it, when.
    pub foot: String,
    /// Its parts in order.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading of level 1 to 3.
    Heading(u8, String),
    /// A paragraph.
    Text(String),
    /// Said beside the text: something is missing, a source.
    Note(String),
    /// A list.
    List(Vec<String>),
    /// Steps, in this order.
    Numbered(Vec<String>),
    /// A table.
    Table {
        /// Heads of the columns.
        head: Vec<String>,
        /// Columns (by index) whose cells are numbers, set to the right.
        numbers: Vec<usize>,
        /// The rows; each as long as `head`.
        rows: Vec<Vec<String>>,
    },
    /// Big figures in a row: label, value.
    Figures(Vec<(String, String)>),
    /// A chart.
    Chart(Chart),
    /// What follows begins on a new page.
    PageBreak,
}

/// Bars or a line over named places.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows; also its text for those who can't see it.
    pub title: String,
    /// How it is drawn.
    pub form: Form,
    /// Unit of the values (`min`, `%`).
    pub unit: String,
    /// Places on the axis, in order.
    pub labels: Vec<String>,
    /// Name of a series, a value a place (`None`: unknown, never drawn as zero).
    pub series: Vec<(String, Vec<Option<f64>>)>,
}

/// How a chart is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Upright bars, series beside each other.
    Bars,
    /// A line a series.
    Line,
}
