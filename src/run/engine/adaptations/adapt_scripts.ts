import { type AdaptStep, applyStep } from "./adapt_step.ts";
import { LIMIT_STEPS, LIMIT_STEPS_3, LIMITING_FUNCTIONS } from "./call_limits.ts";
import type { WasiVersion } from "../../wasm/interfaces/requirements.ts";

/**
 * Turns ES modules of jco, the transpiler itself and the scripts that it generates, into function bodies.
 *
 * A module cannot be given a host, and is slow to load in each guest's thread: for a generated script of 0.5 MB,
 * `new Function` takes 4.5 ms, `import()` of a `blob:` URL 30 ms and of a `data:` URL 150 ms.
 *
 * Invariant: a step fails unless it matches exactly as often as in the scripts of the pinned versions of jco, so that the
 * scripts of another version are not adapted in part.
 */

/** The import through which a script for WASI 0.3 and its instance's `GuestTask` reach each other. */
export const TASK_IMPORT = "larder:task";

/** Steps for every script of the transpiler for WASI 0.3, its own and those that it generates. */
const NEWER_STEPS: readonly AdaptStep[] = [
  {
    name: "keep _util as a variable",
    pattern: /^ *export (?=const _util\b)/gm,
    replacement: "",
    places: 1,
  },
  {
    // The script would read the environment, for which no thread has permission.
    name: "log nothing",
    pattern: /if \(!globalThis\?\.process\?\.env\?\.JCO_DEBUG\) \{ return; \}/g,
    replacement: "return;",
    places: 1,
  },
];

