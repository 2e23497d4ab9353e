import { DRAFT_INTERFACES } from "../../wasm/interfaces/draft_interfaces.ts";
import { limitHeap } from "../../wasm/rewrite/limit_heap.ts";
import { limitMemories } from "../../wasm/rewrite/limit_memory.ts";
import type { MemoryImage } from "../../wasm/rewrite/memory_image.ts";
import { makeInterruptible } from "../../wasm/rewrite/interruptible.ts";
import { makeResettable } from "../../wasm/rewrite/resettable.ts";
import type { WasiVersion } from "../../wasm/interfaces/requirements.ts";
import { DRAFT_KEY_VALUE, SQLITE_4 } from "../../wasm/interfaces/spin_interfaces.ts";
import { adaptComponent } from "../adaptations/adapt_scripts.ts";
import { addReset } from "../adaptations/reset_script.ts";
import type { TranspilerFiles } from "./transpiler_files.ts";

/** A component as JavaScript, and the core modules that the JavaScript instantiates. */
export interface Transpiled {
  /** A function body that returns `instantiate`. */
  readonly script: string;
  /** Core modules by the names that the script uses. */
  readonly modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Initial contents of the memories that modules import, by the modules' names. */
  readonly images: ReadonlyMap<string, MemoryImage>;
}

/** The exports of the transpiler's script that are used here. */
interface Transpiler {
  readonly $init: Promise<void>;
  generate(component: Uint8Array, options: object): {
    readonly files: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>])[];
  };
}

/** Functions of key-value stores and databases, which another thread carries out. */
const STATE_IMPORTS = [
  ...["[static]store.open", "[method]store.get", "[method]store.set", "[method]store.delete"],
  ...["[method]store.exists", "[method]store.get-keys"],
].map((name) => `fermyon:spin/key-value#${name}`).concat(
  ["fermyon:spin/sqlite", "spin:sqlite/sqlite"].flatMap((sqlite) => [
    `${sqlite}#[static]connection.open`,
    `${sqlite}#[method]connection.execute`,
    `${sqlite}#[method]connection.changes`,
    `${sqlite}#[method]connection.last-insert-rowid`,
  ]),
  ["open", "get", "set", "delete", "exists", "list-keys"].map((name) =>
    `wasi:keyvalue/store#${name === "open" ? name : `[method]bucket.${name}`}`
  ),
  ["get-many", "set-many", "delete-many"].map((name) => `wasi:keyvalue/batch#${name}`),
  ["increment", "swap", "[method]cas.current"].map((name) => `wasi:keyvalue/atomics#${name}`),
);

/**
 * Host functions that may wait: the guest is suspended meanwhile, and its thread serves others. A name without a
 * version applies to every 0.2.x.
 */
const WAITING_IMPORTS = [
  "wasi:io/poll#poll",
  "wasi:io/poll#poll-list",
  "wasi:io/poll#poll-one",
  "wasi:io/poll#[method]pollable.block",
  "wasi:io/streams#[method]input-stream.blocking-read",
  "wasi:io/streams#[method]input-stream.blocking-skip",
  "wasi:io/streams#[method]output-stream.blocking-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-write-zeroes-and-flush",
  "wasi:io/streams#[method]output-stream.blocking-splice",
  ...STATE_IMPORTS,
];

/** Functions of WASI 0.3 that must return at once, but whose results come from the thread that owns the sockets. */
const WAITING_IMPORTS_3 = [
  "wasi:sockets/types#[method]tcp-socket.bind",
  "wasi:sockets/types#[method]tcp-socket.listen",
  "wasi:sockets/types#[method]udp-socket.bind",
  "wasi:sockets/types#[method]udp-socket.connect",
];

/** Pages of 2 GiB: generated scripts take addresses above for negative numbers, and would pass other bytes. */
const MAX_PAGES = 32_768;

type ImportMap = readonly (readonly [name: string, key: string])[];

const SPIN_MAP: ImportMap = [SQLITE_4, ...DRAFT_KEY_VALUE].map((name) => [name, name]);

const WASI_2_MAP: ImportMap = [
  ...DRAFT_INTERFACES.map((name) => [name, name] as const),
  ...SPIN_MAP,
];

