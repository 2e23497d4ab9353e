import fc from "fast-check";
import assert from "node:assert/strict";
import { join as joinPath } from "node:path";
import { gzipSync } from "node:zlib";
import { hasCode } from "../../../src/base/errors.ts";
import { isDeletionError } from "../../../src/base/files/files.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import {
  unpackArchive,
  type UnpackOptions,
  unpackStoredArchive,
} from "../../../src/store/archive/unpack.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import {
  gnuLongMember,
  join,
  paxMember,
  tarGzipOf,
  type TarMember,
  tarMember,
  tarOf,
} from "../../support/tar_writer.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A store in a temporary folder, and an archive beside it. */
class Scene implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "larder-unpack-" });
  readonly layout = new Layout(joinPath(this.folder, "registry"));
  readonly store = new BlobStore(this.layout);
  readonly archive = joinPath(this.folder, "archive.tar.gz");

  async unpack(archive: Uint8Array, options: UnpackOptions = {}) {
    Deno.writeFileSync(this.archive, archive);
    using file = Deno.openSync(this.archive, { read: true });
    const digest = digestOf(archive);
    return await unpackArchive({ digest, file, path: this.archive }, this.store, options);
  }

  /** The names of the files under a folder of the store. */
  names(folder: "data" | "partial"): string[] {
    try {
      return [...Deno.readDirSync(joinPath(this.layout.root, folder))].map((e) => e.name).sort();
    } catch {
      return [];
    }
  }

  assertStored(...contents: (string | Uint8Array)[]): void {
    const bytes = contents.map((c) => typeof c === "string" ? encode(c) : c);
    const digests = bytes.map((b) => this.layout.fileName(digestOf(b)));
    assert.deepEqual(this.names("data"), [...new Set(digests)].sort());
    for (const [i, name] of digests.entries()) {
      assert.deepEqual(Deno.readFileSync(joinPath(this.layout.tree("data"), name)), bytes[i]);
    }
    assert.deepEqual(this.names("partial"), []);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

const long = "folder/".repeat(40) + "file";

const GOOD: [string, Uint8Array, string[]][] = [
  ["files and folders", tarGzipOf({ name: "./", type: "5" }, { name: "./a", content: "A" }), ["A"]],
  ["an empty file", tarGzipOf({ name: "a" }), [""]],
  ["equal files", tarGzipOf({ name: "a", content: "A" }, { name: "b", content: "A" }), ["A"]],
  ["equal names", tarGzipOf({ name: "a", content: "A" }, { name: "a", content: "B" }), ["A", "B"]],
  ["no file", tarGzipOf(), []],
  ["no end", gzipSync(new Uint8Array()), []],
  ["several gzip members", join([gzipSync(tarOf()), tarGzipOf({ name: "a", content: "A" })]), [
    "A",
  ]],
  ["zeros after the end", join([tarGzipOf({ name: "a", content: "A" }), new Uint8Array(999)]), [
    "A",
  ]],
  ["names with spaces and dots", tarGzipOf({ name: "a b/..c/d..", content: "A" }), ["A"]],
  ["a contiguous file", tarGzipOf({ name: "a", type: "7", content: "A" }), ["A"]],
  [
    "a file of the oldest format",
    tarGzipOf(withoutMagic(tarMember({ name: "a", content: "A" }))),
    ["A"],
  ],
  ["a long name in GNU format", gzipSync(tarOf(gnuLongMember({ name: long }, file("A")))), [
    "A",
  ]],
  ["a long name in pax format", gzipSync(tarOf(paxMember({ path: long }, file("A")))), ["A"]],
  ["a symbolic link inside", tarGzipOf(file("A"), link("2", "b/c", "../f")), ["A"]],
  ["a hard link inside", tarGzipOf(file("A"), link("1", "b/c", "./f")), ["A"]],
];

for (const [name, archive, contents] of GOOD) {
  Deno.test(`unpackArchive unpacks ${name}`, async () => {
    using scene = new Scene();
    await scene.unpack(archive);
    scene.assertStored(...contents);
  });
}

function file(content: string): TarMember {
  return { name: "f", content };
}

function link(type: "1" | "2", name: string, target: string): TarMember {
  return { name, type, link: target };
}

/** What the first header looks like with another byte at `offset`, and the checksum made right again. */
function withoutMagic(member: Uint8Array): Uint8Array {
  const copy = member.slice();
  copy.fill(0, 257, 265);
  copy.fill(0x20, 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.set(encode(sum.toString(8).padStart(6, "0") + "\0 "), 148);
  return copy;
}

const noise = crypto.getRandomValues(new Uint8Array(2000));
const whole = tarOf({ name: "first", content: "first" }, { name: "second", content: noise });
const zipped = gzipSync(whole);

const BAD: [string, Uint8Array, RegExp][] = [
  ["a path upwards", evil("../evil"), /"\.\.\/evil" has "\.\." in its path/],
  ["a path upwards in the middle", evil("a/../../evil"), /has "\.\." in its path/],
  ["a path upwards at the end", evil("a/.."), /has "\.\." in its path/],
  ["a path upwards with backslashes", evil("a\\..\\..\\evil"), /has "\.\." in its path/],
  ["a folder upwards", tarGzipOf(file("A"), { name: "../", type: "5" }), /"\.\.\/" has "\.\."/],
  ["an absolute path", evil("/etc/passwd"), /"\/etc\/passwd" has an absolute path/],
  ["an absolute Windows path", evil("\\windows\\x"), /has an absolute path/],
  ["a UNC path", evil("\\\\server\\share\\x"), /has an absolute path/],
  ["a drive's path", evil("C:\\x"), /"C:\\\\x" has an absolute path/],
  ["a path on a drive", evil("c:x"), /has an absolute path/],
  ["a control character", evil("a\nb"), /"a\\nb" has control characters in its name/],
  ["an escape sequence", evil("a\x1b[2Jb"), /"a\\u001b\[2Jb" has control characters/],
  ["a C1 control character", evil("a\u009bb"), /"a\\u\{9b\}b" has control characters/],
  ["a file without a name", evil(""), /"" has no name/],
  ["a file with the path of the root", evil("./."), /"\.\/\." has no name/],
  ["a long path upwards (GNU)", gnu({ name: "../evil" }), /"\.\.\/evil" has "\.\."/],
  ["a long absolute path (GNU)", gnu({ name: "/" + long }), /has an absolute path/],
  ["a pax path upwards", pax({ path: "../evil" }), /"\.\.\/evil" has "\.\."/],
  ["a pax path with NUL", pax({ path: "a\0b" }), /"a\\u0000b" has control characters/],
  [
    "a global pax path upwards",
    tarGzipOf(paxMember({ path: "../evil" }, file("A"), true), paxMember({ uid: "0" }, file("B"))),
    /"\.\.\/evil" has "\.\."/,
  ],
  ["an invalid pax size", pax({ size: "-1" }), /Invalid header/],
  ["a symbolic link upwards", tarGzipOf(file("A"), link("2", "l", "../x")), /"l" links out of/],
  ["a deep symbolic link upwards", tarGzipOf(link("2", "a/l", "../../x")), /to "\.\.\/\.\.\/x"/],
  ["an absolute symbolic link", tarGzipOf(link("2", "l", "/etc/passwd")), /links out of the tree/],
  ["a symbolic link to a drive", tarGzipOf(link("2", "l", "d:\\x")), /links out of the tree/],
  ["a symbolic link upwards with backslashes", tarGzipOf(link("2", "l", "..\\x")), /links out of/],
  ["a symbolic link to nothing", tarGzipOf(link("2", "l", "")), /"l" links to nothing/],
  [
    "a pax link upwards",
    tarGzipOf(paxMember({ linkpath: "../x" }, link("2", "l", "f"))),
    /links out of the tree/,
  ],
  [
    "a long link upwards (GNU)",
    tarGzipOf(gnuLongMember({ link: "../" + long }, link("1", "l", "f"))),
    /links out of the tree/,
  ],
  ["a hard link upwards", tarGzipOf(file("A"), link("1", "l", "../f")), /"l" links out of/],
  ["an absolute hard link", tarGzipOf(file("A"), link("1", "l", "/f")), /"l" links out of/],
  ["a link whose own name leads upwards", tarGzipOf(link("2", "../l", "f")), /has "\.\."/],
  ["a character device", tarGzipOf({ name: "d", type: "3" }), /"d" is a character-device/],
  ["a block device", tarGzipOf({ name: "d", type: "4" }), /"d" is a block-device/],
  ["a fifo", tarGzipOf({ name: "d", type: "6" }), /"d" is a fifo/],
  ["a sparse file (GNU)", tarGzipOf({ name: "s", type: "S" }), /"s" is of an unknown kind/],
  ["a sparse file (pax)", pax({ "GNU.sparse.major": "1" }), /"f" is a sparse file/],
  ["a volume label", tarGzipOf({ name: "v", type: "V" }), /"v" is of an unknown kind/],
  ["no gzip", encode("this is not gzip"), /incorrect header check/],
  ["an empty file", new Uint8Array(), /unexpected end of file/],
  ["bytes after the gzip", join([zipped, encode("garbage")]), /incorrect header check/],
  ["a gzip without its end", zipped.subarray(0, -6), /unexpected end of file/],
  ["a gzip cut in the middle", zipped.subarray(0, zipped.length / 2), /unexpected end of file/],
  ["a gzip with a wrong checksum", changed(zipped, zipped.length - 6), /incorrect data check/],
  ["no tar", gzipSync(noise), /Invalid tar header/],
  ["a tar cut in a file", gzipSync(whole.subarray(0, 2000)), /end of data.*after "second"/],
  ["a tar cut in a header", gzipSync(whole.subarray(0, 1100)), /end of data.*after "first"/],
  ["a changed header", gzipSync(changed(whole, 1030)), /Invalid tar header/],
  [
    "a size that is too large",
    tarGzipOf(file("A"), { name: "g", content: "B", size: 1_000_000 }),
    /Unexpected end of data.*"g"/,
  ],
  [
    "a size that is too small",
    tarGzipOf({ name: "f", content: noise, size: 100 }, file("B")),
    /Invalid tar header.*"f"/,
  ],
  ["a huge header", tarGzipOf({ name: "x", type: "L", size: 2 ** 32 }), /exceeds max size/],
];

function evil(name: string): Uint8Array {
  return tarGzipOf({ name: "good", content: "good" }, { name, content: "evil" });
}

function gnu(long: { name: string }): Uint8Array {
  return tarGzipOf(file("A"), gnuLongMember(long, { name: "short", content: "evil" }));
}

function pax(records: Record<string, string>): Uint8Array {
  return tarGzipOf({ name: "good", content: "A" }, paxMember(records, file("evil")));
}

function changed(bytes: Uint8Array, offset: number): Uint8Array {
  const copy = bytes.slice();
  copy[offset]! ^= 0xff;
  return copy;
}

for (const [name, archive, reason] of BAD) {
  Deno.test(`unpackArchive rejects ${name} and leaves no files`, async () => {
    using scene = new Scene();
    await assert.rejects(scene.unpack(archive), (error) => {
      assert.ok(hasCode(error, "LDR_BAD_ARCHIVE"), String(error));
      assert.match(error.message, reason);
      assert.ok(error.message.includes(digestOf(archive)));
      return true;
    });
    scene.assertStored();
  });
}

const small = { files: 3, size: 100_000, ratio: 10, ratioFree: 20_000 };
const megabyte = new Uint8Array(1024 * 1024);

const BOMBS: [string, Uint8Array, RegExp][] = [
  [
    "too many members",
    tarGzipOf(...Array.from({ length: 4 }, (_, i) => ({ name: `f${i}`, content: "A" }))),
    /more than 3 members/,
  ],
  [
    "too many folders",
    tarGzipOf(...Array.from({ length: 4 }, (_, i) => ({ name: `d${i}/`, type: "5" }))),
    /more than 3 members/,
  ],
  ["one file of zeros", tarGzipOf({ name: "z", content: megabyte }), /expand to more than 19\.53/],
  ["many zeros after the end", gzipSync(join([tarOf(file("A")), megabyte])), /expand to more than/],
  [
    "a file larger than its header says",
    gzipSync(tarMember({ name: "z", size: 10, content: megabyte })),
    /expand to/,
  ],
  [
    "headers of headers",
    tarGzipOf(...Array.from({ length: 2000 }, () => tarMember({ name: "x", type: "x" }))),
    /expand to more than/,
  ],
  ["a long name of megabytes", tarGzipOf({ name: "x", type: "L", content: megabyte }), /expand/],
  [
    "more bytes than allowed",
    tarGzipOf({ name: "r", content: randomBytes(120_000) }),
    /expand to more than 97\.66 KiB/,
  ],
];

function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 65_536) {
    crypto.getRandomValues(bytes.subarray(i, Math.min(length, i + 65_536)));
  }
  return bytes;
}

