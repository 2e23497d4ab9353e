import { basename, join, resolve } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import {
  type BuildSpec,
  type Fault,
  faultOf,
  nameFault,
  outputFault,
  variableFault,
} from "../../../builds/spec.ts";
import { namesFolder } from "../../../base/files/place_file.ts";
import { readSpecFile } from "../../../builds/spec_file.ts";
import type { BuildCommandOptions } from "./options.ts";

/** The words of a command line that are no options: before and after `--`. */
export interface Words {
  readonly spec: string | undefined;
  readonly command: readonly string[];
}

/** Splits the words of `larder build`. @param rawArgs the whole command line, which still has the `--` */
export function splitWords(words: readonly string[], rawArgs: readonly string[]): Words {
  const end = rawArgs.indexOf("--");
  const command = end < 0 ? [] : words.slice(words.length - (rawArgs.length - end - 1));
  const others = words.slice(0, words.length - command.length);
  if (others.length > 1) {
    throw usage(`one spec at a time, not ${others.length}`, "write -- before a command");
  }
  return { spec: others[0], command };
}

/** The options that say what a spec file says otherwise. */
const INLINE = { input: "-i", ref: "--ref", env: "--env", network: "--network" } as const;

/**
 * Returns what is to be built: what a spec file says, or else the options and the command.
 * @throws LarderError LDR_BAD_SPEC, LDR_USAGE
 */
export function specOf({ spec, command }: Words, options: BuildCommandOptions): BuildSpec {
  if (spec === undefined) return inlineSpec(command, options);
  const given = Object.entries(INLINE).find(([name]) =>
    options[name as keyof typeof INLINE] !== undefined
  );
  if (given || command.length > 0) {
    throw usage(
      `${given?.[1] ?? "a command"} and a spec cannot be combined`,
      `write it in ${spec}, or leave the spec out`,
    );
  }
  return readSpecFile(spec);
}

function inlineSpec(command: readonly string[], options: BuildCommandOptions): BuildSpec {
  if (command.length === 0) {
    throw usage(
      "nothing to build: neither a spec nor a command",
      "write larder build SPEC.yaml, or larder build -i PATH -o OUT -- COMMAND",
    );
  }
  if (options.output === undefined) {
    throw usage("-o is missing", "name the file that the command produces: -o OUT");
  }
  if (namesFolder(options.output)) {
    throw usage(
      `-o ${options.output} is a folder, and without a spec nothing else names the result`,
      `name the file in it: -o ${join(options.output, "OUT")}`,
    );
  }
  const output = basename(resolve(options.output));
  check(outputFault(output));
  check(nameFault(output));
  return {
    name: output,
    folder: Deno.cwd(),
    inputs: options.input ?? [],
    packages: [],
    refs: options.ref ?? [],
    env: variablesIn(options.env ?? []),
    run: command,
    output,
    network: options.network ?? false,
    usePackageCache: true,
    useImageCache: true,
    fault: faultOf("LDR_USAGE"),
  };
}

function variablesIn(texts: readonly string[]): Map<string, string> {
  const env = new Map<string, string>();
  for (const text of texts) {
    const [name, ...value] = text.split("=");
    if (value.length === 0) {
      throw usage(`bad --env: "${text}" has no value`, `write --env ${text}=VALUE`);
    }
    check(variableFault(name!, value.join("=")));
    env.set(name!, value.join("="));
  }
  return env;
}

function check(fault: Fault | undefined): void {
  if (fault) throw usage(fault.reason, fault.hint);
}

function usage(message: string, hint: string): LarderError {
  return new LarderError("LDR_USAGE", message, { hint });
}
