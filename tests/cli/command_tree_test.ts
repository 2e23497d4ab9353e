import { buildProgram, buildProgramToRun } from "../../src/cli/command_tree.ts";
import { VERSION } from "../../src/cli/version.ts";
import type { Command } from "commander";
import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { blob, digestOf, image, utf8 } from "../support/cache/artifacts.ts";
import { TestCache } from "../support/cache/test_cache.ts";
import { captured, larder } from "../support/cli/in_process.ts";
import { TemporaryFolder } from "../support/temporary.ts";

/** Name, the command line, and patterns of the message and the hint. */
const WRONG: [string, string[], RegExp, RegExp][] = [
  ["an unknown verb", ["bogus"], /^unknown command 'bogus'$/, /./],
  ["a mistyped verb", ["pul", "x"], /^unknown command 'pul'$/, /^did you mean pull, pin or run\?$/],
  [
    "an unknown option",
    ["list", "--bogus"],
    /^unknown option '--bogus'$/,
    /^larder list --help lists the options$/,
  ],
  [
    "a mistyped option",
    ["list", "--formt", "json"],
    /^unknown option '--formt'$/,
    /mean --format\?/,
  ],
  [
    "an unknown option before the verb",
    ["--bogus", "list"],
    /^unknown option '--bogus'$/,
    /^larder --help/,
  ],
  [
    "too many arguments",
    ["list", "x"],
    /^larder list takes no arguments, not 1: x$/,
    /leave out x/,
  ],
  ["two arguments for one", ["why", "x", "y"], /takes one argument, not 2: x y$/, /leave out y/],
  ["too few arguments", ["pull"], /^larder pull needs a reference$/, /example: larder pull nginx/],
  ["a missing value", ["config", "set", "transfers"], /^larder config set needs a value$/, /20GB/],
  ["an option without its value", ["--cache-dir"], /^--cache-dir needs a value$/, /DIR\/registry/],
  ["a limit without its value", ["gc", "--unused"], /^--unused needs a value$/, /30d/],
  [
    "a value that is not a choice",
    ["list", "--format", "xml"],
    /^bad --format: "xml" is not table, json or a template/,
    /^write table, json or a template such as '\{\{name\}\} /,
  ],
  [
    "a mistyped type",
    ["list", "--type", "imgae"],
    /^bad --type: "imgae" is/,
    /^did you mean image/,
  ],
  [
    "the type of a limit",
    ["gc", "--max-size", "imag=1GB"],
    /"imag" is not app, image/,
    /mean image\?/,
  ],
  [
    "an unknown policy",
    ["pull", "--policy", "often", "x"],
    /^bad --policy: "often" is not always, missing or never$/,
    /^write always, missing or never$/,
  ],
  [
    "zero transfers",
    ["pull", "--transfers", "0", "x"],
    /whole number from 1 to 64/,
    /leave it out/,
  ],
  ["65 transfers", ["pull", "--transfers", "65", "x"], /whole number from 1 to 64/, /leave it out/],
  [
    "1.5 transfers",
    ["pull", "--transfers", "1.5", "x"],
    /"1\.5" is not a whole number/,
    /leave it/,
  ],
  ["a bad duration", ["pull", "--stale-if-error", "5y5", "x"], /bad --stale-if-error: /, /^write /],
  ["an age without a unit", ["gc", "--unused", "30"], /^bad --unused: .*"30"/, /^write .*30d/],
  ["a bad size", ["gc", "--max-size", "image=x"], /^bad --max-size: not a size: "x"/, /10GiB/],
  ["a bad count", ["gc", "--keep-last", "x"], /^bad --keep-last: "x" is not a whole/, /such as 5/],
  [
    "days with a unit",
    ["clean", "--days", "3d"],
    /^bad --days: "3d" is not a number/,
    /such as 30/,
  ],
  ["an unknown shell", ["completions", "tcsh"], /^bad shell: "tcsh" is not bash, zsh/, /zsh/],
  [
    "an option of a guest",
    ["run", "./x.wasm", "-x"],
    /^unknown option '-x'$/,
    /run \.\/x\.wasm -- -x/,
  ],
  ["docker's -e", ["run", "-e", "A=1", "x"], /^unknown option '-e'$/, /^--env NAME=VALUE/],
  ["docker's -v", ["run", "-v", "/a:/b", "x"], /^-v is --verbose, /, /^--dir \/a::\/b grants/],
  ["docker's rm -f", ["rm", "-f", "x"], /^unknown option '-f'$/, /^--force removes/],
  ["docker's prune -a", ["prune", "-a"], /^unknown option '-a'$/, /--unused 30d/],
  ["docker's images -a", ["images", "-a"], /^unknown option '-a'$/, /^-v lists every entry/],
  ["docker's rmi", ["rmi", "x"], /^unknown command 'rmi'$/, /^did you mean clean\?$/],
  ["docker's version", ["version"], /^unknown command 'version'$/, /^larder --version prints /],
  ["docker's stop", ["stop", "x"], /^unknown command 'stop'$/, /Ctrl-C ends it$/],
  ["docker's logs", ["logs", "x"], /^unknown command 'logs'$/, /keeps no logs$/],
  [
    "pip's cache",
    ["cache", "purge"],
    /^unknown command 'cache'$/,
    /^did you mean list or clean\?$/,
  ],
  ["docker's push", ["push", "x"], /^unknown command 'push'$/, /^larder serve takes pushes/],
  ["--json", ["list", "--json"], /^unknown option '--json'$/, /^--format json prints JSON$/],
  ["--yes", ["gc", "--yes"], /^unknown option '--yes'$/, /^--force removes/],
  ["--tls-verify", ["pull", "--tls-verify=false", "x"], /^unknown option/, /^--insecure allows/],
  ["a verb of config", ["config", "foo"], /^unknown command 'foo'$/, /^did you mean show\?$/],
  ["config list", ["config", "list"], /^unknown command 'list'$/, /^did you mean show\?$/],
  ["an empty value", ["list", "--cache-dir", ""], /^--cache-dir needs a value$/, /^--cache-dir </],
  ["an empty value before the verb", ["--config", "", "gc"], /^--config needs a value$/, /read/],
  ["an empty value of several", ["build", "--env", "A=1", "--env", ""], /^--env needs/, /repeat/],
  ["control characters", ["\x1b[2J"], /^unknown command ' \[2J'$/, /./],
];

