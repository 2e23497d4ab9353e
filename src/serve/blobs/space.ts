import { hasCode } from "../../base/errors.ts";
import type { BlobDescriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { type Lack, lackOf, type Room } from "../../pull/room.ts";

/** Frees space for downloads and uploads, for one at a time. The store lock is not held meanwhile, which a collector needs. */
export class Space {
  readonly #room: Room | undefined;
  readonly #note: (message: string) => void;
  #last: Promise<unknown> = Promise.resolve();

  /** @param room undefined if a full disk is an error at once */
  constructor(room: Room | undefined, note: (message: string) => void) {
    this.#room = room;
    this.#note = note;
  }

  /** Frees space before bytes are written, if there will be too little. */
  async prepare({ digest, size = 0 }: Pick<BlobDescriptor, "digest" | "size">): Promise<void> {
    if (await this.#room?.isShort(size)) await this.#make(digest, size, "expected");
  }

  /** Frees space after a write failed. @returns true if the write can be tried again */
  async recover(error: unknown, digest: Digest, missing: number): Promise<boolean> {
    return hasCode(error, "LDR_DISK_FULL") && await this.#make(digest, missing, lackOf(error));
  }

  #make(digest: Digest, bytes: number, lack: Lack): Promise<boolean> {
    const request = { bytes, files: 1, folders: [], digests: [digest] };
    const note = this.#note;
    const made = this.#last.then(() => this.#room?.make(request, { lack, note }) ?? false);
    this.#last = made.catch(() => {});
    return made;
  }
}
