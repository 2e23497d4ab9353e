import assert from "node:assert/strict";
import { join } from "node:path";
import { larder, withEnvironment } from "../../../support/cli/in_process.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

/** A home folder with a config file. */
class Home extends TemporaryFolder {
  readonly file = join(this.path, ".config/larder/config.yaml");

  config(text: string): void {
    Deno.mkdirSync(join(this.path, ".config/larder"), { recursive: true });
    Deno.writeTextFileSync(this.file, text);
  }

  larder(...args: string[]) {
    return larder(this.path, "config", ...args);
  }

  /** What `show` says of a setting. */
  async shown(key: string, ...args: string[]) {
    const { code, stdout, stderr } = await larder(
      this.path,
      ...args,
      "config",
      "show",
      "--format",
      "json",
    );
    assert.equal(code, 0, stderr);
    const setting = JSON.parse(stdout).find((each: { key: string }) => each.key === key);
    return setting && [setting.value, setting.source, setting.from];
  }
}

Deno.test("config path prints the path of the config file and reports that it does not exist", async () => {
  using home = new Home();
  const absent = await home.larder("path");
  assert.deepEqual([absent.code, absent.stdout], [0, `${home.file}\n`]);
  assert.match(absent.stderr, /does not exist: larder config init/);
  home.config("transfers: [broken");
  assert.deepEqual(await home.larder("path"), { code: 0, stdout: `${home.file}\n`, stderr: "" });
  assert.equal((await home.larder("path", "--config", "/x.yaml")).stdout, "/x.yaml\n");
  await withEnvironment({ LARDER_CONFIG: "/y.yaml" }, async () => {
    assert.equal((await home.larder("path")).stdout, "/y.yaml\n");
  });
});

Deno.test("config init replaces a file, also a broken one, only with --force", async () => {
  using home = new Home();
  const first = await home.larder("init");
  assert.deepEqual([first.code, first.stdout], [0, `${home.file}\n`]);
  const again = await home.larder("init");
  assert.deepEqual([again.code, again.stdout], [2, ""]);
  assert.match(
    again.stderr,
    /the config file .*config\.yaml exists already \[LDR_CONFIG\]\nhint: .*--force/,
  );
  home.config("transfers: [broken");
  const forced = await home.larder("init", "--force");
  assert.equal(forced.code, 0);
  assert.match(forced.stderr, /^warning: the settings .*; it is .*config\.yaml\.bak now$/m);
  assert.equal((await home.larder("show")).code, 0);
  // What was replaced is kept, also if it is replaced once more.
  assert.doesNotMatch((await home.larder("init", "--force")).stderr, /warning/);
  assert.equal(Deno.readTextFileSync(`${home.file}.bak`), "transfers: [broken");
});

Deno.test("config show lists the source of each value: option, environment, file, default", async () => {
  using home = new Home();
  const key = "freshness.policy";
  assert.deepEqual(await home.shown(key), ["always", "default", null]);
  assert.deepEqual(await home.shown("gc.max_size"), [null, "unset", null]);
  home.config("# mine\nfreshness:\n  policy: missing\n");
  assert.deepEqual(await home.shown(key), ["missing", "file", `${home.file}:3:3`]);
  await withEnvironment({ LARDER_FRESHNESS_POLICY: "always" }, async () => {
    assert.deepEqual(await home.shown(key), ["always", "environment", "LARDER_FRESHNESS_POLICY"]);
    assert.deepEqual(await home.shown(key, "--offline"), ["never", "option", "--offline"]);
  });
  assert.deepEqual(await home.shown("cache_dir", "--cache-dir", "/c"), [
    "/c",
    "option",
    "--cache-dir",
  ]);
});

Deno.test("config show has a line for each setting and for the settings of each registry in the file", async () => {
  using home = new Home();
  home.config("registries:\n  ghcr.io:\n    insecure: true\ntransfers: 3\n");
  const { code, stdout, stderr } = await home.larder("show");
  assert.deepEqual([code, stderr], [0, ""]);
  const rows = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], ["KEY", "VALUE", "FROM"]);
  const row = (key: string) => rows.find(([first]) => first === key)?.slice(1);
  assert.deepEqual(row("transfers"), ["3", `${home.file}:4:1`]);
  assert.deepEqual(row("gc.max_size"), ["-", "not set"]);
  assert.deepEqual(row("gc.auto"), ["true", "default"]);
  assert.deepEqual(row("registries.ghcr.io.insecure"), ["true", `${home.file}:3:5`]);
  assert.deepEqual(row("registries.ghcr.io.ca_file"), ["-", "not set"]);
});

Deno.test("config get prints only the value to stdout", async () => {
  using home = new Home();
  home.config("gc:\n  max_size: 20GB\n");
  assert.deepEqual(await home.larder("get", "gc.max_size"), {
    code: 0,
    stdout: "20GB\n",
    stderr: `source: ${home.file}:2:3\n`,
  });
  assert.equal((await home.larder("get", "transfers")).stdout, "16\n");
  const json = JSON.parse((await home.larder("get", "gc.unused", "--format", "json")).stdout);
  assert.deepEqual([json.key, json.value, json.source], ["gc.unused", null, "unset"]);
});

