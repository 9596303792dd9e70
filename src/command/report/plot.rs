//! Lines over time, as inline SVG.

use jiff::Timestamp;

use super::html::escaped;
use crate::findings::history::Points;

const WIDE: f64 = 640.0;
const HIGH: f64 = 150.0;
const LEFT: f64 = 46.0;
const BOTTOM: f64 = 18.0;
const TOP: f64 = 8.0;
/// More points than that nobody sees.
const POINTS: usize = 320;
/// Between readings that are further apart than so many times the usual, nothing is known.
const GAP: f64 = 3.0;

pub(super) struct Line<'a> {
    /// `None`: the figure's title says it.
    pub(super) name: Option<String>,
    pub(super) points: &'a Points,
}

/// `None` where no line has two points.
pub(super) fn figure(title: &str, lines: &[Line]) -> Option<String> {
    if !lines.iter().any(|line| line.points.len() > 1) {
        return None;
    }
    let all = || lines.iter().flat_map(|line| line.points.iter());
    let (from, to) = (*all().map(|(at, _)| at).min()?, *all().map(|(at, _)| at).max()?);
    let top = nice(all().map(|(_, value)| *value).fold(0.0, f64::max));
    let scale = Scale { from: from as f64, to: (to as f64).max(from as f64 + 1.0), top };
    let paths: String = lines.iter().enumerate().map(|(n, line)| path(n, line.points, &scale)).collect();
    let names: String = lines.iter().enumerate().filter_map(|(n, line)| legend(n, line)).collect();
    let names = if names.is_empty() { names } else { format!("<ol>\n{names}</ol>\n") };
    Some(format!(
        "<figure>\n<figcaption>{0}</figcaption>\n<svg viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\" aria-label=\"{0}\">\n\
         {1}{paths}</svg>\n{names}</figure>\n",
        escaped(title),
        axes(&scale, from, to)
    ))
}

struct Scale {
    from: f64,
    to: f64,
    top: f64,
}

impl Scale {
    fn place(&self, at: f64, value: f64) -> (f64, f64) {
        let x = LEFT + (WIDE - LEFT) * (at - self.from) / (self.to - self.from);
        (x, self.height(value))
    }

    fn height(&self, value: f64) -> f64 {
        HIGH - BOTTOM - (HIGH - BOTTOM - TOP) * value / self.top
    }
}

/// The next round number, so that the axis has one.
fn nice(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let unit = 10f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * unit).find(|top| *top >= most * 0.999).unwrap_or(most)
}

fn axes(scale: &Scale, from: i64, to: i64) -> String {
    let mut axes = String::new();
    for share in [0.0, 0.5, 1.0] {
        let (value, y) = (scale.top * share, scale.height(scale.top * share));
        axes += &format!(
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{WIDE}\"/>\n\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            LEFT - 4.0,
            y + 4.0,
            short(value)
        );
    }
    let y = HIGH - 4.0;
    for (at, x, anchor) in [(from, LEFT, "start"), (to, WIDE, "end")] {
        let at = Timestamp::from_millisecond(at).unwrap_or_default().strftime("%m-%d %H:%M UTC").to_string();
        axes += &format!("<text class=\"axis\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{at}</text>\n");
    }
    axes
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 10.0 || v == v.round() => format!("{v:.0}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.4}"),
    }
}

fn legend(n: usize, line: &Line) -> Option<String> {
    let name = line.name.as_ref()?;
    Some(format!("<li class=\"k{}\"><code>{}</code></li>\n", n % 5, escaped(name)))
}

fn path(n: usize, points: &Points, scale: &Scale) -> String {
    let points = thinned(points);
    let usual = usual_step(&points);
    let mut d = String::new();
    let mut before: Option<f64> = None;
    for (at, value) in points {
        let (x, y) = scale.place(at, value);
        let joined = before.is_some_and(|before| at - before <= GAP * usual);
        // A point without neighbours is a dot.
        let to = if joined { format!("L{x:.1} {y:.1}") } else { format!("M{x:.1} {y:.1}h.1") };
        d += &to;
        before = Some(at);
    }
    format!("<path class=\"line s{}\" d=\"{d}\"/>\n", n % 5)
}

/// Neighbours become their mean where there are too many.
fn thinned(points: &Points) -> Vec<(f64, f64)> {
    let all: Vec<(f64, f64)> = points.iter().map(|(at, value)| (*at as f64, *value)).collect();
    let mean = |few: &[(f64, f64)]| {
        let n = few.len() as f64;
        (few.iter().map(|p| p.0).sum::<f64>() / n, few.iter().map(|p| p.1).sum::<f64>() / n)
    };
    all.chunks(all.len().div_ceil(POINTS).max(1)).map(mean).collect()
}

fn usual_step(points: &[(f64, f64)]) -> f64 {
    let mut steps: Vec<f64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(i64, f64)]) -> Points {
        values.iter().map(|(minute, value)| (minute * 60_000, *value)).collect()
    }

    #[test]
    fn a_point_is_no_line_and_a_gap_is_none() {
        let one = points(&[(0, 1.0)]);
        assert_eq!(figure("t", &[Line { name: None, points: &one }]), None);
        let gap = points(&[(0, 1.0), (1, 3.0), (2, 2.0), (30, 2.0), (31, 0.0)]);
        let svg = figure("a <t>", &[Line { name: Some("x & y".to_owned()), points: &gap }]).unwrap();
        let path = svg.split("class=\"line s0\" d=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches('L').count(), 3, "{path}");
        assert!(
            svg.contains("a &lt;t&gt;") && svg.contains("x &amp; y") && svg.contains(">5</text>"),
            "{svg}"
        );
    }

    #[test]
    fn many_points_become_few() {
        let many: Points = (0..10_000).map(|n| (n * 60_000, n as f64)).collect();
        let few = thinned(&many);
        assert!(few.len() <= POINTS && few[0].1 > 0.0 && few.last().unwrap().1 < 10_000.0);
        assert_eq!([nice(0.0), nice(3.0), nice(99.9), nice(0.02)], [1.0, 5.0, 100.0, 0.02]);
    }
}
