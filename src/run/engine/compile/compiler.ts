import { freeBytes } from "../../../base/bytes.ts";
import { hasCode, interrupted, LarderError, throwIfAborted } from "../../../base/errors.ts";
import { algorithmOf, type Digest } from "../../../oci/digest.ts";
import { digestWithWebCrypto } from "../../../oci/hash.ts";
import type {
  CompiledStore,
  EngineFile,
  StoredFile,
} from "../../../store/entries/compiled_store.ts";
import type { MemoryShape } from "../../wasm/rewrite/memory_image.ts";
import type { WasiVersion } from "../../wasm/interfaces/requirements.ts";
import type { CompiledComponent } from "../component.ts";
import type { Transpiled } from "./transpile.ts";
import type { TranspileRequest, TranspileResult } from "./transpile_worker.ts";
import { readTranspiler } from "./transpiler_files.ts";
import { ENGINE_VERSIONS } from "./version.ts";
import { readWrapper } from "./wrapper_files.ts";

/** Names of the files of a compiled component; core modules have the names that the script uses. */
const SCRIPT = "component.js";
const MEMORIES = "memories.json";
const IMAGE_SUFFIX = ".image";

/** Contents of `memories.json`: the shapes of the memories that modules import, by the modules' names. */
type Shapes = Readonly<Record<string, MemoryShape>>;

export interface CompileOptions {
  /** The version of WASI that the component is made for; by default 0.2. */
  readonly wasi?: WasiVersion;
  /** Called before a component is compiled, which can take seconds. */
  readonly onMiss?: () => void;
  /** Called if the compiled form cannot be stored, so that the next run compiles again. */
  readonly warn?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Compiles components and stores the compiled forms in the cache. */
export class Compiler {
  readonly #store: CompiledStore;
  readonly #makeRoom: ((bytes: number) => Promise<boolean>) | undefined;

  /** @param makeRoom frees space on a disk that is too full for these bytes, and returns true if it did */
  constructor(store: CompiledStore, makeRoom?: (bytes: number) => Promise<boolean>) {
    this.#store = store;
    this.#makeRoom = makeRoom;
  }

  /**
   * Returns the compiled form of a component, from the cache if it is there and undamaged.
   *
   * @param read returns the component, whose names were checked (`wasm/binary/inspect.ts`), or a core module to make one of;
   * called only on a miss
   * @throws LarderError LDR_BAD_WASM, LDR_DISK*, LDR_INTERRUPTED
   */
  async compile(
    digest: Digest,
    read: () => Uint8Array<ArrayBuffer>,
    options: CompileOptions = {},
  ): Promise<CompiledComponent> {
    const { wasi = "0.2" } = options;
    const cached = this.#store.find(digest, ENGINE_VERSIONS[wasi]);
    if (cached) {
      try {
        return await load(cached, wasi);
      } catch (error) {
        if (!isDamage(error)) throw error;
      }
    }
    options.onMiss?.();
    const transpiled = await transpileInThread(read(), wasi, digest, options.signal);
    await this.#save(digest, filesOf(transpiled), options);
    return await assemble(transpiled, wasi);
  }

  /**
   * Stores a compiled form, and makes room for it once. Only warns if the cache is read-only, full or busy, because the
   * code can run all the same.
   */
  async #save(
    digest: Digest,
    files: readonly EngineFile[],
    { wasi = "0.2", warn, signal }: CompileOptions,
  ): Promise<void> {
    const version = ENGINE_VERSIONS[wasi];
    const put = () => this.#store.put(digest, version, files, { signal });
    try {
      this.#store.removeDamaged(digest, version);
      try {
        await put();
      } catch (error) {
        const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
        if (!hasCode(error, "LDR_DISK_FULL") || !await this.#makeRoom?.(bytes)) throw error;
        await put();
      }
    } catch (error) {
      const codes = ["LDR_DISK", "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION"] as const;
      if (!hasCode(error, ...codes, "LDR_BUSY")) throw error;
      warn?.(`cannot store the compiled form, so the next run compiles again: ${error.message}`);
    }
  }
}

/** True for a core module, as opposed to a component. */
function isCoreModule(wasm: Uint8Array): boolean {
  return wasm[6] === 0;
}

/** A file does not have its digest. */
class DamagedFile extends Error {}

/** True if a compiled form is missing or damaged, so that it has to be made again. */
function isDamage(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof DamagedFile ||
    error instanceof WebAssembly.CompileError || error instanceof SyntaxError ||
    error instanceof TypeError;
}

async function load(
  files: ReadonlyMap<string, StoredFile>,
  wasi: WasiVersion,
): Promise<CompiledComponent> {
  const contents = new Map([...files].map(([name, { path }]) => [name, Deno.readFileSync(path)]));
  // V8 compiles in threads of its own meanwhile.
  const [component] = await Promise.all([
    assemble(decode(contents), wasi),
    verify(contents, files),
  ]);
  // 17 MB for a component of 12 MB. V8 and the shared memory have copies.
  for (const bytes of contents.values()) freeBytes(bytes);
  return component;
}

/** @throws DamagedFile */
async function verify(
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

async function assemble(
  { script, modules, images }: Transpiled,
  wasi: WasiVersion,
): Promise<CompiledComponent> {
  const compiled = await Promise.all(
    [...modules].map(async ([name, bytes]) => [name, await WebAssembly.compile(bytes)] as const),
  );
  const shared = [...images].map(([name, { shape, bytes }]) =>
    [name, { shape, bytes: toSharedMemory(bytes) }] as const
  );
  return { wasi, script, modules: new Map(compiled), images: new Map(shared) };
}

/** Copies bytes to memory that all threads of the component share. */
function toSharedMemory(bytes: Uint8Array): Uint8Array {
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

/** Transpiles in a thread without permissions, which gives its memory back when it ends. */
async function transpileInThread(
  component: Uint8Array<ArrayBuffer>,
  wasi: WasiVersion,
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
    if ("error" in data) reject(cannotCompile(digest, data.error));
    else resolve(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    reject(cannotCompile(digest, event.message));
  };
  try {
    const wrapper = isCoreModule(component) ? readWrapper() : undefined;
    const request: TranspileRequest = { component, wasi, files: readTranspiler(wasi), wrapper };
    worker.postMessage(request, [component.buffer]);
    return await promise;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    worker.terminate();
  }
}

/** Returns the error for Wasm that the transpiler or V8 rejects. */
export function cannotCompile(subject: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_BAD_WASM", `cannot compile ${subject}: ${reason}`, {
    hint:
      "it may be damaged, or use features that the embedded engine lacks: try --engine wasmtime, or --engine spin for a Spin app",
    cause,
  });
}
