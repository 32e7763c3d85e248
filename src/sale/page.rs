//! The report, for a terminal and as a page with the sale by second.

use std::fmt::Write;

use super::Report;

pub(super) fn text(report: &Report) -> String {
    let Report { buyers, accepted, accept_ms, outcome_ms, .. } = report;
    let mut text = format!("{buyers} buyers, {accepted} orders accepted ({:.0}/s)", report.accepted_per_s);
    let mut add = |line: String| {
        let _written = write!(text, "\n{line}");
    };
    for (status, count) in &report.refused {
        add(format!("  {count} went without: {status}"));
    }
    for (status, count) in &report.again {
        add(match status {
            0 => format!("  {count} tries were not answered, and made again"),
            _ => format!("  {count} tries were answered {status}, and made again"),
        });
    }
    for (state, count) in &report.outcomes {
        add(format!("  {count} {state}"));
    }
    add(format!("decided at {:.0}/s", report.decided_per_s));
    add(format!("to the 202: p50 {} ms, p99 {} ms, at most {} ms", accept_ms.p50, accept_ms.p99, accept_ms.most));
    let tried = &report.accepted_try_ms;
    add(format!(
        "  of the try that was accepted: p50 {} ms, p99 {} ms, at most {} ms",
        tried.p50, tried.p99, tried.most
    ));
    add(format!(
        "to the outcome: p50 {} ms, p99 {} ms, at most {} ms",
        outcome_ms.p50, outcome_ms.p99, outcome_ms.most
    ));
    if report.faults.is_empty() {
        add("VERDICT: holds: each has one outcome, nothing was sold twice, the books agree, lines were in order"
            .to_owned());
    } else {
        report.faults.iter().for_each(|fault| add(format!("FAULT: {fault}")));
        add("VERDICT: does not hold".to_owned());
    }
    text
}

const WIDTH: usize = 900;
const HEIGHT: usize = 260;

/// Accepted and decided, by second; nothing is loaded from elsewhere.
pub(super) fn page(report: &Report) -> String {
    let most = report.seconds.iter().map(|(accepted, decided)| *accepted.max(decided)).max().unwrap_or(1).max(1);
    let step = WIDTH as f64 / report.seconds.len().max(1) as f64;
    let line = |of: fn(&(u64, u64)) -> u64| {
        let points = report.seconds.iter().enumerate().map(|(second, counts)| {
            let (x, y) = ((second as f64 + 0.5) * step, HEIGHT as f64 * (1.0 - of(counts) as f64 / most as f64));
            format!("{x:.1},{y:.1}")
        });
        points.collect::<Vec<_>>().join(" ")
    };
    let (accepted, decided) = (line(|counts| counts.0), line(|counts| counts.1));
    let said = text(report).replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>A sale</title>
<style>body{{font:16px sans-serif;margin:2em}}pre{{line-height:1.5}}polyline{{fill:none;stroke-width:2}}</style>
<h1>A sale, by second</h1>
<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"Orders accepted and decided, by second\">
<polyline points=\"{accepted}\" stroke=\"#06c\"/><polyline points=\"{decided}\" stroke=\"#c40\" stroke-dasharray=\"6 3\"/></svg>
<p>Blue: accepted. Orange, dashed: decided. The top is {most} a second.</p>
<pre>{said}</pre>
"
    )
}
