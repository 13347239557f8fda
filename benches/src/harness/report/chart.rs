//! The goals as a chart: how many times better than its bound each is.

use anyhow::anyhow;
use plotters::{
    prelude::{BLACK, IntoDrawingArea, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE},
    style::{Color as _, IntoFont as _},
};

use super::{
    Report,
    section::{Section, Verdict},
};

const WIDTH: u32 = 1_200;
const LINE: u32 = 20;
/// Above and below the bars.
const MARGIN: u32 = 50;
/// Where names end and bars may begin.
const NAMES_END: i32 = 640;
const BARS_WIDTH: f64 = 520.0;
/// What lies further from the bound is drawn at the edge.
const FACTOR_MAX: f64 = 8.0;
const FONT: &str = "sans-serif";
const LABEL: f64 = 12.0;
const TITLE: f64 = 16.0;

struct Bar {
    name: String,
    /// 1 at the bound, 2 where the goal is kept twice over.
    factor: f64,
    verdict: Verdict,
}

impl Report {
    /// An SVG document.
    pub(super) fn chart(&self) -> anyhow::Result<String> {
        let bars: Vec<Bar> = self.sections.iter().flat_map(bars).collect();
        let mut svg = String::new();
        let height = MARGIN * 2 + LINE * u32::try_from(bars.len())?;
        draw(&bars, &self.machine.to_string(), SVGBackend::with_string(&mut svg, (WIDTH, height))).map_err(|error| anyhow!("no chart: {error}"))?;
        Ok(svg)
    }
}

fn bars(section: &Section) -> impl Iterator<Item = Bar> + '_ {
    section.goals.iter().map(|goal| Bar {
        name: format!("{}: {}", section.scenario, goal.name),
        factor: goal.bound.factor(goal.values.median()),
        verdict: section.judge(goal),
    })
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(bars: &[Bar], title: &str, backend: SVGBackend<'_>) -> Drawn {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(title.to_owned(), (10, 10), (FONT, TITLE).into_font()))?;
    let bottom = (MARGIN + LINE * u32::try_from(bars.len())?).cast_signed();
    for factor in [1.0 / FACTOR_MAX, 0.25, 0.5, 1.0, 2.0, 4.0, FACTOR_MAX] {
        let grey = if factor == 1.0 { BLACK.to_rgba() } else { BLACK.mix(0.15) };
        area.draw(&PathElement::new(vec![(at(factor), MARGIN.cast_signed() - 5), (at(factor), bottom)], grey))?;
        area.draw(&Text::new(format!("{factor}×"), (at(factor) - 8, bottom + 6), (FONT, LABEL).into_font()))?;
    }
    area.draw(&Text::new("of what the goal asks: right of the line is better".to_owned(), (at(1.0) - 130, bottom + 24), (FONT, LABEL).into_font()))?;
    for (bar, line) in bars.iter().zip(0_i32..) {
        let top = MARGIN.cast_signed() + line * LINE.cast_signed();
        area.draw(&Text::new(bar.name.clone(), (10, top + 3), (FONT, LABEL).into_font()))?;
        let (from, to) = (at(1.0).min(at(bar.factor)), at(1.0).max(at(bar.factor)));
        area.draw(&Rectangle::new([(from, top + 3), (to.max(from + 1), top + LINE.cast_signed() - 3)], colour(bar.verdict).filled()))?;
    }
    area.present()?;
    Ok(())
}

/// The place of a factor, on a logarithmic scale.
fn at(factor: f64) -> i32 {
    let factor = if factor.is_finite() { factor.clamp(1.0 / FACTOR_MAX, FACTOR_MAX) } else { 1.0 / FACTOR_MAX };
    NAMES_END + (BARS_WIDTH * (factor.log2() / FACTOR_MAX.log2() + 1.0) / 2.0) as i32
}

fn colour(verdict: Verdict) -> RGBColor {
    match verdict {
        Verdict::Kept => RGBColor(60, 150, 80),
        Verdict::Missed => RGBColor(200, 60, 50),
        Verdict::Invalid => RGBColor(170, 170, 170),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::{Bound, Plan};

    #[test]
    fn a_chart_has_a_bar_for_each_goal_in_the_colour_of_its_verdict() {
        let mut report = Report::new(true, std::iter::empty());
        let mut section = Section::new("one", None, Plan::new(1, 1));
        section.goal("swift & kept", 2.0, "×", Bound::AtLeast(1.0));
        section.goal("missed", 4.0, "µs", Bound::AtMost(1.0));
        report.add(section);
        let svg = report.chart().unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("one: swift &amp; kept") && svg.contains("one: missed"), "{svg}");
        assert_eq!((svg.matches("#3C9650").count(), svg.matches("#C83C32").count()), (1, 1), "{svg}");
    }

    #[test]
    fn better_is_to_the_right_on_either_side_of_a_bound() {
        assert!(at(Bound::AtLeast(2.0).factor(4.0)) > at(1.0));
        assert!(at(Bound::AtMost(2.0).factor(4.0)) < at(1.0));
        assert_eq!(at(Bound::AtMost(0.0).factor(0.0)), at(1.0), "nothing at all, as asked");
        assert_eq!(at(f64::NAN), at(1.0 / FACTOR_MAX));
    }
}
