import assert from "node:assert/strict";
import { LazyAuthorizer } from "../../../src/registry/auth/lazy_authorizer.ts";
import { denied } from "../../support/registry/auth_setup.ts";

Deno.test("LazyAuthorizer loads once, after the first denied request", async () => {
  let loads = 0;
  const lazy = new LazyAuthorizer(() => {
    loads++;
    return Promise.resolve({
      current: (registry, repository) => `known ${registry} ${repository}`,
      authorize: ({ status }) => Promise.resolve(`authorization after ${status}`),
      authorizeHidden: ({ status }) => Promise.resolve(`other after ${status}`),
    });
  });
  assert.equal(lazy.current("r", "x"), undefined);
  assert.equal(loads, 0);
  const answers = await Promise.all([lazy.authorize(denied()), lazy.authorize(denied())]);
  assert.deepEqual(answers, ["authorization after 401", "authorization after 401"]);
  assert.equal(lazy.current("r", "x"), "known r x");
  assert.equal(await lazy.authorizeHidden(denied({ status: 404 })), "other after 404");
  assert.equal(loads, 1);
});
