import { join } from "node:path";
import { readFolder, readTextIfAny } from "../../../base/files/files.ts";
import { displayName, sourceOfPackage, spellings } from "../../../store/entry_names.ts";
import { type Layout, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../../../store/layout.ts";
import type { Context } from "../../context.ts";
import { writeOut } from "../../terminal/console.ts";

/** Control characters, which a line for a completion script cannot hold. */
const CONTROL = /\p{Cc}/u;

/**
 * `larder __complete`: prints the names of the cache's entries for a completion script, one a line. Reads folders
 * rather than the whole cache, because the user is typing, and prints nothing if the config or the cache cannot be
 * read.
 */
export async function printEntryNames(open: () => Promise<Context>): Promise<void> {
  let names: string[];
  try {
    names = entryNames((await open()).layout);
  } catch {
    return;
  }
  writeOut(names.map((name) => `${name}\n`).join(""));
}

/**
 * Returns the names of all entries, sorted: those of Docker Hub also in their short form, packages also without their
 * source, and builds and compiled code with the first digits of their digest. Names that a line cannot hold are left out.
 */
export function entryNames(layout: Layout): string[] {
  const names = [
    ...appNames(layout),
    ...packageNames(layout),
    ...buildNames(layout),
    ...compiledNames(layout),
  ];
  const typed = new Set(names.flatMap(typedForms).filter((name) => !CONTROL.test(name)));
  return [...typed].sort();
}

/** Returns `docker.io/library/nginx:latest` and `nginx:latest` for the first of these, and a package also without its source. */
function typedForms(name: string): string[] {
  const shown = displayName(name);
  const source = sourceOfPackage(name);
  if (source !== undefined) return [name, name.slice(source.length + 1)];
  if (!name.startsWith("docker.io/")) return [shown];
  const tag = name.slice(name.lastIndexOf("/") + 1);
  const short = spellings(name).filter((spelling) => spelling.endsWith(tag)).at(-1);
  return short === undefined || short === shown ? [shown] : [shown, short];
}

function* appNames(layout: Layout): Generator<string> {
  for (const registry of foldersIn(layout.manifests)) {
    const path = join(layout.manifests, registry);
    yield* namesInRepository(layout, path, layout.registryOfName(registry));
  }
}

/** Yields the names of tags and digests in a folder, and in the folders below it. */
function* namesInRepository(layout: Layout, path: string, name: string): Generator<string> {
  for (const child of foldersIn(path)) {
    const folder = join(path, child);
    const entries = entriesIn(folder);
    const has = (file: string) => entries.some((entry) => entry.isFile && entry.name === file);
    const digest = layout.digestOfName(child);
    if (digest) {
      // Without a record it is the manifest of another entry.
      if (has(RECORD_FILE) || has(PIN_FILE)) yield digestName(join(path, child), name, digest);
    } else {
      if (has(MANIFEST_FILE) || has(RECORD_FILE)) yield `${name}:${layout.partOfName(child)}`;
      if (entries.some((entry) => entry.isDirectory)) {
        yield* namesInRepository(layout, folder, `${name}/${layout.partOfName(child)}`);
      }
    }
  }
}

function packageNames(layout: Layout): string[] {
  const below = (path: string, depth: number): string[] =>
    depth === 0
      ? [""]
      : foldersIn(path).flatMap((folder) =>
        below(join(path, folder), depth - 1).map((rest) =>
          rest === "" ? decoded(folder) : `${decoded(folder)}/${rest}`
        )
      );
  return below(layout.packages, 4);
}

/** Returns the name of an entry that was pulled by digest, with the tag that was given for it, which is in its record. */
function digestName(folder: string, repository: string, digest: string): string {
  const reference = recordOf(folder)["reference"];
  const isNamed = typeof reference === "string" && reference.startsWith(`${repository}:`) &&
    reference.endsWith(`@${digest}`);
  return isNamed ? reference : `${repository}@${digest}`;
}

/** The name of a build is in its record only. */
function buildNames(layout: Layout): string[] {
  return [layout.builds, layout.oldBuilds].flatMap((tree) =>
    foldersIn(tree).flatMap((folder) => {
      const { name } = recordOf(join(tree, folder));
      const specification = layout.digestOfName(folder);
      return typeof name === "string" && specification ? [`${name}@${specification}`] : [];
    })
  );
}

/** Returns the record in a folder; an empty one if it is missing or damaged. */
function recordOf(folder: string): Readonly<Record<string, unknown>> {
  try {
    const record = JSON.parse(readTextIfAny(join(folder, RECORD_FILE)) ?? "{}");
    return typeof record === "object" && record !== null ? record : {};
  } catch {
    return {};
  }
}

function compiledNames(layout: Layout): string[] {
  return foldersIn(layout.compiled).flatMap((folder) => {
    const component = layout.digestOfName(folder);
    return component
      ? foldersIn(join(layout.compiled, folder)).map((engine) => `${component}/${engine}`)
      : [];
  });
}

/** Returns nothing for a folder that this user may not read: the other names can still be completed. */
function entriesIn(path: string): Deno.DirEntry[] {
  try {
    return readFolder(path);
  } catch {
    return [];
  }
}

function foldersIn(path: string): string[] {
  return entriesIn(path).filter(({ isDirectory }) => isDirectory).map(({ name }) => name);
}

/** Reads a folder name of a package as the layout encodes it; one that is not encoded so stays as it is. */
function decoded(folder: string): string {
  try {
    return decodeURIComponent(folder);
  } catch {
    return folder;
  }
}
