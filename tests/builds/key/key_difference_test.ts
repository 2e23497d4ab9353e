import assert from "node:assert/strict";
import fc from "fast-check";
import type { KeyDocument } from "../../../src/builds/key/key.ts";
import { differencesOf } from "../../../src/builds/key/key_difference.ts";
import { lineChanges } from "../../../src/builds/key/line_changes.ts";
import { digestOf } from "../../../src/oci/hash.ts";

const digest = (text: string) => digestOf(new TextEncoder().encode(text));

const BASE: KeyDocument = {
  formatVersion: 1,
  name: "image",
  platform: "linux/amd64",
  sandbox: "bwrap",
  network: false,
  command: ["sh", "-c", "one\ntwo\nthree"],
  env: { FORMAT: "ext4", OLD: "1" },
  output: "image.ext4",
  inputs: [
    { path: "root", type: "folder", mode: "0755" },
    { path: "root/file", type: "file", mode: "0644", digest: digest("a"), size: 1 },
    { path: "root/link", type: "link", target: "file" },
  ],
  packages: [
    { name: "hello", version: "1", arch: "amd64", file: "hello_1.deb", digest: digest("h1") },
    { name: "gone", version: "3", arch: "amd64", file: "gone_3.deb", digest: digest("g") },
  ],
  refs: [{ name: "docker.io/library/alpine:3", digest: digest("alpine") }],
};

function shown(change: Partial<KeyDocument>): string[] {
  return differencesOf(BASE, { ...BASE, ...change }).map(({ part, change, subject, detail }) =>
    [part, change, subject, ...detail === undefined ? [] : [detail]].join(" | ")
  );
}

Deno.test("differencesOf names each difference and how it differs", async (t) => {
  const [folder, file, link] = BASE.inputs;
  const cases: [string, Partial<KeyDocument>, string[]][] = [
    ["nothing", {}, []],
    ["a value", { sandbox: "none" }, ["sandbox | changed | sandbox | bwrap → none"]],
    ["a line of the script", { command: ["sh", "-c", "one\n2\nthree"] }, [
      "command | removed | two",
      "command | added | 2",
    ]],
    ["an argument", { command: ["sh", "-ec", "one\ntwo\nthree"] }, [
      'command | removed | "-c"',
      'command | added | "-ec"',
    ]],
    ["variables", { env: { FORMAT: "squashfs", NEW: "" } }, [
      "env | removed | OLD",
      'env | changed | FORMAT | "ext4" → "squashfs"',
      "env | added | NEW",
    ]],
    ["a reference", { refs: [{ name: "docker.io/library/alpine:3", digest: digest("new") }] }, [
      `ref | changed | docker.io/library/alpine:3 | ${digest("alpine").slice(7, 19)} → ${
        digest("new").slice(7, 19)
      }`,
    ]],
    ["packages", {
      packages: [
        { ...BASE.packages[0]!, version: "2", file: "hello_2.deb", digest: digest("h2") },
        { ...BASE.packages[1]!, name: "new", file: "new_3.deb" },
      ],
    }, [
      "package | removed | gone 3",
      "package | changed | hello | 1 → 2",
      "package | added | new 3",
    ]],
    ["content", {
      inputs: [folder!, { ...file!, digest: digest("bb"), size: 2 } as typeof file & object, link!],
    }, ["input | changed | root/file | other content (1 B → 2 B)"]],
    ["content and mode", {
      inputs: [
        folder!,
        { ...file!, digest: digest("b"), mode: "0755" } as typeof file & object,
        link!,
      ],
    }, ["input | changed | root/file | other content (still 1 B), mode 0644 → 0755"]],
    ["links", { inputs: [folder!, file!, { ...link!, target: "x" } as typeof link & object] }, [
      "input | changed | root/link | link to file → x",
    ]],
    ["types", { inputs: [folder!, { ...link!, path: "root/file" } as typeof link & object] }, [
      "input | removed | root/link",
      "input | changed | root/file | file → link",
    ]],
    ["new inputs", {
      inputs: [...BASE.inputs, { ...folder!, path: "x" } as typeof folder & object],
    }, [
      "input | added | x",
    ]],
  ];
  for (const [name, change, expected] of cases) {
    await t.step(name, () => assert.deepEqual(shown(change), expected));
  }
});

Deno.test("lineChanges turn one text into the other", () => {
  const lines = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 12 });
  fc.assert(fc.property(lines, lines, (before, after) => {
    const changes = lineChanges(before, after);
    const removed = changes.filter(({ change }) => change === "removed").map(({ line }) => line);
    const added = changes.filter(({ change }) => change === "added").map(({ line }) => line);
    assert.equal(before.length - removed.length, after.length - added.length);
    assert.deepEqual(without(before, removed).sort(), without(after, added).sort());
    assert.equal(changes.length === 0, before.join() === after.join());
  }));
});

function without(lines: readonly string[], removed: readonly string[]): string[] {
  const left = [...lines];
  for (const line of removed) left.splice(left.indexOf(line), 1);
  return left;
}
