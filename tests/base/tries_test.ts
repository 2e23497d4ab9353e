import fc from "fast-check";
import assert from "node:assert/strict";
import { LarderError } from "../../src/base/errors.ts";
import {
  RETRY_AFTER_CAP,
  RETRY_BASE,
  RETRY_CAP,
  SILENT_TRIES,
  TRIES,
  Tries,
} from "../../src/base/tries.ts";
import { FakeClock } from "../support/fake_clock.ts";

const timeout = () => new LarderError("LDR_TIMEOUT", "silent", { hint: "h" });

/** Returns the number of tries that are allowed if each fails in this way. */
function count(tries: Tries, failure?: unknown, asked?: number): number {
  for (let allowed = 1;; allowed++) if (!tries.next(failure, asked)) return allowed;
}

Deno.test("Tries.next allows TRIES, and fewer after timeouts", () => {
  const clock = new FakeClock();
  assert.equal(count(new Tries(clock)), TRIES);
  assert.equal(count(new Tries(clock), timeout()), SILENT_TRIES);
});

Deno.test("Tries.next names the next try", () => {
  const tries = new Tries(new FakeClock());
  assert.deepEqual([tries.next()?.ordinal, tries.next()?.ordinal], ["2 of 5", "3 of 5"]);
});

Deno.test("Tries.next doubles the bound of the pauses", () => {
  const tries = new Tries(new FakeClock());
  const pauses = Array.from({ length: TRIES - 1 }, () => tries.next()!.pause);
  assert.deepEqual(pauses, [1, 2, 4, 8].map((factor) => factor * RETRY_BASE / 2));
});

Deno.test("Tries.next pauses at least 0 and less than RETRY_CAP milliseconds", () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(chance, (chance) => {
    const clock = new FakeClock();
    clock.chance = chance;
    const tries = new Tries(clock);
    for (let next; (next = tries.next());) assert.ok(next.pause >= 0 && next.pause < RETRY_CAP);
  }));
});

Deno.test("Tries.next waits as long as the server asks, within RETRY_AFTER_CAP in all", () => {
  const clock = new FakeClock();
  assert.equal(new Tries(clock).next(undefined, 7000)?.pause, 7000);
  assert.equal(new Tries(clock).next(undefined, RETRY_AFTER_CAP)?.pause, RETRY_AFTER_CAP);
  assert.equal(new Tries(clock).next(undefined, RETRY_AFTER_CAP + 1), undefined);
  assert.equal(count(new Tries(clock), undefined, RETRY_AFTER_CAP / 2), 3);
});

Deno.test("Tries.restart allows all tries again, Tries.end none", () => {
  const tries = new Tries(new FakeClock());
  count(tries, timeout());
  tries.restart();
  assert.equal(count(tries), TRIES);
  tries.restart();
  tries.end();
  assert.equal(tries.next(), undefined);
});
