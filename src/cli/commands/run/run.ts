import { basename } from "node:path";
import type { Reference } from "../../../oci/reference.ts";
import type { Runnable } from "../../../run/artifact.ts";
import { runCommand, TrappedCommand } from "../../../run/engine/command/command.ts";
import { Compiler } from "../../../run/engine/compile/compiler.ts";
import {
  compileComponent,
  compileModule,
  type PreparedWasm,
  prepareWasm,
} from "../../../run/engine/prepare.ts";
import type { CachedApp } from "../../../run/spin/cached_app.ts";
import { prepareSpinApp } from "../../../run/spin/site.ts";
import { DEFAULT_STORES, locateStores, type StoreFiles } from "../../../run/spin/stores.ts";
import type { GivenVariables } from "../../../run/spin/variables.ts";
import { NO_STATE, type StateLocations } from "../../../run/state/locations.ts";
import type { HostSettings } from "../../../run/wasi/host.ts";
import { wasmFile } from "../../../run/wasm/source.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { CompiledStore } from "../../../store/entries/compiled_store.ts";
import type { Context } from "../../context.ts";
import { DetailedError } from "../../errors.ts";
import { roomFor } from "../gc/auto.ts";
import { backtraceLines } from "./backtrace.ts";
import { type Grants, grantsOf } from "./grants.ts";
import { guestNetwork } from "./guest_network.ts";
import {
  isFile,
  missingReference,
  rejectArguments,
  rejectOptions,
  rejectVolume,
  type RunOptions,
  SERVER_OPTIONS,
  SPIN_APP,
  SPIN_OPTIONS,
} from "./options.ts";
import { pullAndUse } from "./pull_and_lease.ts";
import { manifestOf } from "./manifest_path.ts";
import { noteStubs, openGuestState, serve } from "./serve.ts";
import { storeFiles } from "./stores.ts";
import { providedVariables } from "./variables.ts";

/** `larder run`: pulls and runs an artifact, or runs a file. */
export async function run(
  context: Context,
  subject: string | undefined,
  args: readonly string[],
  command: RunOptions,
): Promise<void> {
  if (command.engine !== undefined && command.engine !== "embedded") {
    const { runWithEngine } = await import("./with_engine.ts");
    return await runWithEngine(context, subject, args, command);
  }
  if (subject === undefined) throw missingReference();
  const grants = await grantsOf(command, (message) => context.warn(message));
  await new Run(context, command, args, grants).start(subject);
}

/** A run with the embedded engine. */
class Run {
  readonly #context: Context;
  readonly #command: RunOptions;
  readonly #args: readonly string[];
  readonly #grants: Grants;
  readonly #signal: AbortSignal;
  readonly #compiler: Compiler;

