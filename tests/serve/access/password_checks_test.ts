import assert from "node:assert/strict";
import { PasswordChecks } from "../../../src/serve/access/password_checks.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { Gate } from "../../support/gate.ts";

/** Accepts the password that equals the hash; each check takes 10 ms of a fake clock. */
function checks() {
  const clock = new FakeClock();
  const compared: string[] = [];
  const own = new PasswordChecks(clock, (password, hash) => {
    compared.push(password);
    clock.time += 10;
    return Promise.resolve(password === hash);
  });
  return { own, clock, compared };
}

Deno.test("PasswordChecks.matches compares each password once, right or wrong", async () => {
  const { own, compared } = checks();
  for (let i = 0; i < 3; i++) {
    assert.equal(await own.matches("ann", "right", "right", true), true);
    assert.equal(await own.matches("ann", "wrong", "right", true), false);
  }
  await Promise.all([1, 2, 3].map(() => own.matches("ann", "other", "right", true)));
  assert.deepEqual(compared, ["right", "wrong", "other"]);
});

Deno.test("PasswordChecks.matches does not take one user's result for another's", async () => {
  const { own } = checks();
  assert.equal(await own.matches("ann", "right", "right", true), true);
  assert.equal(await own.matches("eve", "right", "right", false), false);
  assert.equal(await own.matches("ann", "right", "changed", true), false);
});

Deno.test("PasswordChecks.matches waits four times as long as a failed check took", async () => {
  const { own, clock } = checks();
  await own.matches("ann", "right", "right", true);
  await own.matches("ann", "wrong", "right", true);
  await own.matches("ann", "worse", "right", true);
  await own.matches("bob", "right", "right", true);
  assert.deepEqual(clock.sleeps, [40, 40]);
});

Deno.test("PasswordChecks.matches refuses more than 33 checks at a time, and recovers", async () => {
  const gate = new Gate();
  const own = new PasswordChecks(new FakeClock(), async (password, hash) => {
    await gate.pass();
    return password === hash;
  });
  const guesses = Array.from({ length: 40 }, (_, i) => own.matches("ann", `${i}`, "right", true));
  assert.deepEqual(await Promise.all(guesses.slice(33)), Array(7).fill(undefined));
  gate.open();
  assert.deepEqual(await Promise.all(guesses.slice(0, 33)), Array(33).fill(false));
  assert.equal(await own.matches("ann", "right", "right", true), true);
});

Deno.test("PasswordChecks.matches goes on after a comparison that throws", async () => {
  let isBroken = true;
  const own = new PasswordChecks(new FakeClock(), () => {
    if (isBroken) throw new Error("broken");
    return Promise.resolve(true);
  });
  await assert.rejects(own.matches("ann", "a", "b", true), /broken/);
  isBroken = false;
  assert.equal(await own.matches("ann", "a", "b", true), true);
});
