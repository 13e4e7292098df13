"""The style sheet of report pages: colours are variables, so that light and dark differ in one place."""

from __future__ import annotations

# The colours of atoms are RDKit's, darkened or lightened to be readable on either background.
CSS = """
:root {
  --marked: #ffdcb5;
  --paper: #fbfbfa; --card: #ffffff; --ink: #1c2430; --soft: #5d6776; --line: #e2e5ea; --accent: #1f6f8b;
  --blue: #2342d8; --red: #cf1f1f; --yellow: #97850a; --cyan: #168a92; --green: #178a2c; --brown: #7f4c19;
  --violet: #8a1fd0; --orange: #c46200; --good: #17803a; --good-paper: #e4f4e8; --off: #8a5a00; --off-paper: #fbf0d9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --marked: #5c4222;
    --paper: #14181e; --card: #1c222b; --ink: #e6eaf0; --soft: #9aa5b4; --line: #303946; --accent: #63b9d6;
    --blue: #8ea4ff; --red: #ff7b72; --yellow: #dccb4a; --cyan: #5fd0d6; --green: #62d07a; --brown: #d09a62;
    --violet: #cf94ff; --orange: #ffa04d; --good: #7fdb9a; --good-paper: #1d3626; --off: #f0c674; --off-paper: #3a3020;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink); line-height: 1.55; font-size: 16px;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.1rem; }
header { padding-top: 2.2rem; }
h1 { font-size: clamp(1.6rem, 4vw, 2.3rem); line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: 1rem; border-top: 1px solid var(--line); }
p { max-width: 48rem; margin: .4rem 0 .9rem; }
header p, footer { color: var(--soft); }
footer { font-size: .85rem; padding-top: 1.5rem; padding-bottom: 2.5rem; }
.wide { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .95rem; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .34rem 1.1rem .34rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.flag { white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide td:last-child:not(.number) { overflow-wrap: anywhere; min-width: 12rem; }
td.strong, th.strong { font-weight: 650; color: var(--ink); }
pre {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto;
  font-size: .88rem;
}
details { margin: .6rem 0 1rem; }
summary { cursor: pointer; color: var(--accent); }
code, .sequence { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.grid { display: grid; gap: .7rem; margin: .8rem 0; }
.grid { grid-template-columns: repeat(auto-fill, minmax(min(235px, 100%), 1fr)); }
.pairs { display: grid; gap: .7rem; margin: .8rem 0; }
.pairs { grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); }
.row { display: flex; flex-wrap: wrap; gap: .5rem; margin: .8rem 0; align-items: stretch; }
.row figure { flex: 0 0 min(195px, 42%); }
.row .arrow { align-self: center; color: var(--soft); flex: 0 0 auto; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .45rem; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { font-size: .85rem; color: var(--ink); overflow-wrap: anywhere; text-align: center; }
.details { font-size: .75rem; color: var(--soft); text-align: center; }
.details code {
  display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; user-select: all; font-size: .7rem;
}
.details code:active { white-space: normal; overflow-wrap: anywhere; }
.side { display: grid; gap: 1rem; align-items: center; margin: .8rem 0; }
@media (min-width: 50rem) { .side { grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); } }
.pair { display: grid; grid-template-columns: 1fr auto 1fr; align-items: center; }
.pair .arrow { color: var(--soft); }
.badge { display: inline-block; border-radius: 999px; padding: 0 .55rem; font-size: .78rem; font-weight: 600; }
.badge.same { color: var(--good); background: var(--good-paper); }
.badge.other { color: var(--off); background: var(--off-paper); }
.text { padding: 1.4rem .4rem; font-size: .8rem; overflow-wrap: anywhere; color: var(--soft); text-align: center; }
.plot { max-width: 44rem; }
.plots { display: grid; gap: .7rem; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); }
.plots.wider { grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); }
.plots { margin: .8rem 0; }
.plot text { fill: var(--soft); font-size: 12px; font-family: inherit; }
.plot .title { fill: var(--ink); font-weight: 600; font-size: 13px; }
@media (max-width: 36rem) { .plot text { font-size: 15px; } .plot .title { font-size: 16px; } }
.plot .gridline { stroke: var(--line); }
.plot .cloud {
  fill: none; stroke: var(--soft); stroke-opacity: .5; stroke-width: 5; stroke-linecap: round;
}
.plot .curve { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.sequence { font-size: .9rem; letter-spacing: .04em; margin: .2rem 0 .8rem; display: block; overflow-x: auto; }
.sequence td, .sequence th { border: 0; padding: 0 1.2rem 0 0; white-space: pre; line-height: 1.45; }
.sequence th { font-weight: 400; letter-spacing: 0; font-size: .8rem; }
.sequence .ruler td { padding-top: .45rem; }
.sequence span { margin-right: 1ch; }
.sequence i { font-style: normal; color: var(--soft); }
.sequence b.changed { background: var(--marked); }
.sequence .a { color: var(--green); } .sequence .c { color: var(--blue); }
.sequence .g { color: var(--orange); } .sequence .t { color: var(--red); }
"""


def standing_alone(svg: str) -> str:
    """Return a plot of a page as an SVG file of its own."""
    head, _, rest = svg.partition(">")
    head = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    paper = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    return f"{head}>\n<style>{CSS}svg {{ font-family: system-ui, sans-serif; }}</style>\n{paper}{rest}\n"
