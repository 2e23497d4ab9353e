import { buildProgram } from "../../src/cli/command_tree.ts";
import { VERSION } from "../../src/cli/version.ts";
import type { Command } from "commander";
import assert from "node:assert/strict";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { blob, digestOf, image, utf8 } from "../support/cache/artifacts.ts";
import { CacheFolder } from "../support/cache/cache_folder.ts";
import { captured, larder } from "../support/cli/in_process.ts";
import { TemporaryFolder } from "../support/temporary.ts";

/** Name, the command line, what the error line says, and what its hint says. */
const WRONG: [string, string[], RegExp, RegExp][] = [
  ["an unknown verb", ["bogus"], /^unknown command 'bogus'$/, /./],
  ["a mistyped verb", ["pul", "x"], /^unknown command 'pul'$/, /^did you mean pull, pin or run\?$/],
  ["an unknown option", ["list", "--bogus"], /^unknown option '--bogus'$/, /larder --help/],
  [
    "a mistyped option",
    ["list", "--formt", "json"],
    /^unknown option '--formt'$/,
    /mean --format\?/,
  ],
  ["an unknown option before the verb", ["--bogus", "list"], /^unknown option '--bogus'$/, /help/],
  ["too many arguments", ["list", "x"], /^too many arguments for 'list'/, /larder --help/],
  ["too few arguments", ["pull"], /^missing required argument 'reference'$/, /larder --help/],
  ["an option without its value", ["--cache-dir"], /argument missing$/, /larder --help/],
  [
    "a value that is no choice",
    ["list", "--format", "xml"],
    /'xml' is invalid.*table, json/,
    /help/,
  ],
  ["a policy that is none", ["pull", "--policy", "often", "x"], /always, missing, never/, /help/],
  ["no transfers", ["pull", "--transfers", "0", "x"], /whole number from 1 to 64/, /help/],
  ["too many transfers", ["pull", "--transfers", "65", "x"], /whole number from 1 to 64/, /help/],
  ["half a transfer", ["pull", "--transfers", "1.5", "x"], /whole number from 1 to 64/, /help/],
  ["no duration", ["pull", "--stale-if-error", "5", "x"], /not a duration: "5"/, /help/],
  ["a shell that is none", ["completions", "tcsh"], /'tcsh' is invalid/, /help/],
  ["what would steer a terminal", ["\x1b[2J"], /^unknown command ' \[2J'$/, /./],
];

for (const [name, args, message, hint] of WRONG) {
  Deno.test(`wrong usage: ${name}`, async () => {
    const { value: code, stdout, stderr } = await captured(() => main(args));
    assert.deepEqual([code, stdout], [2, ""]);
    const match = /^error: (.*) \[LDR_USAGE\]\nhint: (.*)\n$/.exec(stderr);
    assert.ok(match, stderr);
    assert.match(match[1]!, message);
    assert.match(match[2]!, hint);
  });
}

Deno.test("without a verb the help is printed as a message, and nothing else", async () => {
  const { value: code, stdout, stderr } = await captured(() => main([]));
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /^Usage: larder /);
  assert.doesNotMatch(stderr, /error:|outputHelp/);
});

for (const args of [["--help"], ["-h"], ["help"], ["pull", "--help"], ["help", "pull"]]) {
  Deno.test(`larder ${args.join(" ")} prints help as data`, async () => {
    const { value: code, stdout, stderr } = await captured(() => main(args));
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, args.includes("pull") ? /^Usage: larder pull / : /^Usage: larder /);
    assert.match(stdout, /--cache-dir <dir>/);
  });
}

for (const option of ["--version", "-V"]) {
  Deno.test(`larder ${option} names version, commit and runtime`, async () => {
    const { value: code, stdout } = await captured(() => main([option]));
    assert.equal(code, 0);
    assert.match(stdout, /^larder \S+ \(.+, Deno \d+\.\d+\.\d+, \S+\)\n$/);
    assert.ok(stdout.startsWith(`larder ${VERSION} (`));
  });
}

Deno.test("global options are taken before and after the verb, and the later one counts", async () => {
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
  Deno.test(`larder ${args.join(" ")} prints only data`, async () => {
    using home = new TemporaryFolder();
    const { code, stderr } = await larder(home.path, ...args);
    assert.deepEqual([code, stderr], [0, ""]);
  });
}

Deno.test("every command takes every global option that it has no use of its own for", () => {
  const program = buildProgram();
  const global = program.options.map(({ long }) => long).filter((long) => long !== "--version");
  const check = (command: Command) => {
    const taken = command.options.map(({ long }) => long);
    for (const option of global) assert.ok(taken.includes(option), `${command.name()} ${option}`);
    command.commands.forEach(check);
  };
  program.commands.forEach(check);
});

Deno.test("--config is a file before the verb, and dir's own word behind it", async () => {
  using home = new TemporaryFolder();
  const file = join(home.path, "my.yaml");
  Deno.writeTextFileSync(file, "cache_dir: /from-file\n");
  const inFile = "/from-file/registry\n";
  const folder = `${home.path}/.config/larder\n`;
  const lines: [string[], string][] = [
    [["--config", file, "dir"], inFile],
    [["dir", "--config"], folder],
    [["--config", file, "dir", "--config"], folder],
    [["--config", file, "dir", "--config", "--json"], ""],
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
  Deno.test(`the causes of an error are printed with larder ${args.join(" ")}`, async () => {
    using home = new TemporaryFolder();
    const { code, stderr } = await larder(home.path, ...args, "--cache-dir", `/${"x".repeat(300)}`);
    assert.equal(code, 7, stderr);
    assert.match(stderr, /^error: .* \[LDR_DISK\]\nhint: .*\ncause: .*\n/);
  });
}

Deno.test("without --verbose an error has two lines", async () => {
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
  [["images"], ["list", "--type", "image"]],
  [["images", "-v", "--sort", "size"], ["list", "--type", "image", "-v", "--sort", "size"]],
  [["inspect", "nginx"], ["info", "nginx"]],
];

for (const [alias, verb] of ALIASES) {
  Deno.test(`larder ${alias.join(" ")} does what larder ${verb.join(" ")} does`, async () => {
    using cache = new CacheFolder();
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

Deno.test("a bad reference is wrong usage, before anything is done", async () => {
  using home = new TemporaryFolder();
  const { code, stdout, stderr } = await larder(home.path, "pull", "ghcr.io/../x");
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(
    stderr,
    /^error: bad reference "ghcr\.io\/\.\.\/x": .* \[LDR_BAD_REFERENCE\]\nhint: /,
  );
  assert.deepEqual([...Deno.readDirSync(home.path)], []);
});
