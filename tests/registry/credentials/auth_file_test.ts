import assert from "node:assert/strict";
import fc from "fast-check";
import { removeCredential, storeCredential } from "../../../src/registry/credentials/auth_file.ts";
import { auth, Desk, entry, found } from "../../support/registry/desk.ts";
import { failureOf } from "../../support/failure_of.ts";

const BOB = { username: "bob", password: "s3cret-word" };

function read(path: string): unknown {
  return JSON.parse(Deno.readTextFileSync(path));
}

Deno.test("what is stored is private, has Docker's form, and is found", async () => {
  using desk = new Desk();
  const path = desk.path("config/larder/auth.json");
  storeCredential(path, "ghcr.io", BOB);
  storeCredential(path, "docker.io", BOB);
  assert.deepEqual(read(path), {
    auths: {
      "ghcr.io": { auth: auth("bob:s3cret-word") },
      "https://index.docker.io/v1/": { auth: auth("bob:s3cret-word") },
    },
  });
  if (Deno.build.os !== "windows") {
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.equal(Deno.statSync(desk.path("config/larder")).mode! & 0o777, 0o700);
  }
  const source = desk.credentials("config/larder/auth.json");
  assert.equal(await found(source, "docker.io", "library/nginx"), "bob:s3cret-word");
});

Deno.test("any name and password come back as they went in", async () => {
  const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) =>
    !text.includes(":") && text !== "<token>"
  );
  // Docker drops NULs around a password, and so has to whoever reads its files.
  const password = fc.string({ minLength: 1, unit: "grapheme" })
    .filter((text) => !/^\0|\0$/.test(text));
  await fc.assert(fc.asyncProperty(name, password, async (username, password) => {
    using desk = new Desk();
    storeCredential(desk.path("auth.json"), "h.io", { username, password });
    const expected = `${username}:${password}`;
    assert.equal(await found(desk.credentials("auth.json"), "h.io"), expected);
  }));
});

Deno.test("the registry's other names are replaced, everything else stays", () => {
  using desk = new Desk();
  const path = desk.write("auth.json", {
    comment: "mine",
    auths: {
      "docker.io": entry("old:1234"),
      "index.docker.io/v1/": entry("old:1234"),
      "docker.io/team": entry("team:1234"),
      "ghcr.io": entry("other:1234"),
    },
  });
  storeCredential(path, "docker.io", BOB);
  const others = { "docker.io/team": entry("team:1234"), "ghcr.io": entry("other:1234") };
  assert.deepEqual(read(path), {
    comment: "mine",
    auths: { ...others, "https://index.docker.io/v1/": entry("bob:s3cret-word") },
  });
  assert.equal(removeCredential(path, "docker.io"), true);
  assert.deepEqual(read(path), { comment: "mine", auths: others });
  assert.equal(removeCredential(path, "docker.io"), false);
});

Deno.test("nothing is written where there is nothing to remove", () => {
  using desk = new Desk();
  assert.equal(removeCredential(desk.path("auth.json"), "ghcr.io"), false);
  assert.deepEqual([...Deno.readDirSync(desk.path("."))], []);
});

Deno.test("a broken file is left as it is", async () => {
  using desk = new Desk();
  const path = desk.write("auth.json", "{ broken");
  for (
    const change of [
      () => storeCredential(path, "ghcr.io", BOB),
      () => removeCredential(path, "ghcr.io"),
    ]
  ) {
    // deno-lint-ignore require-await
    const error = await failureOf((async () => change())());
    assert.equal(error.code, "LDR_CONFIG");
    assert.equal(Deno.readTextFileSync(path), "{ broken");
  }
});

Deno.test("a folder that cannot be made is an error about the config folder", async () => {
  using desk = new Desk();
  desk.write("file", "");
  // deno-lint-ignore require-await
  const error = await failureOf((async () => {
    storeCredential(desk.path("file/auth.json"), "ghcr.io", BOB);
  })());
  assert.equal(error.exitCode, 7);
  assert.match(error.hint, /config folder/);
});
