//! Figures as a person reads them.

use std::fmt;

/// Several measurements of the same figure.
#[derive(Clone, Default)]
pub(crate) struct Figure(Vec<f64>);

impl Figure {
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        Self(values.into_iter().collect())
    }

    /// The value below which this share of all lies.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let index = (share * (sorted.len().max(1) - 1) as f64).round() as usize;
        sorted.get(index).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// The median with the smallest and the largest.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, median, most) = (self.quantile(0.0), self.median(), self.quantile(1.0));
        let digits = usize::from(most < 100.0) * 2;
        write!(
            f,
            "{median:>10.digits$}  ({least:.digits$} to {most:.digits$})"
        )
    }
}

pub(crate) fn heading(text: &str) {
    println!("\n== {text}");
}

pub(crate) fn line(what: &str, figure: impl fmt::Display) {
    println!("  {what:<34} {figure}");
}

/// The ratio of two figures that were measured in the same rounds.
pub(crate) fn ratio(what: &str, figure: &Figure, floor: &Figure, bar: f64) {
    let ratios = Figure::of(
        figure
            .0
            .iter()
            .zip(&floor.0)
            .map(|(own, floor)| own / floor),
    );
    line(what, format!("{ratios}  bar {bar}"));
}

/// p50, p99, p99.9 and max.
pub(crate) fn quantiles(what: &str, figure: &Figure) {
    line(
        what,
        format!(
            "p50 {:.2}  p99 {:.2}  p99.9 {:.2}  max {:.2}  ({} values)",
            figure.median(),
            figure.quantile(0.99),
            figure.quantile(0.999),
            figure.quantile(1.0),
            figure.0.len()
        ),
    );
}
