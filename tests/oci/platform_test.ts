import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import {
  choosePlatform,
  defaultPlatforms,
  formatPlatform,
  isAttestation,
  parsePlatform,
  type Platform,
} from "../../src/oci/platform.ts";

const GOOD: [string, string][] = [
  ["linux/amd64", "linux/amd64"],
  ["Linux/AMD64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm/v7", "linux/arm/v7"],
  ["linux/arm64/V8", "linux/arm64/v8"],
  ["wasi/wasm", "wasi/wasm"],
  [" windows/amd64 ", "windows/amd64"],
  ["linux/constructor", "linux/constructor"],
  ["linux/__proto__", "linux/__proto__"],
];

for (const [text, full] of GOOD) {
  Deno.test(`platform ${text}`, () => assert.equal(formatPlatform(parsePlatform(text)), full));
}

for (
  const text of ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux//v7", "linux/amd64/", "a b/c"]
) {
  Deno.test(`no platform: "${text}"`, () => {
    assert.throws(() => parsePlatform(text), (error) => hasCode(error, "LDR_USAGE"));
  });
}

const DEFAULTS: [string, string, string[]][] = [
  ["linux", "x86_64", ["linux/amd64", "wasi/wasm"]],
  ["linux", "aarch64", ["linux/arm64", "wasi/wasm"]],
  ["windows", "x86_64", ["windows/amd64", "wasi/wasm"]],
  ["darwin", "aarch64", ["darwin/arm64", "linux/arm64", "wasi/wasm"]],
  ["freebsd", "riscv64", ["freebsd/riscv64", "wasi/wasm"]],
];

for (const [os, arch, platforms] of DEFAULTS) {
  Deno.test(`the platforms looked for on ${os} ${arch}`, () => {
    assert.deepEqual(defaultPlatforms({ os, arch }).map(formatPlatform), platforms);
  });
}

const entries = (texts: readonly string[]) =>
  texts.map((text) => {
    const [os, architecture, variant] = text.split("/");
    return text === "" ? { text } : { text, platform: { os, architecture, variant } as Platform };
  });

