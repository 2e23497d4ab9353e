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
  ["linux/armhf", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["linux/armv7l", "linux/arm/v7"],
  ["linux/i386", "linux/386"],
  ["macOS/arm64", "darwin/arm64"],
  ["wasi/wasm32", "wasi/wasm"],
];

for (const [text, full] of GOOD) {
  Deno.test(`parsePlatform("${text}") is ${full}`, () =>
    assert.equal(formatPlatform(parsePlatform(text)), full));
}

for (
  const text of [
    ...["", "linux/", "/amd64", "a/b/c/d", "linux//v7", "linux/amd64/", "a b/c", "linux /arm"],
    ...["linux/&arm", "*", "linux/*", "windows(10.0.17763)/amd64", "nonsense", "__proto__"],
  ]
) {
  Deno.test(`parsePlatform rejects "${text}"`, () => {
    assert.throws(() => parsePlatform(text), (error) => hasCode(error, "LDR_USAGE"));
  });
}

/** A part of a platform on a linux/amd64 machine (containerd, `TestParseSelector`), and on a Mac. */
const PARTS: [text: string, linux: string, mac: string][] = [
  ["arm64", "linux/arm64", "linux/arm64"],
  ["Aarch64", "linux/arm64", "linux/arm64"],
  ["amd64", "linux/amd64", "linux/amd64"],
  ["x86_64", "linux/amd64", "linux/amd64"],
  ["i386", "linux/386", "linux/386"],
  ["arm", "linux/arm", "linux/arm"],
  ["armhf", "linux/arm/v7", "linux/arm/v7"],
  ["armel", "linux/arm/v6", "linux/arm/v6"],
  ["arm/v6", "linux/arm/v6", "linux/arm/v6"],
  ["s390x", "linux/s390x", "linux/s390x"],
  ["linux", "linux/amd64", "linux/arm64"],
  ["macOS", "darwin/amd64", "darwin/arm64"],
  ["windows", "windows/amd64", "windows/arm64"],
  ["wasm", "wasi/wasm", "wasi/wasm"],
  ["wasip1", "wasip1/wasm", "wasip1/wasm"],
];

for (const [text, linux, mac] of PARTS) {
  Deno.test(`parsePlatform("${text}") is ${linux} on Linux and ${mac} on a Mac`, () => {
    const onLinux = parsePlatform(text, { os: "linux", arch: "x86_64" });
    const onMac = parsePlatform(text, { os: "darwin", arch: "aarch64" });
    assert.deepEqual([onLinux, onMac].map(formatPlatform), [linux, mac]);
  });
}

Deno.test("parsePlatform suggests a platform with a similar name", () => {
  for (const [text, close] of [["linus", "linux"], ["aarm64", "arm64"], ["aarch46", "aarch64"]]) {
    assert.throws(
      () => parsePlatform(text!),
      (error) => hasCode(error, "LDR_USAGE") && error.hint === `did you mean ${close}?`,
    );
  }
});

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
  ["amd64/v2 for amd64/v3", ["linux/amd64", "linux/amd64/v2"], "linux/amd64/v3", "linux/amd64/v2"],
  ["no amd64/v3 for amd64", ["linux/amd64/v3"], "linux/amd64", undefined],
  ["no amd64/v3 on this machine", ["linux/amd64/v3", "linux/386"], undefined, undefined],
  ["amd64/v1 for amd64", ["linux/amd64/v3", "linux/amd64/v1"], "linux/amd64", "linux/amd64/v1"],
  ["wasip1 of Wasm", ["linux/arm64", "wasip2/wasm", "wasip1/wasm"], undefined, "wasip1/wasm"],
  ["wasip2 of Wasm", ["linux/arm64", "wasip2/wasm"], undefined, "wasip2/wasm"],
  ["wasi before its versions", ["wasip1/wasm", "wasi/wasm"], undefined, "wasi/wasm"],
  ["wasm32 for Wasm", ["linux/arm64", "wasi/wasm32"], undefined, "wasi/wasm32"],
  ["wasip1 for a requested wasi", ["wasip1/wasm"], "wasi/wasm", "wasip1/wasm"],
  ["no wasip2 for a requested wasip1", ["wasip2/wasm"], "wasip1/wasm", undefined],
  ["names that Go does not use", ["linux/armel", "Linux/AArch64"], "linux/arm64", "Linux/AArch64"],
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

