/** Options and verbs of other tools that users type, and what larder has in their place. */

import type { Command } from "commander";

/** The hint for options of other tools. */
interface OptionHabit {
  readonly flags: readonly string[];
  /** The verbs that the hint applies to; without any, all of them. */
  readonly verbs?: readonly string[];
  /** An option that the command must have. */
  readonly needs?: string;
  readonly hint: string;
}

const RUNS_IN_FOREGROUND = "leave it out: larder runs in the foreground and keeps no containers";

const OPTION_HABITS: readonly OptionHabit[] = [
  {
    flags: ["-f", "-y", "--yes", "--assume-yes", "--assumeyes", "-rf", "-fr", "-fa", "-af"],
    needs: "--force",
    hint: "--force removes without asking",
  },
  {
    flags: ["-a", "--all"],
    verbs: ["clean"],
    hint: "without names, larder clean removes every entry that is not pinned",
  },
  {
    flags: ["-a", "--all"],
    verbs: ["gc"],
    hint:
      "larder gc --unused 30d evicts what is unused for 30 days, larder clean removes everything",
  },
  {
    flags: ["-a", "-l", "-la", "-al", "--long", "--all", "--digests", "--no-trunc", "--tree"],
    verbs: ["list", "images"],
    hint: "-v lists every entry, --format json all there is to know about it",
  },
  { flags: ["-a"], needs: "--all", hint: "write --all" },
  { flags: ["-a", "--all", "--all-tags"], verbs: ["pull"], hint: "larder pulls the tags you name" },
  { flags: ["-n"], needs: "--dry-run", hint: "--dry-run only shows the plan" },
  {
    flags: ["--json", "-j", "-o", "--output"],
    needs: "--format",
    hint: "--format json prints JSON",
  },
  { flags: ["-f"], needs: "--filter", hint: "write --filter" },
  { flags: ["-f"], verbs: ["info"], hint: "--format json prints JSON" },
  { flags: ["-e"], verbs: ["run"], hint: "--env NAME=VALUE sets a variable" },
  {
    flags: ["-p", "-P", "--publish", "--port", "--addr"],
    verbs: ["run"],
    hint: "--listen HOST:PORT selects the address to serve on",
  },
  {
    flags: ["--volume", "--mount", "--mapdir"],
    verbs: ["run"],
    hint: "--dir HOST::GUEST grants access to a folder",
  },
  {
    flags: ["--net", "--network"],
    verbs: ["run"],
    hint: "--allow-net=HOST grants access to a host",
  },
  {
    flags: ["-i", "-t", "-it", "-ti", "-d", "--rm", "--detach", "--interactive", "--tty", "--name"],
    verbs: ["run"],
    hint: RUNS_IN_FOREGROUND,
  },
  {
    flags: ["-f", "--file", "--from"],
    verbs: ["run"],
    hint: "name the reference or the file without an option",
  },
  {
    flags: ["--tls-verify", "--src-tls-verify", "--plain-http", "--allow-insecure"],
    hint: "--insecure allows plain HTTP and unverified TLS certificates",
  },
  {
    flags: ["--creds", "--authfile", "--username", "-u"],
    verbs: ["pull", "run", "outdated", "update"],
    hint: "larder login REGISTRY stores credentials; those of docker login are used too",
  },
  { flags: ["--arch", "--os"], needs: "--platform", hint: "write --platform linux/arm64" },
  { flags: ["--jobs", "--concurrency"], needs: "--transfers", hint: "write --transfers N" },
  {
    flags: ["-f", "--force", "--no-cache", "--pull"],
    needs: "--policy",
    hint: "--policy always asks the registry; larder verify --repair replaces damaged files",
  },
  {
    flags: ["-p", "--password"],
    verbs: ["login"],
    hint: "pipe the password in and write --password-stdin, so that it is in no list of processes",
  },
  { flags: ["--fix"], verbs: ["verify"], hint: "write --repair" },
  {
    flags: ["--older-than", "--max-age", "--until", "--filter"],
    verbs: ["gc"],
    hint: "--unused 30d evicts what is unused for 30 days",
  },
  {
    flags: ["--older-than", "--max-age", "--until", "--unused"],
    verbs: ["clean"],
    hint: "--days 30 selects entries unused for 30 days",
  },
  { flags: ["--keep"], verbs: ["gc"], hint: "write --keep-last N" },
  { flags: ["--debug", "-D"], hint: "write --verbose" },
  { flags: ["--silent", "-s"], hint: "write --quiet" },
  { flags: ["--no-color", "--no-colour"], hint: "set the variable NO_COLOR=1" },
];

/** Verbs of other tools, and those of larder that do the same. A verb of `config` follows `config`. */
const VERB_HABITS: Readonly<Record<string, readonly string[]>> = {
  add: ["pull"],
  autoremove: ["gc"],
  cache: ["list", "clean"],
  cleanup: ["gc"],
  delete: ["clean"],
  download: ["pull"],
  du: ["df"],
  erase: ["clean"],
  exec: ["run"],
  fsck: ["verify"],
  get: ["pull"],
  image: ["images", "clean"],
  install: ["pull"],
  load: ["import"],
  ps: ["list"],
  purge: ["clean"],
  remove: ["clean"],
  rmi: ["clean"],
  save: ["export"],
  show: ["info"],
  start: ["run"],
  system: ["df", "gc"],
  uninstall: ["clean"],
  up: ["run"],
  upgrade: ["update"],
  "config edit": ["set", "path"],
  "config list": ["show"],
  "config ls": ["show"],
};

/** Verbs that larder has nothing for, with the reason. */
const OTHER_VERBS: Readonly<Record<string, string>> = {
  logs: "larder runs in the foreground and keeps no logs",
  push: "larder serve takes pushes; oras, skopeo, podman and docker send them",
  stop: "larder runs in the foreground: Ctrl-C ends it",
  tag: "larder adds no tags; oras, skopeo and crane do",
  version: "larder --version prints the version",
};

/** Returns the hint for an option that `command` does not have; undefined if no other tool has it. */
export function hintForOption(command: Command, flag: string): string | undefined {
  const name = flag.split("=", 1)[0]!;
  const has = (option: string) => command.options.some(({ long }) => long === option);
  return OPTION_HABITS.find(({ flags, verbs, needs }) =>
    flags.includes(name) && (verbs?.includes(command.name()) ?? true) &&
    (needs === undefined || has(needs))
  )?.hint;
}

/** Returns the verbs in place of one of another tool. @param path the verb, with those before it */
export function verbsFor(path: readonly string[]): readonly string[] {
  return VERB_HABITS[path.join(" ")] ?? [];
}

/** Returns the hint for a verb that larder has nothing for. */
export function hintForVerb(path: readonly string[]): string | undefined {
  return OTHER_VERBS[path.join(" ")];
}
