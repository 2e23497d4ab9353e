import { sep } from "node:path";
import { hasCode, messageOf } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files/files.ts";
import type { Digest } from "../oci/digest.ts";
import { type LockedApp, MAX_LOCKED_APP, parseLockedApp } from "../oci/locked_app.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { CONFIG_FILE, MANIFEST_FILE } from "../store/layout.ts";

/** A document, or what is wrong with it; neither if the file does not exist. */
export interface ReadResult<T> {
  readonly value?: T | undefined;
  readonly problem?: string;
}

/** Reads manifests and locked apps, each once, because entries share them. */
export class ManifestReader {
  readonly #manifests = new Map<string, ReadResult<Manifest>>();
  readonly #apps = new Map<string, ReadResult<LockedApp>>();

  /** Reads the manifest in a folder. @param digest that it must have */
  manifest(folder: string, digest?: Digest): ReadResult<Manifest> {
    return readOnce(this.#manifests, folder, () => {
      const bytes = readBytesIfAny(folder + sep + MANIFEST_FILE);
      return bytes && parseManifest(bytes, folder, null, digest);
    });
  }

  /** Reads Spin's locked app in a folder. */
  lockedApp(folder: string): ReadResult<LockedApp> {
    return readOnce(this.#apps, folder, () => {
      const bytes = readBytesIfAny(folder + sep + CONFIG_FILE, MAX_LOCKED_APP);
      return bytes && parseLockedApp(bytes, folder);
    });
  }
}

function readOnce<T>(
  results: Map<string, ReadResult<T>>,
  folder: string,
  read: () => T | undefined,
): ReadResult<T> {
  const known = results.get(folder);
  if (known) return known;
  const result = resultOf(read);
  results.set(folder, result);
  return result;
}

function resultOf<T>(read: () => T | undefined): ReadResult<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (
      !hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST", "LDR_DIGEST_MISMATCH")
    ) throw error;
    return { problem: messageOf(error) };
  }
}