/**
 * Platform, those of an index that it takes, and those that it does not. Source: containerd, `TestOnly`, but without
 * its fallbacks to another architecture.
 */
const MATCHES: [wanted: string, taken: string, refused: string][] = [
  [
    "linux/amd64",
    "linux/amd64 linux/amd64/v1 linux/x86_64",
    "linux/386 linux/amd64/v2 linux/arm/v7 linux/arm64 windows/amd64 windows/arm",
  ],
  [
    "linux/amd64/v2",
    "linux/amd64 linux/amd64/v1 linux/amd64/v2",
    "linux/386 linux/amd64/v3 linux/amd64/v4 linux/arm64 windows/amd64",
  ],
  ["linux/386", "linux/386 linux/i386", "linux/amd64 linux/arm/v7 linux/arm64 windows/386"],
  ["windows/amd64", "windows/amd64", "linux/amd64 linux/arm64 windows/arm"],
  [
    "linux/arm/v8",
    "linux/arm linux/arm/v5 linux/arm/v6 linux/arm/v7 linux/arm/v8",
    "linux/amd64 linux/arm/v4 linux/arm64 windows/arm",
  ],
  [
    "linux/arm/v7",
    "linux/arm linux/armhf linux/armel linux/arm/7 linux/arm/v5 linux/arm/v6 linux/arm/v7",
    "linux/amd64 linux/arm/v4 linux/arm/v8 linux/arm64 windows/arm",
  ],
  [
    "linux/arm/v6",
    "linux/armel linux/arm/v5 linux/arm/v6",
    "linux/arm linux/arm/v4 linux/arm/v7 linux/arm/v8 linux/arm64",
  ],
  ["linux/arm/v5", "linux/arm/v5", "linux/arm linux/arm/v4 linux/arm/v6 linux/arm/v7"],
  ["linux/arm/v4", "linux/arm/v4", "linux/arm linux/arm/v5 linux/arm/v7"],
  [
    "linux/arm64",
    "linux/arm64 linux/arm64/v8 linux/arm64/8 linux/aarch64 linux/aarch64/v8",
    "linux/amd64 linux/arm/v7 linux/arm/v8 linux/arm64/v8.1 linux/arm64/v9 windows/arm64",
  ],
  [
    "linux/arm64/v8.1",
    "linux/arm64 linux/arm64/v8 linux/arm64/v8.1",
    "linux/arm64/v8.2 linux/arm64/v9 linux/arm/v7",
  ],
  [
    "linux/arm64/v9",
    "linux/arm64 linux/arm64/v8 linux/arm64/v8.1 linux/arm64/v8.5 linux/arm64/v9 linux/arm64/v9.0",
    "linux/arm64/v8.6 linux/arm64/v9.1 linux/arm/v7",
  ],
];

for (const [wanted, taken, refused] of MATCHES) {
  Deno.test(`choosePlatform takes for ${wanted} what containerd does`, () => {
    for (const [list, isTaken] of [[taken, true], [refused, false]] as const) {
      for (const offered of list.split(" ")) {
        const chosen = choosePlatform(entries([offered]), parsePlatform(wanted));
        assert.equal(chosen !== undefined, isTaken, `${wanted} and ${offered}`);
      }
    }
  });
}

Deno.test("choosePlatform returns the newest level that the processor has", () => {
  const cases: [wanted: string, offered: string[], chosen: string][] = [
    ["linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"],
    ["linux/amd64/v4", ["linux/amd64", "linux/amd64/v3", "linux/amd64/v2"], "linux/amd64/v3"],
    ["linux/arm64/v9.1", ["linux/arm64/v8.6", "linux/arm64/v9"], "linux/arm64/v9"],
  ];
  for (const [wanted, offered, chosen] of cases) {
    assert.equal(choosePlatform(entries(offered), parsePlatform(wanted))?.text, chosen);
  }
});

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
