import { formatBytes, plural } from "../../../base/units.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import { displayName } from "../../../store/entry_names.ts";
import type { Context } from "../../context.ts";
import { readCache } from "../../read_cache.ts";
import { isTemplate } from "../../options.ts";
import { itemToJson } from "../../query/fields.ts";
import { compileFilter, type Filter } from "../../query/filter.ts";
import { type Item, ITEM_TYPES, itemsOf, type ItemType, spaceOf } from "../../query/items.ts";
import { parseSorting, sorted, type Sorting } from "../../query/sorting.ts";
import { compileTemplate, type Template } from "../../query/template.ts";
import { writeJsonList, writeOut } from "../../terminal/console.ts";
import { enumerate, localTime, table } from "../../terminal/text_layout.ts";

export interface ListOptions {
  readonly type?: readonly ItemType[];
  readonly filter?: string;
  readonly sort?: string;
  /** `table`, `json` or a template. */
  readonly format: string;
}

/** The parsed options. */
interface Query {
  readonly types: ReadonlySet<ItemType>;
  readonly filter: Filter | undefined;
  readonly sorting: Sorting | undefined;
  readonly template: Template | undefined;
}

/**
 * `larder list`: prints the number and size of entries of each type. With `--verbose`, `--sort`, `--format json` or a
 * template it prints each item.
 */
export async function list(context: Context, options: ListOptions): Promise<void> {
  const now = Date.now();
  const { types, filter, sorting, template } = await parseOptions(options, now);
  const snapshot = await readCache(context, now);
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
    writeOut(isTable ? `${itemTable(items)}\n` : "");
    writeOut(options.type || filter ? summaryOf(snapshot, items) : summaryOfAll(snapshot, items));
    warnOfDamage(context, items);
  }
}

/** Parses filter, sorting and template before the cache is read, so that mistakes fail at once. */
async function parseOptions(options: ListOptions, now: number): Promise<Query> {
  const { type, filter, sort, format } = options;
  return {
    types: new Set(type ?? ITEM_TYPES.filter((each) => each !== "blob")),
    filter: filter === undefined ? undefined : await compileFilter(filter, now),
    sorting: sort === undefined ? undefined : parseSorting(sort),
    template: isTemplate(format) ? await compileTemplate(format, now) : undefined,
  };
}

function itemTable(items: readonly Item[]): string {
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

/** Sums up the whole cache, including unreferenced blobs. */
function summaryOfAll(snapshot: CacheSnapshot, entries: readonly Item[]): string {
  const blobs = snapshot.contents.filter(({ tree }) => tree !== "manifests");
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  return summary([...tally(snapshot, entries), amount("blob", blobs.length, bytes)], snapshot.size);
}

/** Sums up the selected items. */
function summaryOf(snapshot: CacheSnapshot, items: readonly Item[]): string {
  return items.length === 0
    ? "Nothing in the cache matches\n"
    : summary(tally(snapshot, items), spaceOf(snapshot, items));
}

function summary(amounts: readonly string[], total: number): string {
  const text = enumerate(amounts);
  const verb = text.startsWith("1 ") ? "is" : "are";
  return `There ${verb} ${text} of space\nTotal space used: ${formatBytes(total)}\n`;
}

/** `2 apps using 953.56 MiB` for each type with any item. */
function tally(snapshot: CacheSnapshot, items: readonly Item[]): string[] {
  return ITEM_TYPES.flatMap((type) => {
    const some = items.filter((item) => item.type === type);
    return some.length === 0 ? [] : amount(type, some.length, spaceOf(snapshot, some));
  });
}

function amount(type: ItemType, count: number, bytes: number): string {
  const noun = type === "compiled" ? "compiled component" : type;
  return `${plural(count, noun)} using ${formatBytes(bytes)}`;
}

function warnOfDamage(context: Context, items: readonly Item[]): void {
  const damaged = items.filter((item) => item.problem !== undefined);
  if (damaged.length === 0) return;
  context.warn(
    damaged.length === 1
      ? `${damaged[0]!.name} is damaged; see larder info ${displayName(damaged[0]!.name)}`
      : `${damaged.length} entries are damaged; list them with larder list -v --filter damaged`,
  );
}
