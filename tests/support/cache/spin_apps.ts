import {
  archiveOf,
  type Artifact,
  blob,
  digestOf,
  image,
  manifestOf,
  MEDIA_TYPES,
  type TestBlob,
  utf8,
  wasmModule,
} from "./artifacts.ts";

/** A component of an app. */
export interface AppComponent {
  readonly wasm: Uint8Array;
  /** Static files by path, each in its own layer. */
  readonly files?: Readonly<Record<string, string>>;
  /** Static files by path, in one archive with those of the other components. */
  readonly archived?: Readonly<Record<string, string>>;
  /** Static files by path, in the locked app. */
  readonly inlined?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Its variables, as templates over those of the app. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly outboundHosts?: readonly string[];
  /** Members to add to its part of the locked app or to replace in it. */
  readonly members?: Readonly<Record<string, unknown>>;
}

export interface App {
  /** By id. */
  readonly components: Readonly<Record<string, AppComponent>>;
  /** Ids of components by route; by default `/...` for the last component. */
  readonly routes?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, object>>;
  /** Members to add to the locked app or to replace in it. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** True for the form of Spin before 2.0, with the locked app as config instead of a layer. */
  readonly old?: boolean;
}

/** Packs an app as `spin registry push` does: components, static files and locked app. */
export async function packApp(app: App): Promise<Artifact> {
  const components = Object.entries(app.components);
  const archived = Object.assign({}, ...components.map(([, { archived }]) => archived));
  const layers: TestBlob[] = [
    ...components.map(([, { wasm }]) => blob(wasm, MEDIA_TYPES.spinWasm)),
    ...components.flatMap(([, { files = {} }]) =>
      Object.values(files).map((text) => blob(text, MEDIA_TYPES.spinData))
    ),
  ];
  if (Object.keys(archived).length > 0) {
    layers.push(blob(await archiveOf(archived), MEDIA_TYPES.spinArchive));
  }
  const locked = blob(JSON.stringify(lockedApp(app)), MEDIA_TYPES.spinApplication);
  const manifest = app.old
    ? image(unique(layers), { config: locked })
    : image([...unique(layers), locked]);
  // As canonical JSON. Spin's cache has the same manifest in another form.
  const { bytes, descriptor, blobs } = manifest;
  const document = sorted(JSON.parse(new TextDecoder().decode(bytes)));
  return manifestOf(document, descriptor.mediaType, { blobs });
}

export interface SpinAppOptions extends Omit<AppComponent, "wasm"> {
  readonly module?: Uint8Array;
  /** See {@link App.old}. */
  readonly old?: boolean;
}

/** Packs an app of one component `hello`, for tests that do not run it. */
export function spinApp({ old, module, ...rest }: SpinAppOptions = {}): Promise<Artifact> {
  const hello = { wasm: module ?? wasmModule("spin"), ...rest };
  return packApp({ components: { hello }, ...(old && { old }) });
}

function lockedApp({ components, routes, variables = {}, members }: App): object {
  const byRoute = routes ?? Object.fromEntries(Object.keys(components).map((id) => ["/...", id]));
  return {
    spin_lock_version: 0,
    metadata: {
      name: "app",
      version: "1.0.0",
      origin: "file:///app/spin.toml",
      triggers: { http: {} },
    },
    variables,
    triggers: Object.entries(byRoute).map(([route, component], i) => ({
      id: `trigger-${component}-${i}`,
      trigger_type: "http",
      trigger_config: { component, executor: null, route },
    })),
    components: Object.entries(components).map(([id, component]) => lockedComponent(id, component)),
    ...members,
  };
}

function lockedComponent(id: string, component: AppComponent): object {
  const { wasm, files, archived, inlined = {} } = component;
  const stored = Object.entries({ ...files, ...archived })
    .map(([path, text]) => ({ source: "file:///app", digest: digestOf(utf8(text)), path }));
  const embedded = Object.entries(inlined)
    .map(([path, text]) => ({ inline: utf8(text).toBase64({ omitPadding: true }), path }));
  return {
    id,
    metadata: { allowed_outbound_hosts: component.outboundHosts ?? [] },
    source: { content_type: "application/wasm", digest: digestOf(wasm) },
    env: component.environment ?? {},
    files: [...stored, ...embedded],
    config: component.variables ?? {},
    ...component.members,
  };
}

/** Returns a document whose objects have their members in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]));
}

function unique(blobs: readonly TestBlob[]): TestBlob[] {
  return [...new Map(blobs.map((each) => [each.descriptor.digest, each])).values()];
}