for (const [name, archive, reason] of BOMBS) {
  Deno.test(`unpackArchive stops at ${name} and leaves no files`, async () => {
    using scene = new Scene();
    await assert.rejects(
      scene.unpack(archive, { limits: small }),
      (error) => hasCode(error, "LDR_BAD_ARCHIVE") && reason.test(error.message),
    );
    scene.assertStored();
  });
}

Deno.test("unpackArchive unpacks an archive within the limits", async () => {
  using scene = new Scene();
  const files = [1, 2, 3].map((i) => randomBytes(30_000 + i));
  const members = files.map((content, i) => ({ name: `f${i}`, content }));
  await scene.unpack(tarGzipOf(...members), { limits: small });
  scene.assertStored(...files);
});

Deno.test("unpackArchive stops an expansion to gigabytes early", async () => {
  using scene = new Scene();
  // 256 MiB of zeros in 256 KiB, and after them bytes that no decompressor accepts.
  const zeros = gzipSync(new Uint8Array(32 * 1024 * 1024));
  const archive = join([
    gzipSync(tarMember({ name: "z", size: 2 ** 33 - 1 })),
    ...Array.from({ length: 8 }, () => zeros),
    encode("garbage"),
  ]);
  await assert.rejects(
    scene.unpack(archive),
    (error) =>
      hasCode(error, "LDR_BAD_ARCHIVE") && /expand to more than 64\.00 MiB/.test(error.message),
  );
});

