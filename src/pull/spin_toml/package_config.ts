import { join } from "node:path";
import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import { checkSchema } from "../../base/documents/schema_fault.ts";
import { type HostPlatform, userConfig } from "../../store/platform_dirs.ts";
import type { PackageName } from "./manifest.ts";
import { type PackageMetadata, PackageMetadataSchema } from "./package_metadata.ts";
import { parseToml } from "../../base/documents/toml_document.ts";

/** A registry's name, or its name and its metadata, which then is not fetched. */
const Mapping = v.pipe(
  v.union([v.string(), v.object({ registry: v.string(), metadata: PackageMetadataSchema })]),
  v.transform((mapping) =>
    typeof mapping === "string" ? { registry: mapping, metadata: undefined } : mapping
  ),
);

const Mappings = v.pipe(
  v.optional(v.record(v.string(), Mapping), {}),
  v.transform((mappings) => new Map(Object.entries(mappings))),
);

const ConfigSchema = v.object({
  default_registry: v.optional(v.string()),
  /** By namespace. */
  namespace_registries: Mappings,
  /** By `namespace:name`. */
  package_registry_overrides: Mappings,
});

/**
 * The user's configuration of the Wasm package tools, which Spin uses too. Its credentials and protocols are ignored.
 * Source: the wasm-pkg-common crate, `Config`.
 */
export type PackageConfig = v.InferOutput<typeof ConfigSchema>;

/** A package's registry, and its metadata if the configuration has it. */
export interface PackageRegistry {
  readonly registry: string;
  readonly metadata: PackageMetadata | undefined;
}

/** Registries of well-known namespaces, used if none is configured. */
const FALLBACKS: ReadonlyMap<string, string> = new Map([
  ["wasi", "wasi.dev"],
  ["ba", "bytecodealliance.org"],
]);

/**
 * Reads `wasm-pkg/config.toml`; a missing file is an empty configuration.
 * @throws LarderError LDR_CONFIG, naming the file and, if known, line and column
 */
export function loadPackageConfig(platform: HostPlatform): PackageConfig {
  const path = packageConfigPath(platform);
  const document = parseToml(readTextIfAny(path) ?? "", path, badConfig);
  return checkSchema(ConfigSchema, document, (fault) => badConfig(path, fault));
}

/** The Wasm package tools follow XDG on macOS too. */
function packageConfigPath(platform: HostPlatform): string {
  const folder =
    userConfig(platform.os === "darwin" ? { ...platform, os: "linux" } : platform).path;
  return join(folder, "wasm-pkg", "config.toml");
}

/**
 * Returns the registry of a package whose source names none: that of the package, of its namespace, the default, or
 * that of a well-known namespace.
 *
 * @throws LarderError LDR_CONFIG if there is none
 */
export function registryOf(config: PackageConfig, name: PackageName): PackageRegistry {
  const text = `${name.namespace}:${name.name}`;
  const mapping = config.package_registry_overrides.get(text) ??
    config.namespace_registries.get(name.namespace);
  if (mapping) return mapping;
  const registry = config.default_registry ?? FALLBACKS.get(name.namespace);
  if (registry !== undefined) return { registry, metadata: undefined };
  throw new LarderError("LDR_CONFIG", `no registry is known for the package ${text}`, {
    hint: "name a registry in its source, or set default_registry in wasm-pkg's config.toml",
  });
}

function badConfig(location: string, reason: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad Wasm package configuration ${location}: ${reason}`, {
    hint: "fix the file, for example with wkg config --edit",
  });
}
