import * as v from "valibot";
import { maybe } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import {
  badLockedApp,
  LockedAppSchema,
  LockedComponentSchema,
  mapOf,
  readLockedApp,
} from "../../oci/locked_app.ts";
import { type HttpTrigger, readHttpTrigger } from "./http_trigger.ts";
import { needsSpin } from "../wasm/requirements.ts";

/** A Spin application as larder runs it. Source: Spin's spin-locked-app crate, `LockedApp`. */
export interface SpinApp {
  readonly name: string;
  /** What stands before every route, `/` if nothing: an option of Spin 2, which Spin 3 has given up. */
  readonly basePath: string;
  readonly variables: ReadonlyMap<string, SpinVariable>;
  readonly httpTriggers: readonly HttpTrigger[];
  readonly otherTriggers: readonly OtherTrigger[];
  /** By id. */
  readonly components: ReadonlyMap<string, SpinComponent>;
}

export interface SpinVariable {
  /** Without one, a value has to be given. */
  readonly default?: string | undefined;
  /** Whether the value must not be shown. */
  readonly secret: boolean;
}

/** A trigger of a type that larder does not serve: redis, cron, command. */
export interface OtherTrigger {
  readonly id: string;
  readonly type: string;
}

export interface SpinComponent {
  readonly id: string;
  /** The digest of its Wasm. */
  readonly digest: Digest;
  readonly files: readonly SpinFile[];
  /** Taken as they stand: Spin has no templates in these. */
  readonly env: ReadonlyMap<string, string>;
  /** The variables that the component sees, as templates over those of the app. */
  readonly config: ReadonlyMap<string, string>;
  /** Templates too. */
  readonly allowedOutboundHosts: readonly string[];
  /** The older form, from before Spin 2. */
  readonly allowedHttpHosts: readonly string[];
  /** The imports that other components satisfy, which have to be composed with it before it runs. */
  readonly dependencies: readonly string[];
}

/** A static file of a component. */
export type SpinFile = v.InferOutput<typeof LockedComponentSchema>["files"][number];

/** Members of a locked app that larder heeds where the app says that they must be. */
const UNDERSTOOD = ["host_requirements", "component_host_requirements"];

/** What an app may require of its host and larder does not have, in words. */
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
 * Reads a locked app to run it.
 * @param subject what it is the app of, for messages
 * @throws LarderError LDR_BAD_MANIFEST, LDR_UNSUPPORTED_WASM (it needs what larder does not have)
 */
export function parseSpinApp(bytes: Uint8Array, subject: string): SpinApp {
  const document = readLockedApp(AppSchema, bytes, subject);
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

/** The types of triggers that larder does not serve, each once. */
export function unsupportedTriggers(app: SpinApp): string[] {
  return [...new Set(app.otherTriggers.map((trigger) => trigger.type))];
}

function checkRequirements(document: LockedDocument, subject: string): void {
  if (![0, 1].includes(document.spin_lock_version)) {
    throw needsSpin(subject, `its locked app is of version ${document.spin_lock_version}`);
  }
  const obscure = document.must_understand.find((member) => !UNDERSTOOD.includes(member));
  if (obscure !== undefined) {
    throw needsSpin(subject, `it needs a host that understands ${obscure}`);
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
    const { digest } = source;
    if (!digest) throw badLockedApp(subject, `the component "${id}" has no digest of its Wasm`);
    components.set(id, {
      id,
      digest,
      files,
      env,
      config,
      allowedOutboundHosts: metadata.allowed_outbound_hosts,
      allowedHttpHosts: metadata.allowed_http_hosts,
      dependencies: Object.keys(dependencies),
    });
  }
  return components;
}

/** Spin 2 writes the options of triggers by type, and those of a lone type once more as they were in Spin 1. */
function basePathOf({ metadata }: LockedDocument): string {
  const lone = metadata.trigger?.type === "http" ? metadata.trigger.base : undefined;
  return metadata.triggers?.http?.base ?? lone ?? "/";
}
