import { limitMemories, type MemoryImage } from "../wasm/limit_memory.ts";
import type { TranspilerFiles } from "./transpiler_files.ts";

/** The compiled form of a component: its JavaScript, and the core modules that this instantiates. */
export interface Transpiled {
  /** A script, not a module: its last expression is the function that instantiates the component. */
  readonly script: string;
  /** By the names that the script asks for. */
  readonly modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** What the memories of those modules hold that import them, by the modules' names. */
  readonly images: ReadonlyMap<string, MemoryImage>;
}

/** What the transpiler's own script has that is used here. */
interface Transpiler {
  readonly $init: Promise<void>;
  generate(component: Uint8Array, options: object): {
    readonly files: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[];
  };
}

/**
 * The host's functions that may wait: the guest is suspended meanwhile, and its thread serves others. Their names
 * stand without versions, and hold for each 0.2.x.
 */
const WAITING_IMPORTS = [
  "wasi:io/poll#poll",
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/streams#[method]input-stream.blocking-read",
  "wasi:io/streams#[method]input-stream.blocking-skip",
  "wasi:io/streams#[method]output-stream.blocking-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-splice",
];

/** The guest's functions that reach one of those. */
const WAITING_EXPORTS = ["wasi:http/incoming-handler#handle", "wasi:cli/run#run"];

/**
 * Turns a component into JavaScript and core modules, where waiting is done by JavaScript Promise Integration.
 * This takes a second and some 200 MiB for a large one: it belongs in a thread of its own.
 *
 * The component's names must have been looked at before (`wasm_binary.ts`): they get into the script as they are.
 *
 * @throws what the transpiler throws for a component that is not valid
 */
export async function transpile(
  component: Uint8Array,
  files: TranspilerFiles,
): Promise<Transpiled> {
  const { $init, generate } = loadTranspiler(files);
  await $init;
  const generated = generate(component, {
    name: "component",
    map: [],
    instantiation: { tag: "async" },
    asyncMode: { tag: "jspi", val: { imports: WAITING_IMPORTS, exports: WAITING_EXPORTS } },
    noTypescript: true,
    noNodejsCompat: true,
    noNamespacedExports: true,
    base64Cutoff: 0,
  });
  const modules = new Map<string, Uint8Array<ArrayBuffer>>();
  const images = new Map<string, MemoryImage>();
  for (const [name, bytes] of generated.files.filter(([name]) => name.endsWith(".wasm"))) {
    const { code, image } = limitMemories(bytes);
    modules.set(name, code);
    if (image) images.set(name, image);
  }
  const [, script] = generated.files.find(([name]) => name.endsWith(".js"))!;
  return { script: asScript(new TextDecoder().decode(script)), modules, images };
}

/**
 * The transpiler as a function of its host. As a module it would bring a host of its own along, one that starts
 * a thread, and find its files only where the package lies.
 */
function loadTranspiler({ script, cores }: TranspilerFiles): Transpiler {
  const text = script
    .replace(
      /^import (\{.*\}) from '@bytecodealliance\/preview2-shim\/(\w+)';$/gm,
      (_, names: string, part: string) => `const ${names.replaceAll(" as ", ": ")} = host.${part};`,
    )
    .replace(/^async function fetchCompile \(url\) \{[\s\S]*?^\}$/m, "")
    .replace(/new URL\('\.\/([^']+)', import\.meta\.url\)/g, "'$1'")
    .replace(/^export (const|function) /gm, "$1 ")
    .replace(/^export \{.*\}$/gm, "");
  const evaluate = new Function("host", "fetchCompile", `${text}\nreturn { $init, generate };`);
  return evaluate(bareHost(), (name: string) => WebAssembly.compile(cores.get(name)!));
}

/** Makes a module that imports nothing a script that ends with its one export. */
function asScript(module: string): string {
  const text = module
    .replaceAll("import.meta.url", "undefined")
    .replace(/^export (?=function instantiate)/m, "");
  return `${text}\nreturn instantiate;`;
}

/** A host with nothing in it: the transpiler only computes. */
function bareHost(): Record<string, object> {
  class Nothing {}
  const none = () => undefined;
  const terminal = { TerminalInput: Nothing, TerminalOutput: Nothing };
  return {
    cli: {
      environment: { getEnvironment: () => [] },
      exit: {
        exit: () => {
          throw new Error("the transpiler gave up");
        },
      },
      stdin: { getStdin: () => new Nothing() },
      stdout: { getStdout: () => new Nothing() },
      stderr: { getStderr: () => new Nothing() },
      terminalInput: terminal,
      terminalOutput: terminal,
      terminalStdin: { getTerminalStdin: none },
      terminalStdout: { getTerminalStdout: none },
      terminalStderr: { getTerminalStderr: none },
    },
    filesystem: {
      preopens: { getDirectories: () => [] },
      types: { Descriptor: Nothing, DirectoryEntryStream: Nothing, filesystemErrorCode: none },
    },
    io: {
      error: { Error: Nothing },
      streams: { InputStream: Nothing, OutputStream: Nothing },
    },
    random: {
      random: {
        getRandomBytes: (length: bigint) => crypto.getRandomValues(new Uint8Array(Number(length))),
      },
    },
  };
}
