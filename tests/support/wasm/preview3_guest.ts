import { hostImports, type HostSettings } from "../../../src/run/wasi/host.ts";
import { GuestTask } from "../../../src/run/wasi/preview3/guest_task.ts";
import type { GuestStream } from "../../../src/run/wasi/preview3/streams.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { GuestHost } from "./guest_host.ts";

/** A guest of WASI 0.3 that calls the host; disposing of it ends the guest. */
export class Preview3Guest implements Disposable {
  readonly host: GuestHost;
  readonly task = new GuestTask();
  readonly #resources = new InstanceResources();
  readonly #imports: Record<string, object>;

  constructor(settings: Partial<HostSettings> = {}, stdin: readonly string[] = []) {
    this.host = new GuestHost(settings, stdin);
    this.#imports = hostImports(this.host.host, this.#resources, this.task);
  }

  /** Returns an interface by its name, such as `cli/stdout`. */
  interface<T>(name: string): T {
    return this.#imports[`wasi3:${name}`] as T;
  }

  [Symbol.dispose](): void {
    this.task.stop();
    this.#resources[Symbol.dispose]();
  }
}

/** Returns a guest's stream that ends after the texts; `onDrop` is called when the host drops it. */
export function guestStream(
  texts: readonly string[],
  onDrop: () => void = () => {},
): GuestStream<Uint8Array> {
  const chunks = texts.map((text) => new TextEncoder().encode(text));
  return {
    read: () => {
      const value = chunks.shift();
      return Promise.resolve({ value, done: value === undefined });
    },
    [Symbol.dispose]: onDrop,
  };
}

/** Reads a stream of the host to its end, as text. */
export async function textOfStream(stream: AsyncIterable<Uint8Array> | []): Promise<string> {
  let text = "";
  for await (const bytes of stream) text += new TextDecoder().decode(bytes);
  return text;
}
