import assert from "node:assert/strict";
import { join } from "node:path";
import type { BuildRecord } from "../../../../src/store/entries/build_record.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { run } from "../../../support/cli/commands.ts";
import { withEnvironment } from "../../../support/cli/in_process.ts";
import { sandboxTest } from "../../../support/cli/sandbox.ts";

/** A folder of a user with a spec and a cache. Commands run without a sandbox, which each test can override. */
class Project extends TestCacheHome {
  readonly spec = join(this.path, "project/image.yaml");
  readonly out = join(this.path, "out.img");

  constructor(spec: object | string = {}) {
    super({ now: Date.now() });
    Deno.mkdirSync(join(this.path, "project/root"), { recursive: true });
    this.file("root/name", "one");
    this.file("make.sh", 'echo run >> "$LOG"; cat root/name > "$LARDER_OUTPUT"');
    this.writeSpec(spec);
  }

  /** Writes the spec: text, or members that replace those of the default one. */
  writeSpec(spec: object | string): void {
    const text = typeof spec === "string" ? spec : JSON.stringify({
      name: "image",
      inputs: ["root", "make.sh"],
      env: { LOG: this.log },
      run: ["sh", "make.sh"],
      output: "image.img",
      ...spec,
    });
    Deno.writeTextFileSync(this.spec, text);
  }

  file(name: string, text: string): void {
    Deno.writeTextFileSync(join(this.path, "project", name), text);
  }

  get log(): string {
    return join(this.path, "log");
  }

  /** How often a command ran. */
  get runs(): number {
    try {
      return Deno.readTextFileSync(this.log).split("\n").length - 1;
    } catch {
      return 0;
    }
  }

  make(...options: string[]) {
    return this.larder("build", this.spec, "-o", this.out, "--sandbox", "none", ...options);
  }

  get result(): string {
    return Deno.readTextFileSync(this.out);
  }

  get records(): BuildRecord[] {
    const builds = join(this.registry, "builds");
    return folders(builds).map((name) =>
      JSON.parse(Deno.readTextFileSync(join(builds, name, "record.json")))
    );
  }
}

function folders(path: string): string[] {
  try {
    return Array.from(Deno.readDirSync(path), ({ name }) => name).sort();
  } catch {
    return [];
  }
}

Deno.test("build runs the command once, and then takes the result from the cache", async () => {
  using project = new Project();
  const first = await project.make();
  assert.equal(first.code, 0, first.stderr);
  assert.equal(first.stdout, `${project.out}\n`);
  assert.equal(project.result, "one");
  Deno.removeSync(project.out);
  const second = await project.make();
  assert.equal(second.code, 0, second.stderr);
  assert.match(second.stderr, /^Use build from cache: image \(3 B\), built \S+ ago in [\d.]+ s\n$/);
  assert.equal(project.result, "one");
  assert.equal(project.runs, 1);
  assert.deepEqual(folders(join(project.registry, "building")), []);
  const [record] = project.records;
  assert.equal(record!.name, "image");
  assert.equal(record!.size, 3);
  assert.equal(record!.executable, false);
});

Deno.test("build keeps the key document as a blob that verify and gc know", async () => {
  using project = new Project();
  await project.make();
  const [{ specification, specificationSize }] = project.records as [BuildRecord];
  const blob = Deno.readTextFileSync(join(project.registry, "data", specification));
  assert.equal(blob.length, specificationSize);
  assert.deepEqual(JSON.parse(blob).command, ["sh", "make.sh"]);
  assert.equal((await project.larder("verify")).code, 0);
  const gc = await project.larder("gc", "--dry-run", "--format", "json");
  assert.deepEqual(JSON.parse(gc.stdout).remove.contents, []);
  await project.larder("clean", "--force");
  assert.deepEqual(folders(join(project.registry, "data")), []);
});