/** A command line, its exit code, and what stderr says. */
const REFUSED: [string[], number, RegExp][] = [
  [["get", "gc.unused"], 3, /gc\.unused is not set.*LDR_NOT_FOUND/],
  [["get", "gc.max_siz"], 2, /did you mean gc\.max_size\?/],
  [["unset", "gc.max_size"], 3, /gc\.max_size is not set in .*LDR_NOT_FOUND/],
  [["unset", "gc.max_siz"], 2, /did you mean gc\.max_size\?/],
  [["set", "gc.max_siz", "1GB"], 2, /did you mean gc\.max_size\?/],
  [["set", "gc.max_size", "much"], 2, /cannot set gc\.max_size: not a size/],
  [["set", "transfers", "65"], 2, /cannot set transfers: "65" is not a whole number from 1 to 64/],
  [["set", "gc", "1"], 2, /gc is a group/],
  [["set", "transfers"], 2, /config set needs a value/],
  [["sho"], 2, /unknown command 'sho'.*\nhint: did you mean show or set\?/],
];

for (const [args, code, message] of REFUSED) {
  Deno.test(`larder config ${args.join(" ")} exits with ${code} and writes nothing`, async () => {
    using home = new Home();
    const result = await home.larder(...args);
    assert.deepEqual([result.code, result.stdout], [code, ""]);
    assert.match(result.stderr, message);
    assert.deepEqual([...Deno.readDirSync(home.path)], []);
  });
}

Deno.test("config set creates the file, and the value applies", async () => {
  using home = new Home();
  const result = await home.larder("set", "gc.max_size", "20GB");
  assert.deepEqual([result.code, result.stdout], [0, ""]);
  assert.equal(result.stderr, `set gc.max_size to 20GB in ${home.file}\n`);
  assert.equal(Deno.readTextFileSync(home.file), "gc:\n  max_size: 20GB\n");
  assert.equal(Deno.statSync(home.file).mode! & 0o777, 0o600);
  assert.equal((await home.larder("get", "gc.max_size")).stdout, "20GB\n");
});

Deno.test("config set warns if a variable overrides the value", async () => {
  using home = new Home();
  await withEnvironment({ LARDER_TRANSFERS: "2" }, async () => {
    const { code, stderr } = await home.larder("set", "transfers", "9");
    assert.equal(code, 0);
    assert.match(stderr, /warning: LARDER_TRANSFERS overrides the file: transfers is 2\n/);
  });
});

Deno.test("config unset removes a setting from the file and prints the value that applies", async () => {
  using home = new Home();
  home.config("# mine\ntransfers: 9\ngc:\n  max_size: 20GB\n");
  const size = await home.larder("unset", "gc.max_size");
  assert.deepEqual([size.code, size.stdout], [0, ""]);
  assert.equal(size.stderr, `unset gc.max_size in ${home.file}\ngc.max_size has no value now\n`);
  assert.equal(Deno.readTextFileSync(home.file), "# mine\ntransfers: 9\ngc:\n");
  const transfers = await home.larder("unset", "transfers");
  assert.match(transfers.stderr, /\ntransfers is 16 now \(source: default\)\n$/);
  home.config("transfers: 9\n");
  await withEnvironment({ LARDER_TRANSFERS: "2" }, async () => {
    const { stderr } = await home.larder("unset", "transfers");
    assert.match(stderr, /\ntransfers is 2 now \(source: LARDER_TRANSFERS\)\n$/);
  });
});

Deno.test("config get and set ignore an invalid variable of another setting", async () => {
  using home = new Home();
  await withEnvironment({ LARDER_TRANSFERS: "many" }, async () => {
    const { code, stderr } = await home.larder("set", "gc.max_size", "20GB");
    assert.deepEqual([code, stderr], [0, `set gc.max_size to 20GB in ${home.file}\n`]);
    assert.equal((await home.larder("get", "gc.max_size")).stdout, "20GB\n");
    assert.equal((await home.larder("get", "transfers")).code, 2);
  });
});

Deno.test("config set rejects a broken file with the position of the fault", async () => {
  using home = new Home();
  home.config("transfers: 1\ncash_dir: /x\n");
  const { code, stderr } = await home.larder("set", "transfers", "2");
  assert.equal(code, 2);
  assert.match(
    stderr,
    /config\.yaml:2:1: unknown key "cash_dir" \[LDR_CONFIG\]\nhint: did you mean cache_dir\?/,
  );
  assert.equal(Deno.readTextFileSync(home.file), "transfers: 1\ncash_dir: /x\n");
});

Deno.test("config takes global options before it, before its command and after it", async () => {
  using home = new Home();
  for (
    const args of [
      ["--config", "/z.yaml", "config", "path", "-q"],
      ["config", "--config", "/z.yaml", "-q", "path"],
      ["-q", "config", "path", "--config", "/z.yaml"],
    ]
  ) {
    assert.deepEqual(await larder(home.path, ...args), {
      code: 0,
      stdout: "/z.yaml\n",
      stderr: "",
    });
  }
});

for (const key of ["cache_dir", "registries.ghcr.io.ca_file"]) {
  Deno.test(`config set writes a relative ${key} as absolute: it is relative to where it was typed`, async () => {
    using home = new Home();
    home.config("");
    const before = Deno.cwd();
    Deno.chdir(home.path);
    try {
      assert.equal((await home.larder("set", key, "sub/x")).code, 0);
      assert.equal((await home.shown(key))[0], join(Deno.cwd(), "sub/x"));
    } finally {
      Deno.chdir(before);
    }
  });
}

Deno.test("a command and config show warn once of a variable that is meant as a setting", async () => {
  using home = new Home();
  const warning = "warning: LARDER_GC_MAXSIZE is not a variable of larder and has no effect; " +
    "did you mean LARDER_GC_MAX_SIZE?\n";
  await withEnvironment({ LARDER_GC_MAXSIZE: "3GB", LARDER_PORT: "80" }, async () => {
    assert.equal((await larder(home.path, "pins")).stderr, `${warning}nothing is pinned\n`);
    assert.equal((await home.larder("show")).stderr, warning);
  });
});
