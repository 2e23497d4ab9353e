import { digestOf } from "../../oci/hash.ts";
import type { SharedRecord } from "./shared_content.ts";
import type { SharedObject } from "./shared_store.ts";

/** Returns where a record is: names have characters that a key cannot have, and may be long. */
export function recordObject({ kind, name }: Pick<SharedRecord, "kind" | "name">): SharedObject {
  return { kind, digest: digestOf(new TextEncoder().encode(name)) };
}