Deno.test("build runs the command again after each change that counts, and after no other", async (t) => {
  const root = (project: Project) => join(project.path, "project/root");
  const changes: [name: string, counts: boolean, (project: Project) => void][] = [
    ["content", true, (project) => project.file("root/name", "two")],
    ["a new file", true, (project) => project.file("root/other", "x")],
    ["a mode", true, (project) => Deno.chmodSync(join(root(project), "name"), 0o600)],
    ["an empty folder", true, (project) => Deno.mkdirSync(join(root(project), "empty"))],
    ["a link", true, (project) => Deno.symlinkSync("name", join(root(project), "link"))],
    ["the script", true, (project) => project.file("make.sh", "cat root/name > $LARDER_OUTPUT #")],
    ["an argument", true, (project) => project.writeSpec({ run: ["sh", "-e", "make.sh"] })],
    ["a variable", true, (project) => project.writeSpec({ env: { LOG: project.log, A: "" } })],
    ["the output", true, (project) => project.writeSpec({ output: "other.img" })],
    ["the network", true, (project) => project.writeSpec({ network: true })],
    ["a time", false, (project) => Deno.utimeSync(join(root(project), "name"), 1, 1)],
    ["another file", false, (project) => project.file("unused", "x")],
    ["the order of keys", false, (project) => {
      const spec = JSON.parse(Deno.readTextFileSync(project.spec));
      project.writeSpec(JSON.stringify(Object.fromEntries(Object.entries(spec).reverse())));
    }],
    ["comments and the form of the spec", false, (project) => {
      project.writeSpec(`# why
name: image
inputs:
  - make.sh
  - ./root/
env: {LOG: "${project.log}"}
run: [sh, make.sh]   # a comment
output: 'image.img'
`);
    }],
  ];
  for (const [name, counts, change] of changes) {
    await t.step(name, async () => {
      using project = new Project();
      await project.make();
      change(project);
      const { code, stderr } = await project.make();
      assert.equal(code, 0, stderr);
      assert.equal(stderr.includes("Use build from cache"), !counts, stderr);
      assert.equal(project.records.length, counts ? 2 : 1);
    });
  }
});

Deno.test("build has another key for another --platform", async () => {
  using project = new Project();
  for (const platform of ["linux/amd64", "linux/arm64", "linux/amd64"]) {
    const { code, stderr } = await project.make("--platform", platform);
    assert.equal(code, 0, stderr);
  }
  assert.equal(project.runs, 2);
});

Deno.test("build has the same key in another folder", async () => {
  using project = new Project({ env: {} });
  project.file("make.sh", "cat root/name > $LARDER_OUTPUT");
  await project.make();
  const moved = join(project.path, "elsewhere");
  Deno.renameSync(join(project.path, "project"), moved);
  const args = ["-o", project.out, "--sandbox", "none"];
  const { stderr } = await project.larder("build", join(moved, "image.yaml"), ...args);
  assert.match(stderr, /^Use build from cache/);
});

Deno.test("build gives the command its inputs, environment and folders, and nothing else", async () => {
  using project = new Project({ env: { A: "b", TZ: "Europe/Oslo" } });
  const script = 'ls -A; ls -A "$LARDER_PACKAGES" "$LARDER_REFS" "$HOME" "$TMPDIR"; env';
  project.file("make.sh", `(${script}) > "$LARDER_OUTPUT"`);
  const { code, stderr } = await withEnvironment({ SECRET: "x" }, () => project.make());
  assert.equal(code, 0, stderr);
  assert.ok(project.result.startsWith("make.sh\nroot\n"), project.result);
  const variables = new Map(
    project.result.split("\n").filter((line) => /^[A-Z_]+=/.test(line))
      .map((line) => [line.split("=")[0]!, line.slice(line.indexOf("=") + 1)]),
  );
  assert.equal(variables.get("A"), "b");
  assert.equal(variables.get("TZ"), "Europe/Oslo");
  assert.equal(variables.get("LANG"), "C.UTF-8");
  assert.equal(variables.get("SOURCE_DATE_EPOCH"), "315532800");
  assert.match(variables.get("LARDER_PLATFORM")!, /^[a-z]+\/[a-z0-9]+$/);
  const known = "A HOME LANG LARDER_OUTPUT LARDER_PACKAGES LARDER_PLATFORM LARDER_REFS PATH PWD " +
    "SHLVL SOURCE_DATE_EPOCH TMPDIR TZ _";
  for (const name of variables.keys()) assert.ok(known.split(" ").includes(name), name);
});

