//! The report as a web page: one file that asks nobody for anything, runs nothing, and holds whatever names it is given.
//!
//! All text passes [`escaped`]. The policy in its head allows its own style and nothing else, so that what would slip
//! through could neither run nor tell anybody.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::Told;
use super::page::whereabouts;
use super::plot::{self, Line};
use crate::findings::evidence::Evidence;
use crate::findings::history::Plot;
use crate::findings::{Finding, Severity, Step};
use crate::quote::is_hidden;

const STYLE: &str = include_str!("report.css");

pub(super) fn page(told: &Told, evidence: &Evidence) -> String {
    let mut html = head();
    for line in &told.about {
        html += &format!("<p>{}</p>\n", escaped(line));
    }
    for severity in Severity::WORST_FIRST {
        html += &findings(severity, &told.findings);
    }
    if told.findings.is_empty() {
        html += "<h2>Nothing needs attention</h2>\n";
    }
    html += &unseen(told);
    html += &plots(evidence);
    html += &looked(told);
    html + "</body>\n</html>\n"
}

fn head() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
         base-uri 'none'; form-action 'none'\"/>\n\
         <meta name=\"referrer\" content=\"no-referrer\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>pgAnalytics report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>pgAnalytics report</h1>\n"
    )
}

/// Text, wherever it stands. What is hidden is shown as what it is.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            '\n' | '\t' => safe.push(' '),
            c if is_hidden(c) => safe += &format!("\\u{{{:x}}}", u32::from(c)),
            c => safe.push(c),
        }
    }
    safe
}

fn findings(severity: Severity, all: &[Finding]) -> String {
    let of_it: Vec<&Finding> = all.iter().filter(|f| f.severity == severity).collect();
    if of_it.is_empty() {
        return String::new();
    }
    let word = severity.word();
    let title = format!("{}{}", word[..1].to_uppercase(), &word[1..]);
    let articles: String = of_it.iter().map(|finding| article(finding)).collect();
    format!("<section class=\"{word}\">\n<h2>{title} ({})</h2>\n{articles}</section>\n", of_it.len())
}

fn article(finding: &Finding) -> String {
    let mut html = format!(
        "<article>\n<h3>{}</h3>\n<p class=\"place\">{}</p>\n",
        escaped(finding.what),
        escaped(&whereabouts(&finding.place))
    );
    if let Some(object) = &finding.place.object {
        html += &format!("<p class=\"object\">{}</p>\n", escaped(object));
    }
    html += &format!("<p class=\"figure\">{}</p>\n", escaped(&finding.figure));
    html += &format!("<p class=\"why\">{}</p>\n", escaped(finding.why));
    for step in &finding.next {
        html += &match step {
            Step::Do(text) => format!("<p>{}</p>\n", escaped(text)),
            Step::Sql(sql) => format!("<pre>{};</pre>\n", escaped(sql)),
        };
    }
    html + "</article>\n"
}

fn unseen(told: &Told) -> String {
    if told.unseen.is_empty() {
        return String::new();
    }
    let line = |server: &str, what: &str, why: &str| {
        let server = if server.is_empty() { String::new() } else { format!("{}: ", escaped(server)) };
        format!("<li>{server}{}: {}</li>\n", escaped(what), escaped(why))
    };
    let lines: String = told.unseen.iter().map(|gap| line(&gap.server, &gap.what, &gap.why)).collect();
    format!("<h2>Not looked at ({})</h2>\n<ul>\n{lines}</ul>\n", told.unseen.len())
}

fn looked(told: &Told) -> String {
    let servers = told.looked.servers.join(", ");
    format!(
        "<h2>Looked at</h2>\n<p>{}: {}.</p>\n<p>For {}.</p>\n",
        escaped(if servers.is_empty() { "no server" } else { &servers }),
        escaped(&told.looked.counts),
        escaped(&told.looked.about.join(", "))
    )
}

/// Nothing where there was but one batch: a point is no trend.
fn plots(evidence: &Evidence) -> String {
    let mut figures = String::new();
    for kind in Plot::ALL {
        for (source, points) in evidence.history.points(kind) {
            let title = format!("{}: {}", kind.title(), evidence.label(source));
            figures += &plot::figure(&title, &[Line { name: None, points: &points }]).unwrap_or_default();
        }
    }
    for (source, statements) in evidence.history.busiest() {
        let title = format!("Sessions kept busy by statements: {}", evidence.label(source));
        let name = |hash: &str| match evidence.text_of(hash) {
            Some(text) => format!("{hash}: {text}"),
            None => hash.to_owned(),
        };
        let lines: Vec<Line> =
            statements.iter().map(|(hash, points)| Line { name: Some(name(hash)), points }).collect();
        figures += &plot::figure(&title, &lines).unwrap_or_default();
    }
    if figures.is_empty() { figures } else { format!("<h2>Over time</h2>\n{figures}") }
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_acts_and_nothing_hides() {
        assert_eq!(escaped("<b a='x\"'>&\n"), "&lt;b a=&#39;x&quot;&#39;&gt;&amp; ");
        assert_eq!(escaped("a\u{202e}b\u{1b}"), "a\\u{202e}b\\u{1b}");
    }
}
