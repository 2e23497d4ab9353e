import type { LarderError } from "../../../base/errors.ts";
import type { EntryRepair } from "../../../verify/expectation.ts";
import type { Context } from "../../context.ts";

/** An entry that lacks files. */
export interface DamagedEntry {
  readonly name: string;
  readonly folder: string;
  readonly method: EntryRepair | undefined;
}

/** Warns that an entry could not be repaired, and returns why. */
export function couldNotRepair(
  context: Context,
  name: string,
  { message, code }: LarderError,
): string {
  const why = `${message} [${code}]`;
  context.warn(`could not repair ${name}: ${why}`);
  return why;
}
