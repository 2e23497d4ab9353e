import { isAbsolute, join, posix } from "node:path";
import { LarderError, shellWord } from "../base/errors.ts";
import type { CommandEnd } from "./sandbox/run_command.ts";
import type { BuildSpec } from "./spec.ts";

/** Exit code of a shell for a program that is not there. */
const NOT_FOUND = 127;

/** Exit code of a shell for a file that may not be executed. */
const NOT_EXECUTABLE = 126;

/** Exit code of a shell for a program that SIGKILL ended. */
const KILLED = 137;

/**
 * Returns the error for a command that failed. The hint names what is easily overlooked: of a project, the command
 * finds only the inputs.
 *
 * @param inputs the paths that the command found in its folder
 */
export function commandFailed(
  spec: BuildSpec,
  { code, signal }: CommandEnd,
  inputs: readonly string[],
): LarderError {
  const how = signal ? `was ended by ${signal}` : `failed with exit code ${code}`;
  return new LarderError("LDR_BUILD", `the command of ${spec.name} ${how}`, {
    hint: hintFor(spec, code, new Set(inputs)),
  });
}

function hintFor(spec: BuildSpec, code: number, inputs: ReadonlySet<string>): string {
  const words = wordsOf(spec.run);
  const overlooked = words.find((word) =>
    word !== spec.output && !inputs.has(word) && isFileIn(spec.folder, word)
  );
  if (overlooked !== undefined) {
    return `name ${overlooked} as an input: the command finds only inputs in its folder`;
  }
  const script = words.find((word) => inputs.has(word));
  if (code === NOT_EXECUTABLE && script !== undefined) {
    return `make ${script} executable: chmod +x ${shellWord(script)}`;
  }
  if (code === KILLED) {
    return "137 is the end by SIGKILL, most often for lack of memory; nothing was stored";
  }
  return code === NOT_FOUND
    ? "name the program that was not found as an input, or install it in a folder of PATH"
    : "its output says why; nothing was stored";
}

/** Returns what can be a path below the folder of the command: arguments, and the words of a shell line. */
function wordsOf(run: readonly string[]): string[] {
  return run.flatMap((argument) => argument.split(/[\s"';|&()<>]+/))
    .filter((word) => word !== "" && !isAbsolute(word))
    .map((word) => posix.normalize(word))
    .filter((word) => word !== "." && !word.startsWith(".."));
}

/** A word that cannot be a path names no file. */
function isFileIn(folder: string, path: string): boolean {
  try {
    return Deno.statSync(join(folder, path)).isFile;
  } catch {
    return false;
  }
}
