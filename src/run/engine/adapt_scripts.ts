/**
 * Turns ES modules of jco, the transpiler itself and the scripts that it generates, into function bodies.
 *
 * A module cannot be given a host, and is slow to load in each guest's thread: for a generated script of 0.5 MB,
 * `new Function` takes 4.5 ms, `import()` of a `blob:` URL 30 ms and of a `data:` URL 150 ms.
 *
 * Invariant: a step fails unless it matches exactly as often as in the scripts of jco 1.10.2, so that the scripts of
 * another version are not adapted in part.
 */

/** A replacement, and the number of places where it must match. */
interface Step {
  readonly name: string;
  readonly pattern: RegExp;
  readonly replacement: string | ((...groups: string[]) => string);
  readonly places: number;
}

const TRANSPILER_STEPS: readonly Step[] = [
  {
    // The imported package is a host for Node, which starts a thread and reads files and the environment.
    name: "take the WASI host from the parameter host",
    pattern: /^import (\{.*\}) from '@bytecodealliance\/preview2-shim\/(\w+)';$/gm,
    replacement: (_, names, part) => `const ${names!.replaceAll(" as ", ": ")} = host.${part};`,
    places: 4,
  },
  {
    // The script would read them as files, for which the transpiling thread has no permission.
    name: "take the core modules from the parameter compileCore",
    pattern: /fetchCompile\(new URL\('\.\/([^']+)', import\.meta\.url\)\)/g,
    replacement: "compileCore('$1')",
    places: 2,
  },
  {
    name: "keep $init as a variable",
    pattern: /^export (?=const \$init\b)/gm,
    replacement: "",
    places: 1,
  },
  {
    name: "return the exports",
    pattern: /^export \{(?=.*\bgenerate\b)/gm,
    replacement: "return { $init,",
    places: 1,
  },
];

/** The same, but for the export. */
const WASM_TOOLS_STEPS: readonly Step[] = TRANSPILER_STEPS.map((step) =>
  step.name === "return the exports" ? { ...step, pattern: /^export \{(?=.*\btools\b)/gm } : step
);

const COMPONENT_STEPS: readonly Step[] = [
  {
    // The default for a parameter that larder always passes. `import.meta` is a syntax error outside of modules.
    name: "drop the URL of the script",
    pattern: /(?<=fetchCompile\(new URL\(`\.\/\$\{name\}`, )import\.meta\.url(?=\)\))/g,
    replacement: "undefined",
    places: 1,
  },
  {
    name: "keep instantiate as a function",
    pattern: /^export (?=function instantiate\()/gm,
    replacement: "",
    places: 1,
  },
];

/**
 * Turns the transpiler's module into the body of a function of `host` and `compileCore` that returns its exports and
 * `$init`, the promise that it is ready.
 * @throws Error if it is not the script of jco 1.10.2
 */
export function adaptTranspiler(module: string): string {
  return TRANSPILER_STEPS.reduce(applyStep, module);
}

/** Turns the module of jco's wasm-tools into such a function body, too. @throws Error if it is not that of jco 1.10.2 */
export function adaptWasmTools(module: string): string {
  return WASM_TOOLS_STEPS.reduce(applyStep, module);
}

/**
 * Turns a generated module into the body of a function that returns its only export, `instantiate`. Names in the
 * component cannot look like the replaced places, because they have neither line ends nor backticks
 * (`wasm/inspect.ts`).
 * @throws Error if it is not a module that jco 1.10.2 generates
 */
export function adaptComponent(module: string): string {
  return `${COMPONENT_STEPS.reduce(applyStep, module)}\nreturn instantiate;`;
}

function applyStep(text: string, { name, pattern, replacement, places }: Step): string {
  const actual = text.match(pattern)?.length ?? 0;
  if (actual !== places) {
    throw new Error(`cannot adapt jco's script: "${name}" found ${actual} places, not ${places}`);
  }
  return text.replace(pattern, replacement as string);
}
