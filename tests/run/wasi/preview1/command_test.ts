import { MAX_GUEST_MEMORY } from "../../../../src/run/wasm/limit_memory.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import type { HostSettings } from "../../../../src/run/wasi/host.ts";
import { MemoryPool } from "../../../../src/run/wasm/memory_pool.ts";
import { extractMemory, PAGE } from "../../../../src/run/wasm/memory_image.ts";
import { runPreview1 } from "../../../../src/run/wasi/preview1/command.ts";
import { binaryOf, guestModule, moduleOf } from "../../../support/wasm/components.ts";
import { GuestHost } from "../../../support/wasm/guest_host.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

const tool = await guestModule("preview1_tool");

interface Given {
  readonly settings?: Partial<HostSettings>;
  readonly stdin?: readonly string[];
}

/** What the tool prints for its arguments, after a NUL for each that ends one. */
async function use(args: readonly string[], { settings, stdin }: Given = {}): Promise<string> {
  const host = new GuestHost({ ...settings, args: ["tool", ...args] }, stdin);
  assert.equal(await runPreview1(tool, host.host), 0);
  return host.stdout;
}

Deno.test("a command of preview 1 gets its arguments and its environment", async () => {
  assert.equal(await use(["args", "ä b", ""]), "tool\0args\0ä b\0\0");
  const env = [["A", "1"], ["B", "x=y"]] as const;
  assert.equal(await use(["env "], { settings: { env } }), "A=1\0B=x=y\0");
  assert.equal(await use(["env "]), "");
});

Deno.test("a command of preview 1 copies its input as it comes, to its end", async () => {
  assert.equal(
    await use(["copy"], { stdin: ["one", "two", "x".repeat(10_000)] }),
    [
      "onetwo",
      "x".repeat(10_000),
    ].join(""),
  );
  assert.equal(await use(["copy"]), "");
});

Deno.test("a command of preview 1 ends with its exit code", async () => {
  assert.equal(await runPreview1(tool, new GuestHost({ args: ["tool", "exit"] }).host), 42);
});

Deno.test("a command of preview 1 that traps is told from one that ends", async () => {
  const { host } = new GuestHost({ args: ["tool", "trap"] });
  await assert.rejects(runPreview1(tool, host), WebAssembly.RuntimeError);
});

Deno.test("a command of preview 1 cannot catch its own end", async () => {
  const module = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (block $caught (try_table (catch_all $caught) (call $exit (i32.const 7))))
      (call $exit (i32.const 8))))`);
  assert.equal(await runPreview1(module, new GuestHost().host), 7);
});

Deno.test("a module that wants what preview 1 does not have is not run", async () => {
  const module = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "fd_teleport" (func))
    (func (export "_start")))`);
  await assert.rejects(runPreview1(module, new GuestHost().host), WebAssembly.LinkError);
});

Deno.test("a command of preview 1 may grow its memory as far as larder says, and keeps its data", async () => {
  const wat = `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "\\07")
    (func (export "_start")
      (if (i32.eq (memory.grow (i32.const ${MAX_GUEST_MEMORY / PAGE})) (i32.const -1))
        (then (call $exit (i32.load8_u (i32.const 100)))))))`;
  const { code, image } = extractMemory(await binaryOf(wat))!;
  const granted = new MemoryPool(image).acquire();
  const module = new WebAssembly.Module(code);
  assert.equal(await runPreview1(module, new GuestHost().host, granted), 7);
});

