import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { readBytesIfAny } from "../../../base/files/files.ts";
import type { Digest } from "../../../oci/digest.ts";
import { MAX_LOCKED_APP } from "../../../oci/locked_app.ts";
import { spinApplication } from "../../../oci/manifest.ts";
import { parseSpinApp, unsupportedTriggers } from "../../../run/spin/app.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import { CONFIG_FILE } from "../../../store/layout.ts";
import { pathOf, readManifest } from "./manifest.ts";

/** The components and triggers of a Spin app. */
export interface SpinInfo {
  readonly name: string;
  readonly components: readonly {
    readonly id: string;
    readonly digest: Digest;
    /** Number of static files. */
    readonly files: number;
    readonly path: string | null;
  }[];
  readonly routes: readonly { readonly route: string | null; readonly component: string | null }[];
  /** Types of the triggers other than HTTP. */
  readonly otherTriggers: readonly string[];
}

/** A Spin app, or the reason why it cannot be read; both are null unless the image is a Spin app. */
export interface SpinInspection {
  readonly spin: SpinInfo | null;
  readonly spinProblem: string | null;
}

/** Reads the locked app of the image in a folder. @param subject the name of the image, for messages */
export function inspectSpin(
  snapshot: CacheSnapshot,
  folder: string,
  subject: string,
): SpinInspection {
  const manifest = readManifest(folder);
  if (manifest?.kind !== "image" || !spinApplication(manifest)) {
    return { spin: null, spinProblem: null };
  }
  try {
    const bytes = readBytesIfAny(join(folder, CONFIG_FILE), MAX_LOCKED_APP);
    return { spin: bytes ? spinInfo(snapshot, bytes, subject) : null, spinProblem: null };
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    return { spin: null, spinProblem: error.message };
  }
}

function spinInfo(snapshot: CacheSnapshot, bytes: Uint8Array, subject: string): SpinInfo {
  const app = parseSpinApp(bytes, subject);
  return {
    name: app.name,
    components: [...app.components.values()].map(({ id, digest, files }) => ({
      id,
      // An app that was pushed has the digests of its Wasm.
      digest: digest!,
      files: files.length,
      path: pathOf(snapshot, digest!),
    })),
    routes: app.httpTriggers.map(({ route, target }) => ({
      route: route ?? null,
      component: target.kind === "component" ? target.component : null,
    })),
    otherTriggers: unsupportedTriggers(app),
  };
}
