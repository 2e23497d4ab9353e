/** A class of ages: of entries that were used within so many days. */
interface AgeClass {
  readonly days: number;
  readonly name: string;
  readonly colour: string;
}

/** The classes `a0`, `a1` and so on, from fresh to old. */
export const AGES: readonly AgeClass[] = [
  { days: 1, name: "today", colour: "#2c7bb6" },
  { days: 7, name: "this week", colour: "#4fa8a8" },
  { days: 30, name: "this month", colour: "#8cc27a" },
  { days: 90, name: "3 months", colour: "#f0c24b" },
  { days: 365, name: "a year", colour: "#ee8a3c" },
  { days: Infinity, name: "older", colour: "#d7301f" },
];

/** The classes `c0`, `c1` and so on of top-level parts. */
const COLOURS = [
  "#4c78a8",
  "#f58518",
  "#54a24b",
  "#b279a2",
  "#e45756",
  "#72b7b2",
  "#9d755d",
  "#bab0ac",
];

/** A shape of the map is filled, and a sample of a colour in the text has it as its background. */
const paint = (selector: string, colour: string) =>
  `${selector} { fill: ${colour}; background: ${colour}; }`;

const BY_AGE = "body:has(#colour-age:checked)";

/** The style sheet of the page. Below 700 pixels, as on a phone, it is a single column. */
export const STYLE = `
:root { color-scheme: light dark; }
* { box-sizing: border-box; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem auto; max-width: 1600px; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
p { margin: .4rem 0; overflow-wrap: anywhere; }
.switches { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; margin: .6rem 0; }
fieldset { border: 0; padding: 0; margin: 0; display: flex; gap: .8rem; align-items: center; }
legend { float: left; padding: 0; font-weight: 600; }
label { display: inline-flex; gap: .3rem; align-items: center; padding: .3rem 0; cursor: pointer; }
.legend { display: none; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; margin: 0; padding: 0; }
${BY_AGE} .legend { display: flex; }
.swatch { display: inline-block; flex: none; width: .8em; height: .8em; margin-right: .4em; border-radius: 2px; }
.map svg { display: block; width: 100%; height: auto; }
.map svg svg { display: inline; width: auto; }
.narrow { display: none; }
rect { stroke: Canvas; }
rect.group { fill-opacity: .25; }
rect.entry { fill-opacity: .55; }
rect.shared { fill-opacity: .15; stroke-dasharray: 3 2; stroke: CanvasText; }
g:hover > rect { stroke: CanvasText; }
text { font-size: 11px; fill: CanvasText; pointer-events: none; }
${COLOURS.map((colour, i) => paint(`.c${i}`, colour)).join("\n")}
${BY_AGE} rect.group, ${BY_AGE} rect.shared { fill: GrayText; }
${AGES.map(({ colour }, i) => paint(`.legend .a${i}, ${BY_AGE} .a${i}`, colour)).join("\n")}
table { border-collapse: collapse; }
th, td { padding: .2rem 1rem .2rem 0; text-align: left; vertical-align: top; }
th { font-size: .8rem; }
td + td { font-variant-numeric: tabular-nums; white-space: nowrap; }
.types { margin: 1rem 0; }
.entries table, .entries thead, .entries tbody { display: flex; flex-direction: column; }
.entries tr { display: grid; grid-template-columns: minmax(0, 1fr) 5.6rem 5.6rem 5.6rem; border-bottom: 1px solid color-mix(in srgb, CanvasText 12%, transparent); }
.entries th, .entries td { padding: .25rem 0 .25rem .5rem; text-align: right; }
.entries th:first-child, .entries td:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; }
.entries td:first-child { display: flex; align-items: baseline; }
.entries tr { order: var(--size); }
body:has(#sort-age:checked) .entries tr { order: var(--age); }
body:has(#sort-name:checked) .entries tr { order: var(--name); }
@media (min-width: 1100px) {
  main { display: grid; grid-template-columns: minmax(0, 3fr) minmax(26rem, 2fr); gap: 1.5rem; }
  .entries { max-height: calc(70vw * .6); overflow-y: auto; }
}
@media (max-width: 700px) {
  .wide { display: none; }
  .narrow { display: block; }
  .entries tr { grid-template-columns: minmax(0, 1fr) 5.6rem 5.6rem; }
  .entries th { font-size: .72rem; }
  .entries th:last-child, .entries td:last-child { display: none; }
  .types { display: block; overflow-x: auto; font-size: .8rem; }
  .types th, .types td { padding-right: .6rem; }
}
`;
