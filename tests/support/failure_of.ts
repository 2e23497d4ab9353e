import assert from "node:assert/strict";
import { LarderError } from "../../src/base/errors.ts";

/** Returns the error that a promise rejects with. Fails unless it is a `LarderError`. */
export async function failureOf(promise: Promise<unknown>): Promise<LarderError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof LarderError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}
