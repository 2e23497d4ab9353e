import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import type { OpenDirectory } from "../../../../src/run/wasi/filesystem/directory.ts";
import { FileError } from "../../../../src/run/wasi/filesystem/error.ts";
import { OpenFile } from "../../../../src/run/wasi/filesystem/open_file.ts";
import { GrantedFolder, HIDDEN, listing, READ } from "../../../support/wasm/granted_folder.ts";
import { textOf } from "../../../support/wasm/streams.ts";

const name = fc.constantFrom("a", "b", "c");
/** A path in the granted folder, mostly of one segment. */
const insidePath = fc.array(name, { minLength: 1, maxLength: 3, size: "xsmall" })
  .map((parts) => parts.join("/"));
const segment = fc.constantFrom("a", "b", "c", ".", "..", "", "outside", "granted", "secret");
const anyPath = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"))
  .filter((path) => path !== "");
const path = fc.oneof(insidePath, anyPath);

/** Targets that exist outside of the granted folder, as seen from it or from a folder in it. */
const wayOut = fc.constantFrom(
  ...["outside", "outside/secret", "outside/a"].flatMap((to) => [to, `../${to}`, `../../${to}`]),
);

/** A file, folder or link to create in the granted folder. */
const node = fc.record({
  at: insidePath,
  kind: fc.constantFrom("file", "folder", "link", "absolute link"),
  target: fc.oneof(anyPath, wayOut),
});

interface Node {
  readonly at: string;
  readonly kind: string;
  readonly target: string;
}

function createAll(folder: GrantedFolder, nodes: readonly Node[]): void {
  for (const { at, kind, target } of nodes) {
    const path = join(folder.granted, at);
    try {
      if (kind === "folder") Deno.mkdirSync(path);
      else if (kind === "file") Deno.writeTextFileSync(path, "inside", { createNew: true });
      else Deno.symlinkSync(kind === "link" ? target : join(folder.root, target), path);
    } catch {
      // The path exists already, or its parent does not.
    }
  }
}

/** Returns the result of an action, or the code of the error that the guest sees. */
function resultOf<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof FileError) return error.payload;
    throw error;
  }
}

Deno.test("OpenDirectory resolves any path as the system does, or denies it", () => {
  fc.assert(fc.property(
    fc.array(node, { maxLength: 14 }),
    fc.array(path, { minLength: 1, maxLength: 12 }),
    (nodes, paths) => {
      using folder = new GrantedFolder();
      createAll(folder, nodes);
      const directory = folder.open();
      for (const path of paths) {
        const info = resultOf(() => directory.infoAt(path, true));
        if (info === "not-permitted" || info === "loop") continue;
        const real = systemStat(`${folder.granted}/${path}`);
        if (typeof info === "string") assert.equal(real, undefined, `${path}: ${info}`);
        else assert.deepEqual([info.device, info.inode], real, path);
      }
    },
  ));
});

function systemStat(path: string): [device: bigint, inode: bigint] | undefined {
  try {
    // Deno itself would normalize `a/../b` to `b` before the system sees it.
    const { dev, ino } = Deno.statSync(resolveAsSystem(path));
    return [BigInt(dev), BigInt(ino!)];
  } catch {
    return undefined;
  }
}

function resolveAsSystem(path: string): string {
  const { success, stdout } = new Deno.Command("realpath", { args: ["-e", "--", path] })
    .outputSync();
  if (!success) throw new Error("no such path");
  return new TextDecoder().decode(stdout).replace(/\n$/, "");
}

/** One operation of a guest on paths. */
const action = fc.record({
  what: fc.constantFrom(
    "read",
    "write",
    "new",
    "list",
    "mkdir",
    "rmdir",
    "unlink",
    "rename",
    "link",
    "symlink",
  ),
  path,
  other: path,
  target: fc.oneof(path, wayOut),
  follow: fc.boolean(),
});