/** The packages of WASI 0.3, whose names those of 0.2 have. jco takes an entry for all later releases of 0.3, too. */
const WASI_3_MAP: ImportMap = [
  ...["cli", "clocks", "filesystem", "http", "random", "sockets"].flatMap((name) =>
    ["0.3.0", "0.3.0-rc-2026-03-15"].map((version) =>
      [`wasi:${name}/*@${version}`, `wasi3:${name}/*`] as const
    )
  ),
  ...SPIN_MAP,
];

/** Guest functions that call one of those. */
const WAITING_EXPORTS = ["wasi:http/incoming-handler#handle", "wasi:cli/run#run"];

/**
 * Turns a component into JavaScript and core modules that wait through JavaScript Promise Integration. A component of
 * 12 MB takes 1.3 to 1.7 s and 220 to 257 MB of memory, which a thread of its own gives back.
 *
 * Precondition: the component's names, which appear in the script as they are, were checked (`wasm/binary/inspect.ts`).
 *
 * @throws the transpiler's error if the component is not valid
 */
export async function transpile(
  component: Uint8Array,
  wasi: WasiVersion,
  files: TranspilerFiles,
): Promise<Transpiled> {
  const { $init, generate } = loadTranspiler(files);
  await $init;
  const generated = generate(component, {
    name: "component",
    // By default, imports are named without a version.
    map: [...wasi === "0.2" ? WASI_2_MAP : WASI_3_MAP],
    instantiation: { tag: "async" },
    asyncMode: {
      tag: "jspi",
      val: {
        imports: wasi === "0.2" ? WAITING_IMPORTS : [...WAITING_IMPORTS, ...WAITING_IMPORTS_3],
        exports: WAITING_EXPORTS,
      },
    },
    noTypescript: true,
    noNodejsCompat: true,
    noNamespacedExports: true,
    base64Cutoff: 0,
  });
  const modules = new Map<string, Uint8Array<ArrayBuffer>>();
  const images = new Map<string, MemoryImage>();
  for (const [name, bytes] of generated.files.filter(([name]) => name.endsWith(".wasm"))) {
    const { code, image } = limitMemories(limitHeap(bytes));
    modules.set(name, code);
    if (image) images.set(name, withAddressableMemory(image));
  }
  const [, text] = generated.files.find(([name]) => name.endsWith(".js"))!;
  const script = new TextDecoder().decode(text);
  const transpiled = (wasi === "0.2" && resettable(script, modules, images)) ||
    { script, modules, images };
  const adapted = adaptComponent(transpiled.script, wasi);
  const instances = adapted.match(/\binstantiateCore\(/g)?.length ?? 0;
  if (instances > 2 * modules.size + 16) throw new Error(`it has ${instances} core instances`);
  const interruptible = [...transpiled.modules].map(([name, code]) =>
    [name, makeInterruptible(code)] as const
  );
  return { ...transpiled, script: adapted, modules: new Map(interruptible) };
}

function withAddressableMemory({ shape, bytes }: MemoryImage): MemoryImage {
  const maximum = Math.min(shape.maximum ?? Infinity, MAX_PAGES);
  return { shape: { ...shape, maximum }, bytes };
}

/** Returns the component in a form whose instances can be used again; undefined if it may have state that would stay. */
function resettable(
  script: string,
  modules: Transpiled["modules"],
  images: Transpiled["images"],
): Transpiled | undefined {
  const withReset = addReset(script);
  if (withReset === undefined) return undefined;
  const rewritten = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const [name, bytes] of modules) {
    const code = makeResettable(bytes, images.get(name)?.shape.initial);
    if (!code) return undefined;
    rewritten.set(name, code);
  }
  return { script: withReset, modules: rewritten, images };
}

function loadTranspiler({ script, cores }: TranspilerFiles): Transpiler {
  const evaluate = new Function("host", "compileCore", script);
  return evaluate(emptyHost(), (name: string) => WebAssembly.compile(cores.get(name)!));
}

/** A host without files, environment and output: the transpiler only computes. */
export function emptyHost(): Record<string, object> {
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
