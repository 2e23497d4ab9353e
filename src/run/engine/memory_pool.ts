import { MAX_GUEST_MEMORY } from "../wasm/rewrite/limit_memory.ts";
import { type MemoryShape, PAGE } from "../wasm/rewrite/memory_image.ts";

/** Pages of the largest 32-bit memory. */
const MAX_PAGES = 65_536;

/** Limit on unused memories of one module in a thread. */
const SPARE_MEMORIES = 2;

/** Memories for the instances of one module, which are used again. An acquired memory contains the module's image. */
export class MemoryPool {
  readonly #shape: MemoryShape;
  readonly #bytes: Uint8Array;
  /** Bytes to which a memory can grow. */
  readonly limit: number;
  /** True if the module says so, rather than larder. */
  readonly isOwnLimit: boolean;
  readonly #free: WebAssembly.Memory[] = [];

  /** @param maxMemory bytes to which a memory can grow, unless it is larger from the beginning or the module says less */
  constructor(
    { shape, bytes }: { readonly shape: MemoryShape; readonly bytes: Uint8Array },
    maxMemory: number = MAX_GUEST_MEMORY,
  ) {
    this.#shape = shape;
    this.#bytes = bytes;
    const { initial, maximum = MAX_PAGES } = shape;
    const limit = Math.max(initial, Math.floor(maxMemory / PAGE));
    this.limit = Math.min(maximum, limit, MAX_PAGES) * PAGE;
    this.isOwnLimit = maximum <= limit;
  }

  /** @throws RangeError if the system has no memory left */
  acquire(): WebAssembly.Memory {
    const used = this.#free.pop();
    const memory = used ?? this.#create();
    if (used) this.reset(memory);
    else new Uint8Array(memory.buffer).set(this.#bytes, this.#shape.start);
    return memory;
  }

  /** Gives a used memory the initial contents; what it has grown by becomes zero. */
  reset(memory: WebAssembly.Memory): void {
    const { start } = this.#shape;
    const bytes = new Uint8Array(memory.buffer);
    bytes.fill(0, 0, start);
    bytes.fill(0, start + this.#bytes.length);
    bytes.set(this.#bytes, start);
  }

  /** Bytes by which a memory has grown. */
  growth(memory: WebAssembly.Memory): number {
    return memory.buffer.byteLength - this.#shape.initial * PAGE;
  }

  /** Takes back a memory that no instance uses any longer. One that has grown is dropped: it has another size. */
  release(memory: WebAssembly.Memory): void {
    if (this.growth(memory) === 0 && this.#free.length < SPARE_MEMORIES) this.#free.push(memory);
  }

  #create(): WebAssembly.Memory {
    return new WebAssembly.Memory({ initial: this.#shape.initial, maximum: this.limit / PAGE });
  }
}
