import { isIP } from "node:net";
import { LarderError } from "../../base/errors.ts";
import type { ListenAddress } from "../../base/listener.ts";
import { urlHost } from "../../base/url_host.ts";
import type { Digest } from "../../oci/digest.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";

/** Arguments and environment of an engine. */
export interface EngineCommand {
  readonly args: readonly string[];
  /** Added to larder's own environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface SpinRun {
  readonly reference: Reference;
  /** Digest of the cached image manifest. */
  readonly manifestDigest: Digest;
  /** The folder that contains `registry`. */
  readonly cacheDir: string;
  /** True if the registry is accessed over plain HTTP. */
  readonly plainHttp: boolean;
  /** Such as `127.0.0.1:3000`. */
  readonly listen?: string | undefined;
  readonly env: ReadonlyMap<string, string>;
  readonly variables: ReadonlyMap<string, string>;
  /** The folder of a `config.json` with the registry's credentials; undefined if Spin finds its own. */
  readonly dockerConfig?: string | undefined;
}

/**
 * Returns the command with which Spin runs an app from larder's cache.
 *
 * Spin always fetches the manifest, the config and the locked app from the registry, and takes layers from the cache.
 * It fetches by the digest in the reference, so it runs what larder has cached even if the tag has moved. It stores
 * the result under the tag, or under `latest` if there is none.
 *
 * Sources: `spin up --help`; spin-oci's client.rs, spin-variables' env.rs.
 */
export function spinCommand(run: SpinRun): EngineCommand {
  const reference = formatReference({ ...run.reference, digest: run.manifestDigest });
  const args = ["up", "-f", reference, "--cache-dir", run.cacheDir];
  if (run.plainHttp) args.push("--insecure");
  for (const [name, value] of run.env) args.push("--env", `${name}=${value}`);
  // Options of the trigger come after Spin's own.
  if (run.listen !== undefined) args.push("--listen", run.listen);
  // Spin reads variables from the environment since 2.0; lists of processes do not show them there.
  const env = Object.fromEntries(
    [...run.variables].map(([name, value]) => [`SPIN_VARIABLE_${name.toUpperCase()}`, value]),
  );
  if (run.dockerConfig !== undefined) env["DOCKER_CONFIG"] = run.dockerConfig;
  return { args, env };
}

/** A folder that is granted to a command. */
export interface GrantedFolder {
  readonly host: string;
  readonly guest: string;
  readonly readOnly: boolean;
}

export interface WasmtimeRun {
  /** Used in messages. */
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  /** Arguments of the guest. */
  readonly args: readonly string[];
  readonly folders: readonly GrantedFolder[];
  readonly env: ReadonlyMap<string, string>;
  /** Hosts of `--allow-net[=HOSTS]`: true for every host, undefined for none. */
  readonly allowNet?: true | string | undefined;
  /** Names of its imports; `module.name` for a core module. */
  readonly imports: readonly string[];
  /** The export that is called. */
  readonly entry: string;
  /** In bytes. */
  readonly maxMemory?: number | undefined;
  /** In milliseconds. */
  readonly timeout?: number | undefined;
  /** The address to serve HTTP on; undefined for a command. */
  readonly listen?: ListenAddress | undefined;
}

/** Options with which Wasmtime provides imports that it lacks by default. Source: `wasmtime run -S help`. */
const WASMTIME_OPTIONS: readonly (readonly [imports: RegExp, ...options: string[]])[] = [
  [/^wasi:config\//, "-Sconfig"],
  [/^wasi:keyvalue\//, "-Skeyvalue"],
  [/^(?:wasi:nn\/|wasi_ephemeral_nn\.)/, "-Snn"],
  [/^wasi:tls\//, "-Stls"],
  [
    /^wasi:[a-z-]+\/[a-z-]+@0\.3\./,
    "-Sp3",
    "-Wcomponent-model-async",
    "-Wcomponent-model-more-async-builtins",
  ],
];

/** Imports with which a guest sends HTTP requests; those of `wasi:http/types` alone cannot. */
const OUTGOING = /^wasi:http\/(?:outgoing-handler|client|handler)@/;

/**
 * Returns the command with which Wasmtime runs or serves a guest with its grants and no others.
 *
 * Source: `wasmtime run --help`, `wasmtime serve --help`.
 *
 * @throws LarderError LDR_USAGE if Wasmtime can only grant more, or cannot listen on the address
 */
export function wasmtimeCommand(run: WasmtimeRun): EngineCommand {
  // Without `cli`, a served component lacks even the interfaces that every standard library imports.
  const verb = run.listen ? ["serve", `--addr=${socketAddress(run.listen)}`, "-Scli"] : ["run"];
  const args = [...verb, ...run.folders.map(folderOption)];
  for (const [name, value] of run.env) args.push(`--env=${name}=${value}`);
  args.push(...networkOptions(run));
  if (run.maxMemory !== undefined) args.push(`-Wmax-memory-size=${run.maxMemory}`);
  if (run.timeout !== undefined) args.push(`-Wtimeout=${run.timeout}ms`);
  for (const [pattern, ...options] of WASMTIME_OPTIONS) {
    if ([...run.imports, run.entry].some((name) => pattern.test(name))) args.push(...options);
  }
  return { args: [...args, run.file, ...run.args], env: {} };
}

function folderOption({ host, guest, readOnly }: GrantedFolder): string {
  if (readOnly) {
    throw cannotGrant("Wasmtime cannot grant a folder read-only", `leave out ":ro" after ${host}`);
  }
  if (host.includes("::")) {
    throw cannotGrant(
      `Wasmtime reads "::" in the path ${host} as a separator`,
      "rename the folder",
    );
  }
  return `--dir=${host}::${guest}`;
}

function networkOptions({ name, allowNet, imports, listen }: WasmtimeRun): string[] {
  if (typeof allowNet === "string") {
    throw cannotGrant(
      "Wasmtime cannot grant single hosts",
      "use --allow-net without hosts, which grants all",
    );
  }
  if (!allowNet && imports.some((each) => OUTGOING.test(each))) {
    throw cannotGrant(
      `${name} sends HTTP requests, which Wasmtime grants for all hosts only`,
      "add --allow-net",
    );
  }
  // `wasmtime serve` always has it.
  const needsHttp = !listen && imports.some((each) => each.startsWith("wasi:http/"));
  return [
    ...allowNet ? ["-Sinherit-network", "-Sallow-ip-name-lookup"] : [],
    ...needsHttp ? ["-Shttp"] : [],
  ];
}

/** Returns an address as Wasmtime reads it: without names of hosts. */
function socketAddress({ hostname, port }: ListenAddress): string {
  const host = hostname === "localhost" ? "127.0.0.1" : hostname;
  if (isIP(host) !== 0) return `${urlHost(host)}:${port}`;
  throw new LarderError(
    "LDR_USAGE",
    `Wasmtime cannot listen on ${hostname}: it is not an address`,
    {
      hint: `use its address, as in --listen 127.0.0.1:${port}`,
    },
  );
}

function cannotGrant(reason: string, remedy: string): LarderError {
  return new LarderError("LDR_USAGE", reason, {
    hint: `${remedy}, or use the embedded engine, if it can run this`,
  });
}
