import { LarderError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";

/** How an engine is called. */
export interface EngineCommand {
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SpinRun {
  readonly reference: Reference;
  /** Of the image manifest that is in the cache. */
  readonly manifestDigest: Digest;
  /** The folder that `registry` is in. */
  readonly cacheDir: string;
  /** The registry is spoken to over plain HTTP. */
  readonly plainHttp: boolean;
  /** `127.0.0.1:3000`. */
  readonly listen?: string | undefined;
  readonly env: ReadonlyMap<string, string>;
  readonly variables: ReadonlyMap<string, string>;
}

/**
 * How Spin runs an app from larder's cache.
 *
 * Spin asks the registry for the manifest, the config and the locked app in any case, and takes the layers from the
 * cache. It asks for the digest where it is given one, so that it runs what larder has, even if the tag moves
 * meanwhile; and it files what it got under the tag, or under `latest` where there is none.
 *
 * Sources: `spin up --help`; spin-oci's client.rs, spin-variables' env.rs.
 */
export function spinCommand(run: SpinRun): EngineCommand {
  const reference = formatReference({ ...run.reference, digest: run.manifestDigest });
  const args = ["up", "-f", reference, "--cache-dir", run.cacheDir];
  if (run.plainHttp) args.push("--insecure");
  for (const [name, value] of run.env) args.push("--env", `${name}=${value}`);
  // What Spin passes on to its triggers follows its own options.
  if (run.listen !== undefined) args.push("--listen", run.listen);
  // Every Spin since 2.0 takes variables from here, and nobody sees them in a list of processes.
  const env = Object.fromEntries(
    [...run.variables].map(([name, value]) => [`SPIN_VARIABLE_${name.toUpperCase()}`, value]),
  );
  return { args, env };
}

/** A folder that a command is granted. */
export interface GrantedFolder {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

export interface WasmtimeRun {
  /** What it is called in messages. */
  readonly name: string;
  /** An absolute path. */
  readonly file: string;
  /** The guest's own. */
  readonly args: readonly string[];
  readonly folders: readonly GrantedFolder[];
  readonly env: ReadonlyMap<string, string>;
  /** What `--allow-net[=HOSTS]` says: all for true, nothing for undefined. */
  readonly allowNet?: true | string | undefined;
  /** What it imports; of a module, `module.name`. */
  readonly imports: readonly string[];
}

/** The options of Wasmtime by which it has what it does not have by itself. Source: `wasmtime run -S help`. */
const WASMTIME_OPTIONS: readonly (readonly [imports: RegExp, ...options: string[]])[] = [
  [/^wasi:config\//, "-Sconfig"],
  [/^wasi:keyvalue\//, "-Skeyvalue"],
  [/^(?:wasi:nn\/|wasi_ephemeral_nn\.)/, "-Snn"],
  [/^wasi:tls\//, "-Stls"],
  [/^wasi:[a-z-]+\/[a-z-]+@0\.3\./, "-Sp3", "-Wcomponent-model-async"],
];

/**
 * How Wasmtime runs a command, with what it was granted and no more.
 *
 * Source: `wasmtime run --help`.
 *
 * @throws LarderError LDR_USAGE where Wasmtime cannot grant so little
 */
export function wasmtimeCommand(run: WasmtimeRun): EngineCommand {
  const args = ["run", ...run.folders.map(folderOption)];
  for (const [name, value] of run.env) args.push(`--env=${name}=${value}`);
  args.push(...networkOptions(run));
  for (const [pattern, ...options] of WASMTIME_OPTIONS) {
    if (run.imports.some((name) => pattern.test(name))) args.push(...options);
  }
  return { args: [...args, run.file, ...run.args], env: {} };
}

function folderOption({ host, guest, readOnly }: GrantedFolder): string {
  if (readOnly) {
    throw tooMuch("Wasmtime cannot grant a folder for reading only", `leave out ":ro" of ${host}`);
  }
  if (host.includes("::")) {
    throw tooMuch(`Wasmtime takes a part of the path ${host} for the guest's`, "rename the folder");
  }
  return `--dir=${host}::${guest}`;
}

function networkOptions({ name, allowNet, imports }: WasmtimeRun): string[] {
  const needsHttp = imports.some((each) => each.startsWith("wasi:http/"));
  if (typeof allowNet === "string") {
    throw tooMuch("Wasmtime cannot grant some hosts only", "say --allow-net, which grants all");
  }
  if (allowNet) {
    return ["-Sinherit-network", "-Sallow-ip-name-lookup", ...(needsHttp ? ["-Shttp"] : [])];
  }
  if (!needsHttp) return [];
  throw tooMuch(
    `${name} imports wasi:http, with which Wasmtime grants all hosts`,
    "add --allow-net",
  );
}

function tooMuch(reason: string, remedy: string): LarderError {
  return new LarderError("LDR_USAGE", reason, {
    hint: `${remedy}, or use the embedded engine, if it can run this`,
  });
}