Deno.test("build stores nothing if the command fails or writes no file, and says why", async (t) => {
  const cases: [name: string, script: string, message: RegExp][] = [
    ["a failure", "echo output; echo error >&2; exit 3", /failed with exit code 3 \[LDR_BUILD\]/],
    ["a signal", "kill -9 $$", /was ended by SIGKILL|failed with exit code 137/],
    ["no output", "true", /ended well, but wrote no \$LARDER_OUTPUT/],
    ["a folder", "mkdir $LARDER_OUTPUT", /but wrote a folder to \$LARDER_OUTPUT/],
    ["a link", "echo x > x; ln -s $PWD/x $LARDER_OUTPUT", /but left a link or device at/],
    ["an empty file", ": > $LARDER_OUTPUT", /but wrote an empty \$LARDER_OUTPUT/],
    ["another program", "exec nosuch-program", /failed with exit code 127/],
  ];
  for (const [name, script, message] of cases) {
    await t.step(name, async () => {
      using project = new Project({ run: ["sh", "-c", script] });
      const { code, stdout, stderr } = await project.make();
      assert.equal(code, 1);
      assert.equal(stdout, "");
      assert.match(stderr, message);
      if (name === "a failure") assert.match(stderr, /^output\nerror\n/m);
      assert.deepEqual(project.records, []);
      assert.deepEqual(folders(join(project.registry, "data")), []);
      assert.deepEqual(folders(join(project.registry, "building")), []);
      assert.deepEqual(folders(project.path).filter((each) => each.startsWith("out")), []);
    });
  }
});

Deno.test("build --quiet prints the output of the command only if it fails", async () => {
  using project = new Project({ run: ["sh", "-c", "echo said; echo x > $LARDER_OUTPUT"] });
  assert.equal((await project.make("--quiet")).stderr, "");
  project.writeSpec({ run: ["sh", "-c", "echo said; exit 1"] });
  assert.match((await project.make("--quiet")).stderr, /^said\nerror: the command of image/);
});

Deno.test("build --rebuild runs the command and replaces the result", async () => {
  using project = new Project({ run: ["sh", "-c", 'echo x >> "$LOG"; cp "$LOG" $LARDER_OUTPUT'] });
  await project.make();
  const { code, stderr } = await project.make("--rebuild");
  assert.equal(code, 0, stderr);
  assert.equal(project.result, "x\nx\n");
  assert.equal(project.records.length, 1);
  await project.make();
  assert.equal(project.result, "x\nx\n");
  assert.equal(project.runs, 2);
});

