import { systemClock } from "../../../base/concurrency.ts";
import { redact } from "../../../base/redact.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import type { PullOptions } from "../../../pull/options.ts";
import type { Puller } from "../../../pull/puller.ts";
import {
  type ComponentResult,
  packageOf,
  pullComponents,
} from "../../../pull/spin_toml/components.ts";
import { type ComponentSource, describeSource } from "../../../pull/spin_toml/manifest.ts";
import { withRoom } from "../../../pull/room.ts";
import type { Transport } from "../../../registry/http/transport.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { packageName } from "../../../store/entries/package_record.ts";
import { PackageStore } from "../../../store/entries/package_store.ts";
import type { UseEvent } from "../../../store/journal/journal.ts";
import type { Layout } from "../../../store/layout.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import { writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import type { PullProgress } from "../../terminal/progress.ts";
import { roomFor } from "../gc/auto.ts";
import { pulledReference } from "./options.ts";

/** The sizes of modules from URLs are not known in advance. */
const SOME_SPACE = { bytes: 16 * 1024 * 1024, files: 16, folders: [], digests: [] };

export interface SpinManifestDependencies {
  readonly context: Context;
  readonly layout: Layout;
  readonly puller: Puller;
  readonly transport: Transport;
  readonly options: PullOptions;
  readonly frozen?: boolean | undefined;
  readonly progress: PullProgress;
  /** Collects the events for the journal. */
  readonly events: UseEvent[];
}

/**
 * `larder pull ./spin.toml`: fetches the modules of the manifest's remote components into `wasm/`. Prints
 * `COMPONENT@DIGEST` to stdout for each.
 *
 * @returns the modules, for `--format json`
 * @throws LarderError LDR_BUSY, LDR_DISK*, LDR_INTERRUPTED, and the codes of a pull
 */
export async function pullSpinManifest(
  path: string,
  deps: SpinManifestDependencies,
  format: Format,
): Promise<object[]> {
  const { context, layout, puller, transport, options, progress } = deps;
  const note = (message: string) => progress.note?.(message);
  const results = await withRoom(layout, () =>
    pullComponents(path, {
      store: new BlobStore(layout),
      packages: new PackageStore(layout),
      transport,
      clock: systemClock,
      platform: hostPlatform,
      offline: options.policy === "never",
      limit: options.transfers,
      signal: options.signal,
      pullPackage: async (reference, signal) => {
        const pulled = await pulledReference(reference, deps);
        return await puller.pull(pulled, { ...options, signal }, progress);
      },
      note,
    }), {
    room: roomFor(context),
    request: () => SOME_SPACE,
    note,
    waiting: (holders) => note(waitingForSweep(holders)),
    signal: options.signal,
  });
  progress.end();
  report(context, path, results);
  const modules = results.flatMap(({ source, modules }) =>
    modules.map((module) => ({ ...redactedSource(source), ...module }))
  );
  deps.events.push(...results.flatMap(eventsOf));
  if (format === "table") {
    for (const { component, digest } of modules) writeOut(`${component}@${digest}\n`);
  }
  return modules;
}

/** Returns a source that is safe to print: its URL may contain a credential. */
function redactedSource(source: ComponentSource) {
  return source.kind === "url" ? { ...source, url: redact(source.url.href) } : source;
}

function eventsOf({ source, modules }: ComponentResult): UseEvent[] {
  return modules.map(({ digest, size, outcome }) => {
    const isMiss = outcome === "fetched";
    return {
      kind: "use",
      at: new Date().toISOString(),
      name: originOf(source),
      digest,
      ...(isMiss && { cause: "new" }),
      fetched: isMiss ? size : 0,
      saved: isMiss ? 0 : size,
    };
  });
}

/** Returns the name of a component's modules in the journal. */
function originOf(source: ComponentSource): string {
  switch (source.kind) {
    case "url":
      return packageName(packageOf(source));
    case "package":
      return `${source.package.namespace}:${source.package.name}@${source.version}`;
    case "local":
      return source.path;
  }
}

function report(context: Context, path: string, results: readonly ComponentResult[]): void {
  for (const { source, modules } of results) {
    if (source.kind === "package" && modules.length === 0) {
      context.info(`skipped ${describeSource(source)}: Spin resolves version ranges itself`);
    }
  }
  const modules = results.flatMap((result) => result.modules);
  const tally = (outcome: string) => {
    const some = modules.filter((module) => module.outcome === outcome);
    const bytes = some.reduce((sum, module) => sum + module.size, 0);
    return `${plural(some.length, "module")} (${formatBytes(bytes)})`;
  };
  const fetched = modules.some((module) => module.outcome === "fetched");
  context.info(
    fetched || modules.length === 0
      ? `${path}: fetched ${tally("fetched")}, reused ${tally("reused")}`
      : `Use components from cache: ${path}, ${tally("reused")}`,
  );
}