/** Name, what the index has, what was asked for, what is chosen. The machine is linux/amd64. */
const CHOICES: [string, string[], string | undefined, string | undefined][] = [
  ["this machine's", ["linux/arm64", "linux/amd64"], undefined, "linux/amd64"],
  ["Wasm where the machine's is not there", ["linux/arm64", "wasi/wasm"], undefined, "wasi/wasm"],
  ["the machine's before Wasm", ["wasi/wasm", "linux/amd64"], undefined, "linux/amd64"],
  ["the only one there is", ["windows/arm64"], undefined, "windows/arm64"],
  [
    "the only one beside attestations",
    ["windows/arm64", "unknown/unknown"],
    undefined,
    "windows/arm64",
  ],
  ["the only one, that names no platform", [""], undefined, ""],
  ["none of two others", ["windows/arm64", "darwin/arm64"], undefined, undefined],
  ["none of two without a platform", ["", ""], undefined, undefined],
  ["none of nothing", [], undefined, undefined],
  ["no attestation, though it is alone", ["unknown/unknown"], undefined, undefined],
  ["no attestation, though it was asked for", ["unknown/unknown"], "unknown/unknown", undefined],
  ["what was asked for", ["linux/amd64", "linux/arm64"], "linux/arm64", "linux/arm64"],
  ["nothing else than what was asked for", ["linux/amd64"], "linux/arm64", undefined],
  ["not the only one, if another was asked for", ["windows/arm64"], "linux/arm64", undefined],
  ["no entry without a platform, if one was asked for", [""], "linux/amd64", undefined],
  ["no other operating system", ["windows/amd64", "darwin/amd64"], "linux/amd64", undefined],
  ["arm64 as arm64/v8", ["linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"],
  ["arm64/v8 as arm64", ["linux/arm64"], "linux/arm64/v8", "linux/arm64"],
  [
    "v8 rather than v9 for arm64",
    ["linux/arm64/v9", "linux/arm64/v8"],
    "linux/arm64",
    "linux/arm64/v8",
  ],
  ["v8 for arm64/v9", ["linux/arm64/v8"], "linux/arm64/v9", "linux/arm64/v8"],
  ["no v9 for arm64/v8", ["linux/arm64/v9"], "linux/arm64/v8", undefined],
  ["arm as v7", ["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"],
  [
    "v6 for arm where v7 is not there",
    ["linux/arm/v5", "linux/arm/v6"],
    "linux/arm",
    "linux/arm/v6",
  ],
  ["v6 for arm/v7", ["linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"],
  ["no v7 for arm/v6", ["linux/arm/v7"], "linux/arm/v6", undefined],
  ["v5 for arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v6", "linux/arm/v5"],
  ["no arm of an unknown kind", ["linux/arm/v8"], "linux/arm", undefined],
  ["plain amd64 for amd64/v3", ["linux/amd64"], "linux/amd64/v3", "linux/amd64"],
  ["no amd64/v2 for amd64/v3", ["linux/amd64/v2"], "linux/amd64/v3", undefined],
  ["plain amd64 before a variant", ["linux/amd64/v3", "linux/amd64"], "linux/amd64", "linux/amd64"],
];

for (const [name, offered, asked, chosen] of CHOICES) {
  Deno.test(`an index gives ${name}`, () => {
    const defaults = defaultPlatforms({ os: "linux", arch: "x86_64" });
    const platform = asked === undefined ? undefined : parsePlatform(asked);
    assert.equal(choosePlatform(entries(offered), platform, defaults)?.text, chosen);
  });
}

Deno.test("of several that serve equally well the first is chosen", () => {
  const [one, other] = [parsePlatform("linux/amd64"), parsePlatform("linux/amd64")];
  assert.equal(choosePlatform([{ platform: one }, { platform: other }], one)?.platform, one);
});

const word = fc.constantFrom("linux", "windows", "unknown", "wasi", "darwin", "");
const architecture = fc.constantFrom("amd64", "arm64", "arm", "unknown", "wasm", "");
const variant = fc.constantFrom(undefined, "v5", "v6", "v7", "v8", "v9", "odd");
const platform = fc.record({ os: word, architecture, variant }, { noNullPrototype: true });
const entry = fc.record({ platform: fc.option(platform, { nil: undefined }) });

Deno.test("an attestation is never chosen, and what is chosen is in the index", () => {
  const asked = fc.option(platform, { nil: undefined });
  fc.assert(fc.property(fc.array(entry), asked, (entries, asked) => {
    const chosen = choosePlatform(entries, asked);
    if (chosen === undefined) return;
    assert.ok(entries.includes(chosen));
    assert.equal(isAttestation(chosen), false);
    if (asked) {
      assert.equal(chosen.platform?.os, asked.os);
      assert.equal(chosen.platform?.architecture, asked.architecture);
    }
  }));
});

Deno.test("an entry that is exactly what was asked for is chosen", () => {
  fc.assert(fc.property(fc.array(entry), platform, (entries, asked) => {
    fc.pre(!isAttestation({ platform: asked }));
    const exact = { platform: asked };
    assert.deepEqual(choosePlatform([...entries, exact], asked)?.platform, asked);
  }));
});

Deno.test("the words that were asked for are nearer than the variant that they mean", () => {
  for (const [architecture, variant] of [["arm", "v7"], ["arm64", "v8"]] as const) {
    const plain = { platform: { os: "linux", architecture } };
    const written = { platform: { os: "linux", architecture, variant } };
    for (const entries of [[plain, written], [written, plain]]) {
      assert.equal(choosePlatform(entries, plain.platform), plain);
      assert.equal(choosePlatform(entries, written.platform), written);
    }
  }
});
