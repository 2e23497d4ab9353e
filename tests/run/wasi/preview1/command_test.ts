import assert from "node:assert/strict";
import { join } from "node:path";
import type { HostSettings } from "../../../../src/run/wasi/host.ts";
import { runPreview1 } from "../../../../src/run/wasi/preview1/command.ts";
import { MAX_GUEST_MEMORY } from "../../../../src/run/wasm/rewrite/limit_memory.ts";
import { extractMemory, PAGE } from "../../../../src/run/wasm/rewrite/memory_image.ts";
import { MemoryPool } from "../../../../src/run/engine/memory_pool.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { binaryOf, guestModule, moduleOf } from "../../../support/wasm/components.ts";
import { GuestHost } from "../../../support/wasm/guest_host.ts";

const tool = await guestModule("preview1_tool");

interface RunOptions {
  readonly settings?: Partial<HostSettings>;
  readonly stdin?: readonly string[];
}

/** Returns what the tool prints; it prints a NUL at the end of each argument or variable. */
async function runTool(
  args: readonly string[],
  { settings, stdin }: RunOptions = {},
): Promise<string> {
  const host = new GuestHost({ ...settings, args: ["tool", ...args] }, stdin);
  assert.equal(await runPreview1(tool, host.host), 0);
  return host.stdout;
}

Deno.test("preview 1 passes arguments and environment", async () => {
  assert.equal(await runTool(["args", "ä b", ""]), "tool\0args\0ä b\0\0");
  const env = [["A", "1"], ["B", "x=y"]] as const;
  assert.equal(await runTool(["env "], { settings: { env } }), "A=1\0B=x=y\0");
  assert.equal(await runTool(["env "]), "");
});

Deno.test("preview 1 reads stdin to its end and writes stdout", async () => {
  assert.equal(
    await runTool(["copy"], { stdin: ["one", "two", "x".repeat(10_000)] }),
    [
      "onetwo",
      "x".repeat(10_000),
    ].join(""),
  );
  assert.equal(await runTool(["copy"]), "");
});

Deno.test("runPreview1 resolves to the exit code", async () => {
  assert.equal(await runPreview1(tool, new GuestHost({ args: ["tool", "exit"] }).host), 42);
});

Deno.test("runPreview1 rejects if the command traps", async () => {
  const { host } = new GuestHost({ args: ["tool", "trap"] });
  await assert.rejects(runPreview1(tool, host), WebAssembly.RuntimeError);
});

Deno.test("proc_exit gets past the guest's exception handlers", async () => {
  const module = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (block $caught (try_table (catch_all $caught) (call $exit (i32.const 7))))
      (call $exit (i32.const 8))))`);
  assert.equal(await runPreview1(module, new GuestHost().host), 7);
});

Deno.test("runPreview1 rejects a module with an unknown import", async () => {
  const module = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "fd_teleport" (func))
    (func (export "_start")))`);
  await assert.rejects(runPreview1(module, new GuestHost().host), WebAssembly.LinkError);
});

