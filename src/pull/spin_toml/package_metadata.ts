import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { checkSchema } from "../../base/documents/schema_fault.ts";
import { maybe } from "../../oci/descriptor.ts";
import { parseReference, parseRegistry, type Reference } from "../../oci/reference.ts";
import { readSmall } from "../../registry/http/body.ts";
import { responseError } from "../../registry/http/response_error.ts";
import type { Transport } from "../../registry/http/transport.ts";
import type { PackageName } from "./manifest.ts";

/**
 * The metadata of a registry of Wasm packages: where its packages are in OCI.
 * Source: the wasm-pkg-common crate, `RegistryMetadata`.
 */
export const PackageMetadataSchema = v.object({
  preferredProtocol: maybe(v.string()),
  oci: maybe(v.object({ registry: maybe(v.string()), namespacePrefix: maybe(v.string()) })),
  warg: maybe(v.object({})),
  /** The older names of the members above; they take precedence. */
  ociRegistry: maybe(v.string()),
  ociNamespacePrefix: maybe(v.string()),
  wargUrl: maybe(v.string()),
});

export type PackageMetadata = v.InferOutput<typeof PackageMetadataSchema>;

const METADATA_PATH = "/.well-known/wasm-pkg/registry.json";

/**
 * Fetches the metadata of a registry.
 *
 * @returns undefined if it has none: plain OCI registries answer an error or a web page at that address
 * @throws LarderError LDR_BAD_REFERENCE, LDR_BAD_RESPONSE, and those of the transport
 */
export async function fetchMetadata(
  registry: string,
  transport: Transport,
  signal?: AbortSignal,
): Promise<PackageMetadata | undefined> {
  const url = new URL(`https://${parseRegistry(registry)}${METADATA_PATH}`);
  const response = await transport.send({ method: "GET", url, headers: {}, signal });
  if (response.status === 429 || response.status >= 500) {
    throw await responseError(response, url, `the package metadata of ${registry}`, registry);
  }
  const bytes = await readSmall(response, MAX_DOCUMENT, { url, signal });
  const document = response.status === 200 && bytes ? parseJson(bytes) : undefined;
  if (document === undefined) return undefined;
  const bad = (fault: string) =>
    new LarderError("LDR_BAD_RESPONSE", `bad package metadata of ${registry}: ${fault}`, {
      hint: `tell the registry's operator: the document is at ${url}`,
    });
  return checkSchema(PackageMetadataSchema, document, bad);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/**
 * Returns the OCI reference of a version of a package. Without metadata that names another, the registry itself has it.
 * @throws LarderError LDR_BAD_REFERENCE, or LDR_BAD_RESPONSE if the registry does not serve packages in OCI
 */
export function packageReference(
  registry: string,
  metadata: PackageMetadata | undefined,
  name: PackageName,
  version: string,
): Reference {
  if (metadata && !servesOci(metadata)) {
    throw new LarderError("LDR_BAD_RESPONSE", `${registry} does not serve its packages in OCI`, {
      hint: "larder supports only OCI: name another registry that has the package",
    });
  }
  const host = parseRegistry(metadata?.ociRegistry ?? metadata?.oci?.registry ?? registry);
  const prefix = metadata?.ociNamespacePrefix ?? metadata?.oci?.namespacePrefix ?? "";
  const reference = parseReference(
    `${host}/${prefix}${name.namespace}/${name.name}:${version}`,
  );
  if (reference.registry === host) return reference;
  throw new LarderError("LDR_BAD_REFERENCE", `bad registry "${host}": it has no dot and no port`, {
    hint: `add its port, such as ${host}:443`,
  });
}

/** OCI is the default for metadata that names no protocol. */
function servesOci(metadata: PackageMetadata): boolean {
  const { oci, ociRegistry, ociNamespacePrefix, warg, wargUrl } = metadata;
  if (oci || ociRegistry !== undefined || ociNamespacePrefix !== undefined) return true;
  return (metadata.preferredProtocol ?? (warg || wargUrl !== undefined ? "warg" : "oci")) === "oci";
}
