import { LarderError } from "../../../base/errors.ts";
import { formatBytes, formatDuration, plural } from "../../../base/units.ts";
import { shortDigest } from "../../../oci/digest.ts";
import type { Behind, TagState } from "../../../pull/outdated.ts";
import { checkCachedTags, type CheckedTag, couldNotAsk } from "./cached_tags.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import { openRegistry } from "../../registry_access.ts";
import type { Format } from "../../options.ts";
import { table } from "../../terminal/table.ts";

export interface OutdatedOptions {
  readonly all?: boolean;
  readonly exitCode?: boolean;
  readonly format: Format;
}

/** What `--exit-code` ends with if something is out of date. */
const OUT_OF_DATE = 10;

/**
 * `larder outdated`: which cached tags stand for something else by now. Those that do not are left out, unless all are
 * asked for.
 */
export async function outdated(
  context: Context,
  names: readonly string[],
  options: OutdatedOptions,
): Promise<void> {
  const { client } = openRegistry(context);
  const checked = await checkCachedTags(context, client, names);
  const shown = options.all ? checked : checked.filter(({ state }) => state.state !== "current");
  if (options.format === "json") {
    writeJson(shown.map(toJson));
  } else if (shown.length > 0) {
    writeOut(rows(shown));
  }
  context.info(summary(checked));
  const isBehind = checked.some(({ state }) => state.state === "behind");
  if (options.exitCode && isBehind) Deno.exitCode = OUT_OF_DATE;
  else couldNotAsk(checked);
}

function rows(checked: readonly CheckedTag[]): string {
  return table(
    ["NAME", "STATE", "CACHED", "NOW", "AGE", "TO FETCH", "WHY"],
    checked.map(({ entry, state }) => [
      entry.name,
      state.state,
      entry.digest ? shortDigest(entry.digest) : "-",
      state.state === "behind" ? shortDigest(state.digest) : "-",
      formatDuration(Date.now() - entry.createdAt),
      state.state === "behind" && state.bytes !== undefined ? formatBytes(state.bytes) : "-",
      faultOf(state)?.message ?? "",
    ]),
  );
}

/** Why a tag cannot be asked about, or would not be pulled. */
function faultOf(state: TagState): LarderError | undefined {
  if (state.state === "unknown") return state.error;
  return state.state === "behind" ? state.problem : undefined;
}

function summary(checked: readonly CheckedTag[]): string {
  const of = (state: TagState["state"]) => checked.filter((each) => each.state.state === state);
  const [behind, gone, unknown] = [of("behind"), of("gone"), of("unknown")];
  if (checked.length === 0) return "there are no tags in the cache to ask about";
  if (behind.length + gone.length + unknown.length === 0) {
    return `${plural(checked.length, "tag")}: all current`;
  }
  const bytes = behind.reduce((sum, { state }) => sum + ((state as Behind).bytes ?? 0), 0);
  const parts = [
    behind.length > 0 ? `${behind.length} behind, ${formatBytes(bytes)} to fetch` : "",
    gone.length > 0 ? `${gone.length} gone` : "",
    unknown.length > 0 ? `${unknown.length} unknown` : "",
    of("current").length > 0 ? `${of("current").length} current` : "",
  ];
  return `${plural(checked.length, "tag")}: ${parts.filter((part) => part).join(", ")}`;
}

function toJson({ entry, tag, state }: CheckedTag): object {
  const behind = state.state === "behind" ? state : undefined;
  const fault = faultOf(state);
  return {
    name: entry.name,
    state: state.state,
    digest: entry.digest ?? null,
    currentDigest: behind?.digest ?? (state.state === "current" ? entry.digest ?? null : null),
    pulledAt: tag.record?.pulledAt ?? null,
    checkedAt: tag.record?.checkedAt ?? null,
    created: behind?.created ?? null,
    bytesToFetch: behind?.bytes ?? null,
    why: fault ? { code: fault.code, message: fault.message } : null,
  };
}
