import { LarderError } from "../../../base/errors.ts";
import type { Address } from "../../../run/server/http_server.ts";
import { OutboundHosts } from "../../../run/grants/outbound_hosts.ts";
import type { PullingOptions } from "../pull/options.ts";

/** The options of `larder run`. */
export interface RunOptions extends PullingOptions {
  readonly dir?: readonly string[];
  readonly env?: readonly string[];
  /** `*` where the option has no hosts. */
  readonly allowNet?: string;
  readonly variable?: readonly string[];
  readonly listen?: string;
  /** True for the option alone. */
  readonly engine?: string | true;
}

/** What the user grants and says, checked before anything is fetched. */
export interface Grants {
  readonly folders: readonly FolderGrant[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly outbound: OutboundHosts;
  readonly address: Address;
  readonly variables: ReadonlyMap<string, string>;
}

/** A folder of the user's that a guest is given. */
export interface FolderGrant {
  /** Absolute, and without links. */
  readonly host: string;
  /** Where the guest sees it. */
  readonly guest: string;
  readonly readOnly: boolean;
}

/** Options that only what answers HTTP requests has a use for. */
export const FOR_SERVERS: readonly (keyof RunOptions)[] = ["listen", "variable"];

/** Why some options are refused with a Spin app. */
export const A_SPIN_APP = "a Spin app, which says itself what it needs";

/** Where Spin listens too, if nothing else is said. */
const LISTEN = "127.0.0.1:3000";

/** @throws LarderError LDR_USAGE */
export function grantsOf(options: RunOptions): Grants {
  const { allowNet, dir = [], env = [], variable = [] } = options;
  return {
    folders: dir.map(parseFolder),
    env: parseEnvironment(env, (name) => Deno.env.get(name)),
    outbound: allowNet === undefined ? new OutboundHosts([]) : OutboundHosts.ofOption(allowNet),
    address: parseAddress(options.listen),
    variables: parseVariables(variable),
  };
}

/**
 * Refuses options that mean nothing for what is run, since the user meant something.
 * @param what that is, in words
 * @throws LarderError LDR_USAGE
 */
export function refuseOptions(
  options: RunOptions,
  useless: readonly (keyof RunOptions)[],
  what: string,
): void {
  const given = useless.find((option) => options[option] !== undefined);
  if (given === undefined) return;
  const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new LarderError("LDR_USAGE", `--${option} has no use with ${what}`, {
    hint: "leave it out",
  });
}

/**
 * Refuses arguments of what takes none.
 * @throws LarderError LDR_USAGE
 */
export function refuseArguments(args: readonly string[], name: string): void {
  if (args.length === 0) return;
  throw new LarderError("LDR_USAGE", `${name} answers HTTP requests and takes no arguments`, {
    hint: "leave out what follows its name",
  });
}

/**
 * `--dir HOST[::GUEST][:ro]`; a guest that is not told otherwise sees a folder by the name that the user gave it.
 * @throws LarderError LDR_USAGE
 */
export function parseFolder(text: string): FolderGrant {
  const readOnly = text.endsWith(":ro");
  const path = readOnly ? text.slice(0, -":ro".length) : text;
  const [host = "", guest = host, ...rest] = path.split("::");
  if (host === "" || guest === "" || rest.length > 0) {
    throw usage(`--dir ${text}`, "it takes HOST, HOST::GUEST, or either with :ro after it");
  }
  if (!isFolder(host)) throw usage(`--dir ${text}`, `there is no folder ${host}`);
  return { host: Deno.realPathSync(host), guest, readOnly };
}

/**
 * `--env NAME[=VALUE]`: without a value, the one that larder's own environment has, if any.
 * @throws LarderError LDR_USAGE
 */
export function parseEnvironment(
  texts: readonly string[],
  read: (name: string) => string | undefined,
): [string, string][] {
  const values = new Map<string, string>();
  for (const text of texts) {
    const [name, given] = splitAssignment(text);
    if (name === "" || name.includes("\0")) {
      throw usage(`--env ${text}`, "it takes NAME or NAME=VALUE");
    }
    const value = given ?? read(name);
    if (value !== undefined) values.set(name, value);
  }
  return [...values];
}

/**
 * `--variable NAME=VALUE`.
 * @throws LarderError LDR_USAGE
 */
export function parseVariables(texts: readonly string[]): Map<string, string> {
  return new Map(texts.map((text) => {
    const [name, value] = splitAssignment(text);
    // The value may be a secret.
    if (name === "" || value === undefined) throw usage("--variable", "it takes NAME=VALUE");
    return [name, value];
  }));
}

/**
 * `--listen HOST:PORT`.
 * @throws LarderError LDR_USAGE
 */
export function parseAddress(text: string = LISTEN): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw usage(`--listen ${text}`, `it takes HOST:PORT, such as ${LISTEN} or [::1]:3000`);
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
  } catch {
    return false;
  }
}

function usage(option: string, reason: string): LarderError {
  return new LarderError("LDR_USAGE", `bad ${option}: ${reason}`, {
    hint: "larder run --help explains the option",
  });
}

/** The error for a run without a reference. */
export function nothingNamed(): LarderError {
  return new LarderError("LDR_USAGE", "missing required argument 'reference'", {
    hint: "larder run --help explains what can be run",
  });
}
