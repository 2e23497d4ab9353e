import { mapLimit } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { plural } from "../../../base/units.ts";
import type { Digest } from "../../../oci/digest.ts";
import { formatReference, type Reference } from "../../../oci/reference.ts";
import type { RegistryClient } from "../../../registry/client.ts";
import type { Context } from "../../context.ts";
import { changeLock, LOCK_FILE, readLock } from "../../lock/file.ts";
import { type Lock, type LockedList, type LockedPackage, packageKey } from "../../lock/format.ts";
import type { Format } from "../../options.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import { countProgress } from "../../terminal/progress.ts";
import { type Change, changesOf, unchangedIn } from "./changes.ts";
import { lockLists, lockPackages, withDigests } from "./packages.ts";
import { allOf, wantedOf, type WantedOptions, withNames } from "./wanted.ts";

export interface LockOptions extends WantedOptions {
  readonly format: Format;
}

/**
 * `larder lock`: writes what references name now, and the digests of packages, to `larder.lock`; without arguments, all
 * that are in it already. Nothing is written unless everything was resolved.
 *
 * @throws LarderError LDR_USAGE, LDR_NOT_LOCKED, LDR_BAD_LOCK, LDR_BAD_SPEC, LDR_DISK*, and the codes of a pull and a
 * fetch
 */
export async function lock(
  context: Context,
  names: readonly string[],
  options: LockOptions,
): Promise<void> {
  if (context.options.offline) throw needsRegistry();
  const signal = context.interruptible();
  const current = readLock();
  const { from, keyring, arch } = options;
  const isAll = names.length === 0 && (from ?? keyring ?? arch) === undefined;
  const wanted = isAll ? allOf(current) : wantedOf(names, options);
  // Before the lists are read: one that is edited meanwhile is then found to have changed, and locked again.
  const wantedLists = await withDigests(wanted.lists);
  const lists = withNames(current?.lists ?? new Map(), wantedLists);
  const { client } = openRegistry(context);
  const references = await resolveAll(context, client, wanted.references, current, signal);
  const packages = [
    ...await lockPackages(context, wanted.packages),
    ...await lockLists(context, [...wantedLists.keys()].map((from) => [from, lists.get(from)!])),
  ];
  const { before, after } = await changeLock((lock) => ({
    references: new Map([...lock.references, ...references]),
    lists: withNames(lock.lists, wantedLists),
    packages: mergedPackages(lock.packages, packages, wantedLists),
    specs: new Map([...lock.specs, ...wanted.specs]),
  }), signal);
  report(context, before, after, options.format);
}

/** Replaces the packages that are locked for the same lists and the same URLs. */
function mergedPackages(
  before: readonly LockedPackage[],
  packages: readonly LockedPackage[],
  lists: ReadonlyMap<string, LockedList>,
): LockedPackage[] {
  const urls = new Set(packages.filter(({ from }) => from === undefined).map(({ url }) => url));
  const isKept = ({ url, from }: LockedPackage) =>
    from === undefined ? !urls.has(url) : !lists.has(from);
  return [...before.filter(isKept), ...withoutRepeated(packages)];
}

/** Returns packages that a list or a command line names several times once. @throws LarderError LDR_DIGEST_MISMATCH */
function withoutRepeated(packages: readonly LockedPackage[]): LockedPackage[] {
  const locked = new Map<string, LockedPackage>();
  for (const each of packages) {
    const { digest } = locked.get(packageKey(each)) ?? each;
    if (digest !== each.digest) {
      const message =
        `${each.name} ${each.version} is named twice, as ${digest} and ${each.digest}`;
      throw new LarderError("LDR_DIGEST_MISMATCH", message, { hint: "remove one of them" });
    }
    locked.set(packageKey(each), each);
  }
  return [...locked.values()];
}

/** Asks the registries what references name now. */
async function resolveAll(
  context: Context,
  client: RegistryClient,
  references: readonly Reference[],
  current: Lock | undefined,
  signal: AbortSignal,
): Promise<Map<string, Digest>> {
  const resolved = new Map<string, Digest>();
  using progress = await countProgress(context, "references resolved");
  progress.addTotal(references.length);
  await mapLimit(references, TRANSFERS, async (reference, signal) => {
    const name = formatReference(reference);
    resolved.set(
      name,
      await currentDigest(client, reference, current?.references.get(name), signal),
    );
    progress.advance(1);
  }, signal);
  return resolved;
}

/** Returns the digest of a tag: that of the manifest's own bytes, unless the registry confirms the locked one. */
async function currentDigest(
  client: RegistryClient,
  reference: Reference,
  locked: Digest | undefined,
  signal: AbortSignal,
): Promise<Digest> {
  const repository = client.repository(reference);
  if (locked && await repository.head(reference.tag!, signal) === locked) return locked;
  return (await repository.manifest(reference.tag!, signal)).digest;
}

function report(context: Context, before: Lock, after: Lock, format: Format): void {
  const changes = changesOf(before, after);
  if (format === "json") writeJson(changes);
  else writeOut(changes.map(changeText).join(""));
  const unchanged = unchangedIn(before, after);
  const amounts = [
    changes.length > 0 ? `${plural(changes.length, "change")}` : "",
    unchanged > 0 ? `${unchanged} unchanged` : "",
  ];
  context.info(`${LOCK_FILE}: ${amounts.filter((text) => text !== "").join(", ") || "empty"}`);
}

function changeText({ kind, name, from, to }: Change): string {
  const mark = from === null ? "+" : to === null ? "-" : "~";
  return `${mark} ${kind} ${name} ${to ?? from}\n`;
}

function needsRegistry(): LarderError {
  return new LarderError("LDR_USAGE", "cannot lock with --offline", {
    hint: "leave out --offline: only the registries know what references name now",
  });
}