  constructor(context: Context, command: RunOptions, args: readonly string[], grants: Grants) {
    this.#context = context;
    this.#command = command;
    this.#args = args;
    this.#grants = grants;
    this.#signal = context.interruptible();
    const { layout } = context;
    const room = roomFor(context);
    this.#compiler = new Compiler(
      new CompiledStore(layout, new BlobStore(layout)),
      (bytes) => {
        const note = (message: string) => context.info(message);
        // Each file also takes the rest of a block.
        const request = { bytes: bytes + 64 * 1024, files: 16, folders: [], digests: [] };
        return room.make(request, { lack: "disk", note });
      },
    );
  }

  async start(subject: string): Promise<void> {
    const manifest = manifestOf(subject);
    if (manifest !== undefined) {
      const { withProject } = await import("./project.ts");
      return await withProject(
        this.#context,
        manifest,
        this.#command,
        (app) => this.#run(manifest, manifest, app),
      );
    }
    if (isFile(subject, (message) => this.#context.info(message))) {
      rejectVolume(subject, this.#context.options);
      return await this.#run(subject, subject, { kind: "wasm", wasm: wasmFile(subject) });
    }
    await pullAndUse(
      this.#context,
      subject,
      this.#command,
      async (image, resolver) =>
        this.#run(image.name, image.reference, await resolver.runnable(image)),
    );
  }

  /** @param origin the reference, or the path of the file, which has stores of its own */
  async #run(name: string, origin: Reference | string, runnable: Runnable): Promise<void> {
    const { runtimeConfig } = this.#grants;
    const stores = await storeFiles(origin, this.#command.state, runtimeConfig);
    if (runnable.kind === "app") return await this.#serveApp(name, runnable, stores);
    const prepared = prepareWasm(runnable.wasm);
    const { requirements: { kind }, stubs, usesStores } = prepared;
    noteStubs(this.#context, stubs);
    const state = usesStores ? locateStores(DEFAULT_STORES, stores) : NO_STATE;
    // As other engines do; programs show it in their usage.
    const program = typeof origin === "string" ? basename(origin) : name;
    const settings = (stdin: HostSettings["stdin"]) => this.#settings(program, stdin, state);
    if (kind === "http") return await this.#serveComponent(name, prepared, settings("empty"));
    await this.#runCommand(name, prepared, settings("inherit"));
  }

  async #runCommand(name: string, prepared: PreparedWasm, settings: HostSettings): Promise<void> {
    const ofSpin = prepared.form === "module" ? SPIN_OPTIONS : [];
    rejectOptions(this.#command, [...SERVER_OPTIONS, ...ofSpin], "a command");
    using guestState = openGuestState(this.#context, [settings]);
    const program = prepared.form === "module"
      ? { ...await compileModule(prepared), settings }
      : { ...await compileComponent(prepared, this.#compiling()), settings };
    try {
      Deno.exitCode = await runCommand(name, program, {
        onDenial: (message) => this.#context.warn(message),
        openState: (port) => guestState.serve(port, settings.state),
        signal: this.#signal,
      });
    } catch (error) {
      throw error instanceof TrappedCommand ? this.#withBacktrace(error) : error;
    }
  }

  #withBacktrace({ code, message, hint, frames }: TrappedCommand): DetailedError {
    const details = backtraceLines(frames, this.#context.options.verbose);
    return new DetailedError(code, message, { hint, details });
  }

  async #serveComponent(
    name: string,
    prepared: PreparedWasm,
    settings: HostSettings,
  ): Promise<void> {
    rejectArguments(this.#args, name);
    await serve(this.#context, this.#grants.address, this.#signal, () => {
      const compiled = compileComponent(prepared, this.#compiling());
      return { kind: "component", name, program: { compiled, settings } };
    });
  }

  async #serveApp(name: string, cached: CachedApp, stores: StoreFiles): Promise<void> {
    rejectOptions(this.#command, ["dir", "env", "allowNet"], SPIN_APP);
    rejectArguments(this.#args, name);
    const options = {
      variables: this.#variables(),
      stores,
      limits: this.#grants.limits,
      network: () => guestNetwork(this.#context),
      ...this.#compiling(),
    };
    await serve(this.#context, this.#grants.address, this.#signal, (origin) => {
      const site = prepareSpinApp(name, cached, { ...options, origin });
      noteStubs(this.#context, [...site.stubs.values()].flat());
      return { kind: "app", name, ...site };
    });
  }

  #compiling() {
    return {
      compiler: this.#compiler,
      onCompile: (name: string) => this.#context.info(`compiling ${name} (cached for later runs)`),
      warn: (message: string) => this.#context.warn(message),
      signal: this.#signal,
    };
  }

  #variables(): GivenVariables {
    const { variables: { named, ofFiles }, runtimeConfig: { providers } } = this.#grants;
    const provided = providedVariables(providers, Deno.env.toObject());
    return { named, others: new Map([...provided, ...ofFiles]) };
  }

  /** @param program its name, the first argument */
  #settings(
    program: string,
    stdin: HostSettings["stdin"],
    state: StateLocations,
  ): HostSettings {
    const { folders, env, outbound, limits } = this.#grants;
    const { named, others } = this.#variables();
    return {
      grantor: "options",
      args: [program, ...this.#args],
      env,
      mounts: folders.map((folder) => ({ kind: "folder", ...folder })),
      allowedHosts: outbound.rules,
      network: outbound.rules.length > 0 ? guestNetwork(this.#context) : undefined,
      variables: Object.fromEntries([...others, ...named]),
      state,
      stdin,
      limits,
    };
  }
}
