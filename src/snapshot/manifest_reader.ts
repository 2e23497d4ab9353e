import { type LockedApp, MAX_LOCKED_APP, parseLockedApp } from "../oci/locked_app.ts";
import { sep } from "node:path";
import { hasCode, messageOf } from "../base/errors.ts";
import { readBytesIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { CONFIG_FILE, MANIFEST_FILE } from "../store/layout.ts";

/** What could be read, or what is wrong with it; neither where nothing is there. */
export interface ReadResult<T> {
  readonly value?: T | undefined;
  readonly problem?: string;
}

/** Reads manifests and locked apps, each once: entries share them. */
export class ManifestReader {
  readonly #manifests = new Map<string, ReadResult<Manifest>>();
  readonly #apps = new Map<string, ReadResult<LockedApp>>();

  /** The manifest in a folder. @param digest what it has to have */
  manifest(folder: string, digest?: Digest): ReadResult<Manifest> {
    return remembered(this.#manifests, folder, () => {
      const bytes = readBytesIfAny(folder + sep + MANIFEST_FILE);
      return bytes && parseManifest(bytes, folder, null, digest);
    });
  }

  /** Spin's locked app in a folder. */
  lockedApp(folder: string): ReadResult<LockedApp> {
    return remembered(this.#apps, folder, () => {
      const bytes = readBytesIfAny(folder + sep + CONFIG_FILE, MAX_LOCKED_APP);
      return bytes && parseLockedApp(bytes, folder);
    });
  }
}

function remembered<T>(
  known: Map<string, ReadResult<T>>,
  folder: string,
  read: () => T | undefined,
): ReadResult<T> {
  const before = known.get(folder);
  if (before) return before;
  const result = attempt(read);
  known.set(folder, result);
  return result;
}

function attempt<T>(read: () => T | undefined): ReadResult<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (
      !hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST", "LDR_DIGEST_MISMATCH")
    ) throw error;
    return { problem: messageOf(error) };
  }
}