Deno.test("a module without a memory can run, and be told that it has none", async () => {
  const module = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func (export "_start") (call $exit (call $random (i32.const 0) (i32.const 1)))))`);
  assert.equal(await runPreview1(module, new GuestHost().host), 21);
});

for (const limits of ["64", "64 64 shared"]) {
  Deno.test(`a command of preview 1 fills a memory of ${limits} pages with random numbers`, async () => {
    const module = await moduleOf(`(module
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") ${limits})
      (func (export "_start")
        (call $exit (i32.add
          (call $random (i32.const 1) (i32.const 4194303))
          (i64.eqz (i64.load (i32.const 4194296)))))))`);
    assert.equal(await runPreview1(module, new GuestHost().host), 0);
  });
}

Deno.test("a command of preview 1 waits for the clock, or for what comes before it", async () => {
  assert.equal(await use(["nap "]), "0\n");
  assert.equal(await use(["poll"], { stdin: ["x"] }), "1\n");
  assert.equal(await use(["poll"]), "1\n");
});

Deno.test("a command of preview 1 has clocks, random numbers, and turns", async () => {
  assert.equal(await use(["time"]), "1E28\n");
  assert.equal(await use(["rand"]), "1");
  assert.equal(await use(["yiel"]), "0");
});

Deno.test("what a command of preview 1 names outside of its memory is an error it sees", async () => {
  assert.equal(await use(["wild"]), "E21\nE21\nE21\nE8\n");
  assert.equal(await use(["sock"]), "E8\n");
});

/** A folder with a file and a folder in it, and links that stay, leave, and go round. */
class Sample implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly path = join(Deno.realPathSync(this.#folder.path), "granted");

  constructor() {
    Deno.mkdirSync(join(this.path, "sub/deep"), { recursive: true });
    Deno.writeTextFileSync(join(this.path, "a.txt"), "alpha");
    Deno.writeTextFileSync(join(this.path, "sub/b.txt"), "beta");
    Deno.writeTextFileSync(join(this.path, "../secret"), "secret");
    Deno.symlinkSync("sub/b.txt", join(this.path, "inside"));
    Deno.symlinkSync("../a.txt", join(this.path, "sub/up"));
    Deno.symlinkSync("../secret", join(this.path, "outside"));
    Deno.symlinkSync("/etc", join(this.path, "absolute"));
    Deno.symlinkSync("round", join(this.path, "round"));
  }

  mount(readOnly = false): Partial<HostSettings> {
    return { mounts: [{ kind: "folder", guest: "/data", host: this.path, readOnly }] };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

Deno.test("a command of preview 1 finds the folders that it is granted", async () => {
  using sample = new Sample();
  assert.equal(await use(["free"], { settings: sample.mount() }), "/data\n");
  assert.equal(await use(["free"]), "");
  assert.equal(await use(["tty "], { settings: sample.mount() }), "003");
});

const READING: [name: string, args: string[], printed: string][] = [
  ["reads a file", ["read", "a.txt"], "alpha"],
  ["reads a file in a folder", ["read", "./sub//b.txt"], "beta"],
  ["reads a file through a folder's parent", ["read", "sub/../a.txt"], "alpha"],
  ["reads through a link that stays", ["read", "inside"], "beta"],
  ["reads through a link that goes up and stays", ["read", "sub/up"], "alpha"],
  ["reads from a place in a file", ["tail", "a.txt"], "a"],
  ["is refused a path that leaves", ["read", "../secret"], "E63\n"],
  ["is refused a path that leaves and comes back", ["read", "../granted/a.txt"], "E63\n"],
  ["is refused an absolute path", ["read", "/etc/passwd"], "E63\n"],
  ["is refused a link that leaves", ["read", "outside"], "E63\n"],
  ["is refused an absolute link", ["read", "absolute/passwd"], "E63\n"],
  ["is refused a link to itself", ["read", "round"], "E32\n"],
  ["is told that nothing is there", ["read", "none"], "E44\n"],
  ["is told that a file is not a folder", ["read", "a.txt/x"], "E54\n"],
  ["is told that a path of a folder is a file's", ["read", "a.txt/"], "E54\n"],
  ["sees the size and type of a file", ["stat", "a.txt"], "4 5\n"],
  ["sees the type of a link's target", ["stat", "inside"], "4 4\n"],
  ["sees where a link leads", ["rdlk", "inside"], "sub/b.txt"],
  ["is not told of an absolute link's target", ["rdlk", "absolute"], "E63\n"],
  ["is told that a file is no link", ["rdlk", "a.txt"], "E28\n"],
];

for (const [name, args, printed] of READING) {
  for (const readOnly of [false, true]) {
    Deno.test(`a command of preview 1 ${name}${readOnly ? ", read-only" : ""}`, async () => {
      using sample = new Sample();
      assert.equal(await use(args, { settings: sample.mount(readOnly) }), printed);
    });
  }
}

Deno.test("a command of preview 1 reads a folder in parts", async () => {
  using sample = new Sample();
  const listed = await use(["list", "."], { settings: sample.mount() });
  assert.deepEqual(listed.trim().split("\n").toSorted(), [
    "3 .",
    "3 ..",
    "3 sub",
    "4 a.txt",
    "7 absolute",
    "7 inside",
    "7 outside",
    "7 round",
  ]);
  assert.equal(await use(["list", "a.txt"], { settings: sample.mount() }), "E54\n");
});

/** Paths and their content, below a folder; folders end with a slash. */
function contents(folder: string, prefix = ""): Record<string, string> {
  return Object.assign(
    {},
    ...[...Deno.readDirSync(join(folder, prefix))].map(({ name, isDirectory, isSymlink }) => {
      const path = `${prefix}${name}`;
      if (isSymlink) return {};
      if (isDirectory) return { [`${path}/`]: "", ...contents(folder, `${path}/`) };
      return { [path]: Deno.readTextFileSync(join(folder, path)) };
    }),
  );
}

const BEFORE = { "a.txt": "alpha", "sub/": "", "sub/b.txt": "beta", "sub/deep/": "" };

const CHANGES: [name: string, args: string[], printed: string, after: Record<string, string>][] = [
  ["makes a file", ["post", "new", "text"], "", { ...BEFORE, new: "text" }],
  ["does not make a file anew", ["post", "a.txt", "text"], "E20\n", BEFORE],
  ["does not make a file where a link is", ["post", "inside", "text"], "E20\n", BEFORE],
  ["writes a file anew", ["over", "a.txt", "x"], "", { ...BEFORE, "a.txt": "x" }],
  ["writes through a link that stays", ["over", "inside", "x"], "", {
    ...BEFORE,
    "sub/b.txt": "x",
  }],
  ["adds to a file", ["add ", "a.txt", "!"], "", { ...BEFORE, "a.txt": "alpha!" }],
  ["adds to a file that is new", ["add ", "sub/c", "!"], "", { ...BEFORE, "sub/c": "!" }],
  ["does not write through a link that leaves", ["over", "outside", "x"], "E63\n", BEFORE],
  ["does not write to a folder", ["over", "sub", "x"], "E31\n", BEFORE],
  ["removes a file", ["unlk", "a.txt"], "", {
    "sub/": "",
    "sub/b.txt": "beta",
    "sub/deep/": "",
  }],
  ["removes a link, and not what it leads to", ["unlk", "inside"], "", BEFORE],
  ["does not remove a folder for a file", ["unlk", "sub"], "E31\n", BEFORE],
  ["does not remove a file for a folder", ["rmdi", "a.txt"], "E54\n", BEFORE],
  ["does not remove a folder that is not empty", ["rmdi", "sub"], "E55\n", BEFORE],
  ["does not remove what it was granted", ["rmdi", "."], "E10\n", BEFORE],
  ["removes an empty folder", ["rmdi", "sub/deep"], "", {
    "a.txt": "alpha",
    "sub/": "",
    "sub/b.txt": "beta",
  }],
  ["makes a folder", ["mkdi", "sub/new/"], "", { ...BEFORE, "sub/new/": "" }],
  ["does not make a folder outside", ["mkdi", "../new"], "E63\n", BEFORE],
  ["does not make a folder in what is none", ["mkdi", "a.txt/new"], "E54\n", BEFORE],
  ["moves a file", ["move", "a.txt", "sub/a"], "", {
    "sub/": "",
    "sub/a": "alpha",
    "sub/b.txt": "beta",
    "sub/deep/": "",
  }],
  ["does not move a file outside", ["move", "a.txt", "../stolen"], "E63\n", BEFORE],
  ["does not move a file inside", ["move", "../secret", "mine"], "E63\n", BEFORE],
  ["gives a file a second name", ["link", "a.txt", "b"], "", { ...BEFORE, b: "alpha" }],
  ["gives a link no second name", ["link", "outside", "b"], "E63\n", BEFORE],
  ["makes no links", ["symm", "new", "/etc"], "E63\n", BEFORE],
];

for (const [name, args, printed, after] of CHANGES) {
  Deno.test(`a command of preview 1 ${name}`, async () => {
    using sample = new Sample();
    assert.equal(await use(args, { settings: sample.mount() }), printed);
    assert.deepEqual(contents(sample.path), after);
    assert.equal(Deno.readTextFileSync(join(sample.path, "../secret")), "secret");
  });

  Deno.test(`a command of preview 1 changes nothing that is read-only: ${args.join(" ")}`, async () => {
    using sample = new Sample();
    const host = new GuestHost({ ...sample.mount(true), args: ["tool", ...args] });
    assert.equal(await runPreview1(tool, host.host), 0);
    assert.match(host.stdout, printed === "" ? /^E69\n/ : /^E\d+\n/);
    assert.deepEqual(contents(sample.path), BEFORE);
    if (printed !== "") return;
    assert.deepEqual(host.denials, [
      `refused to change /data: allow it with --dir ${sample.path}::/data, without :ro`,
    ]);
  });
}