Deno.test("unpackArchive returns the numbers of files and of new files", async () => {
  using scene = new Scene();
  const first = tarGzipOf({ name: "a", content: "A" }, { name: "b", content: "BB" }, {
    name: "c",
    content: "A",
  });
  assert.deepEqual(await scene.unpack(first), { files: 3, bytes: 4, written: 2 });
  assert.deepEqual(await scene.unpack(first), { files: 3, bytes: 4, written: 0 });
  const second = tarGzipOf({ name: "a", content: "A" }, { name: "d", content: "DDD" });
  assert.deepEqual(await scene.unpack(second), { files: 2, bytes: 4, written: 1 });
});

Deno.test("unpackArchive replaces a damaged file in the store", async () => {
  using scene = new Scene();
  const archive = tarGzipOf({ name: "a", content: "whole" });
  await scene.unpack(archive);
  Deno.writeTextFileSync(scene.layout.blob("data", digestOf(encode("whole"))), "who");
  assert.equal((await scene.unpack(archive)).written, 1);
  scene.assertStored("whole");
});

Deno.test("unpackArchive ignores partial files of an earlier try", async () => {
  for (const left of ["who", "bad", "whole", "longer than the file"]) {
    using scene = new Scene();
    const partial = scene.layout.partial(digestOf(encode("whole")));
    Deno.mkdirSync(joinPath(scene.layout.root, "partial"), { recursive: true });
    Deno.writeTextFileSync(partial, left);
    await scene.unpack(tarGzipOf({ name: "a", content: "whole" }));
    scene.assertStored("whole");
  }
});

