import { buildProgram } from "../../../../src/cli/command_tree.ts";
import assert from "node:assert/strict";
import { join } from "node:path";
import { bashScript } from "../../../../src/cli/commands/completions/bash.ts";
import { fishScript } from "../../../../src/cli/commands/completions/fish.ts";
import { flatten, modelOf } from "../../../../src/cli/commands/completions/model.ts";
import { powershellScript } from "../../../../src/cli/commands/completions/powershell.ts";
import { zshScript } from "../../../../src/cli/commands/completions/zsh.ts";
import { TestUser } from "../../../support/cli/test_user.ts";
import { run } from "../../../support/cli/commands.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { typeInto } from "../../../support/cli/terminal.ts";

const MODEL = modelOf(buildProgram());
const SCRIPTS = {
  bash: bashScript(MODEL),
  zsh: zshScript(MODEL),
  fish: fishScript(MODEL),
  powershell: powershellScript(MODEL),
};

/** What the `larder` of the tests answers to `larder __complete`. */
const ENTRIES = [
  "docker.io/library/nginx:latest",
  "ghcr.io/acme/shop:v1",
  "ghcr.io/acme/shop:v2",
  "nginx:latest",
  "quay.io/x/y@sha256:91e8",
  "url/a b/1/any",
  "evil/$(touch pwned);touch pwned/`touch pwned`/any",
];

/** A folder with the script in it, a file and a folder to complete, and a `larder` that knows of {@link ENTRIES}. */
class Workplace extends TemporaryFolder {
  readonly script = join(this.path, "script");

  constructor(script: string) {
    super();
    Deno.writeTextFileSync(this.script, script);
    Deno.writeTextFileSync(join(this.path, "spin.toml"), "");
    Deno.mkdirSync(join(this.path, "folder"));
    Deno.mkdirSync(join(this.path, ".bin"));
    const lines = ENTRIES.map((name) => `printf '%s\\n' '${name}'`);
    const other = 'if [ "$1" = --cache-dir ]; then echo "other:$2"; exit; fi';
    const noHelper = '[ "$1" = __complete ] || exit 0';
    const program = ["#!/bin/sh", other, noHelper, ...lines].join("\n");
    Deno.writeTextFileSync(join(this.path, ".bin/larder"), program, { mode: 0o755 });
  }
}

