import { LarderError } from "../../../base/errors.ts";
import { parseReference } from "../../../oci/reference.ts";
import { flagOf } from "../../errors.ts";
import type { GlobalOptions } from "../../options.ts";
import type { PullingOptions } from "../pull/options.ts";

/** The options of `larder run`. */
export interface RunOptions extends PullingOptions {
  readonly dir?: readonly string[];
  readonly env?: readonly string[];
  /** `*` if the option has no value. */
  readonly allowNet?: string;
  readonly variable?: readonly string[];
  readonly state?: string;
  readonly runtimeConfigFile?: string;
  readonly listen?: string;
  /** In bytes. */
  readonly maxMemory?: number;
  /** In milliseconds. */
  readonly timeout?: number;
  /** True if the option has no value. */
  readonly engine?: string | true;
}

/** Options that apply only to HTTP components and Spin apps. */
export const SERVER_OPTIONS: readonly (keyof RunOptions)[] = ["listen"];

/** Options for the interfaces of Spin, which modules of WASI preview 1 do not have. */
export const SPIN_OPTIONS: readonly (keyof RunOptions)[] = [
  "variable",
  "state",
  "runtimeConfigFile",
];

/** Describes a Spin app in the refusal of an option that would grant it something. */
export const SPIN_APP = "a Spin app: its manifest declares what it may access";

/**
 * True if the subject is a file rather than a reference: `app.wasm`, any path, or the name of a file that exists, which
 * no registry is asked for.
 * @param note is called with how to run the reference, if the name of the file can be one too
 */
export function isFile(subject: string, note: (message: string) => void): boolean {
  if (isPath(subject)) return true;
  if (!exists(subject)) return false;
  if (isReference(subject)) {
    note(`running the file ${subject}; docker://${subject} runs the reference of that name`);
  }
  return true;
}

/** True if the subject is a path by its form: `app.wasm`, `./app`, `/app`. */
export function isPath(subject: string): boolean {
  return subject.endsWith(".wasm") || /^(?:\.{0,2}\/|[A-Za-z]:[\\/]|\.{1,2}\\)/.test(subject);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false; // A reference, if it is one.
  }
}

function isReference(text: string): boolean {
  try {
    return parseReference(text) !== undefined;
  } catch {
    return false;
  }
}

/**
 * Fails if an option was given that does not apply to the subject, rather than ignore it.
 * @param subject describes what is run, as in `a command`
 * @throws LarderError LDR_USAGE
 */
export function rejectOptions(
  options: RunOptions,
  inapplicable: readonly (keyof RunOptions)[],
  subject: string,
): void {
  const option = inapplicable.find((name) => options[name] !== undefined);
  if (option === undefined) return;
  throw new LarderError("LDR_USAGE", `${flagOf(option)} does not apply to ${subject}`, {
    hint: "leave it out",
  });
}

/**
 * Fails if arguments were given for a server.
 * @throws LarderError LDR_USAGE
 */
export function rejectArguments(args: readonly string[], name: string): void {
  if (args.length === 0) return;
  throw new LarderError("LDR_USAGE", `${name} answers HTTP requests and takes no arguments`, {
    hint: "leave out the arguments after its name",
  });
}

/**
 * Fails if the file is the value of docker's `-v HOST:GUEST`, which is `--verbose` here.
 * @throws LarderError LDR_USAGE
 */
export function rejectVolume(file: string, { verbose }: GlobalOptions): void {
  const [, host, guest] = /^(\.{0,2}\/[^:]*):(\/.*)$/.exec(file) ?? [];
  if (!verbose || host === undefined) return;
  throw new LarderError("LDR_USAGE", `-v is --verbose, and there is no file ${file} to run`, {
    hint: `--dir ${host}::${guest} grants access to a folder`,
  });
}

/** The error for a run without a reference. */
export function missingReference(): LarderError {
  return new LarderError("LDR_USAGE", "larder run needs a reference", {
    hint: "larder run --help explains what can be run",
  });
}
