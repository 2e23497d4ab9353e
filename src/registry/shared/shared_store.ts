import type { Digest } from "../../oci/digest.ts";
import type { HttpResponse, UploadContent } from "../http/transport.ts";
import type { RecordKind } from "./shared_content.ts";

/** An object of a store: content by its digest, or a record by the digest of its name. */
export interface SharedObject {
  readonly kind: "data" | "manifests" | RecordKind;
  readonly digest: Digest;
}

/** Returns the name of an object in a store, such as `data/sha256:…`. */
export function keyOf({ kind, digest }: SharedObject): string {
  return `${kind}/${digest}`;
}

export interface NewObject extends UploadContent {
  readonly mediaType: string;
  /** The digest of the bytes, which the server checks if it can. */
  readonly contentDigest: Digest;
}

/** Where shared content is kept. Each call is one request, or a few, and is not repeated. */
export interface SharedStore {
  /** As the config has it. */
  readonly name: string;
  /** Bytes that an object can have; undefined if there is no limit. */
  readonly maxObject?: number;
  /**
   * Requests an object, or the range of it that the headers name.
   * @returns the response with status 200, 206 or 416
   * @throws LarderError LDR_NOT_FOUND for a miss; any other for a failure
   */
  get(
    object: SharedObject,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<HttpResponse>;
  has(object: SharedObject, signal?: AbortSignal): Promise<boolean>;
  /**
   * Writes an object, unless it is present.
   * @param replaces true if one that is present is replaced
   */
  put(
    object: SharedObject,
    content: NewObject,
    options: { readonly replaces: boolean; readonly signal?: AbortSignal },
  ): Promise<void>;
}
