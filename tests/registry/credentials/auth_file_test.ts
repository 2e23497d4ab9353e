import fc from "fast-check";
import assert from "node:assert/strict";
import { removeCredential, storeCredential } from "../../../src/registry/credentials/auth_file.ts";
import { failureOf } from "../../support/failure_of.ts";
import {
  auth,
  CredentialFolder,
  entry,
  findCredential,
} from "../../support/registry/credential_folder.ts";

const BOB = { username: "bob", password: "s3cret-word" };

function read(path: string): unknown {
  return JSON.parse(Deno.readTextFileSync(path));
}

Deno.test("storeCredential writes a private file in Docker's format", async () => {
  using folder = new CredentialFolder();
  const path = folder.path("config/larder/auth.json");
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
    assert.equal(Deno.statSync(folder.path("config/larder")).mode! & 0o777, 0o700);
  }
  const source = folder.credentials("config/larder/auth.json");
  assert.equal(await findCredential(source, "docker.io", "library/nginx"), "bob:s3cret-word");
});

Deno.test("storeCredential stores any user name and password", async () => {
  const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) =>
    !text.includes(":") && text !== "<token>"
  );
  // Docker drops NULs around a password, and so does every reader of its files.
  const password = fc.string({ minLength: 1, unit: "grapheme" })
    .filter((text) => !/^\0|\0$/.test(text));
  await fc.assert(fc.asyncProperty(name, password, async (username, password) => {
    using folder = new CredentialFolder();
    storeCredential(folder.path("auth.json"), "h.io", { username, password });
    const expected = `${username}:${password}`;
    assert.equal(await findCredential(folder.credentials("auth.json"), "h.io"), expected);
  }));
});

Deno.test("storeCredential replaces other keys of the registry and keeps the rest", () => {
  using folder = new CredentialFolder();
  const path = folder.write("auth.json", {
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

Deno.test("storeCredential keeps a link", () => {
  using folder = new CredentialFolder();
  const target = folder.write("dotfiles.json", {});
  Deno.symlinkSync("dotfiles.json", folder.path("auth.json"));
  storeCredential(folder.path("auth.json"), "ghcr.io", BOB);
  assert.deepEqual(read(target), { auths: { "ghcr.io": entry("bob:s3cret-word") } });
  assert(Deno.lstatSync(folder.path("auth.json")).isSymlink);
});

Deno.test("removeCredential writes no file if there is nothing to remove", () => {
  using folder = new CredentialFolder();
  assert.equal(removeCredential(folder.path("auth.json"), "ghcr.io"), false);
  assert.deepEqual([...Deno.readDirSync(folder.path("."))], []);
});

Deno.test("storeCredential and removeCredential do not change an invalid file", async () => {
  using folder = new CredentialFolder();
  const path = folder.write("auth.json", "{ broken");
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

Deno.test("storeCredential names the config folder if it cannot be created", async () => {
  using folder = new CredentialFolder();
  folder.write("file", "");
  // deno-lint-ignore require-await
  const error = await failureOf((async () => {
    storeCredential(folder.path("file/auth.json"), "ghcr.io", BOB);
  })());
  assert.equal(error.exitCode, 7);
  assert.match(error.hint, /config folder/);
});
