import { formatBytes, plural } from "../../../base/units.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import { displayName } from "../../../store/entry_names.ts";
import { writeJsonList, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import { itemToJson } from "../../query/fields.ts";
import { compileFilter, type Filter } from "../../query/filter.ts";
import { type Item, ITEM_TYPES, itemsOf, type ItemType, spaceOf } from "../../query/items.ts";
import { isTemplate } from "../../options.ts";
import { localTime, table } from "../../terminal/table.ts";
import { parseSorting, sorted, type Sorting } from "../../query/sorting.ts";
import { compileTemplate, type Template } from "../../query/template.ts";

export interface ListOptions {
  readonly type?: readonly ItemType[];
  readonly filter?: string;
  readonly sort?: string;
  /** `table`, `json` or a template. */
  readonly format: string;
}

/** What is to be listed, in which order, and how it is printed. */
interface Request {
  readonly types: ReadonlySet<ItemType>;
  readonly filter: Filter | undefined;
  readonly sorting: Sorting | undefined;
  readonly template: Template | undefined;
}

/**
 * `larder list`: how much there is of each type, as a sentence; a line for each entry with `--verbose`, and where an
 * order or another format than the table is asked for.
 */
export async function list(context: Context, options: ListOptions): Promise<void> {
  const now = Date.now();
  const { types, filter, sorting, template } = await readRequest(options, now);
  const snapshot = await takeSnapshot(context.layout, now);
  let items = itemsOf(snapshot, types);
  if (filter) items = items.filter(filter);
  if (sorting) items = sorted(items, sorting, now);
  if (template) {
    writeOut(items.map((item) => `${template(item)}\n`).join(""));
  } else if (options.format === "json") {
    writeJsonList(items.values().map((item) => itemToJson(item, now)));
  } else if (snapshot.entries.length + snapshot.contents.length === 0) {
    context.info(`the cache ${context.layout.root} is empty`);
  } else {
    const isTable = context.options.verbose || sorting !== undefined;
    writeOut(isTable ? `${rows(items)}\n` : "");
    writeOut(options.type || filter ? summaryOf(snapshot, items) : summaryOfAll(snapshot, items));
    warnOfDamage(context, items);
  }
}

/** Reads what was asked for, before anything of the cache is. */
async function readRequest(options: ListOptions, now: number): Promise<Request> {
  const { type, filter, sort, format } = options;
  return {
    types: new Set(type ?? ITEM_TYPES.filter((each) => each !== "blob")),
    filter: filter === undefined ? undefined : await compileFilter(filter, now),
    sorting: sort === undefined ? undefined : parseSorting(sort),
    template: isTemplate(format) ? await compileTemplate(format, now) : undefined,
  };
}

function rows(items: readonly Item[]): string {
  return table(
    ["NAME", "TYPE", "CREATED", "LAST USED", "SIZE", "UNIQUE", "PINNED"],
    items.map((item) => [
      displayName(item.name),
      item.type,
      localTime(item.createdAt),
      localTime(item.lastUsed),
      formatBytes(item.size),
      formatBytes(item.unique),
      item.pin ? "yes" : "no",
    ]),
  );
}

/** How much all of the cache takes: blobs are counted whether they are needed or not. */
function summaryOfAll(snapshot: CacheSnapshot, entries: readonly Item[]): string {
  const blobs = snapshot.contents.filter(({ tree }) => tree !== "manifests");
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  return summary([...tally(snapshot, entries), amount("blob", blobs.length, bytes)], snapshot.size);
}

/** How much there is of what was asked for. */
function summaryOf(snapshot: CacheSnapshot, items: readonly Item[]): string {
  return items.length === 0
    ? "There is nothing of that in the cache\n"
    : summary(tally(snapshot, items), spaceOf(snapshot, items));
}

function summary(amounts: readonly string[], total: number): string {
  const [first, ...others] = [amounts.slice(0, -1).join(", "), amounts.at(-1)!].filter((t) => t);
  const text = [first, ...others].join(" and ");
  const verb = text.startsWith("1 ") ? "is" : "are";
  return `There ${verb} ${text} of space\nTotal space used: ${formatBytes(total)}\n`;
}

/** `2 apps using 953.56 MiB` for each type that there is anything of. */
function tally(snapshot: CacheSnapshot, items: readonly Item[]): string[] {
  return ITEM_TYPES.flatMap((type) => {
    const of = items.filter((item) => item.type === type);
    return of.length === 0 ? [] : amount(type, of.length, spaceOf(snapshot, of));
  });
}

function amount(type: ItemType, count: number, bytes: number): string {
  const noun = type === "compiled" ? "compiled component" : type;
  return `${plural(count, noun)} using ${formatBytes(bytes)}`;
}

function warnOfDamage(context: Context, items: readonly Item[]): void {
  const damaged = items.filter((item) => item.problem !== undefined);
  if (damaged.length === 0) return;
  const what = damaged.length === 1 ? damaged[0]!.name : `${damaged.length} of them`;
  context.warn(`${what} ${damaged.length === 1 ? "is" : "are"} damaged: larder info NAME says how`);
}
