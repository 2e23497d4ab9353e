import type { UploadContent } from "../http/transport.ts";

/** Returns bytes as the body of a request. */
export function contentOf(bytes: Uint8Array): UploadContent {
  return {
    size: bytes.length,
    open: async function* () {
      yield await Promise.resolve(bytes);
    },
  };
}
