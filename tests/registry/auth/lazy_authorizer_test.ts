import assert from "node:assert/strict";
import { LazyAuthorizer } from "../../../src/registry/auth/lazy_authorizer.ts";
import { refusal } from "../../support/registry/auth_setup.ts";

Deno.test("nothing is loaded before the first refusal, and then once", async () => {
  let loads = 0;
  const lazy = new LazyAuthorizer(() => {
    loads++;
    return Promise.resolve({
      current: (registry, repository) => `known ${registry} ${repository}`,
      answer: ({ status }) => Promise.resolve(`answer to ${status}`),
    });
  });
  assert.equal(lazy.current("r", "x"), undefined);
  assert.equal(loads, 0);
  const answers = await Promise.all([lazy.answer(refusal()), lazy.answer(refusal())]);
  assert.deepEqual(answers, ["answer to 401", "answer to 401"]);
  assert.equal(lazy.current("r", "x"), "known r x");
  assert.equal(loads, 1);
});
