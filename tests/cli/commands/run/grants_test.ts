import assert from "node:assert/strict";
import { resolve } from "node:path";
import { hasCode } from "../../../../src/base/errors.ts";
import {
  grantsOf,
  parseAddress,
  parseEnvironment,
  parseFolder,
} from "../../../../src/cli/commands/run/grants.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

function assertRejected(parse: () => unknown): void {
  assert.throws(parse, (error) => hasCode(error, "LDR_USAGE"));
}

Deno.test("parseFolder reads HOST and HOST::GUEST, with and without :ro", () => {
  using folder = new TemporaryFolder();
  const { path } = folder;
  const cases = [
    [path, { host: path, guest: path, readOnly: false }],
    [`${path}::/data`, { host: path, guest: "/data", readOnly: false }],
    [`${path}:ro`, { host: path, guest: path, readOnly: true }],
    [`${path}::/data:ro`, { host: path, guest: "/data", readOnly: true }],
    [".", { host: resolve("."), guest: ".", readOnly: false }],
    [".::/", { host: resolve("."), guest: "/", readOnly: false }],
  ] as const;
  for (const [text, grant] of cases) assert.deepEqual(parseFolder(text), grant);
});

Deno.test("parseFolder says how to write what docker writes with one colon", () => {
  using folder = new TemporaryFolder();
  assert.throws(
    () => parseFolder(`${folder.path}:/data`),
    (error) => hasCode(error, "LDR_USAGE") && error.hint === "write two colons: --dir HOST::GUEST",
  );
});

for (
  const text of ["", ":ro", "::", "::/data", ".::", ".::a::b", "no such folder", "/etc/hostname"]
) {
  Deno.test(`parseFolder rejects "${text}"`, () => assertRejected(() => parseFolder(text)));
}

Deno.test("parseEnvironment takes a missing value from the environment, and the last of repeated names", () => {
  const read = (name: string) => name === "HERE" ? "inherited" : undefined;
  const texts = ["A=1", "B=", "C=x=y", "HERE", "MISSING", "A=2"];
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  assert.deepEqual(parseEnvironment(texts, read, warn), [
    ["A", "2"],
    ["B", ""],
    ["C", "x=y"],
    ["HERE", "inherited"],
  ]);
  assert.deepEqual(warnings, [
    "--env MISSING has no effect: MISSING is not set here; --env MISSING=VALUE sets it",
  ]);
  assertRejected(() => parseEnvironment(["=1"], read, warn));
  assertRejected(() => parseEnvironment([""], read, warn));
});

Deno.test("parseAddress reads a host and a port", () => {
  assert.deepEqual(parseAddress(), { hostname: "127.0.0.1", port: 3000 });
  assert.deepEqual(parseAddress("localhost:0"), { hostname: "localhost", port: 0 });
  assert.deepEqual(parseAddress("[::1]:80"), { hostname: "::1", port: 80 });
});

for (
  const text of [
    "",
    "3000",
    ":3000",
    "host",
    "host:",
    "host:x",
    "host:65536",
    "::1:80",
    "http://h:1",
  ]
) {
  Deno.test(`parseAddress rejects "${text}"`, () => assertRejected(() => parseAddress(text)));
}

Deno.test("grantsOf refuses an empty --state, which would be the current folder", async () => {
  await assert.rejects(
    () => grantsOf({ state: "" }, () => {}),
    (error) => hasCode(error, "LDR_USAGE") && error.message.startsWith("bad --state"),
  );
});