Deno.test("build neither uses nor stores a result if the cache of builds is off", async (t) => {
  const cases: [string, (project: Project) => string[]][] = [
    ["--no-image-cache", () => ["--no-image-cache"]],
    ["use_image_cache: false", (project) => {
      project.writeSpec({ build: { cache: { use_image_cache: false } } });
      return [];
    }],
    ["storage.image_cache.enabled: false", (project) => {
      const config = join(project.path, "config.yaml");
      Deno.writeTextFileSync(config, "storage: {image_cache: {enabled: false}}");
      return ["--config", config];
    }],
  ];
  for (const [name, off] of cases) {
    await t.step(name, async () => {
      using project = new Project();
      await project.make();
      const options = off(project);
      const ignored = await project.make(...options);
      assert.equal(ignored.code, 0);
      assert.match(ignored.stderr, /^building image: cached results are not used \(key /m);
      assert.equal(project.runs, 2);
      const strict = await project.make(...options, "--strict");
      assert.equal(strict.code, 2);
      assert(strict.stderr.includes(`with ${name}, no result is taken`), strict.stderr);
      assert.equal(project.runs, 2);
      using other = new Project();
      const { code, stderr } = await other.make(...off(other));
      assert.equal(code, 0, stderr);
      assert.equal(other.result, "one");
      assert.deepEqual(other.records, []);
    });
  }
});

Deno.test("build --strict fails with 3 instead of running the command, and explains", async () => {
  using project = new Project();
  const empty = await project.make("--strict");
  assert.equal(empty.code, 3);
  assert.match(empty.stderr, /NEAREST +no build to compare with is cached/);
  await project.make();
  assert.equal((await project.make("--strict")).code, 0);
  project.file("root/name", "twenty");
  const { code, stderr } = await project.make("--strict");
  assert.equal(code, 3);
  assert.match(stderr, /^~ input +root\/name: other content \(3 B → 6 B\)$/m);
  assert.match(stderr, /LDR_NOT_CACHED/);
  assert.equal(project.runs, 1);
});

Deno.test("build --explain and why SPEC print how the build differs from the nearest one", async () => {
  using project = new Project();
  await project.make();
  project.file("root/name", "two");
  project.writeSpec({ env: { LOG: project.log, FORMAT: "ext4" } });
  const explained = await withEnvironment(
    { PATH: "/usr/bin:/bin" },
    () => project.make("--explain", "--no-image-cache"),
  );
  const lines = /^\+ env +FORMAT\n~ input +root\/name: other content \(still 3 B\)$/m;
  assert.match(explained.stderr, lines);
  const why = await project.larder("why", project.spec);
  assert.equal(why.code, 0, why.stderr);
  assert.match(why.stdout, /^NAME +image\nKEY +sha256:[0-9a-f]{64}\nCACHED +no\nNEAREST +image@/);
  assert.match(why.stdout, lines);
  const json = JSON.parse((await project.larder("why", project.spec, "--format", "json")).stdout);
  assert.equal(json.isCached, false);
  assert.deepEqual(json.nearest.differences.at(-1), {
    part: "input",
    change: "changed",
    subject: "root/name",
    detail: "other content (still 3 B)",
  });
});

Deno.test("why SPEC says that a result is cached, lost or was removed", async () => {
  using project = new Project();
  // `why` assumes the sandbox that a build selects.
  const build = () => project.larder("build", project.spec, "-o", project.out);
  const made = await build();
  assert.equal(made.code, 0, made.stderr);
  const why = async () => (await project.larder("why", project.spec)).stdout;
  assert.match(await why(), /^CACHED +yes, built \S+ ago$/m);
  const [{ digest }] = project.records as [BuildRecord];
  Deno.removeSync(join(project.registry, "data", digest));
  assert.match(await why(), /^CACHED +no\nLOST +its record is there, but its file is missing/m);
  await build();
  await project.larder("clean", "--force", "image");
  assert.match(await why(), /^REMOVED +by larder clean \S+ ago/m);
});

Deno.test("build runs the command again if the cached result is damaged", async (t) => {
  const damages: [string, (path: string) => void][] = [
    ["missing", (path) => Deno.removeSync(path)],
    ["other bytes", (path) => Deno.writeTextFileSync(path, "two")],
    ["cut short", (path) => Deno.truncateSync(path, 1)],
    ["other bytes of the same time", (path) => {
      const { mtime } = Deno.statSync(path);
      Deno.writeTextFileSync(path, "two");
      Deno.utimeSync(path, mtime!, mtime!);
    }],
  ];
  for (const [name, damage] of damages) {
    await t.step(name, async () => {
      using project = new Project();
      await project.make();
      const [{ digest }] = project.records as [BuildRecord];
      damage(join(project.registry, "data", digest));
      const { code, stderr } = await project.make();
      assert.equal(code, 0, stderr);
      assert.equal(project.result, "one");
      assert.equal(project.runs, 2);
      assert.match(stderr, /the cached result is missing or damaged/);
    });
  }
});

Deno.test("build puts its result as an own file, a program as a program", async () => {
  using project = new Project({
    run: ["sh", "-c", "echo '#!/bin/sh' > $LARDER_OUTPUT; chmod 755 $LARDER_OUTPUT"],
  });
  Deno.symlinkSync("elsewhere", project.out);
  for (const _ of ["built", "cached"]) {
    const { code, stderr } = await project.make();
    assert.equal(code, 0, stderr);
    const { mode, nlink, isFile } = Deno.lstatSync(project.out);
    assert.ok(isFile && nlink === 1);
    assert.equal(mode! & 0o100, 0o100);
    Deno.writeTextFileSync(project.out, "mine");
  }
  assert.equal((await project.larder("verify")).code, 0);
});

Deno.test("build does not keep a file that the command has under another name too", async () => {
  using project = new Project();
  const other = join(project.path, "other");
  Deno.writeTextFileSync(other, "before");
  project.writeSpec({ run: ["sh", "-c", `ln ${other} $LARDER_OUTPUT`] });
  const { code, stderr } = await project.make();
  assert.equal(code, 0, stderr);
  Deno.writeTextFileSync(other, "after");
  await project.make();
  assert.equal(project.result, "before");
  assert.equal(Deno.readTextFileSync(other), "after");
});

Deno.test("build checks where the result goes before it runs the command", async (t) => {
  using project = new Project();
  const at = async (out: string) =>
    await project.larder("build", project.spec, "-o", out, "--sandbox", "none");
  await t.step("below a file", async () => {
    const { code, stderr } = await at(`${project.spec}/out`);
    assert.equal(code, 7);
    assert.match(stderr, /cannot write .*\/out: .*image.yaml is not a folder/);
  });
  await t.step("in an input", async () => {
    const { code, stderr } = await at(join(project.path, "project/root/out"));
    assert.equal(code, 2);
    assert.match(stderr, /would be in the input root/);
  });
  await t.step("a folder", async () => {
    Deno.mkdirSync(join(project.path, "images"));
    const { code, stdout } = await at(join(project.path, "images"));
    assert.equal(code, 0);
    assert.equal(stdout, `${join(project.path, "images/image.img")}\n`);
  });
  assert.equal(project.runs, 1);
});

Deno.test("build creates the folder of the result, once there is one", async () => {
  using project = new Project({ run: ["false"] });
  const at = async (out: string) =>
    await project.larder("build", project.spec, "-o", join(project.path, out), "--sandbox", "none");
  assert.equal((await at("new/images/")).code, 1);
  assert.deepEqual(folders(join(project.path, "new")), []);
  project.writeSpec({});
  assert.equal((await at("new/images/")).code, 0);
  assert.deepEqual(folders(join(project.path, "new/images")), ["image.img"]);
  assert.equal((await at("other/one")).code, 0, "from the cache");
  assert.deepEqual(folders(join(project.path, "other")), ["one"]);
});

Deno.test("build without a spec refuses a folder as the result, which would name it after the folder", async () => {
  using project = new Project();
  for (const out of [".", project.path, "no-such-folder/"]) {
    const { code, stderr } = await project.larder("build", "-o", out, "--", "make");
    assert.equal(code, 2);
    assert.match(stderr, /-o \S+ is a folder, .*\nhint: name the file in it: -o \S*OUT$/m);
  }
});

Deno.test("build rejects a spec or a command line that cannot be built", async (t) => {
  using project = new Project();
  const { spec, out } = project;
  const cases: [name: string, args: string[], code: number, message: RegExp][] = [
    ["no file", ["nothing.yaml"], 2, /cannot read the spec nothing.yaml: there is no such file/],
    ["a folder", [project.path], 2, /it is a folder/],
    ["nothing", [], 2, /nothing to build/],
    ["two specs", [spec, spec], 2, /one spec at a time, not 2/],
    ["a spec and a command", [spec, "--", "true"], 2, /a command and a spec cannot be combined/],
    ["a spec and inputs", [spec, "-i", "a"], 2, /-i and a spec cannot be combined/],
    ["no -o", ["--", "true"], 2, /-o is missing/],
    ["no value", ["-o", out, "--env", "A", "--", "true"], 2, /bad --env: "A" has no value/],
    ["a bad variable", ["-o", out, "--env", "A-B=1", "--", "true"], 2, /"A-B" is not the name/],
    ["no input", ["-o", out, "-i", "/no/such", "--", "true"], 2, /there is no input \/no\/such/],
    ["both", [spec, "--strict", "--rebuild"], 2, /--strict and --rebuild cannot be combined/],
    ["a sandbox", [spec, "--sandbox", "docker"], 2, /"docker" is not auto, bwrap or none/],
  ];
  for (const [name, args, code, message] of cases) {
    await t.step(name, async () => {
      const result = await project.larder("build", ...args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, message);
    });
  }
  await t.step("an input that is not there", async () => {
    project.writeSpec({ inputs: ["root", "gone"] });
    const { code, stderr } = await project.make();
    assert.equal(code, 2);
    assert.match(stderr, /bad spec at .*image\.yaml:1:\d+: there is no input .*project\/gone/);
  });
  assert.equal(project.runs, 0);
});

Deno.test("build without a spec takes inputs, variables and a command from the command line", async () => {
  using project = new Project();
  const build = () =>
    project.larder(
      "build",
      ...["-i", join(project.path, "project/root"), "--env", "A=b=c", "-o", project.out],
      ...["--sandbox", "none", "--format", "json", "--"],
      ...["sh", "-c", 'cat root/name - > "$LARDER_OUTPUT"; echo "$A $1" >> "$LARDER_OUTPUT"'],
      ...["sh", "--rebuild"],
    );
  const first = await build();
  assert.equal(first.code, 0, first.stderr);
  assert.equal(project.result, "oneb=c --rebuild\n");
  const json = JSON.parse(first.stdout);
  assert.equal(json.name, "out.img");
  assert.equal(json.outcome, "built");
  assert.equal(json.size, 17);
  assert.equal(JSON.parse((await build()).stdout).outcome, "cached");
});

Deno.test("build evicts the least recently used builds after it stored one", async () => {
  using project = new Project();
  const config = join(project.path, "config.yaml");
  Deno.writeTextFileSync(config, "storage: {image_cache: {max_count: 2}}");
  for (const text of ["one", "two", "three"]) {
    project.file("root/name", text);
    await project.make("--config", config);
    // Builds are kept for an hour after their last use.
    for (const name of folders(join(project.registry, "builds"))) {
      const record = join(project.registry, "builds", name, "record.json");
      const { mtime } = Deno.statSync(record);
      Deno.utimeSync(record, new Date(+mtime! - 7_200_000), new Date(+mtime! - 7_200_000));
    }
  }
  const sizes = project.records.map(({ size }) => size).sort();
  assert.deepEqual(sizes, [3, 5]);
});

sandboxTest("build shows the command in the sandbox only its inputs and the system", async () => {
  using project = new Project({ env: {} });
  const secret = join(project.path, "secret");
  Deno.writeTextFileSync(secret, "x");
  const script = [
    `cat ${secret} && exit 10`,
    "ls /root /home /var /etc/shadow && exit 11",
    "(echo > /dev/tcp/127.0.0.1/1) 2>/dev/null && exit 12",
    "touch /usr/x $LARDER_PACKAGES/x && exit 13",
    "[ $(ls /sys/class/net 2>/dev/null | wc -l) = 0 ] || exit 14",
    '[ "$(id -u)" = 0 ] || exit 15',
    "chown 12 root 2>/dev/null && exit 16",
    'pwd > "$LARDER_OUTPUT"; echo x > root/name; echo x > /tmp/y',
  ].join("\n");
  project.file("make.sh", script);
  const { code, stderr } = await project.make("--sandbox", "bwrap");
  assert.equal(code, 0, stderr);
  assert.equal(project.result, "/build/work\n");
  assert.equal(Deno.readTextFileSync(join(project.path, "project/root/name")), "one");
});

sandboxTest(
  "build gives its variables to the command alone, not to the program that makes the sandbox",
  async () => {
    using project = new Project({ env: { LD_PRELOAD: "", NAME: "two\nlines" } });
    const lines = [
      "tr '\\0' '\\n' < /proc/1/environ > outside",
      "grep -e LD_PRELOAD -e NAME -e LARDER_ outside && exit 10",
      'printf "%s" "$NAME" > "$LARDER_OUTPUT"',
    ];
    project.file("make.sh", lines.join("\n"));
    const { code, stderr } = await project.make("--sandbox", "bwrap");
    assert.equal(code, 0, stderr);
    assert.equal(project.result, "two\nlines");
  },
);

for (const sandbox of ["none", "bwrap"]) {
  sandboxTest(
    `build shows the command the same modes whatever the user's umask is (${sandbox})`,
    async () => {
      using project = new Project({ env: {} });
      project.file("make.sh", 'touch f; mkdir d; stat -c "%a %n" * .. ../* > "$LARDER_OUTPUT"');
      const command = ["build", project.spec, "-o", project.out, "--sandbox", sandbox, "--rebuild"];
      const results = [];
      for (const umask of [0o022, 0o077]) {
        const before = Deno.umask(umask);
        try {
          const { code, stderr } = await project.larder(...command);
          assert.equal(code, 0, stderr);
        } finally {
          Deno.umask(before);
        }
        results.push(project.result);
      }
      assert.equal(results[1], results[0]);
    },
  );
}

Deno.test({
  name: "build takes a result that has another name, and leaves that file as it is",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using project = new Project({ env: {} });
    const own = join(project.path, "own");
    Deno.writeTextFileSync(own, "mine");
    Deno.chmodSync(own, 0o644);
    project.file("make.sh", `ln ${own} "$LARDER_OUTPUT"`);
    assert.equal((await project.make()).code, 0);
    assert.equal(Deno.statSync(own).mode! & 0o777, 0o644);
    Deno.writeTextFileSync(own, "hers");
    assert.equal((await project.make()).code, 0);
    assert.equal(project.result, "mine");
  },
});

