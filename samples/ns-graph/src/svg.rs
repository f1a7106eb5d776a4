// SPDX-License-Identifier: GPL-2.0

//! The SVG drawing. Each namespace is a row. The row of a user namespace is the first row of a
//! box with all namespaces that it owns.

use crate::graph::{Graph, LEGEND};

const WIDTH: u32 = 900;
const GAP: u32 = 8;
const ROW: u32 = 28;

const STYLE: &str = "text{font:14px sans-serif;fill:#222}\
rect{stroke:#888;stroke-width:1.5;fill:#fff}rect.user{stroke:#4682b4;fill:#eef4fa}\
rect.new{stroke:#1a7f37;fill:#dafbe1;stroke-width:3}\
rect.passed{stroke:#9a6700;fill:#fff8c5;stroke-width:3;stroke-dasharray:8 4}\
rect.gone{stroke:#cf222e;fill:#ffebe9;stroke-width:3;stroke-dasharray:2 4}";

/// Draws the graph.
pub fn draw(graph: &Graph) -> String {
    let (rows, height) = rows(graph, None, GAP, 2 * ROW);
    let legend = format!("A user namespace owns all that is in its box. {LEGEND}");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" stroke=\"none\"/>\n\
         {}{}{rows}</svg>\n",
        text(GAP, 0, &graph.title),
        text(GAP, ROW, &legend)
    )
}

/// Draws the namespaces that `owner` owns, at (x, y). Returns the drawing and the y of the row
/// after it.
fn rows(graph: &Graph, owner: Option<u64>, x: u32, mut y: u32) -> (String, u32) {
    let mut drawing = String::new();
    for (inode, ns) in graph.owned_by(owner) {
        let (inner, end) = match ns.kind {
            "user" => rows(graph, Some(inode), x + GAP, y + ROW),
            _ => (String::new(), y + ROW),
        };
        let (sign, class) = graph.sign(inode);
        let kind = if ns.kind == "user" { "user " } else { "" };
        let (width, height) = (WIDTH - 2 * x, end - y);
        let text = text(x, y, &format!("{sign} {}", graph.label(inode, ns)));
        drawing += &format!(
            "<rect class=\"{kind}{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" \
             height=\"{height}\" rx=\"5\"/>\n{text}{inner}"
        );
        y = end + GAP;
    }
    (drawing, y)
}

/// Draws a line of text in a row. XML cannot contain control characters, so each becomes a '?'.
fn text(x: u32, y: u32, line: &str) -> String {
    let line = line.replace(char::is_control, "?").replace('&', "&amp;");
    let line = line.replace('<', "&lt;").replace('>', "&gt;");
    format!("<text x=\"{}\" y=\"{}\">{line}</text>\n", x + GAP, y + 19)
}
