import { diskOf } from "../../../base/files/disk.ts";
import { placeText } from "../../../base/files/place_file.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import type { DraftPlan } from "../../../gc/plan.ts";
import { mostThatLimitsFree, planGc } from "../../../gc/planner.ts";
import { hasLimits } from "../../../gc/policy.ts";
import { displayName } from "../../../store/entry_names.ts";
import type { Context } from "../../context.ts";
import { optionConflict } from "../../errors.ts";
import type { Format } from "../../options.ts";
import { outputWidth, STANDARD_STREAM, writeJson, writeOut } from "../../terminal/console.ts";
import { localTime, table } from "../../terminal/text_layout.ts";
import { fitted, keptFilesText } from "../gc/plan_words.ts";
import { policyOf } from "../gc/policy.ts";
import { readLeases } from "../../read_activity.ts";
import { readCache } from "../../read_cache.ts";
import { type Bar, barChart } from "./bar_chart.ts";
import { type SpaceNode, spaceTree } from "./space_tree.ts";
import { type Amount, type TypeUsage, type Usage, usageOf } from "./usage.ts";

export interface DfOptions {
  readonly format: Format;
  /** The file to write a page to; `-` prints nothing but the page. */
  readonly html?: string;
}

/** Bars shown without `--verbose`. */
const MAX_BARS = 10;
/** Columns of a line if stdout is not a terminal. */
const DEFAULT_WIDTH = 80;

/** The space on the disk is shown if it is this many times the size of the files, and more than this 1 MiB. */
const MUCH_MORE = 1.2;
const MIN_ALLOCATED = 1024 * 1024;

const HEAD = ["TYPE", "COUNT", "SIZE", "SHARED", "RECLAIMABLE"];

/** `larder df`: shows disk usage, and how much gc would free under the current policy. */
export async function df(context: Context, { format, html }: DfOptions): Promise<void> {
  if (html === STANDARD_STREAM && format === "json") {
    throw optionConflict("--html -", "--format json");
  }
  const { layout, config } = context;
  const now = Date.now();
  const snapshot = await readCache(context, now);
  const policy = policyOf(config);
  const disk = diskOf(layout.root);
  const leases = readLeases(context, now);
  const plan = planGc(snapshot, policy, { disk, leases });
  const usage = usageOf(snapshot, plan, disk);
  const tree = spaceTree(snapshot);
  if (html !== undefined) {
    const { usagePage } = await import("./html_page.ts");
    const { entries } = snapshot;
    const rows = [HEAD, ...rowsOf(usage)];
    const content = { root: layout.root, now, time: localTime(now), tree, rows, entries };
    const page = usagePage({ ...content, disk: diskText(usage) });
    if (html === STANDARD_STREAM) return writeOut(page);
    placeText(page, html);
    context.info(`wrote ${html}`);
  }
  if (format === "json") {
    writeJson({ root: layout.root, ...usage, keptFiles: plan.keptFiles, tree });
    return;
  }
  writeOut(usageText(usage, plan, tree, { now, verbose: context.options.verbose ?? false }));
  if (!hasLimits(policy)) {
    context.info(
      "no limits are set, so gc removes only unreferenced blobs and leftover files; " +
        "set one with larder config set gc.max_size SIZE",
    );
  }
  const { bytes } = mostThatLimitsFree(snapshot, policy, { leases });
  if (bytes > usage.total.reclaimable) {
    context.info(`larder gc --min-free SIZE could free up to ${formatBytes(bytes)}`);
  }
}

function usageText(
  usage: Usage,
  { keptFiles }: DraftPlan,
  tree: SpaceNode,
  { now, verbose }: { readonly now: number; readonly verbose: boolean },
): string {
  const kept = keptFiles.map((files) =>
    `${fitted(`Kept for now: ${keptFilesText(files, now, verbose)}`)}\n`
  ).join("");
  const bars = barsOf(tree, verbose);
  const picture = bars.length > 0 ? `\n${barChart(bars, outputWidth() ?? DEFAULT_WIDTH)}` : "";
  return `${table(HEAD, rowsOf(usage))}${pushedText(usage)}${diskText(usage)}\n${kept}${picture}`;
}

