import { LarderError } from "../base/errors.ts";

/**
 * The error for an app that only Spin itself can run.
 * @param reason what it needs that larder does not have
 */
export function needsSpin(subject: string, reason: string): LarderError {
  return new LarderError("LDR_UNSUPPORTED_WASM", `cannot run ${subject}: ${reason}`, {
    hint: "run it with an installed Spin: --engine spin",
  });
}