Deno.test("unpackArchive writes nothing if the signal is already aborted", async () => {
  using scene = new Scene();
  await assert.rejects(
    scene.unpack(zipped, { signal: AbortSignal.abort() }),
    (error) => hasCode(error, "LDR_INTERRUPTED"),
  );
  scene.assertStored();
});

Deno.test("unpackArchive ends when the signal is aborted, and completes in the next try", async () => {
  using scene = new Scene();
  const files = Array.from({ length: 50 }, (_, i) => `file ${i}`);
  const archive = tarGzipOf(...files.map((content, i) => ({ name: `f${i}`, content })));
  const stop = new AbortController();
  const store = scene.store;
  const ingest = store.ingest.bind(store);
  let started = 0;
  store.ingest = (descriptor, options) => {
    if (++started === 20) stop.abort();
    return ingest(descriptor, options);
  };
  await assert.rejects(
    scene.unpack(archive, { signal: stop.signal }),
    (error) => hasCode(error, "LDR_INTERRUPTED"),
  );
  assert.ok(scene.names("data").length < files.length);
  await scene.unpack(archive);
  scene.assertStored(...files);
});

Deno.test("unpackArchive writes each file once if it runs twice at the same time", async () => {
  using scene = new Scene();
  const files = Array.from({ length: 20 }, (_, i) => `file ${i}`);
  const archive = tarGzipOf(...files.map((content, i) => ({ name: `f${i}`, content })));
  const results = await Promise.all([scene.unpack(archive), scene.unpack(archive)]);
  assert.equal(results[0].written + results[1].written, files.length);
  scene.assertStored(...files);
});

