import { printable } from "../../../base/errors.ts";
import { formatBytes } from "../../../base/units.ts";
import type { SpaceNode } from "./space_tree.ts";
import { type Rectangle, squarify } from "./treemap.ts";

/** What a page of the space that a cache takes shows. */
export interface UsagePage {
  /** The cache's folder. */
  readonly root: string;
  /** In words. */
  readonly time: string;
  /** How much of the disk is free, in words. */
  readonly disk: string;
  readonly tree: SpaceNode;
  /** Rows of the table, the first its head. */
  readonly rows: readonly (readonly string[])[];
}

/** The treemap's size, in pixels; it scales with the window. */
const WIDTH = 1200;
const HEIGHT = 700;
/** The space between a group and what is in it. */
const PADDING = 2;
/** The height of a group's own name. */
const TITLE = 15;
/** A rectangle smaller than this has no name in it. */
const LABEL = { width: 40, height: 15 };
/** The width of a letter, as far as it can be told beforehand. */
const LETTER = 6.2;
/** The most parts of one group that are drawn one by one. */
const MAX_PARTS = 60;
/** What is drawn at least, in square pixels. */
const MIN_AREA = 4;

/** How many colours the style has. */
const COLOURS = 8;

/**
 * A page that shows what takes the space, as a treemap: it needs no other file, no script and no network, and names
 * cannot add anything to it.
 */
export function usagePage({ root, time, disk, tree, rows }: UsagePage): string {
  const [head, ...body] = rows;
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>What takes the space in ${escape(root)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>What takes the space</h1>
<p>${escape(root)}, ${escape(time)}</p>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Treemap of the cache">
${treemap(tree)}
</svg>
<p>Every file is counted once; what several need is drawn beside them as “shared”. The names of small parts are shown under the pointer.</p>
<table>
<thead>${cells(head!, "th")}</thead>
<tbody>${body.map((row) => cells(row, "td")).join("\n")}</tbody>
</table>
<p>${escape(disk)}</p>
</body>
</html>
`;
}

function treemap(tree: SpaceNode): string {
  if (tree.size === 0) return label("The cache is empty", { x: 0, y: 0, width: WIDTH, height: 40 });
  return drawParts(tree, { x: 0, y: 0, width: WIDTH, height: HEIGHT }, [], undefined);
}

/** What is drawn of one node: its children, what they share, and all that is too small together. */
interface Part {
  readonly name: string;
  readonly size: number;
  readonly node: SpaceNode | undefined;
}

function partsOf(node: SpaceNode): Part[] {
  const parts: Part[] = node.children.filter(({ size }) => size > 0)
    .map((child) => ({ name: child.name, size: child.size, node: child }));
  if (node.shared > 0) parts.push({ name: "shared", size: node.shared, node: undefined });
  parts.sort((a, b) => b.size - a.size);
  const small = parts.splice(MAX_PARTS);
  if (small.length > 0) {
    const size = small.reduce((sum, part) => sum + part.size, 0);
    parts.push({ name: `${small.length} smaller ones`, size, node: undefined });
    parts.sort((a, b) => b.size - a.size);
  }
  return parts;
}

/** @param colour that of what it is all part of; each part of the whole has its own */
function drawParts(
  node: SpaceNode,
  area: Rectangle,
  path: readonly string[],
  colour: number | undefined,
): string {
  const parts = partsOf(node);
  const places = squarify(parts.map(({ size }) => size), area);
  return parts.map((part, i) =>
    drawPart(part, places[i]!, [...path, part.name], colour ?? i % COLOURS)
  ).join("");
}

function drawPart(part: Part, place: Rectangle, path: readonly string[], colour: number): string {
  const { node, name, size } = part;
  if (place.width * place.height < MIN_AREA) return "";
  const isGroup = node !== undefined && node.children.length > 0;
  const kind = isGroup ? "group" : node ? "entry" : "shared";
  const title = `${path.join(" › ")}: ${formatBytes(size)}`;
  const box = rectangle(place, `${kind} c${colour}`);
  const inner = isGroup
    ? drawParts(node, within(place), path, colour)
    : label(formatBytes(size), { ...place, y: place.y + TITLE, height: place.height - TITLE });
  return `<g><title>${escape(title)}</title>${box}${label(name, place)}${inner}</g>\n`;
}

/** Where the parts of a group are drawn: below its name, if there is room for one. */
function within({ x, y, width, height }: Rectangle): Rectangle {
  const top = height > 3 * TITLE ? TITLE : PADDING;
  return {
    x: x + PADDING,
    y: y + top,
    width: Math.max(1, width - 2 * PADDING),
    height: Math.max(1, height - top - PADDING),
  };
}

function rectangle(place: Rectangle, style: string): string {
  return `<rect class="${style}" ${attributes(place)}/>`;
}

/** A name at the top of a rectangle, cut where it would not fit; nothing where there is no room. */
function label(name: string, place: Rectangle): string {
  if (place.width < LABEL.width || place.height < LABEL.height) return "";
  const letters = Math.floor((place.width - 8) / LETTER);
  const shown = name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  // An image of its own cuts what a wide font makes longer.
  return `<svg ${attributes(place)}><text x="4" y="12">${escape(shown)}</text></svg>`;
}

function attributes(place: Rectangle): string {
  const names = ["x", "y", "width", "height"] as const;
  return names.map((name) => `${name}="${Number(place[name].toFixed(1))}"`).join(" ");
}

/** A text as HTML shows it, also in an attribute. */
function escape(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return printable(text).replace(/[&<>"']/g, (character) => entities[character]!);
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem auto; max-width: 1200px; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
body > svg { display: block; width: 100%; height: auto; margin: 1rem 0; }
rect { stroke: Canvas; }
rect.group { fill-opacity: .25; }
rect.entry { fill-opacity: .55; }
rect.shared { fill-opacity: .15; stroke-dasharray: 3 2; stroke: CanvasText; }
g:hover > rect { stroke: CanvasText; }
text { font-size: 11px; fill: CanvasText; pointer-events: none; }
${
  ["#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2", "#9d755d", "#bab0ac"]
    .map((colour, i) => `.c${i} { fill: ${colour}; }`).join("\n")
}
table { border-collapse: collapse; }
th, td { padding: .2rem 1rem .2rem 0; text-align: left; }
td + td { font-variant-numeric: tabular-nums; }
`;
