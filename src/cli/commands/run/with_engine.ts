import { dirname, resolve } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { isLoopback } from "../../../registry/endpoints.ts";
import type { ArtifactResolver, CachedImage } from "../../../run/artifact.ts";
import { ENGINE_VERSIONS } from "../../../run/engine/compile/version.ts";
import {
  type EngineCommand,
  spinCommand,
  wasmtimeCommand,
} from "../../../run/external/commands.ts";
import {
  EXTERNAL_ENGINES,
  type ExternalEngine,
  findEngine,
  listEngines,
} from "../../../run/external/find_engine.ts";
import { runEngine } from "../../../run/external/process.ts";
import { inspectWasmFile } from "../../../run/wasm/binary/inspect.ts";
import {
  missingInWasmtime,
  unsupportedByWasmtime,
} from "../../../run/wasm/interfaces/other_engines.ts";
import { importNames, requirementsOf } from "../../../run/wasm/interfaces/requirements.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { writeOut } from "../../terminal/console.ts";
import { type Grants, grantsOf } from "./grants.ts";
import { manifestOf } from "./manifest_path.ts";
import {
  isFile,
  missingReference,
  rejectArguments,
  rejectOptions,
  type RunOptions,
  SPIN_APP,
} from "./options.ts";
import { SpinLogin } from "./spin_login.ts";
import { pullAndUse } from "./pull_and_lease.ts";

/** `larder run --engine NAME`: pulls, and runs an installed engine; without a name, lists the engines. */
export async function runWithEngine(
  context: Context,
  subject: string | undefined,
  args: readonly string[],
  command: RunOptions,
): Promise<void> {
  if (command.engine === true) return await printEngines();
  if (subject === undefined) throw missingReference();
  rejectOptions(command, ["state", "runtimeConfigFile"], "an installed engine");
  const name = EXTERNAL_ENGINES.find((engine) => engine === command.engine);
  if (!name) throw unknownEngine(String(command.engine));
  const grants = await grantsOf(command, (message) => context.warn(message));
  // Before the engine is looked for: to install it would not help.
  if (manifestOf(subject) !== undefined) throw projectForEngine(subject);
  if (name === "spin" && isFile(subject, () => {})) throw fileForSpin(subject);
  const engine = findEngine(name, hostPlatform);
  const run = new EngineRun(context, engine, grants, command, args);
  Deno.exitCode = name === "spin" ? await run.withSpin(subject) : await run.withWasmtime(subject);
}

/** A run with an external engine. Methods return its exit code. */
class EngineRun {
  readonly #context: Context;
  readonly #engine: ExternalEngine;
  readonly #grants: Grants;
  readonly #command: RunOptions;
  readonly #args: readonly string[];

  constructor(
    context: Context,
    engine: ExternalEngine,
    grants: Grants,
    command: RunOptions,
    args: readonly string[],
  ) {
    this.#context = context;
    this.#engine = engine;
    this.#grants = grants;
    this.#command = command;
    this.#args = args;
  }

