import { join } from "node:path";
import { LarderError } from "../base/errors.ts";
import { isDeletionError } from "../base/files/files.ts";
import { formatPlatform, type Platform } from "../oci/platform.ts";
import type { Room as DiskSpace } from "../pull/room.ts";
import type { SharedContent } from "../registry/shared/shared_content.ts";
import type { BuildRecord } from "../store/entries/build_record.ts";
import type { BuildStore, CachedBuild } from "../store/entries/build_store.ts";
import type { MissCause } from "../store/journal/journal.ts";
import type { Layout } from "../store/layout.ts";
import { waitingForSweep } from "../store/locks/store_lock.ts";
import { withBuildLock } from "./build_lock.ts";
import { commandFailed } from "./command_failed.ts";
import { diskFilled, withDiskSpace } from "./full_disk.ts";
import { copyInputs, SOURCE_DATE_EPOCH } from "./inputs/copy_inputs.ts";
import type { Key, Sandbox } from "./key/key.ts";
import { layOutPackages } from "./inputs/packages.ts";
import { prepareBuild, type PreparedBuild } from "./prepare.ts";
import { layOutRefs } from "./inputs/refs.ts";
import { checkResult, placeResult } from "./result_file.ts";
import { fetchSharedBuild, offerBuild } from "./shared_build.ts";
import { removeAbandonedRooms, Room } from "./sandbox/room.ts";
import { type CommandEnd, runCommand } from "./sandbox/run_command.ts";
import { commandLine } from "./sandbox/sandbox.ts";
import { likelySandbox, type SandboxChoice, workingSandbox } from "./sandbox/sandbox_choice.ts";
import type { Sources } from "./inputs/sources.ts";
import type { BuildSpec } from "./spec.ts";

/** Media type of a result, of which nothing is known. */
const RESULT_TYPE = "application/octet-stream";

export interface BuildOptions {
  /** Where the result is put. */
  readonly to: string;
  readonly sandbox: SandboxChoice;
  readonly platform: Platform;
  /** False if no cached result is used and none is stored. */
  readonly useCache: boolean;
  /** True if the command runs even if there is a cached result, which is then replaced. */
  readonly rebuild: boolean;
  /** True if it is an error that the command would have to run. */
  readonly strict: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface BuildDependencies {
  readonly sources: Sources;
  readonly layout: Layout;
  readonly store: BuildStore;
  /** Asked for results that this machine has not built, and receives those that it has. */
  readonly shared?: SharedContent | undefined;
  /** Undefined if a full disk is an error at once. */
  readonly space?: DiskSpace | undefined;
  /** Called with one line about a step or a wait. */
  readonly note: (message: string) => void;
  /** Called before the command runs, with the key and the record that has it already. */
  readonly missed: (key: Key, record: BuildRecord | undefined) => void;
  /** Receives what the command writes. */
  readonly onOutput: (bytes: Uint8Array) => void;
}

export interface BuildResult {
  readonly outcome: "cached" | "built";
  /** Set if another machine has built it. */
  readonly source?: "shared";
  readonly key: Key;
  /** Why the command ran; `moved` if it had to, although there was a result. Undefined for a cached result. */
  readonly cause?: MissCause;
  /** Undefined if the result is not in the cache. */
  readonly record: BuildRecord | undefined;
  /** Milliseconds that the command took; undefined if that is unknown. */
  readonly duration: number | undefined;
}

/**
 * Puts the result of a build at a path: the cached one, or else what the command writes, which is then cached.
 *
 * Invariant: the key is of what the command finds, because it finds copies that were hashed again while they were made.
 * Nothing is stored unless the command ends with 0 and has written a file.
 *
 * @throws LarderError LDR_BUILD if the command fails; LDR_NOT_CACHED if it may not run; LDR_INPUT_CHANGED; the codes of
 * packages and references; LDR_DISK*, LDR_BUSY, LDR_INTERRUPTED
 */
export async function build(
  spec: BuildSpec,
  options: BuildOptions,
  deps: BuildDependencies,
): Promise<BuildResult> {
  const prepared = await prepareBuild(spec, options.platform, deps.sources, options.signal);
  return await new BuildRun(spec, prepared, options, deps).run();
}

/** A result that was made, and the folder in which it was. */
interface Made extends AsyncDisposable {
  readonly path: string;
  readonly executable: boolean;
  readonly duration: number;
  /** Undefined if it is not in the cache. */
  readonly record?: BuildRecord;
}

/** One build after everything that it depends on is known. */
class BuildRun {
  readonly #spec: BuildSpec;
  readonly #prepared: PreparedBuild;
  readonly #options: BuildOptions;
  readonly #deps: BuildDependencies;

  constructor(
    spec: BuildSpec,
    prepared: PreparedBuild,
    options: BuildOptions,
    deps: BuildDependencies,
  ) {
    this.#spec = spec;
    this.#prepared = prepared;
    this.#options = options;
    this.#deps = deps;
  }

