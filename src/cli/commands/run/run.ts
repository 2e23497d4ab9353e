import { basename } from "node:path";
import type { Runnable } from "../../../run/artifact.ts";
import { runCommand } from "../../../run/engine/command.ts";
import { Compiler } from "../../../run/engine/compiler.ts";
import {
  compileComponent,
  compileModule,
  type PreparedWasm,
  prepareWasm,
} from "../../../run/engine/prepare.ts";
import type { CachedApp } from "../../../run/spin/cached_app.ts";
import { prepareSpinApp } from "../../../run/spin/site.ts";
import type { HostSettings } from "../../../run/wasi/host.ts";
import { wasmFile } from "../../../run/wasm/source.ts";
import { BlobStore } from "../../../store/blobs/blob_store.ts";
import { CompiledStore } from "../../../store/entries/compiled_store.ts";
import type { Context } from "../../context.ts";
import { roomFor } from "../gc/auto.ts";
import { type Grants, grantsOf } from "./grants.ts";
import {
  isFile,
  missingReference,
  rejectArguments,
  rejectOptions,
  rejectVolume,
  type RunOptions,
  SERVER_OPTIONS,
  SPIN_APP,
} from "./options.ts";
import { pullAndUse } from "./pull_and_lease.ts";
import { serve } from "./serve.ts";

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
  await new Run(context, command, args).start(subject);
}

/** A run with the embedded engine. */
class Run {
  readonly #context: Context;
  readonly #command: RunOptions;
  readonly #args: readonly string[];
  readonly #grants: Grants;
  readonly #signal: AbortSignal;
  readonly #compiler: Compiler;

  constructor(context: Context, command: RunOptions, args: readonly string[]) {
    this.#context = context;
    this.#command = command;
    this.#args = args;
    this.#grants = grantsOf(command, (message) => context.warn(message));
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
    if (isFile(subject)) {
      rejectVolume(subject, this.#context.options);
      return await this.#run(subject, { kind: "wasm", wasm: wasmFile(subject) });
    }
    await pullAndUse(
      this.#context,
      subject,
      this.#command,
      async (image, resolver) => this.#run(image.name, await resolver.runnable(image)),
    );
  }

  async #run(name: string, runnable: Runnable): Promise<void> {
    if (runnable.kind === "app") return await this.#serveApp(name, runnable);
    const prepared = prepareWasm(runnable.wasm);
    if (prepared.requirements.kind === "http") return await this.#serveComponent(name, prepared);
    await this.#runCommand(name, prepared);
  }

  async #runCommand(name: string, prepared: PreparedWasm): Promise<void> {
    rejectOptions(this.#command, SERVER_OPTIONS, "a command");
    const settings = this.#settings(name, this.#args, "inherit");
    const program = prepared.form === "module"
      ? { ...await compileModule(prepared), settings }
      : { ...await compileComponent(prepared, this.#compiling()), settings };
    Deno.exitCode = await runCommand(name, program, {
      onDenial: (message) => this.#context.warn(message),
      signal: this.#signal,
    });
  }

  async #serveComponent(name: string, prepared: PreparedWasm): Promise<void> {
    rejectOptions(this.#command, ["variable"], "a component without a Spin app");
    rejectArguments(this.#args, name);
    await serve(this.#context, this.#grants.address, this.#signal, async () => {
      const compiled = await compileComponent(prepared, this.#compiling());
      const program = { ...compiled, settings: this.#settings(name, [], "empty") };
      return { kind: "component", name, program };
    });
  }

  async #serveApp(name: string, cached: CachedApp): Promise<void> {
    rejectOptions(this.#command, ["dir", "env", "allowNet"], SPIN_APP);
    rejectArguments(this.#args, name);
    const { address, variables } = this.#grants;
    await serve(this.#context, address, this.#signal, async (origin) => ({
      kind: "app",
      name,
      ...await prepareSpinApp(name, cached, { variables, origin, ...this.#compiling() }),
    }));
  }

  #compiling() {
    return {
      compiler: this.#compiler,
      onCompile: (name: string) => this.#context.info(`compiling ${name} (cached for later runs)`),
      warn: (message: string) => this.#context.warn(message),
      signal: this.#signal,
    };
  }

  #settings(name: string, args: readonly string[], stdin: HostSettings["stdin"]): HostSettings {
    const { folders, env, outbound } = this.#grants;
    return {
      grantor: "options",
      // As other engines do; programs show it in their usage.
      args: [isFile(name) ? basename(name) : name, ...args],
      env,
      mounts: folders.map((folder) => ({ kind: "folder", ...folder })),
      allowedHosts: outbound.rules,
      variables: {},
      stdin,
    };
  }
}