Deno.test("build refuses an empty path, and to replace a pipe", async () => {
  using project = new Project();
  const pipe = join(project.path, "pipe");
  await run("mkfifo", [pipe]);
  for (
    const [code, message, ...options] of [
      ["LDR_USAGE", "--output needs a value", project.spec, "-o", ""],
      ["LDR_USAGE", "--input needs a value", "-i", "", "-o", project.out, "--", "true"],
      ["LDR_DISK", "it is not a regular file", project.spec, "-o", pipe],
    ]
  ) {
    const { stderr } = await project.larder("build", ...options);
    assert.ok(stderr.includes(`${message} [${code}]`), stderr);
  }
  assert.equal(project.runs, 0);
  assert.ok(Deno.lstatSync(pipe).isFifo);
});

sandboxTest("build has other keys with and without the sandbox", async () => {
  using project = new Project({ env: {} });
  project.file("make.sh", "echo x > $LARDER_OUTPUT");
  await project.make();
  const { stderr } = await project.make("--sandbox", "auto", "--explain");
  assert.match(stderr, /^~ sandbox +none → bwrap$/m);
  assert.equal(project.records.length, 2);
});

Deno.test("build says in one line that there is no sandbox, and fails if one is demanded", async () => {
  using project = new Project();
  const bin = join(project.path, "bin");
  Deno.mkdirSync(bin);
  for (const name of ["sh", "cat"]) {
    Deno.symlinkSync((await run("sh", ["-c", `command -v ${name}`])).trim(), join(bin, name));
  }
  const with_ = (...options: string[]) =>
    withEnvironment(
      { PATH: bin },
      () => project.larder("build", project.spec, "-o", project.out, ...options),
    );
  const { code, stderr } = await with_();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^no sandbox: .*; the command can read all files of this user$/m);
  project.file("root/name", "two");
  const refused = await with_("--sandbox", "bwrap");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot build image in a sandbox/);
});
