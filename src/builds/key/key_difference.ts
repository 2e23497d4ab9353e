import { formatBytes } from "../../base/units.ts";
import { shortDigest } from "../../oci/digest.ts";
import type { KeyDocument, KeyInput, KeyPackage } from "./key.ts";
import { lineChanges } from "./line_changes.ts";

/** A part of a key document. */
export type KeyPart =
  | "name"
  | "platform"
  | "sandbox"
  | "network"
  | "output"
  | "command"
  | "env"
  | "ref"
  | "package"
  | "input";

/** One difference between the keys of two builds. */
export interface KeyDifference {
  readonly part: KeyPart;
  readonly change: "added" | "removed" | "changed";
  /** What of the part differs: the path of an input, the name of a package, a line of the command. */
  readonly subject: string;
  /** How it differs, if it is in both: `mode 0644 → 0755`. */
  readonly detail?: string;
}

/** Returns how a build differs from an earlier one, most telling parts first. Empty only for equal documents. */
export function differencesOf(before: KeyDocument, after: KeyDocument): KeyDifference[] {
  return [
    ...valueDifferences(before, after),
    ...lineChanges(commandLines(before), commandLines(after))
      .map(({ change, line }) => ({ part: "command", change, subject: line } as const)),
    ...byName("env", Object.entries(before.env), Object.entries(after.env), quoted),
    ...byName(
      "ref",
      before.refs.map(nameAndDigest),
      after.refs.map(nameAndDigest),
      (digest) => digest,
    ),
    ...packageDifferences(before.packages, after.packages),
    ...inputDifferences(before.inputs, after.inputs),
  ];
}

function valueDifferences(before: KeyDocument, after: KeyDocument): KeyDifference[] {
  return (["name", "platform", "sandbox", "network", "output"] as const)
    .filter((part) => before[part] !== after[part])
    .map((part) => ({
      part,
      change: "changed",
      subject: part,
      detail: `${before[part]} → ${after[part]}`,
    }));
}

/** Returns the arguments of a command, each on its lines; those of a script in an argument are compared one by one. */
function commandLines({ command }: KeyDocument): string[] {
  return command.flatMap((argument) =>
    argument.includes("\n") ? argument.split("\n") : [JSON.stringify(argument)]
  );
}

/** Compares two lists of names with values. */
function byName(
  part: KeyPart,
  before: readonly (readonly [name: string, value: string])[],
  after: readonly (readonly [name: string, value: string])[],
  format: (value: string) => string,
): KeyDifference[] {
  const [old, current] = [new Map(before), new Map(after)];
  const removed = [...old.keys()].filter((name) => !current.has(name))
    .map((subject) => ({ part, change: "removed", subject } as const));
  const others = [...current].flatMap(([subject, value]): KeyDifference[] => {
    const former = old.get(subject);
    if (former === undefined) return [{ part, change: "added", subject }];
    if (former === value) return [];
    return [{ part, change: "changed", subject, detail: `${format(former)} → ${format(value)}` }];
  });
  return [...removed, ...others];
}

function quoted(value: string): string {
  return JSON.stringify(value);
}

function nameAndDigest({ name, digest }: KeyDocument["refs"][number]): [string, string] {
  return [name, shortDigest(digest)];
}

/** Compares packages by name and architecture: another version of one is a change, not a removal and an addition. */
function packageDifferences(
  before: readonly KeyPackage[],
  after: readonly KeyPackage[],
): KeyDifference[] {
  const isIn = (list: readonly KeyPackage[], { file, digest }: KeyPackage) =>
    list.some((each) => each.file === file && each.digest === digest);
  const removed = before.filter((each) => !isIn(after, each));
  const added = after.filter((each) => !isIn(before, each));
  const differences: KeyDifference[] = [];
  for (const own of added) {
    const at = removed.findIndex(({ name, arch }) => name === own.name && arch === own.arch);
    const subject = `${own.name} ${own.version}`;
    if (at < 0) {
      differences.push({ part: "package", change: "added", subject });
      continue;
    }
    const [former] = removed.splice(at, 1);
    const detail = former!.version === own.version
      ? `${shortDigest(former!.digest)} → ${shortDigest(own.digest)}`
      : `${former!.version} → ${own.version}`;
    differences.push({ part: "package", change: "changed", subject: own.name, detail });
  }
  return [
    ...removed.map(({ name, version }) => {
      return { part: "package", change: "removed", subject: `${name} ${version}` } as const;
    }),
    ...differences,
  ];
}

function inputDifferences(
  before: readonly KeyInput[],
  after: readonly KeyInput[],
): KeyDifference[] {
  const old = new Map(before.map((input) => [input.path, input]));
  const differences: KeyDifference[] = [];
  for (const input of after) {
    const { path } = input;
    const former = old.get(path);
    old.delete(path);
    const detail = former && inputChange(former, input);
    if (!former) differences.push({ part: "input", change: "added", subject: path });
    else if (detail) differences.push({ part: "input", change: "changed", subject: path, detail });
  }
  const removed = [...old.keys()]
    .map((subject) => ({ part: "input", change: "removed", subject } as const));
  return [...removed, ...differences];
}

/** Returns how an input has changed; undefined if it has not. */
function inputChange(before: KeyInput, after: KeyInput): string | undefined {
  if (before.type === "link" || after.type === "link") {
    if (before.type !== after.type) return `${before.type} → ${after.type}`;
    const [from, to] = [before, after].map((link) => (link as { target: string }).target);
    return from === to ? undefined : `link to ${from} → ${to}`;
  }
  if (before.type !== after.type) return `${before.type} → ${after.type}`;
  const changes: string[] = [];
  if (before.type === "file" && after.type === "file" && before.digest !== after.digest) {
    const sizes = before.size === after.size
      ? `still ${formatBytes(after.size)}`
      : `${formatBytes(before.size)} → ${formatBytes(after.size)}`;
    changes.push(`other content (${sizes})`);
  }
  if (before.mode !== after.mode) changes.push(`mode ${before.mode} → ${after.mode}`);
  return changes.length > 0 ? changes.join(", ") : undefined;
}