Deno.test("runPreview1 limits the growth of a memory that it provides, with its data", async () => {
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

Deno.test("preview 1 returns fault to a module without a memory", async () => {
  const module = await moduleOf(`(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func (export "_start") (call $exit (call $random (i32.const 0) (i32.const 1)))))`);
  assert.equal(await runPreview1(module, new GuestHost().host), 21);
});

for (const limits of ["64", "64 64 shared"]) {
  Deno.test(`random_get fills a memory of ${limits} pages`, async () => {
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

Deno.test("poll_oneoff waits for the clock or for stdin", async () => {
  assert.equal(await runTool(["nap "]), "0\n");
  assert.equal(await runTool(["poll"], { stdin: ["x"] }), "1\n");
  assert.equal(await runTool(["poll"]), "1\n");
});

Deno.test("preview 1 has clocks, random numbers and sched_yield", async () => {
  assert.equal(await runTool(["time"]), "1E28\n");
  assert.equal(await runTool(["rand"]), "1");
  assert.equal(await runTool(["yiel"]), "0");
});

Deno.test("preview 1 returns fault for a pointer outside of the memory", async () => {
  assert.equal(await runTool(["wild"]), "E21\nE21\nE21\nE8\n");
  assert.equal(await runTool(["sock"]), "E8\n");
});

/** A folder with files, a folder, and links that stay inside, lead outside, or form a loop. */
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

Deno.test("fd_prestat_dir_name returns the granted directories", async () => {
  using sample = new Sample();
  assert.equal(await runTool(["free"], { settings: sample.mount() }), "/data\n");
  assert.equal(await runTool(["free"]), "");
  assert.equal(await runTool(["tty "], { settings: sample.mount() }), "003");
});

const READS: [name: string, args: string[], printed: string][] = [
  ["reads a file", ["read", "a.txt"], "alpha"],
  ["reads a file in a folder", ["read", "./sub//b.txt"], "beta"],
  ["reads a file through a folder's parent", ["read", "sub/../a.txt"], "alpha"],
  ["reads through a link inside", ["read", "inside"], "beta"],
  ["reads through a link to a parent inside", ["read", "sub/up"], "alpha"],
  ["reads at an offset", ["tail", "a.txt"], "a"],
  ["denies a path that leaves", ["read", "../secret"], "E63\n"],
  ["denies a path that leaves and comes back", ["read", "../granted/a.txt"], "E63\n"],
  ["denies an absolute path", ["read", "/etc/passwd"], "E63\n"],
  ["denies a link that leaves", ["read", "outside"], "E63\n"],
  ["denies an absolute link", ["read", "absolute/passwd"], "E63\n"],
  ["fails for a link to itself", ["read", "round"], "E32\n"],
  ["fails for a path that does not exist", ["read", "none"], "E44\n"],
  ["fails for a path below a file", ["read", "a.txt/x"], "E54\n"],
  ["fails for a file with a slash at the end", ["read", "a.txt/"], "E54\n"],
  ["returns the size and type of a file", ["stat", "a.txt"], "4 5\n"],
  ["returns the type of a link's target", ["stat", "inside"], "4 4\n"],
  ["reads the target of a link", ["rdlk", "inside"], "sub/b.txt"],
  ["denies reading the target of an absolute link", ["rdlk", "absolute"], "E63\n"],
  ["fails to read a file as a link", ["rdlk", "a.txt"], "E28\n"],
];

for (const [name, args, printed] of READS) {
  for (const readOnly of [false, true]) {
    Deno.test(`preview 1 ${name}${readOnly ? ", read-only" : ""}`, async () => {
      using sample = new Sample();
      assert.equal(await runTool(args, { settings: sample.mount(readOnly) }), printed);
    });
  }
}

Deno.test("fd_readdir continues at the cookie", async () => {
  using sample = new Sample();
  const listed = await runTool(["list", "."], { settings: sample.mount() });
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
  assert.equal(await runTool(["list", "a.txt"], { settings: sample.mount() }), "E54\n");
});

/** Returns the content of each file below a folder by path; paths of folders end with a slash. */
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
  ["creates a file", ["post", "new", "text"], "", { ...BEFORE, new: "text" }],
  ["does not create a file that exists", ["post", "a.txt", "text"], "E20\n", BEFORE],
  ["does not create a file in place of a link", ["post", "inside", "text"], "E20\n", BEFORE],
  ["overwrites a file", ["over", "a.txt", "x"], "", { ...BEFORE, "a.txt": "x" }],
  ["writes through a link inside", ["over", "inside", "x"], "", {
    ...BEFORE,
    "sub/b.txt": "x",
  }],
  ["appends to a file", ["add ", "a.txt", "!"], "", { ...BEFORE, "a.txt": "alpha!" }],
  ["appends to a new file", ["add ", "sub/c", "!"], "", { ...BEFORE, "sub/c": "!" }],
  ["does not write through a link that leaves", ["over", "outside", "x"], "E63\n", BEFORE],
  ["does not write to a directory", ["over", "sub", "x"], "E31\n", BEFORE],
  ["removes a file", ["unlk", "a.txt"], "", {
    "sub/": "",
    "sub/b.txt": "beta",
    "sub/deep/": "",
  }],
  ["removes a link and not its target", ["unlk", "inside"], "", BEFORE],
  ["does not unlink a directory", ["unlk", "sub"], "E31\n", BEFORE],
  ["does not remove a file as a directory", ["rmdi", "a.txt"], "E54\n", BEFORE],
  ["does not remove a directory that is not empty", ["rmdi", "sub"], "E55\n", BEFORE],
  ["does not remove a granted directory", ["rmdi", "."], "E28\n", BEFORE],
  ["removes an empty directory", ["rmdi", "sub/deep"], "", {
    "a.txt": "alpha",
    "sub/": "",
    "sub/b.txt": "beta",
  }],
  ["creates a directory", ["mkdi", "sub/new/"], "", { ...BEFORE, "sub/new/": "" }],
  ["does not create a directory outside", ["mkdi", "../new"], "E63\n", BEFORE],
  ["does not create a directory below a file", ["mkdi", "a.txt/new"], "E54\n", BEFORE],
  ["moves a file", ["move", "a.txt", "sub/a"], "", {
    "sub/": "",
    "sub/a": "alpha",
    "sub/b.txt": "beta",
    "sub/deep/": "",
  }],
  ["does not move a file outside", ["move", "a.txt", "../stolen"], "E63\n", BEFORE],
  ["does not move a file inside", ["move", "../secret", "mine"], "E63\n", BEFORE],
  ["creates a hard link to a file", ["link", "a.txt", "b"], "", { ...BEFORE, b: "alpha" }],
  ["does not create a hard link to a link outside", ["link", "outside", "b"], "E63\n", BEFORE],
  ["does not create a symbolic link to an absolute path", ["symm", "new", "/etc"], "E63\n", BEFORE],
];

for (const [name, args, printed, after] of CHANGES) {
  Deno.test(`preview 1 ${name}`, async () => {
    using sample = new Sample();
    assert.equal(await runTool(args, { settings: sample.mount() }), printed);
    assert.deepEqual(contents(sample.path), after);
    assert.equal(Deno.readTextFileSync(join(sample.path, "../secret")), "secret");
  });

  Deno.test(`preview 1 denies changes to a read-only directory: ${args.join(" ")}`, async () => {
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
