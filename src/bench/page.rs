//! The report as one page of HTML that needs nothing else: its plots are drawn in SVG.

use std::fmt::Write;

use super::report::Report;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 34.0;
const COLOURS: [&str; 4] = ["#2a78b8", "#3a9d5d", "#d9822b", "#b8323a"];

const HEAD: &str = r#"<!doctype html><html lang="en"><meta charset="utf-8"><title>onhand bench</title><style>
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:880px;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #8884}
td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:currentColor}
.grid{stroke:#8884}path{fill:none;stroke-width:1.6}</style><h1>onhand bench</h1>"#;

/// A line of a plot, its points in the plot's units.
struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

/// Where a value is, from 0 to 1, and the values that get a mark.
struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
    marks: Vec<(f64, String)>,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let scaled = |value: f64| if self.logarithmic { value.max(1e-9).log10() } else { value };
        (scaled(value) - scaled(self.from)) / (scaled(self.to) - scaled(self.from))
    }

    /// Decades of microseconds around the values.
    fn times(values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::MAX, f64::min).max(1.0).log10().floor() as i32;
        let most = (values.fold(10.0, f64::max).log10().ceil() as i32).max(least + 1);
        let shown = |power: i32| match power {
            ..3 => format!("{} µs", 10_f64.powi(power)),
            3..6 => format!("{} ms", 10_f64.powi(power - 3)),
            _ => format!("{} s", 10_f64.powi(power - 6)),
        };
        let marks = (least..=most).map(|power| (10_f64.powi(power), shown(power))).collect();
        Self { from: 10_f64.powi(least), to: 10_f64.powi(most), logarithmic: true, marks }
    }

    /// From nothing to a little more than the greatest.
    fn linear(most: f64, unit: &str) -> Self {
        let step = 10_f64.powf((most.max(1.0) / 5.0).log10().ceil());
        let step = [step / 5.0, step / 2.0, step].into_iter().find(|step| most / step <= 6.0).unwrap_or(step);
        let count = (most / step).ceil().max(1.0) as u32;
        let marks = (0..=count).map(|index| (f64::from(index) * step, format!("{}{unit}", f64::from(index) * step)));
        Self { from: 0.0, to: f64::from(count) * step, logarithmic: false, marks: marks.collect() }
    }

    /// Shares of the answers, each mark ten times nearer to all.
    fn nines(lines: f64) -> Self {
        let marks = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
        let to = lines.ceil().clamp(1.0, 6.0);
        let marks = marks.into_iter().enumerate().map(|(index, mark)| (index as f64, mark.to_owned()));
        Self { from: 0.0, to, logarithmic: false, marks: marks.filter(|(at, _)| *at <= to).collect() }
    }
}

pub(super) fn html(report: &Report) -> String {
    let mut page = HEAD.to_owned();
    let (title, outcome, statuses) = (report.title(), report.outcome(), report.statuses());
    let _ = write!(page, "<p>{}</p><p>{outcome}<br>{statuses}</p>", escaped(&title));
    page.push_str("<table><tr>");
    Report::COLUMNS.iter().for_each(|column| _ = write!(page, "<th>{column}"));
    for row in report.rows() {
        page.push_str("<tr>");
        row.iter().for_each(|cell| _ = write!(page, "<td>{cell}"));
    }
    page.push_str("</table><h2>Times by second</h2>");
    plot(&mut page, &Axis::linear(report.seconds.len() as f64, " s"), &by_second(report));
    page.push_str("<h2>Times by share of the answers</h2>");
    distribution(&mut page, report);
    page.push_str("<h2>Answers a second</h2>");
    throughput(&mut page, report);
    page
}

fn by_second(report: &Report) -> Vec<Line<'static>> {
    let line = |name, value: fn(&super::report::Second) -> f64| {
        let seconds = report.seconds.iter().enumerate().filter(|(_, second)| second.answered > 0);
        Line { name, points: seconds.map(|(index, second)| (index as f64 + 0.5, value(second))).collect() }
    };
    vec![
        line("p50", |second| second.p50),
        line("p99", |second| second.p99),
        line("p99.9", |second| second.p999),
        line("max", |second| second.max),
    ]
}

fn plot(page: &mut String, across: &Axis, lines: &[Line<'_>]) {
    let up = Axis::times(lines.iter().flat_map(|line| line.points.iter().map(|(_, time)| *time)));
    draw(page, across, &up, lines);
}

fn distribution(page: &mut String, report: &Report) {
    let nines = |share: f64| -(1.0 - share).max(1e-6).log10();
    let points: Vec<_> = report.distribution.iter().map(|(share, time)| (nines(*share), *time)).collect();
    let most = points.iter().map(|(nines, _)| *nines).fold(1.0, f64::max);
    plot(page, &Axis::nines(most), &[Line { name: "all calls", points }]);
}

fn throughput(page: &mut String, report: &Report) {
    let seconds = report.seconds.iter().enumerate();
    let points: Vec<_> = seconds.map(|(index, second)| (index as f64 + 0.5, second.answered as f64)).collect();
    let most = points.iter().map(|(_, answered)| *answered).fold(1.0, f64::max);
    let across = Axis::linear(report.seconds.len() as f64, " s");
    draw(page, &across, &Axis::linear(most, ""), &[Line { name: "answered", points }]);
}

fn draw(page: &mut String, across: &Axis, up: &Axis, lines: &[Line<'_>]) {
    let x = |value| LEFT + across.place(value) * (WIDTH - LEFT - 10.0);
    let y = |value| (HEIGHT - BOTTOM) - up.place(value) * (HEIGHT - BOTTOM - 24.0);
    let _ = write!(page, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
    for (value, name) in &up.marks {
        let at = y(*value);
        let _ = write!(page, r#"<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{at:.1}" y2="{at:.1}"/>"#);
        let _ = write!(page, r#"<text x="{}" y="{:.1}" text-anchor="end">{name}</text>"#, LEFT - 6.0, at + 4.0);
    }
    for (value, name) in &across.marks {
        let _ = write!(page, r#"<text x="{:.1}" y="{}" text-anchor="middle">{name}</text>"#, x(*value), HEIGHT - 14.0);
    }
    for (index, (line, colour)) in lines.iter().zip(COLOURS).enumerate() {
        let points: Vec<_> =
            line.points.iter().map(|(across, up)| format!("{:.1},{:.1}", x(*across), y(*up))).collect();
        let _ = write!(page, r#"<path stroke="{colour}" d="M{}"/>"#, points.join("L"));
        let at = LEFT + 80.0 * index as f64;
        let _ = write!(page, r#"<text x="{at}" y="14" style="fill:{colour}">{}</text>"#, line.name);
    }
    page.push_str("</svg>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
