import { shellWord } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { type Digest, shortDigest } from "../../../oci/digest.ts";
import { NEWER_VERSION } from "../../../snapshot/entry.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import { displayName, isIndexName } from "../../../store/entry_names.ts";
import type { Context } from "../../context.ts";
import { readCache } from "../../read_cache.ts";
import { isTemplate } from "../../options.ts";
import { itemToJson } from "../../query/fields.ts";
import { compileFilter, type Filter } from "../../query/filter.ts";
import { type Item, ITEM_TYPES, itemsOf, type ItemType, spaceOf } from "../../query/items.ts";
import { parseSorting, sorted, type Sorting } from "../../query/sorting.ts";
import { compileTemplate, type Template } from "../../query/template.ts";
import { writeJsonList, writeOut } from "../../terminal/console.ts";
import { agoText, enumerate, table } from "../../terminal/text_layout.ts";

export interface ListOptions {
  /** Lists the items also without `--verbose`. */
  readonly table?: boolean;
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
  const query = await parseOptions(options, now);
  const { types, filter, sorting, template } = query;
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
    const isTable = options.table || context.options.verbose || sorting !== undefined;
    writeOut(isTable && items.length > 0 ? `${itemTable(items, query, now)}\n` : "");
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

/** A column of the table, which is left out if it says the same of all items. */
interface Column {
  readonly head: string;
  readonly isShown: boolean;
  readonly cell: (item: Item) => string;
}

function itemTable(items: readonly Item[], { types, sorting }: Query, now: number): string {
  const all: Column[] = [
    { head: "NAME", isShown: true, cell: nameText },
    { head: "TYPE", isShown: types.size > 1, cell: ({ type }) => type },
    {
      head: "CREATED",
      isShown: sorting?.field === "created" || sorting?.field === "age",
      cell: ({ createdAt }) => agoText(now - createdAt),
    },
    { head: "LAST USED", isShown: true, cell: ({ lastUsed }) => agoText(now - lastUsed) },
    { head: "SIZE", isShown: true, cell: ({ size }) => formatBytes(size) },
    { head: "UNIQUE", isShown: true, cell: ({ unique }) => formatBytes(unique) },
    {
      head: "PINNED",
      isShown: items.some(({ pin }) => pin !== undefined),
      cell: ({ pin }) => pin ? "yes" : "no",
    },
  ];
  const columns = all.filter(({ isShown }) => isShown);
  return table(
    columns.map(({ head }) => head),
    items.map((item) => columns.map(({ cell }) => cell(item))),
    {
      shrink: 0,
      style: (column, row) => column === 0 && items[row]!.problem !== undefined ? "red" : undefined,
    },
  );
}

/** Returns the name of an entry, or the beginning of a blob's digest, which every command accepts. */
function nameText({ type, name, digest }: Item): string {
  return type === "blob" && digest !== undefined
    ? digest.slice(0, digest.indexOf(":") + 1) + shortDigest(digest as Digest)
    : displayName(name);
}

/** Sums up the whole cache. Entries consist of blobs, so these are no further item of the sum. */
function summaryOfAll(snapshot: CacheSnapshot, entries: readonly Item[]): string {
  const blobs = snapshot.contents.filter(({ tree }) => tree !== "manifests").length;
  return summary(tally(snapshot, entries), snapshot.size, ` in ${plural(blobs, "blob")}`);
}

/** Sums up the selected items. */
function summaryOf(snapshot: CacheSnapshot, items: readonly Item[]): string {
  return items.length === 0
    ? "Nothing in the cache matches\n"
    : summary(tally(snapshot, items), spaceOf(snapshot, items));
}

function summary(amounts: readonly string[], total: number, detail = ""): string {
  const text = amounts.length > 0 ? `${enumerate(amounts)} of space` : "no entries";
  const verb = text.startsWith("1 ") ? "is" : "are";
  const once = amounts.length > 1 ? "; what they share is counted once" : "";
  return `There ${verb} ${text}\nTotal space used: ${formatBytes(total)}${detail}${once}\n`;
}

/** `2 apps using 953.56 MiB` for each type with any item; indexes of packages are not packages to a user. */
function tally(snapshot: CacheSnapshot, items: readonly Item[]): string[] {
  return ITEM_TYPES.flatMap((type) => {
    const some = items.filter((item) => item.type === type);
    const isIndex = ({ name }: Item) => type === "package" && isIndexName(name);
    const indexes = some.filter(isIndex);
    const others = some.filter((item) => !isIndex(item));
    const noun = type === "compiled" ? "compiled component" : type;
    return [[others, noun, undefined], [indexes, "package index", "package indexes"]] as const;
  }).filter(([items]) => items.length > 0).map(([items, one, many]) =>
    `${plural(items.length, one, many)} using ${formatBytes(spaceOf(snapshot, items))}`
  );
}

function warnOfDamage(context: Context, items: readonly Item[]): void {
  // Reading the cache has warned of records of a newer larder.
  const damaged = items.filter(({ problem }) => problem !== undefined && problem !== NEWER_VERSION);
  if (damaged.length === 0) return;
  context.warn(
    damaged.length === 1
      ? `${damaged[0]!.name} is damaged; see larder info ${
        shellWord(displayName(damaged[0]!.name))
      }`
      : `${damaged.length} entries are damaged; list them with larder list -v --filter damaged`,
  );
}