for (const [name, args, message, hint] of WRONG) {
  Deno.test(`larder rejects ${name}`, async () => {
    const { value: code, stdout, stderr } = await captured(() => main(args));
    assert.deepEqual([code, stdout], [2, ""]);
    const match = /^error: (.*) \[LDR_USAGE\]\nhint: (.*)\n$/.exec(stderr);
    assert.ok(match, stderr);
    assert.match(match[1]!, message);
    assert.match(match[2]!, hint);
  });
}

Deno.test("larder without a verb prints its help to stderr and exits with 2", async () => {
  const { value: code, stdout, stderr } = await captured(() => main([]));
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^Usage: larder /);
  assert.doesNotMatch(stderr, /error:|outputHelp/);
});

for (const args of [["--help"], ["-h"], ["help"], ["pull", "--help"], ["help", "pull"]]) {
  Deno.test(`larder ${args.join(" ")} prints help to stdout`, async () => {
    const { value: code, stdout, stderr } = await captured(() => main(args));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, args.includes("pull") ? /^Usage: larder pull / : /^Usage: larder /);
    assert.match(stdout, /--cache-dir <dir>/);
  });
}

for (const option of ["--version", "-V"]) {
  Deno.test(`larder ${option} prints version, commit and runtime`, async () => {
    const { value: code, stdout } = await captured(() => main([option]));
    assert.equal(code, 0);
    assert.match(stdout, /^larder \S+ \(.+, Deno \d+\.\d+\.\d+, \S+\)\n$/);
    assert.ok(stdout.startsWith(`larder ${VERSION} (`));
  });
}

Deno.test("a global option after the verb overrides the same one before it", async () => {
  using home = new TemporaryFolder();
  const places: [string[], string][] = [
    [["--cache-dir", "/a", "dir"], "/a/registry\n"],
    [["dir", "--cache-dir", "/b"], "/b/registry\n"],
    [["--cache-dir", "/a", "dir", "--cache-dir", "/b"], "/b/registry\n"],
    [["--cache-dir=/a", "-q", "dir"], "/a/registry\n"],
  ];
  for (const [args, path] of places) {
    const { code, stdout } = await larder(home.path, ...args);
    assert.deepEqual([code, stdout], [0, path], args.join(" "));
  }
});