/** A command line in the words that bash splits it into; the last one is completed. */
const BASH_CASES: [words: string[], completions: string[]][] = [
  [["larder", "pu"], ["pull"]],
  [["larder", "di"], ["dir"]],
  [["larder", "nothing"], []],
  [["larder", "l"], ["lock", "list", "login", "logout"]],
  [["larder", "imag"], []],
  [["larder", "rm", "--dry"], ["--dry-run"]],
  [["larder", "rm", "ng"], ["nginx:latest"]],
  [["larder", "-q", "ls", "--type", "im"], ["image"]],
  [["larder", "images", "--sort", "si"], ["size"]],
  [["larder", "inspect", "ng"], ["nginx:latest"]],
  [["larder", "prune", "--max-s"], ["--max-size"]],
  [["larder", "_"], []],
  [["larder", "pull", "--pol"], ["--policy"]],
  [["larder", "pull", "--policy", ""], ["always", "missing", "never"]],
  [["larder", "pull", "--policy", "a"], ["always"]],
  [["larder", "pull", "--policy", "="], ["always", "missing", "never"]],
  [["larder", "pull", "--policy", "=", "n"], ["never"]],
  [["larder", "pull", "--policy", "always", "--format", "j"], ["json"]],
  [["larder", "pull", "--policy", "=", "always", "--format", "=", "j"], ["json"]],
  [["larder", "list", "--format", "pull", "--pol"], []],
  [["larder", "--cache-dir", "pull", "pu"], ["pull"]],
  [["larder", "--cache-dir", "=", "/x", "pu"], ["pull"]],
  [["larder", "-q", "pull", "nginx", "--foreig"], ["--foreign"]],
  [["larder", "pull", "list", "--foreig"], ["--foreign"]],
  [["larder", "pull", "--", "--foreig"], []],
  [["larder", "pull", "--offl"], ["--offline"]],
  [["larder", "config", "set", "--offl"], ["--offline"]],
  [["larder", "completions", ""], ["bash", "zsh", "fish", "powershell"]],
  [["larder", "completions", "zsh", ""], []],
  [["larder", "help", "compl"], ["completions"]],
  [["larder", "help", "config", "s"], ["set", "show"]],
  [["larder", "help", "pull", ""], []],
  [["larder", "pull", "$(exit 3)"], []],
  [["larder", "list", "--type", "p"], ["package"]],
  [["larder", "list", "--sort", "si"], ["size"]],
  [["larder", "config", "s"], ["set", "show"]],
  [["larder", "config", "set", "gc.max"], ["gc.max_size", "gc.max_count"]],
  [["larder", "config", "get", "freshness.p"], ["freshness.policy"]],
  [["larder", "config", "get", "transfers", ""], []],
  [["larder", "config", "set", "-q", "gc.auto", ""], ["true", "false"]],
  [["larder", "config", "set", "freshness.policy", "m"], ["missing"]],
  [["larder", "config", "set", "transfers", ""], []],
  [["larder", "info", "ng"], ["nginx:latest"]],
  [["larder", "info", "nginx", ":"], ["latest"]],
  [["larder", "info", "nginx", ":", "la"], ["latest"]],
  [["larder", "info", "ghcr.io/acme/shop", ":", ""], ["v1", "v2"]],
  [["larder", "info", "quay.io/x/y", "@"], ["sha256:91e8"]],
  [["larder", "info", "quay.io/x/y", "@", "sha256", ":"], ["91e8"]],
  [["larder", "info", "nginx", ":", "latest", " ", "g"], []],
  [["larder", "pin", "nginx", ":", "latest", " ", "quay.io/x/y"], ["quay.io/x/y@sha256:91e8"]],
  [["larder", "pull", "ghcr.io/acme/shop", ":", "v2"], ["v2"]],
  [["larder", "--cache-dir", "/x", "info", "o"], ["other:/x"]],
  [["larder", "info", "--cache-dir", "=", "/y", "o"], ["other:/y"]],
  [["larder", "info", "url/a"], ["url/a\\ b/1/any"]],
  [["larder", "info", "'ng"], []],
];

Deno.test("bash completes", async (t) => {
  using place = new Workplace(SCRIPTS.bash);
  // One shell for all: lines and words are arguments, and END ends the words of a line.
  const code = `. "$0"; PATH=\${0%/*}/.bin:$PATH
    while [ $# -gt 0 ]; do
      COMP_LINE=$1; COMP_POINT=\${#1}; COMP_WORDS=(); shift
      until [ "$1" = END ]; do COMP_WORDS+=("$1"); shift; done; shift
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _larder || exit
      for word in "\${COMPREPLY[@]}"; do echo "$word"; done; echo END
    done`;
  const shell = ["--norc", "--noprofile", "-euc", code, place.script];
  const output = await run("bash", [...shell, ...BASH_CASES.flatMap(([words]) => bashLine(words))]);
  const answers = output.split("END\n");
  for (const [i, [words, completions]] of BASH_CASES.entries()) {
    await t.step(words.join(" "), () => {
      assert.deepEqual(answers[i]!.split("\n").filter(Boolean), completions);
    });
  }
  assertUnharmed(place);
});

/** Returns a command line, its words as bash splits it, and END. */
function bashLine(words: readonly string[]): string[] {
  // Words that are split at : and @ have no blank between them on the line.
  const line = words.filter((word) => word !== " ").reduce((before, word, i, all) => {
    const isJoined = /^[:@=]$/.test(word) || /^[:@=]$/.test(all[i - 1] ?? "");
    const isApart = words[words.indexOf(word) - 1] === " ";
    return isJoined && !isApart ? before + word : `${before} ${word}`;
  });
  return [line, ...words.filter((word) => word !== " "), "END"];
}

