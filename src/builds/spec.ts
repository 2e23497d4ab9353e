import type { ErrorCode } from "../base/errors.ts";
import { LarderError } from "../base/errors.ts";

/** A list of packages that a spec names. */
export interface PackageList {
  /** Path or URL. */
  readonly from: string;
  /** The wanted packages; empty for all that the list names. */
  readonly names: readonly string[];
  /** File of the keys that may sign an index; undefined if the list itself names it. */
  readonly keyring: string | undefined;
}

/** A package that a spec names by its URL. */
export interface SpecPackage {
  readonly url: string;
  readonly digest?: string | undefined;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly arch?: string | undefined;
  readonly source?: string | undefined;
}

/** What is to be built: the content of a spec file, or what a command line says. */
export interface BuildSpec {
  readonly name: string;
  /** Absolute folder that relative inputs and lists are relative to. */
  readonly folder: string;
  /** Paths as they were written. */
  readonly inputs: readonly string[];
  readonly packages: readonly (SpecPackage | PackageList)[];
  /** References as they were written. */
  readonly refs: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  /** The program and its arguments. */
  readonly run: readonly string[];
  /** Name of the file that the command writes. */
  readonly output: string;
  readonly network: boolean;
  readonly usePackageCache: boolean;
  readonly useImageCache: boolean;
  /** Returns the error for a part of the spec, such as `["inputs", 1]`, at its line if it is in a file. */
  readonly fault: SpecFault;
}

export type SpecFault = (
  part: readonly (string | number)[],
  reason: string,
  hint: string,
) => LarderError;

/** Characters of a name: it is shown in tables, and matched by globs. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,126}[A-Za-z0-9+])?$/;

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A reason why a value cannot be used, and what to write instead. */
export interface Fault {
  readonly reason: string;
  readonly hint: string;
}

/** Returns why a build cannot have this name; undefined if it can. */
export function nameFault(name: string): Fault | undefined {
  if (NAME.test(name)) return undefined;
  return {
    reason: `"${name}" cannot be the name of a build`,
    hint: "write letters, digits, and . _ - + between them, at most 128",
  };
}

/** Returns why a file cannot have this name; undefined if it can. */
export function outputFault(name: string): Fault | undefined {
  const isName = name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name) &&
    name.length <= 128;
  if (isName) return undefined;
  return {
    reason: `"${name}" is not the name of a file`,
    hint: "write a name without a folder, such as image.squashfs; -o says where to put it",
  };
}

/** Returns why a command cannot get this variable; undefined if it can. */
export function variableFault(name: string, value: string): Fault | undefined {
  if (!VARIABLE.test(name)) {
    return {
      reason: `"${name}" is not the name of a variable`,
      hint: "write letters, digits and _, not beginning with a digit",
    };
  }
  if (name.startsWith("LARDER_")) {
    return { reason: `larder itself sets the variables LARDER_*`, hint: "choose another name" };
  }
  if (value.includes("\0")) {
    return { reason: `the value of ${name} has a null character`, hint: "leave it out" };
  }
  return undefined;
}

/** Returns a {@link SpecFault} for a spec that is not in a file. */
export function faultOf(code: ErrorCode): SpecFault {
  return (_part, reason, hint) => new LarderError(code, reason, { hint });
}
