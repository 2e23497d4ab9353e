import assert from "node:assert/strict";
import { join } from "node:path";
import { copyInputs, SOURCE_DATE_EPOCH } from "../../../src/builds/inputs/copy_inputs.ts";
import {
  hashInputs,
  inputsThatHold,
  listInputs,
  placesOf,
} from "../../../src/builds/inputs/inputs.ts";
import type { KeyInput } from "../../../src/builds/key/key.ts";
import { type BuildSpec, faultOf } from "../../../src/builds/spec.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { run } from "../../support/cli/commands.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const digest = (text: string) => digestOf(new TextEncoder().encode(text));

function specOf(folder: string, ...inputs: string[]): BuildSpec {
  return {
    name: "test",
    folder,
    inputs,
    packages: [],
    refs: [],
    env: new Map(),
    run: ["true"],
    output: "out",
    network: false,
    usePackageCache: true,
    useImageCache: true,
    fault: faultOf("LDR_BAD_SPEC"),
  };
}

async function keyInputs(spec: BuildSpec): Promise<KeyInput[]> {
  return await hashInputs(await listInputs(spec));
}

/** Writes files; a text that begins with `-> ` is the target of a link, undefined makes a folder. */
function fill(folder: string, files: Readonly<Record<string, string | undefined>>): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(folder, path);
    Deno.mkdirSync(content === undefined ? full : join(full, ".."), { recursive: true });
    if (content?.startsWith("-> ")) Deno.symlinkSync(content.slice(3), full);
    else if (content !== undefined) Deno.writeTextFileSync(full, content);
  }
}

Deno.test("placesOf keeps the path of an input in the folder of the spec, and else its last name", () => {
  const place = (written: string) => placesOf(specOf("/specs/a", written))[0]!.place;
  assert.equal(place("rootfs/"), "rootfs");
  assert.equal(place("./x/../rootfs/etc"), "rootfs/etc");
  assert.equal(place("../common/lib"), "lib");
  assert.equal(place("/usr/bin/mksquashfs"), "mksquashfs");
  assert.equal(place("/specs/a/rootfs"), "rootfs");
  assert.equal(place("../a/rootfs"), "rootfs");
  assert.equal(place("..a/b"), "..a/b");
  assert.equal(place("."), "");
});

Deno.test("placesOf rejects inputs that overlap", async (t) => {
  const cases: [string[], RegExp][] = [
    [["a", "a/"], /the inputs a and a\/ overlap/],
    [["a", "a/b"], /overlap/],
    [["a/b", "a"], /overlap/],
    [[".", "a"], /overlap/],
    [["../x/lib", "/y/lib"], /overlap/],
    [["/"], /has no name/],
  ];
  for (const [inputs, reason] of cases) {
    await t.step(inputs.join(" and "), () => {
      assert.throws(() => placesOf(specOf("/specs/a", ...inputs)), reason);
    });
  }
  assert.equal(placesOf(specOf("/specs/a", "ab", "a")).length, 2);
});

Deno.test("listInputs finds files, modes, empty folders, and links by their target", async () => {
  using folder = new TemporaryFolder();
  fill(folder.path, {
    "root/file": "content",
    "root/empty": undefined,
    "root/dangling": "-> /no/such",
    "tool": "#!",
    "unused": "x",
  });
  Deno.chmodSync(join(folder.path, "tool"), 0o4755);
  Deno.chmodSync(join(folder.path, "root/file"), 0o640);
  for (const name of ["root", "root/empty"]) Deno.chmodSync(join(folder.path, name), 0o700);
  const inputs = await keyInputs(specOf(folder.path, "root", "tool"));
  assert.deepEqual(inputs.toSorted((a, b) => a.path < b.path ? -1 : 1), [
    { path: "root", type: "folder", mode: "0700" },
    { path: "root/dangling", type: "link", target: "/no/such" },
    { path: "root/empty", type: "folder", mode: "0700" },
    { path: "root/file", type: "file", mode: "0640", digest: digest("content"), size: 7 },
    { path: "tool", type: "file", mode: "4755", digest: digest("#!"), size: 2 },
  ]);
});

Deno.test("hashInputs depends neither on times nor on where the inputs are", async () => {
  using one = new TemporaryFolder();
  using two = new TemporaryFolder();
  for (const { path } of [one, two]) fill(path, { "a/file": "x", "a/link": "-> file" });
  Deno.utimeSync(join(two.path, "a/file"), 1, 1);
  assert.deepEqual(
    await keyInputs(specOf(one.path, "a")),
    await keyInputs(specOf(two.path, "a")),
  );
  assert.deepEqual(
    await keyInputs(specOf(one.path, "a")),
    await keyInputs(specOf("/elsewhere", join(two.path, "a"))),
  );
});

Deno.test("listInputs follows an input that is a link itself", async () => {
  using folder = new TemporaryFolder();
  fill(folder.path, { "real/file": "x", "link": "-> real" });
  const inputs = await keyInputs(specOf(folder.path, "link"));
  assert.deepEqual(inputs.map(({ path }) => path), ["link", "link/file"]);
});

