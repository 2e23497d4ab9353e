import { formatBytes } from "../../../base/units.ts";
import { displayName } from "../../../store/entry_names.ts";
import { escape } from "./html_text.ts";
import type { SpaceNode } from "./space_tree.ts";
import { type Rectangle, squarify } from "./treemap.ts";

/** What a treemap shows besides sizes. */
export interface MapNotes {
  /** Returns the class of an entry's age, such as `a2`; undefined if it has none. */
  ageOf(name: string): string | undefined;
  /** Returns a remark about an entry for its title, such as `last used 3d ago`. */
  remarkOn(name: string): string | undefined;
}

/** Number of colours of top-level parts, the classes `c0`, `c1` and so on. */
export const COLOUR_COUNT = 8;

/** Pixels between the border of a group and its parts. */
const PADDING = 2;
/** Height of a line of text, in pixels. */
const LINE = 15;
/** Estimated width of a letter, in pixels; the real one depends on the font. */
const LETTER = 6.2;
/** Letters below which a name is not shown. */
const MIN_LETTERS = 2;
/** Parts of a group that are drawn one by one; the rest is drawn as one. */
const MAX_PARTS = 60;
/** Area below which a part is not drawn, in square pixels. */
const MIN_AREA = 4;

/** A rectangle of the treemap: a child of a node, the content that its children share, or its smallest children. */
interface Part {
  readonly name: string;
  readonly size: number;
  readonly node: SpaceNode | undefined;
}

/** Draws a tree as a treemap of this size, in pixels; it scales with the window. */
export function treemapSvg(
  tree: SpaceNode,
  size: { readonly width: number; readonly height: number },
  notes: MapNotes,
): string {
  const area = { x: 0, y: 0, ...size };
  const parts = tree.size === 0
    ? label("The cache is empty", 0, area)
    : new Treemap(notes).drawParts(tree, area, [], undefined);
  return `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="Treemap of the cache">
${parts}
</svg>`;
}

class Treemap {
  readonly #notes: MapNotes;

  constructor(notes: MapNotes) {
    this.#notes = notes;
  }

  /** @param colour index of the colour of the top-level part; undefined at the top level, where each has its own */
  drawParts(
    node: SpaceNode,
    area: Rectangle,
    path: readonly string[],
    colour: number | undefined,
  ): string {
    const parts = partsOf(node);
    const rectangles = squarify(parts.map(({ size }) => size), area);
    return parts.map((part, i) => {
      const own = colour ?? node.children.findIndex((child) => child === part.node);
      return this.#drawPart(part, rectangles[i]!, path, own % COLOUR_COUNT);
    }).join("");
  }

  #drawPart(part: Part, area: Rectangle, path: readonly string[], colour: number): string {
    const { node, name, size } = part;
    if (area.width * area.height < MIN_AREA) return "";
    const isGroup = node !== undefined && node.children.length > 0;
    const kind = isGroup ? "group" : node ? "entry" : "shared";
    const age = isGroup || !node ? undefined : this.#notes.ageOf(name);
    const remark = isGroup || !node ? undefined : this.#notes.remarkOn(name);
    const own = [...path, name];
    const title = `${own.join(" › ")}: ${formatBytes(size)}${remark ? `, ${remark}` : ""}`;
    const style = [kind, `c${Math.max(0, colour)}`, ...age ? [age] : []].join(" ");
    const heading = isGroup && !hasHeading(area)
      ? ""
      : label(shortName(name, path.at(-1)), 0, area);
    const inner = isGroup
      ? this.drawParts(node, within(area), own, colour)
      : label(formatBytes(size), 1, area);
    return `<g><title>${escape(title)}</title><rect class="${style}" ${attributes(area)}/>` +
      `${heading}${inner}</g>\n`;
  }
}

/**
 * Returns what a name adds to that of its group: of `ghcr.io/acme/shop:v1` the repository in `ghcr.io`, and the tag in
 * `ghcr.io/acme/shop`.
 */
export function shortName(name: string, group: string | undefined): string {
  const shown = displayName(name);
  if (group === undefined || !shown.startsWith(group) || shown === group) return shown;
  const rest = shown.slice(group.length);
  return /^[/:@]/.test(rest) ? rest.replace(/^[/:@]/, "") : shown;
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

/** True if a group has room for its name above its parts. */
function hasHeading({ height }: Rectangle): boolean {
  return height > 3 * LINE;
}

/** Returns the area for the parts of a group: below its name, if that is shown. */
function within(area: Rectangle): Rectangle {
  const { x, y, width, height } = area;
  const top = hasHeading(area) ? LINE : PADDING;
  return {
    x: x + PADDING,
    y: y + top,
    width: Math.max(1, width - 2 * PADDING),
    height: Math.max(1, height - top - PADDING),
  };
}

/** Draws a text in a line of a rectangle, cut to fit; nothing if there is no room. */
function label(text: string, line: number, { x, y, width, height }: Rectangle): string {
  const letters = Math.floor((width - 8) / LETTER);
  if (letters < Math.min(MIN_LETTERS, text.length) || height < (line + 1) * LINE) return "";
  const shown = text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
  const area = { x, y: y + line * LINE, width, height: height - line * LINE };
  // A nested svg clips the text if the font is wider than estimated.
  return `<svg ${attributes(area)}><text x="4" y="12">${escape(shown)}</text></svg>`;
}

function attributes(area: Rectangle): string {
  const names = ["x", "y", "width", "height"] as const;
  return names.map((name) => `${name}="${Number(area[name].toFixed(1))}"`).join(" ");
}