  async withSpin(subject: string): Promise<number> {
    rejectOptions(this.#command, ["dir", "allowNet"], SPIN_APP);
    rejectOptions(this.#command, ["maxMemory", "timeout"], "Spin, which has limits of its own");
    rejectArguments(this.#args, subject);
    if (this.#context.options.offline) {
      throw new LarderError("LDR_USAGE", "--offline cannot be combined with --engine spin", {
        hint: "Spin always contacts the registry: leave one of them out",
      });
    }
    return await pullAndUse(
      this.#context,
      subject,
      this.#command,
      (image, resolver) => this.#spin(image, resolver),
    );
  }

  async #spin(image: CachedImage, resolver: ArtifactResolver): Promise<number> {
    if (!await resolver.isSpinApp(image)) throw notForSpin(image.name);
    using login = await SpinLogin.of(this.#context, image.reference);
    const { reference, manifestDigest } = image;
    return await this.#start(
      spinCommand({
        reference,
        manifestDigest,
        cacheDir: dirname(this.#context.layout.root),
        plainHttp: this.#context.options.insecure === true ||
          isLoopback(new URL(`http://${reference.registry}`).hostname),
        listen: this.#command.listen,
        env: new Map(this.#grants.env),
        variables: this.#variables(),
        dockerConfig: login?.folder,
      }),
    );
  }

  /** Spin takes the variables of files from the environment, too. */
  #variables(): ReadonlyMap<string, string> {
    const { named, ofFiles } = this.#grants.variables;
    return new Map([...ofFiles, ...named]);
  }

  async withWasmtime(subject: string): Promise<number> {
    const note = (message: string) => this.#context.info(message);
    if (isFile(subject, note)) return await this.#wasmtime(subject, subject);
    return await pullAndUse(
      this.#context,
      subject,
      this.#command,
      async (image, resolver) => {
        if (await resolver.isSpinApp(image)) throw notForWasmtime(image.name);
        return await this.#wasmtime(image.name, (await resolver.wasm(image)).path);
      },
    );
  }

  async #wasmtime(name: string, path: string): Promise<number> {
    const wasm = inspectWasmFile(path, name);
    const imports = importNames(wasm);
    const requirements = requirementsOf(wasm, name);
    const missing = missingInWasmtime(wasm, requirements);
    if (missing.length > 0) throw unsupportedByWasmtime(name, missing, requirements);
    const serves = requirements.kind === "http";
    rejectOptions(
      this.#command,
      ["variable"],
      "a run with Wasmtime: only Spin apps have variables",
    );
    if (serves) rejectArguments(this.#args, name);
    else rejectOptions(this.#command, ["listen"], "a command");
    return await this.#start(
      wasmtimeCommand({
        name,
        file: resolve(path),
        args: this.#args,
        folders: this.#grants.folders,
        env: new Map(this.#grants.env),
        allowNet: this.#command.allowNet === "*" ? true : this.#command.allowNet,
        imports,
        entry: requirements.entry,
        ...this.#grants.limits,
        listen: serves ? this.#grants.address : undefined,
      }),
    );
  }

  async #start(command: EngineCommand): Promise<number> {
    this.#context.leaveSignals();
    return await runEngine(this.#engine, command);
  }
}

/** Prints a line per engine: name, version, path. */
async function printEngines(): Promise<void> {
  const rows = [["embedded", ENGINE_VERSIONS["0.2"], "built into larder"]];
  for (const { name, version, path } of await listEngines(hostPlatform)) {
    rows.push([name, version ?? "?", path]);
  }
  for (const [name, version, path] of rows) {
    writeOut(`${name!.padEnd(10)}${version!.padEnd(24)}${path}\n`);
  }
}

function unknownEngine(name: string): LarderError {
  return new LarderError("LDR_USAGE", `there is no engine "${name}"`, {
    hint: `choose embedded, ${EXTERNAL_ENGINES.join(" or ")}; ` +
      "larder run --engine lists the installed ones",
  });
}

function notForSpin(name: string): LarderError {
  return new LarderError("LDR_NOT_RUNNABLE", `Spin cannot run ${name}: it is not a Spin app`, {
    hint: "use the embedded engine, or --engine wasmtime",
  });
}

function projectForEngine(path: string): LarderError {
  return new LarderError("LDR_USAGE", `--engine does not apply to the Spin project ${path}`, {
    hint: "leave out --engine; or run spin up in its folder",
  });
}

function fileForSpin(path: string): LarderError {
  return new LarderError("LDR_NOT_RUNNABLE", `Spin cannot run ${path}: it is a file`, {
    hint: "leave out --engine; or name the file in the spin.toml of an app, and run spin up",
  });
}

function notForWasmtime(name: string): LarderError {
  return new LarderError("LDR_NOT_RUNNABLE", `Wasmtime cannot run ${name}: it is a Spin app`, {
    hint: "use the embedded engine, or --engine spin",
  });
}
