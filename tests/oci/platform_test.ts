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
  Deno.test(`parsePlatform("${text}") is ${full}`, () =>
    assert.equal(formatPlatform(parsePlatform(text)), full));
}

for (
  const text of ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux//v7", "linux/amd64/", "a b/c"]
) {
  Deno.test(`parsePlatform rejects "${text}"`, () => {
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
  Deno.test(`defaultPlatforms of ${os} ${arch} are ${platforms.join(", ")}`, () => {
    assert.deepEqual(defaultPlatforms({ os, arch }).map(formatPlatform), platforms);
  });
}

const entries = (texts: readonly string[]) =>
  texts.map((text) => {
    const [os, architecture, variant] = text.split("/");
    return text === "" ? { text } : { text, platform: { os, architecture, variant } as Platform };
  });

/** Name, platforms of the index, requested platform, expected choice. The machine is linux/amd64. */
const CHOICES: [string, string[], string | undefined, string | undefined][] = [
  ["the platform of this machine", ["linux/arm64", "linux/amd64"], undefined, "linux/amd64"],
  [
    "Wasm if the platform of the machine is missing",
    ["linux/arm64", "wasi/wasm"],
    undefined,
    "wasi/wasm",
  ],
  [
    "the platform of the machine rather than Wasm",
    ["wasi/wasm", "linux/amd64"],
    undefined,
    "linux/amd64",
  ],
  ["the only entry", ["windows/arm64"], undefined, "windows/arm64"],
  [
    "the only entry that is not an attestation",
    ["windows/arm64", "unknown/unknown"],
    undefined,
    "windows/arm64",
  ],
  ["the only entry, even without a platform", [""], undefined, ""],
  ["neither of two other platforms", ["windows/arm64", "darwin/arm64"], undefined, undefined],
  ["neither of two entries without a platform", ["", ""], undefined, undefined],
  ["nothing of an empty index", [], undefined, undefined],
  ["no attestation, even if it is the only entry", ["unknown/unknown"], undefined, undefined],
  ["no attestation, even if it was requested", ["unknown/unknown"], "unknown/unknown", undefined],
  ["the requested platform", ["linux/amd64", "linux/arm64"], "linux/arm64", "linux/arm64"],
  ["no other than the requested platform", ["linux/amd64"], "linux/arm64", undefined],
  [
    "not the only entry if another platform was requested",
    ["windows/arm64"],
    "linux/arm64",
    undefined,
  ],
  ["no entry without a platform if one was requested", [""], "linux/amd64", undefined],
  ["no other operating system", ["windows/amd64", "darwin/amd64"], "linux/amd64", undefined],
  ["arm64/v8 for arm64", ["linux/arm64/v8"], "linux/arm64", "linux/arm64/v8"],
  ["arm64 for arm64/v8", ["linux/arm64"], "linux/arm64/v8", "linux/arm64"],
  [
    "v8 rather than v9 for arm64",
    ["linux/arm64/v9", "linux/arm64/v8"],
    "linux/arm64",
    "linux/arm64/v8",
  ],
  ["v8 for arm64/v9", ["linux/arm64/v8"], "linux/arm64/v9", "linux/arm64/v8"],
  ["no v9 for arm64/v8", ["linux/arm64/v9"], "linux/arm64/v8", undefined],
  ["v7 for arm", ["linux/arm/v6", "linux/arm/v7"], "linux/arm", "linux/arm/v7"],
  [
    "v6 for arm if v7 is missing",
    ["linux/arm/v5", "linux/arm/v6"],
    "linux/arm",
    "linux/arm/v6",
  ],
  ["v6 for arm/v7", ["linux/arm/v6"], "linux/arm/v7", "linux/arm/v6"],
  ["no v7 for arm/v6", ["linux/arm/v7"], "linux/arm/v6", undefined],
  ["v5 for arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v6", "linux/arm/v5"],
  ["no unknown variant of arm", ["linux/arm/v8"], "linux/arm", undefined],
  ["plain amd64 for amd64/v3", ["linux/amd64"], "linux/amd64/v3", "linux/amd64"],
  ["no amd64/v2 for amd64/v3", ["linux/amd64/v2"], "linux/amd64/v3", undefined],
  [
    "plain amd64 rather than a variant",
    ["linux/amd64/v3", "linux/amd64"],
    "linux/amd64",
    "linux/amd64",
  ],
];

for (const [name, offered, requested, chosen] of CHOICES) {
  Deno.test(`choosePlatform returns ${name}`, () => {
    const defaults = defaultPlatforms({ os: "linux", arch: "x86_64" });
    const platform = requested === undefined ? undefined : parsePlatform(requested);
    assert.equal(choosePlatform(entries(offered), platform, defaults)?.text, chosen);
  });
}

Deno.test("choosePlatform returns the first of several equal entries", () => {
  const [one, other] = [parsePlatform("linux/amd64"), parsePlatform("linux/amd64")];
  assert.equal(choosePlatform([{ platform: one }, { platform: other }], one)?.platform, one);
});

const word = fc.constantFrom("linux", "windows", "unknown", "wasi", "darwin", "");
const architecture = fc.constantFrom("amd64", "arm64", "arm", "unknown", "wasm", "");
const variant = fc.constantFrom(undefined, "v5", "v6", "v7", "v8", "v9", "odd");
const platform = fc.record({ os: word, architecture, variant }, { noNullPrototype: true });
const entry = fc.record({ platform: fc.option(platform, { nil: undefined }) });

Deno.test("choosePlatform returns an entry of the index, never an attestation", () => {
  const request = fc.option(platform, { nil: undefined });
  fc.assert(fc.property(fc.array(entry), request, (entries, requested) => {
    const chosen = choosePlatform(entries, requested);
    if (chosen === undefined) return;
    assert.ok(entries.includes(chosen));
    assert.equal(isAttestation(chosen), false);
    if (requested) {
      assert.equal(chosen.platform?.os, requested.os);
      assert.equal(chosen.platform?.architecture, requested.architecture);
    }
  }));
});

Deno.test("choosePlatform returns an exact match if there is one", () => {
  fc.assert(fc.property(fc.array(entry), platform, (entries, requested) => {
    fc.pre(!isAttestation({ platform: requested }));
    const exact = { platform: requested };
    assert.deepEqual(choosePlatform([...entries, exact], requested)?.platform, requested);
  }));
});

Deno.test("choosePlatform prefers an exact match over the default variant", () => {
  for (const [architecture, variant] of [["arm", "v7"], ["arm64", "v8"]] as const) {
    const plain = { platform: { os: "linux", architecture } };
    const written = { platform: { os: "linux", architecture, variant } };
    for (const entries of [[plain, written], [written, plain]]) {
      assert.equal(choosePlatform(entries, plain.platform), plain);
      assert.equal(choosePlatform(entries, written.platform), written);
    }
  }
});
