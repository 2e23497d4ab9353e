// deno-lint-ignore-file no-console
/**
 * Checks that src/ keeps its layers: imports run downward only and never between folders of one layer, no files or
 * folders import each other in a circle, every folder has a layer, packages are mapped in deno.json, and main.ts
 * imports only src/cli.
 *
 *   deno run --allow-read scripts/check_layers.ts [ROOT]
 */
import { join, posix, relative } from "node:path";

/**
 * The folders of src/, lowest layer first. Folders of one layer do not import each other. Some are reserved for
 * features without code yet: trust and containers.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["base"],
  ["oci"],
  ["store", "registry"],
  ["snapshot"],
  ["pull", "gc", "verify"],
  ["trust", "packages", "exchange"],
  ["builds", "containers", "run", "serve"],
  ["cli"],
];

/** Files outside src/ that it may import. `--version` reads the version from deno.json. */
const OUTSIDE = ["deno.json"];

interface Import {
  readonly line: number;
  /** Undefined if it is not a literal. */
  readonly specifier: string | undefined;
}

/** Returns every violation below `root` as `file:line: reason`, in the order of the files. */
export function checkLayers(root: string): string[] {
  const mapped = importMap(root);
  const check = (file: string) =>
    importsOf(Deno.readTextFileSync(join(root, file))).flatMap(({ line, specifier }) => {
      const reason = fault(file, specifier, mapped);
      return reason ? [`${file}:${line}: ${reason}`] : [];
    });
  const misplaced = (file: string) =>
    file === "main.ts" || layerOf(file) !== undefined
      ? []
      : [`${file}:1: ${folderOf(file) ?? "src/"} has no layer`];
  const files = ["main.ts", ...sources(root, "src")];
  return [
    ...files.flatMap((file) => [...misplaced(file), ...check(file)]),
    ...circles(root, files),
  ];
}

/**
 * Returns the circles of imports in each folder, one line each: `src/run: engine -> wasi -> engine`. A folder counts
 * as one node with all its files, so that circles of folders are found as well as circles of files.
 */
function circles(root: string, files: readonly string[]): string[] {
  const folders = new Map<string, Map<string, Set<string>>>();
  for (const file of files) {
    for (const { specifier } of importsOf(Deno.readTextFileSync(join(root, file)))) {
      if (!specifier?.startsWith(".")) continue;
      const target = posix.join(posix.dirname(file), specifier);
      const [from, to] = [file.split("/"), target.split("/")];
      const common = from.findIndex((part, i) => part !== to[i]);
      if (common < 2) continue; // The layers already forbid circles between the folders of src/.
      const folder = from.slice(0, common).join("/");
      const imports = folders.get(folder) ?? new Map<string, Set<string>>();
      folders.set(folder, imports);
      imports.set(from[common]!, (imports.get(from[common]!) ?? new Set()).add(to[common]!));
    }
  }
  return [...folders].flatMap(([folder, imports]) => {
    const circle = circleIn(imports);
    return circle ? [`${folder}: ${circle.join(" -> ")} is a circle of imports`] : [];
  });
}

/** Returns a path that ends where it starts, or undefined. */
function circleIn(imports: ReadonlyMap<string, ReadonlySet<string>>): string[] | undefined {
  const done = new Set<string>();
  const follow = (path: readonly string[]): string[] | undefined => {
    const name = path.at(-1)!;
    const start = path.indexOf(name);
    if (start < path.length - 1) return path.slice(start);
    if (done.has(name)) return undefined;
    for (const next of imports.get(name) ?? []) {
      const circle = follow([...path, next]);
      if (circle) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of imports.keys()) {
    const circle = follow([name]);
    if (circle) return circle;
  }
  return undefined;
}

/**
 * Returns the imports of a file formatted by `deno fmt`: statements begin at the start of a line and use double
 * quotes, so that no parser is needed.
 */
export function importsOf(text: string): Import[] {
  const statement =
    /^(?:import\s+(?:[^"';]*?\sfrom\s+)?|export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+)"([^"\n]+)"/gm;
  const dynamic = /^(?!\s*(?:\/\/|\/?\*)).*?\bimport\(\s*(?:"([^"\n]+)")?/gm;
  return [...text.matchAll(statement), ...text.matchAll(dynamic)]
    .map((match) => ({ line: lineOf(text, match.index + match[0].length), specifier: match[1] }))
    .sort((a, b) => a.line - b.line);
}

function fault(
  file: string,
  specifier: string | undefined,
  mapped: ReadonlySet<string>,
): string | undefined {
  if (specifier === undefined) return "import() must name its module as a literal";
  if (/^\.{1,2}\//.test(specifier)) {
    return relativeFault(file, posix.join(posix.dirname(file), specifier));
  }
  if (specifier.startsWith("node:")) return undefined;
  const name = packageOf(specifier);
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier) || specifier.startsWith("/")) {
    return `"${specifier}" must be a bare name, mapped in deno.json`;
  }
  return mapped.has(name) || mapped.has(specifier)
    ? undefined
    : `"${specifier}" is not mapped in deno.json`;
}

function relativeFault(file: string, target: string): string | undefined {
  if (file === "main.ts") {
    return target.startsWith("src/cli/") ? undefined : `main.ts must not import ${target}`;
  }
  if (!target.startsWith("src/")) {
    return OUTSIDE.includes(target) ? undefined : `${target} is outside src/`;
  }
  const from = layerOf(file);
  const to = layerOf(target);
  if (to === undefined) return `${folderOf(target) ?? target} has no layer`;
  if (from === undefined || folderOf(file) === folderOf(target) || to < from) return undefined;
  const reason = to === from ? "is in the same layer" : "is in a higher layer";
  return `${folderOf(file)} must not import ${target}, which ${reason}`;
}

/** Returns `src/store` for `src/store/layout.ts`, and undefined for a file in no folder of src/. */
function folderOf(file: string): string | undefined {
  return /^src\/[^/]+(?=\/)/.exec(file)?.[0];
}

function layerOf(file: string): number | undefined {
  const folder = folderOf(file)?.slice("src/".length);
  const layer = LAYERS.findIndex((folders) => folder !== undefined && folders.includes(folder));
  return layer < 0 ? undefined : layer;
}

/** Returns `@scope/name` for `@scope/name/part` and `name` for `name/part`. */
function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

function importMap(root: string): ReadonlySet<string> {
  const config = JSON.parse(Deno.readTextFileSync(join(root, "deno.json")));
  return new Set(Object.keys(config.imports ?? {}));
}

/** Returns the scripts below a folder, sorted, with `/` between their parts. */
function sources(root: string, folder: string): string[] {
  return [...Deno.readDirSync(join(root, folder))]
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .flatMap((entry) => {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory) return sources(root, path);
      return /\.[mc]?[jt]sx?$/.test(entry.name) ? [path] : [];
    });
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

if (import.meta.main) {
  const root = Deno.args[0] ?? relative(Deno.cwd(), join(import.meta.dirname!, ".."));
  const violations = checkLayers(root || ".");
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) Deno.exit(1);
}
