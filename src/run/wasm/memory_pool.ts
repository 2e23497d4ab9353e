import { MAX_GUEST_MEMORY } from "./limit_memory.ts";
import { type MemoryShape, PAGE } from "./memory_image.ts";

/** So many memories of ended instances are kept for the next ones, for each module in a thread. */
const SPARE_MEMORIES = 2;

/** The memories that instances of one module use in turn, each filled with the module's image when it is taken. */
export class MemoryPool {
  readonly #shape: MemoryShape;
  readonly #image: Uint8Array;
  readonly #free: WebAssembly.Memory[] = [];

  constructor(shape: MemoryShape, image: Uint8Array) {
    this.#shape = shape;
    this.#image = image;
  }

  /** @throws RangeError where there is no room for another one */
  acquire(): WebAssembly.Memory {
    const { start } = this.#shape;
    const used = this.#free.pop();
    const memory = used ?? this.#make();
    const bytes = new Uint8Array(memory.buffer);
    if (used) {
      bytes.fill(0, 0, start);
      bytes.fill(0, start + this.#image.length);
    }
    bytes.set(this.#image, start);
    return memory;
  }

  /** Gives back what no instance will touch again; one that has grown is not what the next instance asks for. */
  release(memory: WebAssembly.Memory): void {
    const hasGrown = memory.buffer.byteLength !== this.#shape.initial * PAGE;
    if (!hasGrown && this.#free.length < SPARE_MEMORIES) this.#free.push(memory);
  }

  /** A guest may grow its memory as far as its module says, and no further than larder says. */
  #make(): WebAssembly.Memory {
    const { initial, maximum = Infinity } = this.#shape;
    const limit = Math.max(initial, MAX_GUEST_MEMORY / PAGE);
    return new WebAssembly.Memory({ initial, maximum: Math.min(maximum, limit) });
  }
}