for (
  const args of [["-q", "dir"], ["dir", "-q"], ["dir", "--quiet"], ["-qv", "dir"], ["dir", "-kq"]]
) {
  Deno.test(`larder ${args.join(" ")} prints nothing to stderr`, async () => {
    using home = new TemporaryFolder();
    const { code, stderr } = await larder(home.path, ...args);
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

Deno.test("every command takes every global option that it does not define itself", () => {
  const program = buildProgram();
  const global = program.options.map(({ long }) => long).filter((long) => long !== "--version");
  const check = (command: Command) => {
    const taken = command.options.map(({ long }) => long);
    for (const option of global) assert.ok(taken.includes(option), `${command.name()} ${option}`);
    command.commands.forEach(check);
  };
  program.commands.forEach(check);
});

/** The words of a command line, and the verbs that are built to run it. */
const BUILT: [string[], string[]][] = [
  [["list", "-v"], ["list"]],
  [["--cache-dir", "pull", "info", "nginx"], ["pull", "info"]],
  [["run", "app", "--", "gc"], ["run", "gc"]],
];

for (const [words, verbs] of BUILT) {
  Deno.test(`buildProgramToRun builds ${verbs.join(" and ")} for ${words.join(" ")}`, () => {
    const names = buildProgramToRun(words).commands.map((command) => command.name());
    assert.deepEqual(names, verbs);
  });
}

Deno.test("buildProgramToRun builds every verb if none is named", () => {
  const all = buildProgram().commands.map((command) => command.name());
  for (const words of [undefined, [], ["--version"], ["ls"], ["nope"]]) {
    assert.deepEqual(buildProgramToRun(words).commands.map((command) => command.name()), all);
  }
});

Deno.test("an alias runs its verb if an argument is the name of another one", async () => {
  using home = new TemporaryFolder();
  assert.deepEqual(
    await larder(home.path, "inspect", "pull"),
    await larder(home.path, "info", "pull"),
  );
  const { code, stderr } = await larder(home.path, "lst", "pull");
  assert.equal(code, 2);
  assert.match(stderr, /hint: did you mean list or lock\?/);
});

Deno.test("--config names the config file before dir, and selects the config folder after it", async () => {
  using home = new TemporaryFolder();
  const file = join(home.path, "my.yaml");
  Deno.writeTextFileSync(file, "cache_dir: /from-file\n");
  const inFile = "/from-file/registry\n";
  const folder = `${home.path}/.config/larder\n`;
  const lines: [string[], string][] = [
    [["--config", file, "dir"], inFile],
    [["dir", "--config"], folder],
    [["--config", file, "dir", "--config"], folder],
    [["--config", file, "dir", "--config", "--format", "json"], ""],
  ];
  for (const [args, expected] of lines) {
    const { code, stdout } = await larder(home.path, ...args);
    assert.equal(code, 0);
    if (expected) assert.equal(stdout, expected);
    else assert.equal(JSON.parse(stdout).path, folder.trim());
  }
  const { code, stderr } = await larder(home.path, "list", "--config", file);
  assert.equal(code, 0);
  assert.match(stderr, /the cache \/from-file\/registry is empty/);
});

for (const args of [["--verbose", "list"], ["list", "-v"], ["-kv", "list"], ["list", "-qv"]]) {
  Deno.test(`larder ${args.join(" ")} prints the causes of an error`, async () => {
    using home = new TemporaryFolder();
    const { code, stderr } = await larder(home.path, ...args, "--cache-dir", `/${"x".repeat(300)}`);
    assert.equal(code, 7, stderr);
    assert.match(stderr, /^error: .* \[LDR_DISK\]\nhint: .*\ncause: .*\n/);
  });
}

Deno.test("an error has two lines without --verbose", async () => {
  using home = new TemporaryFolder();
  const { code, stderr } = await larder(home.path, "list", "--cache-dir", `/${"x".repeat(300)}`);
  assert.equal(code, 7);
  assert.equal(stderr.trimEnd().split("\n").length, 2);
});

/** An alias and the verb that it runs. */
const ALIASES: [string[], string[]][] = [
  [["ls"], ["list"]],
  [["ls", "-v", "--format", "json"], ["list", "-v", "--format", "json"]],
  [["rm", "--force"], ["clean", "--force"]],
  [["prune", "--dry-run"], ["gc", "--dry-run"]],
  [["images"], ["list", "--type", "image", "-v"]],
  [["images", "--format", "json"], ["list", "--type", "image", "--format", "json"]],
  [["images", "-v", "--sort", "size"], ["list", "--type", "image", "-v", "--sort", "size"]],
  [["inspect", "nginx"], ["info", "nginx"]],
];

for (const [alias, verb] of ALIASES) {
  Deno.test(`larder ${alias.join(" ")} does what larder ${verb.join(" ")} does`, async () => {
    using cache = new TestCache();
    const result = async (args: string[]) => {
      cache.pulled("docker.io/library/nginx:latest", image(["nginx"]));
      cache.build("edge", digestOf(utf8("specification")), blob("build"));
      return await larder(cache.path, "--cache-dir", cache.path, ...args);
    };
    const expected = await result(verb);
    assert.equal(expected.code, 0, expected.stderr);
    assert.deepEqual(await result(alias), expected);
  });
}

Deno.test("larder pull rejects a bad reference and writes nothing", async () => {
  using home = new TemporaryFolder();
  const { code, stdout, stderr } = await larder(home.path, "pull", "ghcr.io/../x");
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /^error: bad reference "ghcr\.io\/\.\.\/x": .* \[LDR_BAD_REFERENCE\]\nhint: /,
  );
  assert.deepEqual([...Deno.readDirSync(home.path)], []);
});
