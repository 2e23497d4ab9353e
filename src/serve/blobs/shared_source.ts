import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { BlobStream, Fetcher, FetchOptions } from "../../oci/fetcher.ts";
import { isTransient } from "../../registry/http/retry.ts";

/** Repositories that are asked for one blob; clients name them, and one is enough. */
const MAX_SOURCES = 8;

/**
 * The source of a download that clients of several repositories share. Each has a registry of its own, which may lack the
 * blob, refuse it or send another one: the others are asked then, so that no client depends on what another one named.
 */
export class SharedSource implements Fetcher {
  /** By the name of the repository; the first one is asked next. */
  #sources: readonly (readonly [name: string, source: Fetcher])[] = [];
  /** Those whose failure has given the others all tries. */
  readonly #failed = new Set<Fetcher>();

  add(name: string, source: Fetcher): void {
    const isKnown = this.#sources.some(([other]) => other === name);
    if (isKnown || this.#sources.length === MAX_SOURCES) return;
    this.#sources = [...this.#sources, [name, source]];
  }

  /** @inheritdoc */
  async fetch(
    descriptor: BlobDescriptor,
    offset = 0,
    options: FetchOptions = {},
  ): Promise<BlobStream> {
    const tried = new Set<Fetcher>();
    let failure: unknown;
    for (;;) {
      // One that has been added meanwhile is asked, too.
      const left = this.#sources.filter(([, source]) => !tried.has(source));
      const source = left[0]?.[1];
      if (!source) throw failure;
      tried.add(source);
      try {
        const once = options.once ?? left.length > 1;
        const stream = await source.fetch(descriptor, offset, { ...options, once });
        return this.#watched(stream, source, descriptor, options);
      } catch (error) {
        if (options.signal?.aborted) throw error;
        if (!isTransient(failure)) failure = error;
        this.#leave(source, isTransient(error), options);
      }
    }
  }

  /** Notes if the bytes of a source break off, are too few, or are wrong. */
  #watched(
    stream: BlobStream,
    source: Fetcher,
    { size = 0 }: BlobDescriptor,
    options: FetchOptions,
  ): BlobStream {
    const leave = (isTransient: boolean) => this.#leave(source, isTransient, options);
    const hasOthers = () => this.#sources.length > 1;
    async function* chunks() {
      let position = stream.offset;
      try {
        for await (const chunk of stream.chunks) {
          position += chunk.length;
          yield chunk;
        }
      } catch (error) {
        leave(true);
        throw error;
      }
      if (position < size) leave(true);
    }
    return {
      offset: stream.offset,
      end: stream.end,
      chunks: chunks(),
      get reject() {
        return stream.reject ?? (hasOthers() ? () => leave(false) : undefined);
      },
    };
  }

  /** Asks the others first from now on, and this one never again unless the failure may pass. */
  #leave(source: Fetcher, isTransient: boolean, { tries }: FetchOptions): void {
    const others = this.#sources.filter(([, other]) => other !== source);
    const own = this.#sources.filter(([, other]) => other === source);
    if (others.length === 0) return;
    this.#sources = isTransient ? [...others, ...own] : others;
    if (!this.#failed.has(source)) tries?.restart();
    this.#failed.add(source);
  }
}
