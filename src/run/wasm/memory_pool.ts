import { MAX_GUEST_MEMORY } from "./limit_memory.ts";
import { type MemoryShape, PAGE } from "./memory_image.ts";

/** Limit on unused memories of one module in a thread. */
const SPARE_MEMORIES = 2;

/** Memories for the instances of one module, which are used again. An acquired memory contains the module's image. */
export class MemoryPool {
  readonly #shape: MemoryShape;
  readonly #bytes: Uint8Array;
  readonly #free: WebAssembly.Memory[] = [];

  constructor({ shape, bytes }: { readonly shape: MemoryShape; readonly bytes: Uint8Array }) {
    this.#shape = shape;
    this.#bytes = bytes;
  }

  /** @throws RangeError if the system has no memory left */
  acquire(): WebAssembly.Memory {
    const { start } = this.#shape;
    const used = this.#free.pop();
    const memory = used ?? this.#create();
    const bytes = new Uint8Array(memory.buffer);
    if (used) {
      bytes.fill(0, 0, start);
      bytes.fill(0, start + this.#bytes.length);
    }
    bytes.set(this.#bytes, start);
    return memory;
  }

  /** Takes back a memory that no instance uses any longer. One that has grown is dropped: it has another size. */
  release(memory: WebAssembly.Memory): void {
    const hasGrown = memory.buffer.byteLength !== this.#shape.initial * PAGE;
    if (!hasGrown && this.#free.length < SPARE_MEMORIES) this.#free.push(memory);
  }

  /** Creates a memory that can grow to the module's maximum or larder's, whichever is lower. */
  #create(): WebAssembly.Memory {
    const { initial, maximum = Infinity } = this.#shape;
    const limit = Math.max(initial, MAX_GUEST_MEMORY / PAGE);
    return new WebAssembly.Memory({ initial, maximum: Math.min(maximum, limit) });
  }
}
