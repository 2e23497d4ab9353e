import assert from "node:assert/strict";
import { LarderError } from "../../src/base/errors.ts";

/** The error that something fails with, which has to be one that larder means. */
export async function failureOf(promise: Promise<unknown>): Promise<LarderError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof LarderError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}
