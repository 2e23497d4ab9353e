import { hasCode, interrupted, LarderError, throwIfAborted } from "../../base/errors.ts";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { digestWithWebCrypto } from "../../oci/hash.ts";
import type { CompiledStore, EngineFile, StoredFile } from "../../store/entries/compiled_store.ts";
import type { CompiledComponent } from "./component.ts";
import { ENGINE_VERSION } from "./version.ts";
import type { MemoryShape } from "../wasm/memory_image.ts";
import type { Transpiled } from "./transpile.ts";
import type { TranspileRequest, TranspileResult } from "./transpile_worker.ts";
import { readTranspiler } from "./transpiler_files.ts";

/** The files of a compiled component, beside its modules and the images of their memories. */
const SCRIPT = "component.js";
const MEMORIES = "memories.json";
const IMAGE_SUFFIX = ".image";

/** `memories.json`: which modules import their memory, and of what shape it is. */
type Shapes = Readonly<Record<string, MemoryShape>>;

export interface CompileOptions {
  /** Called before seconds are spent on compiling. */
  readonly onMiss?: () => void;
  /** Told that what was compiled cannot be kept: it is good for now, and is made again the next time. */
  readonly warn?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Compiles components, each once: what comes of it is kept in the cache. */
export class Compiler {
  readonly #store: CompiledStore;

  constructor(store: CompiledStore) {
    this.#store = store;
  }

  /**
   * The compiled form of a component.
   *
   * @param read gives its bytes, whose names must be safe (see `wasm_binary.ts`); asked only on a miss
   * @throws LarderError LDR_BAD_WASM, LDR_DISK*, LDR_INTERRUPTED
   */
  async compile(
    digest: Digest,
    read: () => Uint8Array<ArrayBuffer>,
    options: CompileOptions = {},
  ): Promise<CompiledComponent> {
    const cached = this.#store.find(digest, ENGINE_VERSION);
    if (cached) {
      try {
        return await load(cached);
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
    }
    options.onMiss?.();
    const transpiled = await transpileInThread(read(), digest, options.signal);
    await this.#keep(digest, filesOf(transpiled), options);
    return await assemble(transpiled);
  }

  /** Who can only read the cache, or has a full disk, can run it all the same. */
  async #keep(
    digest: Digest,
    files: readonly EngineFile[],
    { warn, signal }: CompileOptions,
  ): Promise<void> {
    try {
      this.#store.removeDamaged(digest, ENGINE_VERSION);
      await this.#store.put(digest, ENGINE_VERSION, files, { signal });
    } catch (error) {
      const codes = ["LDR_DISK", "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION"] as const;
      if (!hasCode(error, ...codes, "LDR_BUSY")) throw error;
      warn?.(`what was compiled is not kept, and is compiled again each time: ${error.message}`);
    }
  }
}

/** Says that a file's bytes are not those that it was written with. */
class DamagedFile extends Error {}

/** Whether a compiled form is gone or not what it was; it can be made again. */
function isDamage(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof DamagedFile ||
    error instanceof WebAssembly.CompileError || error instanceof SyntaxError ||
    error instanceof TypeError;
}

async function load(files: ReadonlyMap<string, StoredFile>): Promise<CompiledComponent> {
  const contents = new Map([...files].map(([name, { path }]) => [name, Deno.readFileSync(path)]));
  // V8's own threads compile while others hash.
  const [component] = await Promise.all([assemble(decode(contents)), check(contents, files)]);
  return component;
}

/** @throws DamagedFile */
async function check(
  contents: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  files: ReadonlyMap<string, StoredFile>,
): Promise<void> {
  await Promise.all([...files].map(async ([name, { path, digest }]) => {
    const actual = await digestWithWebCrypto(contents.get(name)!, algorithmOf(digest));
    if (actual !== digest) throw new DamagedFile(path);
  }));
}

function decode(contents: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Transpiled {
  const text = (name: string) => new TextDecoder().decode(contents.get(name)!);
  const shapes: Shapes = JSON.parse(text(MEMORIES));
  return {
    script: text(SCRIPT),
    modules: new Map([...contents].filter(([name]) => name.endsWith(".wasm"))),
    images: new Map(
      Object.entries(shapes).map(([name, shape]) => [
        name,
        { shape, bytes: contents.get(name + IMAGE_SUFFIX)! },
      ]),
    ),
  };
}

async function assemble({ script, modules, images }: Transpiled): Promise<CompiledComponent> {
  const compiled = await Promise.all(
    [...modules].map(async ([name, bytes]) => [name, await WebAssembly.compile(bytes)] as const),
  );
  const shared = [...images].map(([name, { shape, bytes }]) =>
    [name, { shape, bytes: inSharedMemory(bytes) }] as const
  );
  return { script, modules: new Map(compiled), images: new Map(shared) };
}

/** All of a component's threads read the same copy. */
function inSharedMemory(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

function filesOf({ script, modules, images }: Transpiled): EngineFile[] {
  const encode = (text: string) => new TextEncoder().encode(text);
  const shapes: Shapes = Object.fromEntries([...images].map(([name, { shape }]) => [name, shape]));
  return [
    { name: SCRIPT, mediaType: "text/javascript", bytes: encode(script) },
    { name: MEMORIES, mediaType: "application/json", bytes: encode(JSON.stringify(shapes)) },
    ...[...modules].map(([name, bytes]) => ({ name, mediaType: "application/wasm", bytes })),
    ...[...images].map(([name, { bytes }]) => (
      { name: name + IMAGE_SUFFIX, mediaType: "application/octet-stream", bytes }
    )),
  ];
}

/** Transpiles in a thread of its own, whose memory goes with it, and which may do nothing but compute. */
async function transpileInThread(
  component: Uint8Array<ArrayBuffer>,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Transpiled> {
  throwIfAborted(signal);
  const worker = new Worker(new URL("./transpile_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Transpiled>();
  const onAbort = () => reject(interrupted());
  signal?.addEventListener("abort", onAbort, { once: true });
  worker.onmessage = ({ data }: MessageEvent<TranspileResult>) => {
    if ("error" in data) reject(untranspilable(digest, data.error));
    else resolve(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(untranspilable(digest, event.message));
  };
  try {
    const request: TranspileRequest = { component, files: readTranspiler() };
    worker.postMessage(request, [component.buffer]);
    return await promise;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    worker.terminate();
  }
}

function untranspilable(digest: Digest, reason: string): LarderError {
  return new LarderError("LDR_BAD_WASM", `cannot compile ${digest}: ${reason}`, {
    hint: "it may be damaged or use what the embedded engine does not know: try --engine wasmtime",
  });
}