type Action = (typeof action)["generate"] extends (...args: never[]) => { value: infer T } ? T
  : never;

function act(directory: OpenDirectory, { what, path, other, target, follow }: Action): string {
  const write = { ...READ, follow, write: true };
  switch (what) {
    case "read":
      return describe(directory.open(path, { ...READ, follow }));
    case "write":
      return describe(directory.open(path, { ...write, truncate: true }), "changed");
    case "new":
      return describe(directory.open(path, { ...write, create: true }), "new");
    case "list": {
      const opened = directory.open(path, { ...READ, follow, directory: true }) as OpenDirectory;
      return opened.list().map(({ name }) => name).join();
    }
    case "mkdir":
      return `${directory.createDirectory(path)}`;
    case "rmdir":
      return `${directory.removeDirectory(path)}`;
    case "unlink":
      return `${directory.removeFile(path)}`;
    case "rename":
      return `${directory.rename(path, directory, other)}`;
    case "symlink":
      return `${directory.createSymlink(target, path)}`;
    default:
      return `${directory.link(path, follow, directory, other)}`;
  }
}

function describe(opened: OpenDirectory | OpenFile, text?: string): string {
  if (!(opened instanceof OpenFile)) return "a directory";
  if (text !== undefined) opened.write(new TextEncoder().encode(text), 0n);
  const read = text === undefined ? textOf(opened.read(100, 0n) ?? new Uint8Array()) : text;
  opened.release();
  return read;
}

Deno.test("OpenDirectory neither reads nor changes anything outside of its mount", () => {
  fc.assert(
    fc.property(
      fc.array(node, { maxLength: 14 }),
      fc.array(action, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (nodes, actions, readOnly) => {
        using folder = new GrantedFolder();
        createAll(folder, nodes);
        const before = folder.outside();
        const directory = folder.open({ readOnly });
        for (const action of actions) {
          const result = resultOf(() => act(directory, action));
          assert(!result.includes(HIDDEN), JSON.stringify(action));
        }
        assert.equal(folder.outside(), before);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("OpenDirectory changes nothing in a read-only mount", () => {
  fc.assert(fc.property(
    fc.array(node, { maxLength: 14 }),
    fc.array(action, { minLength: 1, maxLength: 30 }),
    (nodes, actions) => {
      using folder = new GrantedFolder();
      createAll(folder, nodes);
      const before = JSON.stringify(listing(folder.granted));
      const directory = folder.open({ readOnly: true });
      for (const action of actions) resultOf(() => act(directory, action));
      assert.equal(JSON.stringify(listing(folder.granted)), before);
    },
  ));
});

/** Returns the paths of all links below a folder. */
function linksBelow(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(join(folder, prefix))].flatMap(({ name, isSymlink, isDirectory }) => {
    if (isSymlink) return [`${prefix}${name}`];
    return isDirectory ? linksBelow(folder, `${prefix}${name}/`) : [];
  });
}

Deno.test("OpenDirectory lets no guest leave a link that leads out of its mount", () => {
  const path = fc.constantFrom("a", "b", "c", "a/b", "a/b/c", "b/c");
  const change = fc.record({
    what: fc.constantFrom("symlink", "rename", "link"),
    path,
    other: path,
    target: fc.constantFrom("x", "../x", "../../x"),
    follow: fc.constant(false),
  });
  fc.assert(fc.property(fc.array(change, { minLength: 5, maxLength: 20 }), (changes) => {
    using folder = new GrantedFolder();
    for (const path of ["a", "a/b", "b"]) Deno.mkdirSync(join(folder.granted, path));
    const directory = folder.open();
    for (const change of changes) resultOf(() => act(directory, change));
    for (const link of linksBelow(folder.granted)) {
      const target = Deno.readLinkSync(join(folder.granted, link));
      const reached = join("/", folder.granted, link, "..", target);
      assert.ok(`${reached}/`.startsWith(`${folder.granted}/`), `${link} -> ${target}`);
    }
  }));
});
