import assert from "node:assert/strict";
import { join } from "node:path";
import { makeSymlink } from "../../../../src/run/engine/command/symlinks.ts";
import { Denials } from "../../../../src/run/grants/denials.ts";
import type { Descriptor } from "../../../../src/run/wasi/filesystem/descriptor.ts";
import { filesystemErrorCode } from "../../../../src/run/wasi/filesystem/error.ts";
import {
  filesystemImports,
  type Mount,
  mountPoint,
} from "../../../../src/run/wasi/filesystem/imports.ts";
import type { IoError } from "../../../../src/run/wasi/io/error.ts";
import { MAX_READ } from "../../../../src/run/wasi/io/input_stream.ts";
import { InstanceResources } from "../../../../src/run/wasi/resources.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { streamError, textOf, wasiError } from "../../../support/wasm/streams.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const fileError = (code: string) => wasiError((payload) => payload === code);

/** A guest that is granted a folder with one file, `a`. */
class Guest implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly resources = new InstanceResources();
  readonly path = Deno.realPathSync(this.#folder.path);

  constructor() {
    Deno.writeTextFileSync(join(this.path, "a"), "alpha");
  }

  preopens(...mounts: Mount[]): [Descriptor, string][] {
    const denials = new Denials("options", () => {});
    const points = mounts.map((mount) => mountPoint(mount, denials, makeSymlink));
    const imports = filesystemImports(points, this.resources)["wasi:filesystem/preopens"];
    return (imports as { getDirectories(): [Descriptor, string][] }).getDirectories();
  }

  root({ readOnly = false } = {}): Descriptor {
    return this.preopens({ kind: "folder", guest: "/data", host: this.path, readOnly })[0]![0];
  }

  open(path: string, flags = {}, openFlags = {}): Descriptor {
    return this.root().openAt({ symlinkFollow: true }, path, openFlags, { read: true, ...flags });
  }

  text(path: string): string {
    return Deno.readTextFileSync(join(this.path, path));
  }

  [Symbol.dispose](): void {
    this.resources[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}

Deno.test("preopens lists the mounts in the order of the grants", () => {
  using guest = new Guest();
  const tree = { kind: "folder", entries: new Map() } as const;
  const preopens = guest.preopens(
    { kind: "tree", guest: "/", tree },
    { kind: "folder", guest: "/data", host: guest.path, readOnly: true },
  );
  assert.deepEqual(preopens.map(([, path]) => path), ["/", "/data"]);
  assert.deepEqual(preopens.map(([root]) => [root.getType(), root.getFlags()]), [
    ["directory", { read: true, mutateDirectory: false }],
    ["directory", { read: true, mutateDirectory: false }],
  ]);
  assert.deepEqual(guest.root().getFlags(), { read: true, mutateDirectory: true });
});

Deno.test("Descriptor.read returns bytes at an offset, and reports the end", () => {
  using guest = new Guest();
  const file = guest.open("a");
  const read = (length: bigint, offset: bigint) => {
    const [bytes, isAtEnd] = file.read(length, offset);
    return [textOf(bytes), isAtEnd];
  };
  assert.deepEqual(read(3n, 1n), ["lph", false]);
  assert.deepEqual(read(100n, 4n), ["a", false]);
  assert.deepEqual(read(100n, 5n), ["", true]);
  assert.deepEqual(read(0n, 0n), ["", false]);
  assert.throws(() => file.read(1n, 2n ** 60n), fileError("invalid"));
});

Deno.test("Descriptor.read returns at most MAX_READ bytes", () => {
  using guest = new Guest();
  Deno.writeFileSync(join(guest.path, "large"), new Uint8Array(MAX_READ + 10));
  assert.equal(guest.open("large").read(2n ** 64n - 1n, 0n)[0].length, MAX_READ);
});

Deno.test("Descriptor.write writes at an offset, and fills a gap with zeroes", () => {
  using guest = new Guest();
  const file = guest.open("a", { write: true });
  assert.equal(file.write(bytesOf("LP"), 1n), 2n);
  assert.equal(guest.text("a"), "aLPha");
  file.write(bytesOf("!"), 7n);
  assert.equal(guest.text("a"), "aLPha\0\0!");
  file.setSize(3n);
  assert.equal(guest.text("a"), "aLP");
  file.sync();
});

Deno.test("Descriptor of a file rejects what it was not opened for", () => {
  using guest = new Guest();
  const reader = guest.open("a");
  assert.deepEqual(reader.getFlags(), { read: true, write: false });
  assert.throws(() => reader.write(bytesOf("x"), 0n), fileError("bad-descriptor"));
  assert.throws(() => reader.writeViaStream(0n), fileError("bad-descriptor"));
  assert.throws(() => reader.appendViaStream(), fileError("bad-descriptor"));
  assert.throws(() => reader.setSize(0n), fileError("bad-descriptor"));
  const writer = guest.open("a", { read: false, write: true });
  assert.throws(() => writer.read(1n, 0n), fileError("bad-descriptor"));
  assert.throws(() => writer.readViaStream(0n), fileError("bad-descriptor"));
  assert.equal(guest.text("a"), "alpha");
});

Deno.test("Descriptor rejects file operations on a directory and the reverse", () => {
  using guest = new Guest();
  const [root, file] = [guest.root(), guest.open("a")];
  assert.throws(() => root.read(1n, 0n), fileError("is-directory"));
  assert.throws(() => root.readViaStream(0n), fileError("is-directory"));
  assert.throws(() => file.readDirectory(), fileError("not-directory"));
  assert.throws(() => file.openAt({}, "x", {}, { read: true }), fileError("not-directory"));
  assert.throws(() => guest.open("a", {}, { directory: true }), fileError("not-directory"));
  assert.throws(() => guest.open(".", { write: true }), fileError("is-directory"));
  assert.equal(guest.open(".", {}, { directory: true }).getType(), "directory");
});

Deno.test("Descriptor.openAt respects create, exclusive and truncate", () => {
  using guest = new Guest();
  assert.throws(() => guest.open("b"), fileError("no-entry"));
  guest.open("b", { write: true }, { create: true }).write(bytesOf("b"), 0n);
  guest.open("b", { write: true }, { create: true }).write(bytesOf("c"), 1n);
  assert.equal(guest.text("b"), "bc");
  assert.throws(
    () => guest.open("b", { write: true }, { create: true, exclusive: true }),
    fileError("exist"),
  );
  guest.open("b", { write: true }, { truncate: true });
  assert.equal(guest.text("b"), "");
  assert.throws(
    () => guest.open("c/", { write: true }, { create: true }),
    fileError("is-directory"),
  );
});

Deno.test("Descriptor.readViaStream reads from an offset to the end without waiting", () => {
  using guest = new Guest();
  const stream = guest.open("a").readViaStream(2n);
  assert.equal(textOf(stream.read(2n)), "ph");
  assert.equal(stream.subscribe().ready(), true);
  assert.equal(textOf(stream.read(99n)), "a");
  assert.throws(() => stream.read(1n), streamError("closed"));
});

Deno.test("Descriptor.writeViaStream writes at an offset, appendViaStream at the end", async () => {
  using guest = new Guest();
  const file = guest.open("a", { write: true });
  const [stream, end] = [file.writeViaStream(1n), file.appendViaStream()];
  stream.write(bytesOf("-"));
  end.write(bytesOf("!"));
  await stream.blockingWriteAndFlush(bytesOf("-"));
  assert.equal(guest.text("a"), "a--ha!");
});

Deno.test("Descriptor's streams outlive it, and the last one closes the file", () => {
  using guest = new Guest();
  const file = guest.open("a");
  const streams = [file.readViaStream(0n), file.readViaStream(3n)];
  file[Symbol.dispose]();
  assert.deepEqual(streams.map((stream) => textOf(stream.read(2n))), ["al", "ha"]);
  // The test runner reports files that are left open.
  for (const stream of streams) stream[Symbol.dispose]();
});

Deno.test("Descriptor's file is closed at the end of the instance", () => {
  using guest = new Guest();
  const file = guest.open("a");
  const stream = file.readViaStream(0n);
  guest.resources[Symbol.dispose]();
  assert.throws(() => stream.read(1n), streamError("last-operation-failed"));
  stream[Symbol.dispose]();
  file[Symbol.dispose]();
});

Deno.test("filesystem-error-code returns the code of a stream's failure", () => {
  using guest = new Guest();
  const stream = guest.open("a").readViaStream(2n ** 60n);
  const failed = wasiError((payload) =>
    filesystemErrorCode((payload as { val: IoError }).val) === "invalid"
  );
  assert.throws(() => stream.read(1n), failed);
});

Deno.test("Descriptor.stat returns the host's metadata", () => {
  using guest = new Guest();
  const stat = guest.open("a").stat() as Record<string, unknown>;
  const info = Deno.statSync(join(guest.path, "a"));
  assert.deepEqual([stat["type"], stat["size"], stat["linkCount"]], ["regular-file", 5n, 1n]);
  const { seconds, nanoseconds } = stat["dataModificationTimestamp"] as {
    seconds: bigint;
    nanoseconds: number;
  };
  assert.equal(Number(seconds) * 1000 + nanoseconds / 1e6, info.mtime!.getTime());
  assert.deepEqual(guest.root().statAt({}, "a"), stat);
});

Deno.test("Descriptor.setTimes sets a time to a timestamp or now, or leaves it", () => {
  using guest = new Guest();
  const file = guest.open("a", { write: true });
  const timestamp = { tag: "timestamp", val: { seconds: 12n, nanoseconds: 500_000_000 } } as const;
  file.setTimes(timestamp, { tag: "no-change" });
  assert.equal(Deno.statSync(join(guest.path, "a")).atime!.getTime(), 12_500);
  guest.root().setTimesAt({ symlinkFollow: true }, "a", { tag: "no-change" }, timestamp);
  guest.root().setTimesAt({ symlinkFollow: true }, "a", { tag: "now" }, { tag: "no-change" });
  const { atime, mtime } = Deno.statSync(join(guest.path, "a"));
  assert(atime!.getTime() > 1e12);
  assert.equal(mtime!.getTime(), 12_500);
});

Deno.test("Descriptor.isSameObject and metadataHash depend neither on the name nor on writes", () => {
  using guest = new Guest();
  const [file, root] = [guest.open("a", { write: true }), guest.root()];
  root.linkAt({}, "a", root, "b");
  assert.equal(file.isSameObject(guest.open("b")), true);
  assert.equal(file.isSameObject(root), false);
  const before = file.metadataHash();
  file.write(bytesOf("x"), 0n);
  assert.deepEqual(guest.root().metadataHashAt({}, "b"), before);
  assert.notDeepEqual(root.metadataHash(), before);
});

Deno.test("Descriptor.readDirectory returns each entry once", () => {
  using guest = new Guest();
  const root = guest.root();
  root.createDirectoryAt("sub");
  const stream = root.readDirectory();
  const entries = [stream.readDirectoryEntry(), stream.readDirectoryEntry()];
  assert.deepEqual(entries.toSorted((a, b) => a!.name < b!.name ? -1 : 1), [
    { name: "a", type: "regular-file" },
    { name: "sub", type: "directory" },
  ]);
  assert.equal(stream.readDirectoryEntry(), undefined);
});

Deno.test("Descriptor.symlinkAt creates a link to its first argument", () => {
  using guest = new Guest();
  guest.root().symlinkAt("a", "link");
  assert.equal(guest.root().readlinkAt("link"), "a");
  assert.throws(() => guest.root().symlinkAt("../a", "up"), fileError("not-permitted"));
});

Deno.test("Descriptor of static files can be read and not changed", () => {
  using guest = new Guest();
  const file = { kind: "file", size: 2, content: { bytes: bytesOf("hi") } } as const;
  const tree = { kind: "folder", entries: new Map([["a", file]]) } as const;
  const [root] = guest.preopens({ kind: "tree", guest: "/", tree })[0]!;
  const opened = root.openAt({}, "./a", {}, { read: true });
  assert.equal(textOf(opened.read(9n, 0n)[0]), "hi");
  const changes = [
    () => root.openAt({}, "a", {}, { write: true }),
    () => root.openAt({}, "b", { create: true }, { write: true }),
    () => root.createDirectoryAt("b"),
    () => root.unlinkFileAt("a"),
    () => root.renameAt("a", root, "b"),
    () => root.linkAt({}, "a", root, "b"),
    () => root.symlinkAt("a", "b"),
    () => root.setTimesAt({}, "a", { tag: "now" }, { tag: "now" }),
  ];
  for (const change of changes) assert.throws(change, fileError("read-only"), `${change}`);
  assert.throws(() => opened.setTimes({ tag: "now" }, { tag: "now" }), fileError("bad-descriptor"));
  assert.throws(() => root.readlinkAt("a"), fileError("invalid"));
});
