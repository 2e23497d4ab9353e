/**
 * Defers the imports of Node's modules in a bundle until one of their members is used. A start of the binary without
 * them takes 60 instead of 86 ms for `larder --version`, and 61 instead of 102 ms for `larder list`; a guest's first
 * answer comes 16 ms earlier.
 *
 * Deno has few of these modules ready when it starts: it compiles `node:fs`, and the twenty modules that `node:fs`
 * needs, when it is imported. commander imports some for subcommands that are separate programs, and the bundler adds
 * a `require`; larder's start seldom uses either. The two modules that every start needs are replaced.
 */
import { join } from "node:path";
import { CompileError } from "../compile_error.ts";

/** The modules that are replaced by files of `replaced_builtins`, and what these export. */
const REPLACED: Readonly<Record<string, readonly string[]>> = {
  events: ["EventEmitter"],
  path: [
    ...["default", "basename", "delimiter", "dirname", "extname", "isAbsolute", "join"],
    ...["normalize", "posix", "relative", "resolve", "sep", "win32"],
  ],
};

const FILE = "deferred.js";

/** Text of the module whose `deferred` returns a proxy for a module, function or class, loaded when it is first used. */
const RUNTIME = `export function deferred(load) {
  return new Proxy(function () {}, {
    apply: (_, self, args) => Reflect.apply(load(), self, args),
    construct: (_, args) => Reflect.construct(load(), args),
    get: (_, key) => Reflect.get(load(), key),
    has: (_, key) => Reflect.has(load(), key),
    set: (_, key, value) => Reflect.set(load(), key, value),
  });
}
`;

const DEFERRED =
  "buffer|child_process|crypto|dns|dns/promises|fs|http|https|module|net|process|stream|stream/promises|tls|util|zlib";
const IMPORT = new RegExp(
  `import\\s*(?:([\\w$]+)|\\{([^}]*)\\})\\s*from\\s*"(node:(?:${DEFERRED}))";?`,
  "g",
);
const REPLACEABLE = /import\s*(?:[\w$]+|\{([^}]*)\})\s*from\s*"node:(events|path)"/g;
/** The `require` that the bundler adds. */
const REQUIRE = /=\s*(__deno_internal_createRequire\(import\.meta\.url\))/g;

/**
 * Rewrites the modules of a bundle.
 * @param folder the folder with all of them
 * @param mains the names of the main modules whose starts must be fast
 * @throws CompileError if one of these starts would load one of Node's modules
 */
export function deferBuiltins(folder: string, mains: readonly string[]): void {
  for (const { name, isFile } of [...Deno.readDirSync(folder)]) {
    if (!isFile || !name.endsWith(".js")) continue;
    const path = join(folder, name);
    Deno.writeTextFileSync(path, deferIn(Deno.readTextFileSync(path)));
  }
  Deno.writeTextFileSync(join(folder, FILE), RUNTIME);
  for (const main of mains) {
    const loaded = loadedBy(folder, main);
    if (loaded.length === 0) continue;
    throw new CompileError(
      `every start of ${main} would load ${loaded.join(", ")}\n` +
        "hint: import it where it is used, or have scripts/bundle/deferred_builtins.ts defer it",
    );
  }
}

/** The files that have to be in the bundle, each a main module of its own. */
export const REPLACEMENTS: readonly string[] = Object.keys(REPLACED).map((name) =>
  join(import.meta.dirname!, `replaced_builtins/node_${name}.js`)
);

/** Rewrites the imports of one module. */
export function deferIn(text: string): string {
  const rewritten = text
    .replace(REPLACEABLE, (all, members: string | undefined, name: string) => {
      const wanted = namesIn(members ?? "default").map(([, theirs]) => theirs);
      const isExported = wanted.every((each) => REPLACED[name]!.includes(each));
      return isExported ? all.replace(`"node:${name}"`, `"./node_${name}.js"`) : all;
    })
    .replace(IMPORT, (_, whole?: string, members?: string, name?: string) => {
      const module = `globalThis.process.getBuiltinModule("${name}")`;
      if (whole) return deferral(whole, module);
      return namesIn(members!).map(([own, theirs]) => deferral(own, `${module}.${theirs}`)).join(
        "",
      );
    })
    .replace(REQUIRE, "=__deferred(()=>$1)");
  const imported = `import{deferred as __deferred}from"./${FILE}";`;
  return rewritten.includes("__deferred(") ? imported + rewritten : rewritten;
}

function deferral(name: string, value: string): string {
  return `const ${name}=__deferred(()=>${value});`;
}

/** Returns the names of `{a as b, c}`: each as the importing module calls it, and as the imported one does. */
function namesIn(members: string): [string, string][] {
  return members.split(",").filter((member) => member.trim()).map((member) => {
    const [theirs, own = theirs] = member.trim().split(/\s+as\s+/);
    return [own!, theirs!];
  });
}

/** Returns Node's modules that a module of the bundle imports, directly or through others, before anything runs. */
function loadedBy(folder: string, main: string): string[] {
  const seen = new Set<string>();
  const builtins = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const text = Deno.readTextFileSync(join(folder, name));
    for (const [, from] of text.matchAll(/(?:\bfrom|\bimport)\s*"([^"]+)"/g)) {
      if (from!.startsWith("node:")) builtins.add(from!);
      else if (from!.startsWith("./")) visit(from!.slice(2));
    }
  };
  visit(main);
  return [...builtins];
}