  async run(): Promise<BuildResult> {
    const { sandbox: choice, signal } = this.#options;
    const likely = likelySandbox(choice);
    const hit = await this.#putKnown(this.#prepared.keyFor(likely));
    if (hit) return hit;
    const sandbox = await workingSandbox(choice, this.#spec.name, this.#deps.note, signal);
    const key = this.#prepared.keyFor(sandbox);
    const other = sandbox === likely ? undefined : await this.#putKnown(key);
    if (other) return other;
    this.#deps.missed(key, this.#deps.store.record(key.digest));
    if (this.#options.strict) throw notCached(this.#spec.name);
    if (!this.#options.useCache) return await this.#make(key, sandbox);
    return await withBuildLock(
      this.#deps.layout,
      key.digest,
      async () => await this.#putCached(key) ?? await this.#make(key, sandbox),
      {
        waiting: (holders) => {
          const who = holders || "another process";
          this.#deps.note(`waiting for ${who}, which is building the same`);
        },
        signal,
      },
    );
  }

  /** Puts a result of this machine's cache or of the shared one; returns undefined if there is none. */
  async #putKnown(key: Key): Promise<BuildResult | undefined> {
    const cached = await this.#putCached(key);
    const { useCache, rebuild, signal } = this.#options;
    if (cached || !useCache || rebuild) return cached;
    const { note, store } = this.#deps;
    const waiting = (holders: string) => note(waitingForSweep(holders));
    const cause = store.record(key.digest) ? "missing" : "new";
    if (!await fetchSharedBuild(key, this.#deps, { waiting, signal })) return undefined;
    const shared = await this.#putCached(key);
    return shared && { ...shared, source: "shared", cause };
  }

  /** Puts a cached result; returns undefined if there is none. */
  async #putCached(key: Key): Promise<BuildResult | undefined> {
    const { useCache, rebuild } = this.#options;
    const cached = useCache && !rebuild ? this.#deps.store.find(key.digest) : undefined;
    if (!cached) return undefined;
    try {
      await this.#put(cached);
    } catch (error) {
      // The blob was removed after it was found.
      if (isDeletionError(error) && !this.#deps.store.find(key.digest)) return undefined;
      throw error;
    }
    const { record } = cached;
    return { outcome: "cached", key, record, duration: record.duration };
  }

  async #put({ path, record }: CachedBuild): Promise<void> {
    const executable = record.executable === true;
    await placeResult(path, this.#options.to, { executable, signal: this.#options.signal });
  }

  /** Makes the result, stores it and puts it. */
  async #make(key: Key, sandbox: Sandbox): Promise<BuildResult> {
    const { rebuild, signal, to } = this.#options;
    const cause = this.#causeFor(key);
    const { layout, space, note } = this.#deps;
    await using made = await withDiskSpace(() => this.#makeOnce(key, sandbox), {
      root: layout.root,
      name: this.#spec.name,
      entry: layout.buildFolder(key.digest),
      space,
      note,
    });
    const { path, executable, duration, record } = made;
    await placeResult(path, to, { executable, signal });
    if (record) offerBuild(record, this.#deps, rebuild);
    return { outcome: "built", key, cause, record, duration };
  }

  /** Runs the command in a clean folder, and stores its result. */
  async #makeOnce(key: Key, sandbox: Sandbox): Promise<Made> {
    const { layout, store, note } = this.#deps;
    const { signal, useCache } = this.#options;
    const { name, output } = this.#spec;
    await removeAbandonedRooms(layout);
    const room = Room.open(layout);
    const dispose = () => room[Symbol.asyncDispose]();
    try {
      await this.#furnish(room);
      const { duration } = await this.#runCommand(room, sandbox);
      const path = join(room.folder("output"), output);
      if (!room.exists) throw cacheDeleted(name);
      const { executable } = checkResult(path, name);
      if (!useCache) return { path, executable, duration, [Symbol.asyncDispose]: dispose };
      const build = { name, mediaType: RESULT_TYPE, executable, duration };
      const waiting = (holders: string) => note(waitingForSweep(holders));
      const stored = await store.put(path, key.bytes, build, { waiting, signal });
      return { ...stored, executable, duration, [Symbol.asyncDispose]: dispose };
    } catch (error) {
      await dispose();
      throw error;
    }
  }

  #causeFor(key: Key): MissCause {
    if (!this.#deps.store.record(key.digest)) return "new";
    return this.#options.rebuild ? "moved" : "missing";
  }

  /** Fills the folders of a room with what the command finds there. */
  async #furnish(room: Room): Promise<void> {
    const { nodes, inputs, packages, refs } = this.#prepared;
    const { signal } = this.#options;
    await copyInputs(nodes, inputs, room.folder("work"), signal);
    await layOutPackages(packages, room.folder("packages"), this.#deps.sources);
    if (refs.length > 0) await layOutRefs(refs, room.folder("refs"), this.#deps.layout, signal);
    for (const name of ["packages", "refs"] as const) room.settle(name, SOURCE_DATE_EPOCH);
  }

  async #runCommand(room: Room, sandbox: Sandbox): Promise<CommandEnd> {
    const { run, env, output, network } = this.#spec;
    const settings = {
      command: run,
      env: Object.fromEntries(env),
      output,
      network,
      platform: formatPlatform(this.#options.platform),
    };
    const line = commandLine(sandbox, room, settings);
    const end = await runCommand(line, this.#deps.onOutput, this.#options.signal);
    if (end.code !== 0 && room.exists) {
      throw diskFilled(this.#spec.name, this.#deps.layout.root) ??
        commandFailed(this.#spec, end, this.#prepared.nodes.map(({ path }) => path));
    }
    return end;
  }
}

function notCached(name: string): LarderError {
  return new LarderError("LDR_NOT_CACHED", `no cached build of ${name} has this key`, {
    hint: "build without --strict, or undo what differs",
  });
}

function cacheDeleted(name: string): LarderError {
  return new LarderError("LDR_DISK", `the cache was deleted while ${name} was built in it`, {
    hint: "build again; nothing was stored",
  });
}
