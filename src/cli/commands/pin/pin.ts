import { LarderError } from "../../../base/errors.ts";
import { isGlob } from "../../../base/glob.ts";
import { plural } from "../../../base/units.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import { formatReference, parseReference } from "../../../oci/reference.ts";
import { matchesName } from "../../../store/entry_names.ts";
import { type PinOptions, PinStore } from "../../../store/entries/pins.ts";
import { WAITING_FOR_SWEEP } from "../../../store/locks/store_lock.ts";
import { selectForRemoval } from "../../entry_lookup.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { localTime, table } from "../../terminal/table.ts";

/** `larder pin`: keeps entries from every automatic removal; patterns also keep what comes later. */
export async function pin(
  context: Context,
  names: readonly string[],
  { note }: { note?: string },
): Promise<void> {
  const now = Date.now();
  const snapshot = await takeSnapshot(context.layout, now);
  const pins = new PinStore(context.layout);
  const options = { ...pinOptions(context, now), note };
  for (const name of names) {
    const found = selectForRemoval(snapshot.entries, name);
    if (!isGlob(name) && found.length > 0) {
      for (const { folder } of found) await pins.pin(folder, options);
      for (const entry of found) context.info(`pinned ${entry.name}`);
      continue;
    }
    const pattern = isGlob(name) ? name : fullName(name);
    await pins.pinPattern(pattern, options);
    if (found.length === 0) {
      context.warn(`nothing in the cache matches ${pattern} yet; what comes will be pinned`);
    } else {
      context.info(
        `pinned ${pattern}: ${plural(found.length, "entry", "entries")} now, and what comes later`,
      );
    }
  }
}

/** `larder unpin`: takes pins away, an entry's own or a pattern's. */
export async function unpin(context: Context, names: readonly string[]): Promise<void> {
  const now = Date.now();
  const snapshot = await takeSnapshot(context.layout, now);
  const pins = new PinStore(context.layout);
  for (const name of names) await unpinOne(context, snapshot, pins, name, now);
}

async function unpinOne(
  context: Context,
  snapshot: CacheSnapshot,
  pins: PinStore,
  name: string,
  now: number,
): Promise<void> {
  const spelled = isGlob(name) ? [name] : [...new Set([name, fullName(name)])];
  let isDone = false;
  for (const pattern of spelled) {
    if (await pins.unpinPattern(pattern, pinOptions(context, now))) isDone = true;
  }
  const found = selectForRemoval(snapshot.entries, name);
  // A glob stands for itself before it stands for what has a pin of its own; a name is one and the same entry.
  if (!isDone || !isGlob(name)) {
    for (const { folder } of found) isDone = pins.unpin(folder) || isDone;
  }
  if (!isDone) throw notPinned(name, found.map(({ pin }) => pin?.pattern));
  context.info(`unpinned ${name}`);
  for (const entry of found) {
    const other = pins.patterns().find(({ pattern }) => matchesName(pattern, entry.name));
    if (other) context.warn(`${entry.name} is still pinned by ${other.pattern}`);
  }
}

/** `larder pins`: what is pinned, patterns first. */
export async function pins(context: Context, { format }: { format: Format }): Promise<void> {
  const snapshot = await takeSnapshot(context.layout, Date.now());
  const rows = [
    ...new PinStore(context.layout).patterns().map((each) => ({
      name: each.pattern,
      isPattern: true,
      entries: snapshot.entries.filter(({ name }) => matchesName(each.pattern, name)).length,
      pinnedAt: each.pinnedAt ?? null,
      note: each.note ?? null,
    })),
    ...snapshot.entries.filter((entry) => entry.pin && entry.pin.pattern === undefined).map((
      { name, pin },
    ) => ({
      name,
      isPattern: false,
      entries: 1,
      pinnedAt: pin!.pinnedAt ?? null,
      note: pin!.note ?? null,
    })),
  ];
  if (format === "json") {
    writeJson(rows);
  } else if (rows.length === 0) {
    context.info("nothing is pinned");
  } else {
    writeOut(table(
      ["NAME", "ENTRIES", "PINNED", "NOTE"],
      rows.map(({ name, entries, pinnedAt, note }) => [
        name,
        String(entries),
        pinnedAt ? localTime(Date.parse(pinnedAt)) : "",
        note ?? "",
      ]),
    ));
  }
}

function pinOptions(context: Context, now: number): PinOptions {
  return {
    now,
    waiting: () => context.info(WAITING_FOR_SWEEP),
    signal: context.interruptible(),
  };
}

/** A reference in full, `nginx` as `docker.io/library/nginx:latest`; what is none stays as it is. */
function fullName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}

function notPinned(name: string, patterns: readonly (string | undefined)[]): LarderError {
  const pattern = patterns.find((each) => each !== undefined);
  return new LarderError("LDR_NOT_CACHED", `"${name}" has no pin of its own`, {
    hint: pattern
      ? `larder unpin '${pattern}' is what pins it`
      : "larder pins lists what is pinned",
  });
}
