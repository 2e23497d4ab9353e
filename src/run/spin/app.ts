import * as v from "valibot";
import { maybe } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import {
  badLockedApp,
  checkLockedApp,
  LockedAppSchema,
  LockedComponentSchema,
  mapOf,
  readLockedApp,
} from "../../oci/locked_app.ts";
import { needsSpin } from "../wasm/interfaces/other_engines.ts";
import { type HttpTrigger, readHttpTrigger } from "./http_trigger.ts";

/** A Spin app, as far as larder runs it. Source: Spin's spin-locked-app crate, `LockedApp`. */
export interface SpinApp {
  readonly name: string;
  /** The prefix of every route, `/` by default; an option of Spin 2 that Spin 3 has removed. */
  readonly basePath: string;
  readonly variables: ReadonlyMap<string, SpinVariable>;
  readonly httpTriggers: readonly HttpTrigger[];
  readonly otherTriggers: readonly OtherTrigger[];
  /** Components by id. */
  readonly components: ReadonlyMap<string, SpinComponent>;
}

export interface SpinVariable {
  /** Undefined if a value has to be given. */
  readonly default?: string | undefined;
  /** True if the value must not be shown. */
  readonly secret: boolean;
}

/** A trigger of a type that larder does not serve, such as redis or cron. */
export interface OtherTrigger {
  readonly id: string;
  readonly type: string;
}

export interface SpinComponent {
  readonly id: string;
  /** Digest of its Wasm; undefined if the app is a project that was not pushed. */
  readonly digest: Digest | undefined;
  readonly files: readonly SpinFile[];
  /** Used as they are: Spin has no templates here. */
  readonly env: ReadonlyMap<string, string>;
  /** The component's variables, as templates over those of the app. */
  readonly config: ReadonlyMap<string, string>;
  /** Templates, too. */
  readonly allowedOutboundHosts: readonly string[];
  /** The form from before Spin 2. */
  readonly allowedHttpHosts: readonly string[];
  /** Labels of its key-value stores. */
  readonly keyValueStores: readonly string[];
  /** Labels of its SQLite databases. */
  readonly databases: readonly string[];
  /** Imports that other components satisfy, which Spin composes with it before it runs. */
  readonly dependencies: readonly string[];
}

/** A static file of a component. */
export type SpinFile = v.InferOutput<typeof LockedComponentSchema>["files"][number];

/** Members of `must_understand` that larder understands. */
const UNDERSTOOD = ["host_requirements", "component_host_requirements"];

/** Descriptions of host requirements that larder does not meet. */
const REQUIREMENTS: ReadonlyMap<string, string> = new Map([
  ["local_service_chaining", "components that call each other at *.spin.internal"],
]);

const Strings = v.optional(v.array(v.string()), []);

const ComponentSchema = v.object({
  ...LockedComponentSchema.entries,
  env: mapOf(v.string()),
  config: mapOf(v.string()),
  host_requirements: mapOf(v.unknown()),
  metadata: v.optional(
    v.object({
      allowed_outbound_hosts: Strings,
      allowed_http_hosts: Strings,
      key_value_stores: Strings,
      databases: Strings,
    }),
    {},
  ),
});

const AppSchema = v.object({
  ...LockedAppSchema.entries,
  must_understand: Strings,
  host_requirements: mapOf(v.unknown()),
  metadata: v.optional(
    v.object({
      name: maybe(v.string()),
      triggers: maybe(v.object({ http: maybe(v.object({ base: maybe(v.string()) })) })),
      trigger: maybe(v.object({ type: maybe(v.string()), base: maybe(v.string()) })),
    }),
    {},
  ),
  variables: mapOf(
    v.object({ default: maybe(v.string()), secret: v.optional(v.boolean(), false) }),
  ),
  triggers: v.array(v.object({
    id: v.string(),
    trigger_type: v.string(),
    trigger_config: v.unknown(),
    trigger_dependencies: mapOf(v.unknown()),
  })),
  components: v.array(ComponentSchema),
});

type LockedDocument = v.InferOutput<typeof AppSchema>;

/**
 * Parses a locked app to run it.
 * @param subject name of the app, for messages
 * @throws LarderError LDR_BAD_MANIFEST; LDR_UNSUPPORTED_WASM if the app needs features that only Spin has
 */
export function parseSpinApp(bytes: Uint8Array, subject: string): SpinApp {
  const app = appOf(readLockedApp(AppSchema, bytes, subject), subject);
  for (const { id, digest } of app.components.values()) {
    if (!digest) throw badLockedApp(subject, `the component "${id}" has no digest of its Wasm`);
  }
  return app;
}

/**
 * Reads the locked app of a project, whose Wasm has no digests.
 * @param subject name of the manifest, for messages
 * @throws LarderError LDR_BAD_MANIFEST; LDR_UNSUPPORTED_WASM if the app needs features that only Spin has
 */
export function spinAppOf(document: unknown, subject: string): SpinApp {
  return appOf(checkLockedApp(AppSchema, document, subject), subject);
}

function appOf(document: LockedDocument, subject: string): SpinApp {
  checkRequirements(document, subject);
  const components = componentsOf(document, subject);
  const isHttp = (trigger: { trigger_type: string }) => trigger.trigger_type === "http";
  return {
    name: document.metadata.name ?? subject,
    basePath: basePathOf(document),
    variables: document.variables,
    httpTriggers: document.triggers.flatMap((trigger) =>
      isHttp(trigger) ? readHttpTrigger(trigger, components, subject) : []
    ),
    otherTriggers: document.triggers.flatMap((trigger) =>
      isHttp(trigger) ? [] : { id: trigger.id, type: trigger.trigger_type }
    ),
    components,
  };
}

/** Returns the types of the app's triggers that larder does not serve, each once. */
export function unsupportedTriggers(app: SpinApp): string[] {
  return [...new Set(app.otherTriggers.map((trigger) => trigger.type))];
}

function checkRequirements(document: LockedDocument, subject: string): void {
  if (![0, 1].includes(document.spin_lock_version)) {
    throw needsSpin(subject, `its locked app has version ${document.spin_lock_version}`);
  }
  const unknown = document.must_understand.find((member) => !UNDERSTOOD.includes(member));
  if (unknown !== undefined) {
    throw needsSpin(subject, `it needs a host that understands ${unknown}`);
  }
  const required = [document, ...document.components]
    .flatMap(({ host_requirements }) => [...host_requirements])
    .find(([, value]) => value !== "optional");
  if (!required) return;
  const [name] = required;
  const meaning = REQUIREMENTS.get(name);
  throw needsSpin(subject, `it needs ${name}${meaning ? ` (${meaning})` : ""}`);
}

function componentsOf(document: LockedDocument, subject: string): Map<string, SpinComponent> {
  const components = new Map<string, SpinComponent>();
  for (const { id, source, files, env, config, metadata, dependencies } of document.components) {
    if (components.has(id)) throw badLockedApp(subject, `two components are named "${id}"`);
    components.set(id, {
      id,
      digest: source.digest,
      files,
      env,
      config,
      allowedOutboundHosts: metadata.allowed_outbound_hosts,
      allowedHttpHosts: metadata.allowed_http_hosts,
      keyValueStores: metadata.key_value_stores,
      databases: metadata.databases,
      dependencies: Object.keys(dependencies),
    });
  }
  return components;
}

/** Reads the base path as Spin 2 writes it, by type of trigger, or as Spin 1 did. */
function basePathOf({ metadata }: LockedDocument): string {
  const older = metadata.trigger?.type === "http" ? metadata.trigger.base : undefined;
  return metadata.triggers?.http?.base ?? older ?? "/";
}
