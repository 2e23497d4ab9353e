import { join } from "node:path";
import { jcoPeer, wasmtimePeer } from "./peers.ts";
import type { ServerProgram } from "./servers.ts";

/** A component to measure. */
export interface Subject {
  readonly name: string;
  readonly file: string;
  /** Reference of its Wasm package. */
  readonly reference: string;
}

export interface Setting {
  readonly folder: string;
  readonly larder: string;
  /** Paths of the peers, unless they are missing. */
  readonly jco: string | undefined;
  readonly wasmtime: string | undefined;
  /** Why peers are missing. */
  readonly missing: readonly string[];
}

/** Installs the peers. */
export async function prepareSetting(folder: string, larder: string): Promise<Setting> {
  const [jco, wasmtime] = [await jcoPeer(), await wasmtimePeer()];
  return {
    folder,
    larder,
    jco: "path" in jco ? jco.path : undefined,
    wasmtime: "path" in wasmtime ? wasmtime.path : undefined,
    missing: [jco, wasmtime].flatMap((peer) => "missing" in peer ? [peer.missing] : []),
  };
}

/** Returns the peers that serve a file. */
export function peersFor(setting: Setting, { file }: Subject): ServerProgram[] {
  const { folder, jco, wasmtime } = setting;
  const env = { HOME: folder };
  const serve = (program: string, listen: (port: number) => string[], ...options: string[]) =>
  (
    port: number,
  ) => ["node", program, "serve", file, ...listen(port), ...options];
  const address = (port: number) => ["--host", "127.0.0.1", "--port", `${port}`];
  return [
    ...wasmtime ? [{ name: "wasmtime serve", env, command: wasmtimeCommand(wasmtime, file) }] : [],
    ...jco
      ? [
        { name: "jco serve", env, command: serve(jco, address) },
        {
          name: "jco serve --isolate-requests instance",
          env,
          command: serve(jco, address, "--isolate-requests", "instance"),
        },
      ]
      : [],
  ];
}

/** Returns wasmtime with an empty cache of compiled code at each start; undefined if it is missing. */
export function coldWasmtime(setting: Setting, { file }: Subject): ServerProgram | undefined {
  const { folder, wasmtime } = setting;
  if (!wasmtime) return undefined;
  const home = join(folder, "wasmtime");
  return {
    name: "wasmtime serve, nothing cached",
    env: { HOME: home },
    command: wasmtimeCommand(wasmtime, file),
    prepare: () => {
      remove(home);
      Deno.mkdirSync(home);
    },
  };
}

function wasmtimeCommand(wasmtime: string, file: string): ServerProgram["command"] {
  return (port) => [wasmtime, "serve", "-Scli", "--addr", `127.0.0.1:${port}`, file];
}

/** Returns larder with a file or reference to serve; `cold` if the cache is empty at each start. */
export function larder(
  setting: Setting,
  name: string,
  subject: string,
  cold = false,
): ServerProgram {
  const cache = join(setting.folder, "cache");
  return {
    name,
    command: (port) => [
      setting.larder,
      "--cache-dir",
      cache,
      "run",
      "--listen",
      `127.0.0.1:${port}`,
      subject,
    ],
    env: { HOME: setting.folder },
    ...(cold && { prepare: () => remove(cache) }),
  };
}

function remove(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
