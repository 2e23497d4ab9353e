import { LarderError } from "../../../base/errors.ts";
import { specialPathError } from "../../../base/files/system_error.ts";
import { OutboundHosts } from "../../../run/grants/outbound_hosts.ts";
import type { ListenAddress } from "../../../base/listener.ts";
import type { RuntimeConfig } from "../../../run/spin/runtime_config.ts";
import type { GuestLimits } from "../../../run/wasi/host.ts";
import type { RunOptions } from "./options.ts";
import { readRuntimeConfig } from "./stores.ts";
import { parseVariables, type VariableOptions } from "./variables.ts";

/** The grants and settings of the command line, checked before anything is fetched. */
export interface Grants {
  readonly folders: readonly FolderGrant[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly outbound: OutboundHosts;
  readonly address: ListenAddress;
  readonly variables: VariableOptions;
  readonly runtimeConfig: RuntimeConfig;
  readonly limits: GuestLimits;
}

/** A folder that a guest may access. */
export interface FolderGrant {
  /** Absolute, with symbolic links resolved. */
  readonly host: string;
  /** Its path in the guest. */
  readonly guest: string;
  readonly readOnly: boolean;
}

/** The default address, which is also Spin's. */
const DEFAULT_ADDRESS = "127.0.0.1:3000";

/**
 * Parses the options.
 * @param warn is called with a warning about a grant without effect
 * @throws LarderError LDR_USAGE, LDR_CONFIG, LDR_NOT_FOUND, LDR_DISK*
 */
export async function grantsOf(
  options: RunOptions,
  warn: (message: string) => void,
): Promise<Grants> {
  const { allowNet, dir = [], env = [], variable = [], state } = options;
  if (state === "") throw usage("--state", "expected a folder, or :memory:");
  return {
    folders: dir.map(parseFolder),
    env: parseEnvironment(env, (name) => Deno.env.get(name), warn),
    outbound: allowNet === undefined ? new OutboundHosts([]) : OutboundHosts.ofOption(allowNet),
    address: parseAddress(options.listen),
    variables: await parseVariables(variable),
    runtimeConfig: await readRuntimeConfig(options.runtimeConfigFile),
    limits: { maxMemory: options.maxMemory, timeout: options.timeout },
  };
}

/**
 * Parses `--dir HOST[::GUEST][:ro]`. Without GUEST, the guest sees the folder at the path that the user gave.
 * @throws LarderError LDR_USAGE
 */
export function parseFolder(text: string): FolderGrant {
  const readOnly = text.endsWith(":ro");
  const path = readOnly ? text.slice(0, -":ro".length) : text;
  const [host = "", guest = host, ...rest] = path.split("::");
  if (host === "" || guest === "" || rest.length > 0) {
    throw usage(`--dir ${text}`, "expected HOST or HOST::GUEST, optionally followed by :ro");
  }
  if (!isFolder(host)) {
    const hint = host.includes(":") ? "write two colons: --dir HOST::GUEST" : undefined;
    throw usage(`--dir ${text}`, `${host} is not a folder`, hint);
  }
  return { host: Deno.realPathSync(host), guest, readOnly };
}

/**
 * Parses `--env NAME[=VALUE]`. Without a value, the variable is taken from larder's own environment; if it is not set
 * there, `warn` is told.
 *
 * @throws LarderError LDR_USAGE
 */
export function parseEnvironment(
  texts: readonly string[],
  read: (name: string) => string | undefined,
  warn: (message: string) => void,
): [string, string][] {
  const values = new Map<string, string>();
  for (const text of texts) {
    const [name, assigned] = splitAssignment(text);
    if (name === "" || name.includes("\0")) {
      throw usage(`--env ${text}`, "expected NAME or NAME=VALUE");
    }
    const value = assigned ?? read(name);
    if (value !== undefined) values.set(name, value);
    else warn(`--env ${name} has no effect: ${name} is not set here; --env ${name}=VALUE sets it`);
  }
  return [...values];
}

/**
 * Parses `--listen HOST:PORT`.
 * @throws LarderError LDR_USAGE
 */
export function parseAddress(text: string = DEFAULT_ADDRESS): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw usage(`--listen ${text}`, `expected HOST:PORT, such as ${DEFAULT_ADDRESS} or [::1]:3000`);
  }
  return { hostname: (match[1] ?? match[2])!, port };
}

function splitAssignment(text: string): [name: string, value: string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    const special = specialPathError(error);
    if (special) throw special;
    return false;
  }
}

function usage(
  option: string,
  reason: string,
  hint = "larder run --help explains the option",
): LarderError {
  return new LarderError("LDR_USAGE", `bad ${option}: ${reason}`, { hint });
}
