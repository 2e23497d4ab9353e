import { DAY, formatBytes } from "../../../base/units.ts";
import type { SnapshotEntry } from "../../../snapshot/types.ts";
import { displayName } from "../../../store/entry_names.ts";
import { agoText } from "../../terminal/text_layout.ts";
import { AGES, STYLE } from "./html_style.ts";
import { escape } from "./html_text.ts";
import type { SpaceNode } from "./space_tree.ts";
import { COLOUR_COUNT, type MapNotes, treemapSvg } from "./treemap_svg.ts";

/** The members of an entry that a page shows. */
type PageEntry = Pick<SnapshotEntry, "name" | "size" | "unique" | "lastUsed">;

/** The content of a page about disk usage. */
export interface UsagePage {
  /** The cache's folder. */
  readonly root: string;
  /** When the cache was read, in milliseconds since the epoch. */
  readonly now: number;
  /** The same, formatted. */
  readonly time: string;
  /** A sentence about the free space on the disk. */
  readonly disk: string;
  readonly tree: SpaceNode;
  /** Rows of the table of types; the first is its head. */
  readonly rows: readonly (readonly string[])[];
  readonly entries: readonly PageEntry[];
}

/** Sizes of the treemap: in a window, and on a phone, where the text of the first would be too small to read. */
const WIDE = { width: 1000, height: 700 };
const NARROW = { width: 400, height: 560 };

/** Entries that are listed, the largest first. */
const MAX_LISTED = 1000;

/** The orders of the list of entries. Each is a variable of its rows, which the style sheet sorts by. */
const ORDERS = ["size", "age", "name"] as const;

/**
 * Returns a page that shows disk usage as a treemap and a list of entries. It needs no other file, no script and no
 * network, and all names in it are escaped. The colours and the order are switched by its style sheet.
 */
export function usagePage(page: UsagePage): string {
  const { root, time, disk, tree, rows, entries, now } = page;
  const [head, ...body] = rows;
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  const notes = notesOf(entries, now);
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
<p>${escape(root)}, ${escape(time)}. ${escape(disk)}.</p>
<div class="switches">${choice("colour", "Colour by", ["place", "age"])}${legend()}</div>
<main>
<section class="map">
<div class="wide">${treemapSvg(tree, WIDE, notes)}</div>
<div class="narrow">${treemapSvg(tree, NARROW, notes)}</div>
<p>Each file is counted once. Content that several entries need is drawn beside them as “shared”.</p>
</section>
${entries.length > 0 ? entryList(entries, tree, notes, now) : ""}
</main>
<table class="types">
<thead>${cells(head!, "th")}</thead>
<tbody>${body.map((row) => cells(row, "td")).join("\n")}</tbody>
</table>
</body>
</html>
`;
}

/** Returns a group of radio buttons, of which the first is chosen. */
function choice(name: string, title: string, values: readonly string[]): string {
  const buttons = values.map((value, i) =>
    `<label><input type="radio" name="${name}" id="${name}-${value}"${
      i === 0 ? " checked" : ""
    }>${value}</label>`
  );
  return `<fieldset><legend>${title}</legend>${buttons.join("")}</fieldset>`;
}

/** Returns the colours of ages, which are shown if they are chosen. */
function legend(): string {
  const ages = AGES.map(({ name }, i) => `<li><i class="swatch a${i}"></i>${escape(name)}</li>`);
  return `<ul class="legend" aria-label="Last used">${ages.join("")}</ul>`;
}

function entryList(
  entries: readonly PageEntry[],
  tree: SpaceNode,
  notes: MapNotes,
  now: number,
): string {
  const listed = entries.toSorted((a, b) => b.size - a.size).slice(0, MAX_LISTED);
  const rest = entries.length - listed.length;
  const byAge = ranksOf(listed, (a, b) => a.lastUsed - b.lastUsed);
  const byName = ranksOf(listed, (a, b) => a.name < b.name ? -1 : 1);
  const colours = coloursOf(tree);
  const rows = listed.map((entry, i) => {
    const { name, size, unique, lastUsed } = entry;
    const order = `--size:${i};--age:${byAge.get(entry)};--name:${byName.get(entry)}`;
    const swatch = `<i class="swatch c${colours.get(name) ?? 0} ${notes.ageOf(name)}"></i>`;
    return `<tr style="${order}"><td title="${escape(name)}">${swatch}${
      breakable(escape(displayName(name)))
    }</td><td>${agoText(now - lastUsed)}</td><td>${formatBytes(size)}</td><td>${
      formatBytes(unique)
    }</td></tr>`;
  });
  return `<section class="entries">
${choice("sort", "Sort by", ORDERS)}
<table>
<thead><tr><th>ENTRY</th><th>LAST USED</th><th>SIZE</th><th>UNIQUE</th></tr></thead>
<tbody>${rows.join("\n")}</tbody>
</table>${rest > 0 ? `\n<p>and ${rest} smaller entries</p>` : ""}
</section>`;
}

/** Lets an escaped name break after its separators. */
function breakable(name: string): string {
  return `<span>${name.replace(/[/:@]/g, "$&<wbr>")}</span>`;
}

/** Returns the position of each entry in another order. */
function ranksOf(
  entries: readonly PageEntry[],
  compare: (a: PageEntry, b: PageEntry) => number,
): Map<PageEntry, number> {
  return new Map(entries.toSorted(compare).map((entry, i) => [entry, i]));
}

/** Returns the colour of each entry: that of its top-level part in the map. */
function coloursOf(tree: SpaceNode): Map<string, number> {
  const colours = new Map<string, number>();
  for (const [i, top] of tree.children.entries()) {
    for (const group of top.children) {
      for (const { name } of group.children) colours.set(name, i % COLOUR_COUNT);
    }
  }
  return colours;
}

function notesOf(entries: readonly PageEntry[], now: number): MapNotes {
  const ages = new Map(entries.map(({ name, lastUsed }) => [name, now - lastUsed]));
  return {
    ageOf(name) {
      const age = ages.get(name);
      return age === undefined ? undefined : `a${AGES.findIndex(({ days }) => age < days * DAY)}`;
    },
    remarkOn(name) {
      const age = ages.get(name);
      return age === undefined ? undefined : `last used ${agoText(age)}`;
    },
  };
}
