import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { FileError } from "../../../../src/run/wasi/filesystem/error.ts";
import { OpenFile } from "../../../../src/run/wasi/filesystem/open_file.ts";
import type { OpenDirectory } from "../../../../src/run/wasi/filesystem/directory.ts";
import { GrantedFolder, HIDDEN, listing, READ } from "../../../support/wasm/granted_folder.ts";
import { textOf } from "../../../support/wasm/streams.ts";

const name = fc.constantFrom("a", "b", "c");
/** A place in the granted folder, mostly at its top. */
const place = fc.array(name, { minLength: 1, maxLength: 3, size: "xsmall" })
  .map((parts) => parts.join("/"));
const segment = fc.constantFrom("a", "b", "c", ".", "..", "", "outside", "granted", "secret");
const anyPath = fc.array(segment, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"))
  .filter((path) => path !== "");
const path = fc.oneof(place, anyPath);

/** What leads out of the granted folder, or of one in it, and means something there. */
const wayOut = fc.constantFrom(
  ...["outside", "outside/secret", "outside/a"].flatMap((to) => [to, `../${to}`, `../../${to}`]),
);

/** What is put into the granted folder, where it fits. */
const node = fc.record({
  at: place,
  kind: fc.constantFrom("file", "folder", "link", "absolute link"),
  target: fc.oneof(anyPath, wayOut),
});

interface Node {
  readonly at: string;
  readonly kind: string;
  readonly target: string;
}

function plant(bench: GrantedFolder, nodes: readonly Node[]): void {
  for (const { at, kind, target } of nodes) {
    const path = join(bench.granted, at);
    try {
      if (kind === "folder") Deno.mkdirSync(path);
      else if (kind === "file") Deno.writeTextFileSync(path, "inside", { createNew: true });
      else Deno.symlinkSync(kind === "link" ? target : join(bench.root, target), path);
    } catch {
      // Something is there already, or nothing to put it into.
    }
  }
}

/** What the action gives, or the code of the error that the guest sees; any other error is a fault. */
function attemptOf<T>(action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof FileError) return error.payload;
    throw error;
  }
}

Deno.test("whatever the links are, a path leads where the system says, or is refused", () => {
  fc.assert(fc.property(
    fc.array(node, { maxLength: 14 }),
    fc.array(path, { minLength: 1, maxLength: 12 }),
    (nodes, paths) => {
      using bench = new GrantedFolder();
      plant(bench, nodes);
      const place = bench.open();
      for (const path of paths) {
        const info = attemptOf(() => place.infoAt(path, true));
        if (info === "not-permitted" || info === "loop") continue;
        const real = systemStat(`${bench.granted}/${path}`);
        if (typeof info === "string") assert.equal(real, undefined, `${path}: ${info}`);
        else assert.deepEqual([info.device, info.inode], real, path);
      }
    },
  ));
});

function systemStat(path: string): [device: bigint, inode: bigint] | undefined {
  try {
    // Deno itself would make `a/../b` to `b` before the system sees it, whatever `a` is.
    const { dev, ino } = Deno.statSync(resolveAsSystem(path));
    return [BigInt(dev), BigInt(ino!)];
  } catch {
    return undefined;
  }
}

function resolveAsSystem(path: string): string {
  const { success, stdout } = new Deno.Command("realpath", { args: ["-e", "--", path] })
    .outputSync();
  if (!success) throw new Error("nothing there");
  return new TextDecoder().decode(stdout).replace(/\n$/, "");
}

/** One thing that a guest does with paths. */
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
  ),
  path,
  other: path,
  follow: fc.boolean(),
});

type Action = (typeof action)["generate"] extends (...args: never[]) => { value: infer T } ? T
  : never;

function act(place: OpenDirectory, { what, path, other, follow }: Action): string {
  const write = { ...READ, follow, write: true };
  switch (what) {
    case "read":
      return describe(place.open(path, { ...READ, follow }));
    case "write":
      return describe(place.open(path, { ...write, truncate: true }), "changed");
    case "new":
      return describe(place.open(path, { ...write, create: true }), "new");
    case "list": {
      const folder = place.open(path, { ...READ, follow, directory: true }) as OpenDirectory;
      return folder.list().map(({ name }) => name).join();
    }
    case "mkdir":
      return `${place.createDirectory(path)}`;
    case "rmdir":
      return `${place.removeDirectory(path)}`;
    case "unlink":
      return `${place.removeFile(path)}`;
    case "rename":
      return `${place.rename(path, place, other)}`;
    default:
      return `${place.link(path, follow, place, other)}`;
  }
}

function describe(opened: OpenDirectory | OpenFile, text?: string): string {
  if (!(opened instanceof OpenFile)) return "a folder";
  if (text !== undefined) opened.write(new TextEncoder().encode(text), 0n);
  const read = text === undefined ? textOf(opened.read(100, 0n) ?? new Uint8Array()) : text;
  opened.release();
  return read;
}

Deno.test("whatever a guest does, nothing outside of its folder is read or changed", () => {
  fc.assert(
    fc.property(
      fc.array(node, { maxLength: 14 }),
      fc.array(action, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      (nodes, actions, readOnly) => {
        using bench = new GrantedFolder();
        plant(bench, nodes);
        const before = bench.outside();
        const place = bench.open({ readOnly });
        for (const each of actions) {
          const result = attemptOf(() => act(place, each));
          assert(!result.includes(HIDDEN), JSON.stringify(each));
        }
        assert.equal(bench.outside(), before);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("nothing changes in a folder that is read-only", () => {
  fc.assert(fc.property(
    fc.array(node, { maxLength: 14 }),
    fc.array(action, { minLength: 1, maxLength: 30 }),
    (nodes, actions) => {
      using bench = new GrantedFolder();
      plant(bench, nodes);
      const before = JSON.stringify(listing(bench.granted));
      const place = bench.open({ readOnly: true });
      for (const each of actions) attemptOf(() => act(place, each));
      assert.equal(JSON.stringify(listing(bench.granted)), before);
    },
  ));
});
