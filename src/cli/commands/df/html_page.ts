import { printable } from "../../../base/errors.ts";
import { formatBytes } from "../../../base/units.ts";
import type { SpaceNode } from "./space_tree.ts";
import { type Rectangle, squarify } from "./treemap.ts";

/** The content of a page about disk usage. */
export interface UsagePage {
  /** The cache's folder. */
  readonly root: string;
  /** When the cache was read, formatted. */
  readonly time: string;
  /** A sentence about the free space on the disk. */
  readonly disk: string;
  readonly tree: SpaceNode;
  /** Rows of the table; the first is its head. */
  readonly rows: readonly (readonly string[])[];
}

/** Size of the treemap, in pixels; it scales with the window. */
const WIDTH = 1200;
const HEIGHT = 700;
/** Pixels between the border of a group and its parts. */
const PADDING = 2;
/** Height of the name of a group, in pixels. */
const TITLE = 15;
/** Size below which a rectangle shows no name, in pixels. */
const LABEL = { width: 40, height: 15 };
/** Estimated width of a letter, in pixels; the real one depends on the font. */
const LETTER = 6.2;
/** Parts of a group that are drawn one by one; the rest is drawn as one. */
const MAX_PARTS = 60;
/** Area below which a part is not drawn, in square pixels. */
const MIN_AREA = 4;

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

/**
 * Returns a page that shows disk usage as a treemap. It needs no other file, no script and no network, and all names in
 * it are escaped.
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
<title>Disk usage of ${escape(root)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Disk usage</h1>
<p>${escape(root)}, ${escape(time)}</p>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Treemap of the cache">
${treemap(tree)}
</svg>
<p>Each file is counted once. Content that several entries need is drawn beside them as “shared”. Point at a part to see its full name and size.</p>
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

/** A rectangle of the treemap: a child of a node, the content that its children share, or its smallest children. */
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
    parts.push({ name: `${small.length} smaller`, size, node: undefined });
    parts.sort((a, b) => b.size - a.size);
  }
  return parts;
}

/** @param colour index of the colour of the top-level part; undefined at the top level, where each part gets its own */
function drawParts(
  node: SpaceNode,
  area: Rectangle,
  path: readonly string[],
  colour: number | undefined,
): string {
  const parts = partsOf(node);
  const rectangles = squarify(parts.map(({ size }) => size), area);
  return parts.map((part, i) =>
    drawPart(part, rectangles[i]!, [...path, part.name], colour ?? i % COLOURS.length)
  ).join("");
}

function drawPart(part: Part, area: Rectangle, path: readonly string[], colour: number): string {
  const { node, name, size } = part;
  if (area.width * area.height < MIN_AREA) return "";
  const isGroup = node !== undefined && node.children.length > 0;
  const kind = isGroup ? "group" : node ? "entry" : "shared";
  const title = `${path.join(" › ")}: ${formatBytes(size)}`;
  const box = rectangle(area, `${kind} c${colour}`);
  const inner = isGroup
    ? drawParts(node, within(area), path, colour)
    : label(formatBytes(size), { ...area, y: area.y + TITLE, height: area.height - TITLE });
  return `<g><title>${escape(title)}</title>${box}${label(name, area)}${inner}</g>\n`;
}

/** Returns the area for the parts of a group: below its name, if there is room for one. */
function within({ x, y, width, height }: Rectangle): Rectangle {
  const top = height > 3 * TITLE ? TITLE : PADDING;
  return {
    x: x + PADDING,
    y: y + top,
    width: Math.max(1, width - 2 * PADDING),
    height: Math.max(1, height - top - PADDING),
  };
}

function rectangle(area: Rectangle, style: string): string {
  return `<rect class="${style}" ${attributes(area)}/>`;
}

/** Draws a name at the top of a rectangle, cut to fit; nothing if there is no room. */
function label(name: string, area: Rectangle): string {
  if (area.width < LABEL.width || area.height < LABEL.height) return "";
  const letters = Math.floor((area.width - 8) / LETTER);
  const shown = name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  // A nested svg clips the text if the font is wider than estimated.
  return `<svg ${attributes(area)}><text x="4" y="12">${escape(shown)}</text></svg>`;
}

function attributes(area: Rectangle): string {
  const names = ["x", "y", "width", "height"] as const;
  return names.map((name) => `${name}="${Number(area[name].toFixed(1))}"`).join(" ");
}

/** Escapes a text for HTML, also for use in attributes. */
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
${COLOURS.map((colour, i) => `.c${i} { fill: ${colour}; }`).join("\n")}
table { border-collapse: collapse; }
th, td { padding: .2rem 1rem .2rem 0; text-align: left; }
td + td { font-variant-numeric: tabular-nums; }
`;
