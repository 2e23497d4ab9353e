import type { LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { formatBytes, formatDuration, plural } from "../../../base/units.ts";
import { shortDigest } from "../../../oci/digest.ts";
import type { Behind, TagState } from "../../../pull/outdated.ts";
import { isConfirmed } from "../../../store/entries/app_record.ts";
import type { Context } from "../../context.ts";
import type { Lock } from "../../lock/format.ts";
import type { Format } from "../../options.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Style } from "../../terminal/style.ts";
import { table } from "../../terminal/text_layout.ts";
import { checkCachedTags, type CheckedTag, throwIfUnchecked } from "./cached_tags.ts";

export interface OutdatedOptions {
  readonly all?: boolean;
  readonly exitCode?: boolean;
  readonly format: Format;
}

const STATE_STYLES: Readonly<Record<TagState["state"], Style>> = {
  behind: "yellow",
  current: "green",
  gone: "red",
  unknown: "red",
};

/** Exit code with `--exit-code` if a tag is behind. */
const EXIT_BEHIND = 10;

/**
 * `larder outdated`: lists the cached tags, and those in `larder.lock` of the current folder, that have changed in
 * their registries; with `--all` the others too.
 */
export async function outdated(
  context: Context,
  names: readonly string[],
  options: OutdatedOptions,
): Promise<void> {
  const { client } = openRegistry(context);
  const checked = await checkCachedTags(context, client, names, await lockOfFolder());
  const shown = options.all ? checked : checked.filter(({ state }) => state.state !== "current");
  if (options.format === "json") {
    writeJson(shown.map(toJson));
  } else if (shown.length > 0) {
    writeOut(tagTable(shown));
  }
  context.info(summary(checked));
  const behind = checked.filter(({ state }) => state.state === "behind");
  if (behind.some(isLocked)) context.info("larder lock updates larder.lock");
  if (options.exitCode && behind.length > 0) Deno.exitCode = EXIT_BEHIND;
  else throwIfUnchecked(checked);
}

/** Reads the lock file of the current folder, with its parser only if there is one. */
async function lockOfFolder(): Promise<Lock | undefined> {
  if (!statIfAny("larder.lock")) return undefined;
  const { readLock } = await import("../../lock/file.ts");
  return readLock();
}

function isLocked({ tag }: CheckedTag): boolean {
  return tag.locked !== undefined;
}

function tagTable(checked: readonly CheckedTag[]): string {
  const hasErrors = checked.some(({ state }) => errorOf(state) !== undefined);
  const hasLocked = checked.some(isLocked);
  return table(
    [
      ...["NAME", "STATE", hasLocked ? "HERE" : "CACHED", "REGISTRY", "AGE", "TO FETCH"],
      ...hasLocked ? ["IN"] : [],
      ...hasErrors ? ["WHY"] : [],
    ],
    checked.map(({ name, digest, createdAt, tag, state }) => [
      name,
      state.state,
      digest ? shortDigest(digest) : "-",
      state.state === "behind" ? shortDigest(state.digest) : "-",
      createdAt === undefined ? "-" : formatDuration(Date.now() - createdAt).split(" ", 1)[0]!,
      state.state === "behind" && state.bytes !== undefined ? formatBytes(state.bytes) : "-",
      ...hasLocked ? [tag.locked ? "larder.lock" : "cache"] : [],
      ...hasErrors ? [errorOf(state)?.message ?? ""] : [],
    ]),
    {
      // The reason may be longer than any terminal is wide, and there is no other place for it.
      ...hasErrors ? {} : { shrink: 0 },
      style: (column, row) => column === 1 ? STATE_STYLES[checked[row]!.state.state] : undefined,
    },
  );
}

/** Returns why a tag could not be checked, or could not be pulled. */
function errorOf(state: TagState): LarderError | undefined {
  if (state.state === "unknown") return state.error;
  return state.state === "behind" ? state.problem : undefined;
}

function summary(checked: readonly CheckedTag[]): string {
  const inState = (state: TagState["state"]) =>
    checked.filter((each) => each.state.state === state);
  const [behind, gone, unknown] = [inState("behind"), inState("gone"), inState("unknown")];
  const current = inState("current");
  if (checked.length === 0) return "no cached tags to check";
  if (behind.length + gone.length + unknown.length === 0) {
    return `${plural(checked.length, "tag")}: all current`;
  }
  const bytes = behind.reduce((sum, { state }) => sum + ((state as Behind).bytes ?? 0), 0);
  const parts = [
    behind.length > 0 ? `${behind.length} behind, ${formatBytes(bytes)} to fetch` : "",
    gone.length > 0 ? `${gone.length} gone` : "",
    unknown.length > 0 ? `${unknown.length} unknown` : "",
    current.length > 0 ? `${current.length} current` : "",
  ];
  return `${plural(checked.length, "tag")}: ${parts.filter((part) => part).join(", ")}`;
}

function toJson({ name, digest, tag, state }: CheckedTag): object {
  const behind = state.state === "behind" ? state : undefined;
  const error = errorOf(state);
  return {
    name,
    in: tag.locked ? "lock" : "cache",
    state: state.state,
    digest: digest ?? null,
    currentDigest: behind?.digest ?? (state.state === "current" ? digest ?? null : null),
    pulledAt: tag.record?.pulledAt ?? null,
    checkedAt: tag.record && isConfirmed(tag.record) ? tag.record.checkedAt : null,
    created: behind?.created ?? null,
    bytesToFetch: behind?.bytes ?? null,
    why: error ? { code: error.code, message: error.message } : null,
  };
}