Deno.test("listInputs rejects what is no file, folder or link, and names that are not UTF-8", async (t) => {
  const cases: [name: string, script: string, reason: RegExp][] = [
    ["a missing input", "true", /^there is no input .*\/in$/],
    ["a dangling link", "ln -s nowhere in", /^there is no input/],
    ["a pipe", "mkdir in; mkfifo in/pipe", /in\/pipe is neither a file, a folder nor a link/],
    ["a name", "mkdir in; touch in/$(printf 'a\\377')", /the name of the input .* is not valid/],
    [
      "a target",
      "mkdir in; ln -s $(printf 'a\\377') in/l",
      /the target of the link .*in\/l is not/,
    ],
  ];
  for (const [name, script, reason] of cases) {
    await t.step(name, async () => {
      using folder = new TemporaryFolder();
      await run("sh", ["-c", `cd ${folder.path}; ${script}`]);
      const error = await failureOf(listInputs(specOf(folder.path, "in")));
      assert.equal(error.code, "LDR_BAD_SPEC");
      assert.match(error.message, reason);
    });
  }
});

Deno.test("copyInputs copies content, modes and links, and gives everything one time", async () => {
  using folder = new TemporaryFolder();
  const large = "x".repeat(1_500_000);
  fill(folder.path, { "a/b/file": "x", "a/link": "-> b/file", "a/ro": undefined, "c/d": large });
  Deno.chmodSync(join(folder.path, "a/b/file"), 0o2751);
  Deno.chmodSync(join(folder.path, "a/ro"), 0o555);
  const spec = specOf(folder.path, "a", "c/d");
  const nodes = await listInputs(spec);
  const inputs = await hashInputs(nodes);
  using copy = new TemporaryFolder();
  await copyInputs(nodes, inputs, copy.path);
  // A file system gives names in an order of its own, and the key sorts them.
  const sorted = (all: readonly KeyInput[]) => all.toSorted((a, b) => a.path < b.path ? -1 : 1);
  const copied = await keyInputs(specOf(copy.path, "a", "c/d"));
  assert.deepEqual(sorted(copied), sorted(inputs));
  const found = await run("find", [copy.path, "-printf", "%T@\n"]);
  const times = new Set(found.trim().split("\n").map(Number));
  assert.deepEqual([...times], [SOURCE_DATE_EPOCH]);
});

Deno.test({
  name: "copyInputs keeps the holes of a file",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using folder = new TemporaryFolder();
    using file = Deno.createSync(join(folder.path, "image"));
    file.truncateSync(32 * 1024 * 1024);
    const nodes = await listInputs(specOf(folder.path, "image"));
    using copy = new TemporaryFolder();
    await copyInputs(nodes, await hashInputs(nodes), copy.path);
    assert.ok(Deno.statSync(join(copy.path, "image")).blocks! < 1024);
  },
});

Deno.test("copyInputs fails if an input is not what was hashed", async (t) => {
  const changes: [string, (path: string) => void][] = [
    ["other content", (path) => Deno.writeTextFileSync(path, "yy")],
    ["a longer file", (path) => Deno.writeTextFileSync(path, "xxx")],
    ["no file", (path) => Deno.removeSync(path)],
    ["other content of a large file", (path) => Deno.writeTextFileSync(`${path}.large`, "z")],
  ];
  for (const [name, change] of changes) {
    await t.step(name, async () => {
      using folder = new TemporaryFolder();
      const large = "x".repeat(1_500_000);
      fill(folder.path, { "a/file": "xx", "a/file.large": large });
      const nodes = await listInputs(specOf(folder.path, "a"));
      const inputs = await hashInputs(nodes);
      change(join(folder.path, "a/file"));
      using copy = new TemporaryFolder();
      const error = await failureOf(copyInputs(nodes, inputs, copy.path));
      assert.equal(error.code, "LDR_INPUT_CHANGED");
      assert.match(error.message, /the input .*a\/file.* changed while it was read/);
    });
  }
});

Deno.test("hashInputs fails if an input is gone", async () => {
  using folder = new TemporaryFolder();
  fill(folder.path, { "a/file": "xx" });
  const nodes = await listInputs(specOf(folder.path, "a"));
  Deno.removeSync(join(folder.path, "a/file"));
  assert.equal((await failureOf(hashInputs(nodes))).code, "LDR_INPUT_CHANGED");
});

Deno.test("hashInputs hashes many files as it hashes few", async () => {
  using folder = new TemporaryFolder();
  const files = Array.from({ length: 100 }, (_, i) => [`a/${i}`, `content ${i}`] as const);
  fill(folder.path, Object.fromEntries(files));
  const inputs = await keyInputs(specOf(folder.path, "a"));
  for (const [path, content] of files) {
    const input = inputs.find((each) => each.path === path);
    assert.equal(input?.type === "file" && input.digest, digest(content));
  }
});

Deno.test("inputsThatHold finds a path through links and before it exists", () => {
  using folder = new TemporaryFolder();
  fill(folder.path, { "a/b": undefined, "link": "-> a", "ab": undefined });
  const spec = specOf(folder.path, "a");
  const hold = (path: string) => inputsThatHold(spec, join(folder.path, path)).length === 1;
  assert.ok(hold("a/out.img"));
  assert.ok(hold("link/b/out.img"));
  assert.ok(hold("a"));
  assert.ok(!hold("ab/out.img"));
  assert.ok(!hold("out.img"));
});
