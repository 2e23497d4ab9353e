import assert from "node:assert/strict";
import fc from "fast-check";
import { type KeyDocument, keyOf, parseKeyDocument } from "../../../src/builds/key/key.ts";
import { digestOf } from "../../../src/oci/hash.ts";

type Parts = Parameters<typeof keyOf>[0];

const text = fc.string({ unit: "binary", maxLength: 8 });
const word = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(..."ab._-é") });
const digest = fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => digestOf(bytes));
const mode = fc.integer({ min: 0, max: 0o7777 }).map((bits) => bits.toString(8).padStart(4, "0"));

const input = fc.oneof(
  fc.record({
    path: word,
    type: fc.constant("file" as const),
    mode,
    digest,
    size: fc.nat(),
  }),
  fc.record({ path: word, type: fc.constant("folder" as const), mode }),
  fc.record({ path: word, type: fc.constant("link" as const), target: text }),
);

const parts: fc.Arbitrary<Parts> = fc.record({
  name: word,
  platform: fc.constantFrom("linux/amd64", "linux/arm64"),
  sandbox: fc.constantFrom("bwrap" as const, "none" as const),
  network: fc.boolean(),
  command: fc.array(text, { minLength: 1, maxLength: 4 }),
  env: fc.dictionary(fc.oneof(word, fc.constant("__proto__")), text, { maxKeys: 4 }),
  output: word,
  inputs: fc.uniqueArray(input, { selector: ({ path }) => path, maxLength: 5 }),
  packages: fc.uniqueArray(
    fc.record({ name: word, version: word, arch: word, file: word, digest }),
    { selector: ({ file }) => file, maxLength: 3 },
  ),
  refs: fc.uniqueArray(fc.record({ name: word, digest }), {
    selector: ({ name }) => name,
    maxLength: 3,
  }),
});

/** Returns the parts with every list and mapping in the opposite order. */
function reversed(of: Parts): Parts {
  return {
    refs: of.refs.toReversed(),
    packages: of.packages.toReversed(),
    inputs: of.inputs.toReversed(),
    output: of.output,
    env: Object.fromEntries(Object.entries(of.env).reverse()),
    command: of.command,
    network: of.network,
    sandbox: of.sandbox,
    platform: of.platform,
    name: of.name,
  };
}

Deno.test("keyOf does not depend on the order of inputs, packages, references and variables", () => {
  fc.assert(fc.property(parts, (of) => {
    assert.equal(keyOf(reversed(of)).digest, keyOf(of).digest);
  }));
});

Deno.test("keyOf has the same digest only for the same parts", () => {
  fc.assert(fc.property(parts, parts, (a, b) => {
    const isSame = stable(a) === stable(b);
    assert.equal(keyOf(a).digest === keyOf(b).digest, isSame);
  }));
});

Deno.test("keyOf depends on each part", () => {
  const changes: { [K in keyof Parts]: (value: Parts[K]) => Parts[K] } = {
    name: (name) => `${name}x`,
    platform: (platform) => platform === "linux/amd64" ? "linux/arm64" : "linux/amd64",
    sandbox: (sandbox) => sandbox === "none" ? "bwrap" : "none",
    network: (network) => !network,
    command: (command) => [...command, ""],
    env: (env) => ({ ...env, "another one": "" }),
    output: (output) => `${output}x`,
    inputs: (inputs) => [...inputs, { path: "zz", type: "folder", mode: "0755" }],
    packages: (packages) => [
      ...packages,
      { name: "", version: "", arch: "", file: "zz", digest: digestOf(new Uint8Array()) },
    ],
    refs: (refs) => [...refs, { name: "zz", digest: digestOf(new Uint8Array()) }],
  };
  fc.assert(fc.property(parts, fc.constantFrom(...Object.keys(changes)), (of, name) => {
    const part = name as keyof Parts;
    const change = changes[part] as (value: unknown) => unknown;
    const changed = { ...of, [part]: change(of[part]) };
    assert.notEqual(keyOf(changed).digest, keyOf(of).digest);
  }));
});

Deno.test("parseKeyDocument reads what keyOf writes, and its digest is the key", () => {
  fc.assert(fc.property(parts, (of) => {
    const { document, bytes, digest } = keyOf(of);
    const read = parseKeyDocument(new TextDecoder().decode(bytes));
    // valibot leaves this name out, which no program uses.
    const { ["__proto__"]: _, ...env } = document.env;
    assert.deepEqual(read, JSON.parse(JSON.stringify({ ...document, env })));
    assert.equal(digestOf(bytes), digest);
  }));
});

Deno.test("keyOf writes the form of RFC 8785", () => {
  const { bytes } = keyOf({
    name: "n",
    platform: "linux/amd64",
    sandbox: "none",
    network: false,
    command: ["é\n\u20ac"],
    env: { b: "2", a: "1" },
    output: "o",
    inputs: [{ path: "l", type: "link", target: "t" }],
    packages: [],
    refs: [],
  });
  assert.equal(
    new TextDecoder().decode(bytes),
    '{"command":["é\\n€"],"env":{"a":"1","b":"2"},"formatVersion":1,' +
      '"inputs":[{"path":"l","target":"t","type":"link"}],"name":"n","network":false,"output":"o",' +
      '"packages":[],"platform":"linux/amd64","refs":[],"sandbox":"none"}',
  );
});

Deno.test("parseKeyDocument rejects the document of another format version", () => {
  const { document } = keyOf({
    name: "n",
    platform: "p",
    sandbox: "none",
    network: false,
    command: [],
    env: {},
    output: "o",
    inputs: [],
    packages: [],
    refs: [],
  });
  const newer = { ...document, formatVersion: 2 } as unknown as KeyDocument;
  assert.equal(parseKeyDocument(JSON.stringify(newer)), undefined);
});

/** Returns a text that is the same for equal parts only. */
function stable(of: Parts): string {
  const sorted = (list: readonly unknown[]) => list.map((each) => flat(each)).sort();
  return JSON.stringify([
    [of.name, of.platform, of.sandbox, of.network, of.output],
    of.command,
    Object.entries(of.env).sort(),
    sorted(of.inputs),
    sorted(of.packages),
    sorted(of.refs),
  ]);
}

function flat(value: unknown): string {
  return JSON.stringify(Object.entries(value as object).sort());
}