Deno.test("unpackArchive fails with a deletion error for a deleted archive", async () => {
  using scene = new Scene();
  const digest = digestOf(encode("x"));
  await assert.rejects(
    unpackStoredArchive({ digest, path: joinPath(scene.folder, "gone") }, scene.store),
    isDeletionError,
  );
});

/** Trees of files whose first path segments differ, so that they can all be written to a real folder. */
const tree = fc.uniqueArray(
  fc.record({
    path: fc.array(fc.stringMatching(/^[a-zA-Z0-9_ äß-]{1,120}$/u), { minLength: 1, maxLength: 4 }),
    content: fc.uint8Array({ maxLength: 3000 }),
  }),
  { maxLength: 8, selector: (file) => file.path[0] },
);

Deno.test("unpackArchive stores the files of any tree that GNU tar packs in any format", async () => {
  await fc.assert(
    fc.asyncProperty(tree, fc.constantFrom("gnu", "pax", "ustar"), async (files, format) => {
      using scene = new Scene();
      const root = joinPath(scene.folder, "tree");
      Deno.mkdirSync(root);
      for (const { path, content } of files) {
        Deno.mkdirSync(joinPath(root, ...path.slice(0, -1)), { recursive: true });
        Deno.writeFileSync(joinPath(root, ...path), content);
      }
      const { success, stdout } = await new Deno.Command("tar", {
        args: ["-C", root, `--format=${format}`, "-cz", "."],
        stderr: "null",
      }).output();
      if (!success) fc.pre(format !== "ustar"); // A name too long for that format.
      await scene.unpack(stdout);
      scene.assertStored(...files.map((file) => file.content));
    }),
    { numRuns: 40 },
  );
});

Deno.test("unpackArchive unpacks an archive with any byte changed, or rejects it with LDR_BAD_ARCHIVE", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (offset, mask, inside) => {
        using scene = new Scene();
        const damaged = (inside ? whole : zipped).slice();
        damaged[offset % damaged.length]! ^= mask;
        try {
          await scene.unpack(inside ? gzipSync(damaged) : damaged);
        } catch (error) {
          assert.ok(hasCode(error, "LDR_BAD_ARCHIVE"), String(error));
          assert.deepEqual(scene.names("data"), []);
        }
        assert.deepEqual(scene.names("partial"), []);
      },
    ),
    { numRuns: 150 },
  );
});