function rowsOf(usage: Usage): string[][] {
  const { types, indexes, unneeded, partials, rubbish, foreign, total } = usage;
  const row = (name: string, { count, size, reclaimable }: Amount, shared?: number) => [
    name,
    String(count),
    formatBytes(size),
    shared === undefined ? "-" : formatBytes(shared),
    shareText(reclaimable, size),
  ];
  const kinds = types.flatMap((each) =>
    each.type === indexes.type
      ? [[each.type, without(each, indexes)], ["package index", indexes]] as const
      : [[each.type, each]] as const
  );
  const others = [
    ["unreferenced", unneeded],
    ["partial downloads", partials],
    ["leftover files", rubbish],
  ] as const;
  return [
    ...kinds.filter(([, { count }]) => count > 0).map(([name, each]) =>
      row(name, each, each.shared)
    ),
    ...others.filter(([, { count }]) => count > 0).map(([name, amount]) => row(name, amount)),
    ...foreign.count > 0
      ? [["foreign files", String(foreign.count), formatBytes(foreign.size), "-", "-"]]
      : [],
    ["total", "", formatBytes(total.size), "", shareText(total.reclaimable, total.size)],
  ];
}

/** Packages and their indexes have no content in common. */
function without(all: TypeUsage, part: TypeUsage): TypeUsage {
  return {
    type: all.type,
    count: all.count - part.count,
    size: all.size - part.size,
    shared: all.shared - part.shared,
    reclaimable: all.reclaimable - part.reclaimable,
  };
}

/** `100.00 MiB (10%)`. */
function shareText(bytes: number, whole: number): string {
  return bytes === 0 ? formatBytes(0) : `${formatBytes(bytes)} (${percent(bytes, whole)})`;
}

function pushedText({ pushed: { count, size } }: Usage): string {
  if (count === 0) return "";
  const entries = plural(count, "entry", "entries");
  return `Pushed, and in no registry: ${entries}, ${formatBytes(size)}\n`;
}

function diskText({ disk, total }: Usage): string {
  // Many small files: 20,000 entries with 137 MiB took 1.0 GiB.
  const isMore = total.allocated >= MUCH_MORE * total.size && total.allocated > MIN_ALLOCATED;
  const taken = isMore
    ? `Taken on the disk, in whole blocks: ${formatBytes(total.allocated)}\n`
    : "";
  if (!disk) return `${taken}Free space on the disk: unknown`;
  const { free, size } = disk;
  return `${taken}Free space on the disk: ${formatBytes(free)} of ${formatBytes(size)} (${
    percent(free, size)
  })`;
}

function percent(part: number, whole: number): string {
  return `${Math.round((part / whole) * 100)}%`;
}

/**
 * Returns a bar per registry and other type, or with `all` one per repository and other group. A single bar says
 * nothing, so one registry is divided into its repositories, and one repository into its entries.
 */
function barsOf(tree: SpaceNode, all: boolean): Bar[] {
  let nodes = all ? tree.children.flatMap(({ children }) => children) : tree.children;
  while (nodes.length === 1 && nodes[0]!.children.length > 0) nodes = nodes[0]!.children;
  const bars = nodes.map(({ name, size }) => ({ name: displayName(name), bytes: size }))
    .sort((a, b) => b.bytes - a.bytes);
  const others = all ? [] : bars.splice(MAX_BARS);
  const shared = tree.size - nodes.reduce((sum, { size }) => sum + size, 0);
  const rest = others.reduce((sum, { bytes }) => sum + bytes, 0);
  if (rest > 0) bars.push({ name: `(${others.length} others)`, bytes: rest });
  if (shared > 0) bars.push({ name: "(shared)", bytes: shared });
  return bars;
}