const FISH_CASES: [line: string, completions: string[]][] = [
  ["larder pu", ["pull"]],
  ["larder pull --policy ", ["always", "missing", "never"]],
  ["larder pull --policy=a", ["--policy=always"]],
  ["larder --cache-dir pull pu", ["pull"]],
  ["larder --cache-dir ", ["folder/"]],
  ["larder pull spi", ["spin.toml"]],
  ["larder run spi", ["spin.toml"]],
  ["larder run --dir fol", ["folder/"]],
  ["larder list spi", []],
  ["larder list --format j", ["json"]],
  ["larder l", ["list", "lock", "login", "logout"]],
  ["larder imag", []],
  ["larder completions p", ["powershell"]],
  ["larder completions zsh p", []],
  ["larder help config s", ["set", "show"]],
  ["larder list --type p", ["package"]],
  ["larder list --sort si", ["size"]],
  ["larder config set gc.max_c", ["gc.max_count"]],
  ["larder config set -q gc.auto ", ["false", "true"]],
  ["larder config set freshness.policy m", ["missing"]],
  ["larder info ng", ["nginx:latest"]],
  ["larder info nginx:latest ng", []],
  ["larder pin nginx:latest quay", ["quay.io/x/y@sha256:91e8"]],
  ["larder info ghcr.io/acme/shop:", ["ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"]],
  ["larder --cache-dir /x info other", ["other:/x"]],
  ["larder info --cache-dir=/y other", ["other:/y"]],
  ["larder pull --all-platfor", ["--all-platforms"]],
];

Deno.test("fish completes", async (t) => {
  using place = new Workplace(SCRIPTS.fish);
  const code =
    "cd (dirname $argv[1]); set -gx PATH $PWD/.bin $PATH; source $argv[1]; for line in $argv[2..-1]; complete -C $line; echo END; end";
  const lines = FISH_CASES.map(([line]) => line);
  const output = await run("fish", ["--no-config", "-c", code, place.script, ...lines]);
  const answers = output.split("END\n");
  for (const [i, [line, completions]] of FISH_CASES.entries()) {
    await t.step(line, () => {
      const words = answers[i]!.split("\n").filter(Boolean).map((text) => text.split("\t")[0]);
      assert.deepEqual(words, completions);
    });
  }
});

const SHELLS: [name: "bash" | "zsh", command: string, setup: string][] = [
  ["bash", "bash --norc --noprofile -i", "PATH=$PWD/.bin:$PATH; source ./script"],
  [
    "zsh",
    "zsh -f -i",
    "PATH=$PWD/.bin:$PATH; autoload -U compinit; compinit -u -D; source ./script",
  ],
];

const TYPED: [keys: string, shown: string][] = [
  ["larder pu\t", "larder pull "],
  ["larder pull --pol\tal\t", "always "],
  ["larder pull --policy=n\t", "--policy=never"],
  ["larder pull ./sp\t", "./spin.toml"],
  ["larder run ./sp\t", "./spin.toml"],
  ["larder --cache-dir fol\t", "folder"],
  ["larder run --dir fol\t", "folder"],
  ["larder info ng\t", "nginx:latest"],
  ["larder info ghcr.io/acme/shop:v\t2", "ghcr.io/acme/shop:v2"],
  ["larder pin nginx:latest quay\t", "quay.io/x/y@sha256:91e8"],
  ["larder --cache-dir /x info oth\t", "other:/x"],
  ["larder info --cache-dir /y oth\t", "other:/y"],
  ["larder list --sort lastU\t", "lastUsed"],
  ["larder config set gc.a\tf\t", "gc.auto false"],
  ["larder help config uns\t", "config unset"],
  ["larder info url/a\t", "url/a\\ b/1/any"],
  ["larder info 'url/$\t", "url/"],
];

for (const [name, command, setup] of SHELLS) {
  for (const [keys, shown] of TYPED) {
    Deno.test(`${name} on a terminal completes: ${JSON.stringify(keys)}`, async () => {
      using place = new Workplace(SCRIPTS[name]);
      const screen = await typeInto(command, { setup, keys, folder: place.path });
      const text = shownText(screen);
      assert.ok(text.includes(shown), JSON.stringify(screen));
      assertUnharmed(place);
    });
  }
}

const QUOTED = ["'$(touch pwned)'", "'`touch pwned`", "'$(touch pwned)/x", "'x; touch pwned; '"];
/** zsh expands these before any completion script is asked, whatever the command. */
const BARE = [
  "$(touch pwned)",
  "`touch pwned`",
  '"$(touch pwned)',
  "$(touch pwned)/x",
  "<(touch pwned)",
];
const PLACES = [
  "",
  "pull ",
  "pull --policy ",
  "--cache-dir=",
  "pull --config ",
  "help ",
  "pull x ",
  "info ",
  "config set ",
];