const TRANSPILER_STEPS: readonly AdaptStep[] = [
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

/** The steps for jco's wasm-tools, whose script differs only in the names that it exports. */
const WASM_TOOLS_STEPS: readonly AdaptStep[] = [...TRANSPILER_STEPS, ...NEWER_STEPS].map((step) =>
  step.name === "return the exports" ? { ...step, pattern: /^export \{(?=.*\btools\b)/gm } : step
);

const COMPONENT_STEPS: readonly AdaptStep[] = [
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
 * The Canonical ABI allocates an empty string, too, which the adapter of preview 1 relies on: it writes a NUL after each
 * value of the environment, and an empty one would run into the next variable.
 */
const EMPTY_STRINGS: Readonly<Record<WasiVersion, AdaptStep>> = {
  "0.2": {
    name: "allocate empty strings",
    pattern: /(?<=if \(s\.length === 0\) \{\s*utf8EncodedLen = 0;\s*return )1(?=;)/g,
    replacement: "realloc(0, 0, 1, 0)",
    places: (places) => places <= 1,
  },
  // A function, and one that awaits.
  "0.3": {
    name: "allocate empty strings",
    pattern:
      /((async )?function \w+\(s, realloc, memory\) \{[^]{0,200}?if \(s\.length === 0\) \{ return \{ ptr: )1(?=, len: 0 \})/g,
    replacement: (_, before, isAsync) => `${before}${isAsync ? "await " : ""}realloc(0, 0, 1, 0)`,
    places: (places) => places <= 2,
  },
};

/** Functions of an instance of WASI 0.3: a pause of the loop that resumes tasks, and what ends it. */
const PAUSE = `
const $pauses = new Map();
function $pause(delay) {
  return new Promise((resolve) => {
    if (delay === 0) return setImmediate(resolve);
    const timer = setTimeout(() => { $pauses.delete(timer); resolve(); }, delay);
    $pauses.set(timer, resolve);
  });
}
function $wake() {
  for (const [timer, resolve] of $pauses) { clearTimeout(timer); resolve(); }
  $pauses.clear();
}
`;

/** Steps that the scripts for WASI 0.3 need beside {@link COMPONENT_STEPS}. */
const TASK_STEPS: readonly AdaptStep[] = [
  {
    // A read by the host polls until the other end has written. A guest that has trapped or exited never does, and the
    // thread would poll forever. One place for streams, one for futures.
    name: "end reads from a guest that has ended",
    pattern:
      /if \(!this\.hasPendingEvent\(\)\) \{(?= return; \}[^]{0,300}? after blocked (?:stream|future) read")/g,
    replacement:
      `if (!this.hasPendingEvent() && !imports['${TASK_IMPORT}'].isOver(this.#hostInjectFn ? 'host' : 'guest')) {`,
    places: [0, 1, 2],
  },
  {
    // The loop that resumes waiting tasks starts 10 ms late, which each request would take longer.
    name: "resume tasks at once",
    pattern: /(?<=this\.#tickLoop = null;\s*\}, )10(?=\);)/g,
    replacement: "0",
    places: 1,
  },
  {
    // The loop looks for events every 10 ms. With this and the next three steps, a request of a small guest takes 4.5 ms
    // instead of 6.8 ms.
    name: "add the pause of the loop",
    pattern: /(?=const INSTANCE_FLAGS = new Map\(\);)/g,
    replacement: PAUSE,
    places: 1,
  },
  {
    name: "let the loop be woken",
    pattern: /await new Promise\(\(resolve\) => setTimeout\(resolve, delay\)\);/g,
    replacement: "await $pause(delay);",
    places: 1,
  },
  {
    name: "wake the loop for an event",
    pattern: /(?<=this\.#pendingEventFn = fn;)/g,
    replacement: " if ($pauses.size > 0) setImmediate($wake);",
    places: 1,
  },
  {
    name: "return from an import without a timer",
    pattern:
      /(?<=return new Promise\(\(resolve, reject\) => \{\s*)setTimeout(?=\(\(\) => \{\s*\/\/ NOTE: whether the import settled)/g,
    replacement: "setImmediate",
    places: (places) => places <= 1,
  },
  {
    // The function may wait after its `task.return`, for a reader of what it writes.
    name: "return at the guest's task.return",
    pattern:
      /(?<=task\.setCalleeIsAsync\(true\);[^]{0,900}?return await )_withGlobalCurrentTaskMetaAsync(?=\(\{)/g,
    replacement: `((call) => Promise.race([
      _withGlobalCurrentTaskMetaAsync(call),
      task.completionPromise().then(({ tag, val }) => {
        if (tag === 'err') throw new ComponentError(val);
        return val;
      }),
    ]))`,
    places: (places) => places >= 0,
  },
  {
    // As above: the result would be kept until the function has returned.
    name: "pass the result on before a call that may wait",
    pattern: /(?<=return \(async \(\) => \{\s*try \{)(?=\s*return await fn\.apply\(null, args\);)/g,
    replacement: " savedTask.settleCompletion();",
    places: 1,
  },
  {
    // A call returns at the guest's `task.return`, after which the guest may continue.
    name: "report the end of the called task",
    pattern: /this\.#exited = true;/g,
    replacement:
      `this.#exited = true; if (this.#callingWasmExport && this.getRootTask() === this) imports['${TASK_IMPORT}'].exited();`,
    places: 1,
  },
  {
    // A trap after the guest's `task.return` reaches no caller.
    name: "report a trap",
    pattern: /if \(this\.#errored === null\) \{ this\.#errored = err; \}/g,
    replacement:
      `if (this.#errored === null) { this.#errored = err; } imports['${TASK_IMPORT}'].failed(err);`,
    places: 1,
  },
];

/**
 * Turns the transpiler's module into the body of a function of `host` and `compileCore` that returns its exports and
 * `$init`, the promise that it is ready.
 * @throws Error if it is not the script of the pinned version for this version of WASI
 */
export function adaptTranspiler(module: string, wasi: WasiVersion): string {
  const steps = wasi === "0.2" ? TRANSPILER_STEPS : [...TRANSPILER_STEPS, ...NEWER_STEPS];
  return steps.reduce(applyStep, module);
}

/** Turns the module of jco's wasm-tools into such a function body, too. @throws Error if it is not that of jco-transpile 0.15.0 */
export function adaptWasmTools(module: string): string {
  return WASM_TOOLS_STEPS.reduce(applyStep, module);
}

/**
 * Turns a generated module into the body of a function that returns its only export, `instantiate`. Names in the
 * component cannot look like the replaced places, because they have neither line ends nor backticks
 * (`wasm/binary/inspect.ts`).
 * @throws Error if it is not a module that the pinned version for this version of WASI generates
 */
export function adaptComponent(module: string, wasi: WasiVersion): string {
  const steps = wasi === "0.2" ? [...COMPONENT_STEPS, EMPTY_STRINGS[wasi], ...LIMIT_STEPS] : [
    ...COMPONENT_STEPS,
    EMPTY_STRINGS[wasi],
    ...LIMIT_STEPS,
    ...NEWER_STEPS,
    ...TASK_STEPS,
    ...LIMIT_STEPS_3,
  ];
  return `${LIMITING_FUNCTIONS}${steps.reduce(applyStep, module)}\nreturn instantiate;`;
}