for (const [name, command, setup] of SHELLS) {
  for (const word of name === "zsh" ? QUOTED : [...QUOTED, ...BARE]) {
    Deno.test(`${name} does not run a typed ${word}`, async () => {
      using place = new Workplace(SCRIPTS[name]);
      const keys = PLACES.map((prefix) => `larder ${prefix}${word}\t\t\x01\x0b`).join("");
      await typeInto(command, { setup, keys, folder: place.path });
      assertUnharmed(place);
    });
  }
}

for (const word of [...QUOTED, ...BARE]) {
  Deno.test(`fish does not run a typed ${word}`, async () => {
    using place = new Workplace(SCRIPTS.fish);
    const code =
      "cd (dirname $argv[1]); set -gx PATH $PWD/.bin $PATH; source $argv[1]; for line in $argv[2..-1]; complete -C $line; end";
    const lines = PLACES.flatMap((prefix) => [word, `${word} `].map((w) => `larder ${prefix}${w}`));
    await run("fish", ["--no-config", "-c", code, place.script, ...lines]);
    assertUnharmed(place);
  });
}

for (const [name, command, setup] of SHELLS) {
  Deno.test(`${name} inserts the name of an entry quoted`, async () => {
    using place = new Workplace(SCRIPTS[name]);
    // On one line, because a shell drops the keys that are typed while a command runs.
    const keys = "larder info ev\t; echo DO''NE; exit\n";
    const screen = await typeInto(command, { setup, keys, folder: place.path });
    // The terminal may show only the end of the line.
    assert.ok(screen.includes("touch\\ pwned"), JSON.stringify(screen));
    assertUnharmed(place);
  });
}

Deno.test("the tests notice a script that evaluates typed words", async () => {
  using place = new Workplace(`_larder() { eval "true \${COMP_WORDS[*]}"; }
    complete -F _larder larder`);
  const [, command, setup] = SHELLS[0]!;
  const keys = "larder pull $(touch pwned)\t";
  await typeInto(command, { setup, keys, folder: place.path });
  assert.throws(() => assertUnharmed(place));
});

for (const shell of ["bash", "zsh", "fish"] as const) {
  Deno.test(`${shell} accepts the syntax of its script`, async () => {
    using place = new Workplace(SCRIPTS[shell]);
    await run(shell, ["-n", place.script]);
  });
}

for (const [shell, script] of Object.entries(SCRIPTS)) {
  Deno.test(`the ${shell} script has every command and option`, () => {
    const dash = shell === "fish" ? (flag: string) => flag.replace(/^-+/, "") : String;
    for (const { path, options } of flatten(MODEL)) {
      for (const word of [...path, ...options.flatMap(({ flags }) => flags.map(dash))]) {
        assert.match(script, new RegExp(`(?<![\\w-])${word}(?![\\w-])`));
      }
    }
  });
}

for (const [shell, script] of Object.entries(SCRIPTS)) {
  Deno.test(`larder completions ${shell} prints the script also with a broken config`, async () => {
    using user = new TestUser();
    user.write(".config/larder/config.yaml", "unknown: key");
    const result = await user.larder(["completions", shell]);
    assert.deepEqual(result, { code: 0, stdout: script, stderr: "" });
  });
}

Deno.test("larder completions rejects an unknown shell", async () => {
  using user = new TestUser();
  const { code, stderr } = await user.larder(["completions", "tcsh"]);
  assert.equal(code, 2);
  assert.match(stderr, /bash, zsh, fish or powershell \[LDR_USAGE\]/);
});

function assertUnharmed(place: Workplace): void {
  const names = [...Deno.readDirSync(place.path)].map((entry) => entry.name);
  assert.ok(!names.includes("pwned"));
}

/** Returns the text that a terminal shows: without bells, and without what backspaces overwrite. */
function shownText(screen: string): string {
  let text = "";
  for (const character of screen) {
    if (character === "\x07") continue;
    text = character === "\b" ? text.slice(0, -1) : text + character;
  }
  return text;
}
