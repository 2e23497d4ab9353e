import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { checkSchema } from "../../base/documents/schema_fault.ts";
import { asDigest, type Digest } from "../../oci/digest.ts";
import { parseToml } from "../../base/documents/toml_document.ts";

/** A Wasm package's name, `namespace:name`. */
export interface PackageName {
  readonly namespace: string;
  readonly name: string;
}

interface SourceBase {
  /** The component that uses it. */
  readonly component: string;
  /** The import that it satisfies; undefined for the component itself. */
  readonly dependency?: string | undefined;
}

/** The source of the Wasm of a component or of one of its dependencies. */
export type ComponentSource =
  & SourceBase
  & (
    | { readonly kind: "local"; readonly path: string }
    | { readonly kind: "url"; readonly url: URL; readonly digest: Digest }
    | {
      readonly kind: "package";
      /** Undefined to use the user's configuration of Wasm packages. */
      readonly registry: string | undefined;
      readonly package: PackageName;
      /** `1.2.3`, or, if not `exact`, a requirement such as `>=1.2`. */
      readonly version: string;
      readonly exact: boolean;
    }
  );

const Table = v.record(v.string(), v.unknown());
const Dependencies = v.optional(v.record(v.string(), v.union([v.string(), Table])), {});
const Component = v.object({ source: v.union([v.string(), Table]), dependencies: Dependencies });

const Version1 = v.object({
  component: v.optional(v.array(v.object({ id: v.string(), ...Component.entries })), []),
});

/** A trigger names its components or defines them inline. */
const Specs = v.union([v.string(), Component, v.array(v.union([v.string(), Component]))]);
const Trigger = v.object({
  component: v.optional(v.union([v.string(), Component])),
  components: v.optional(v.record(v.string(), Specs), {}),
  dependencies: v.optional(v.record(v.string(), v.array(Table)), {}),
});
const Version2 = v.object({
  component: v.optional(v.record(v.string(), Component), {}),
  trigger: v.optional(v.record(v.string(), v.array(Trigger)), {}),
});

type Component = v.InferOutput<typeof Component>;
type Trigger = v.InferOutput<typeof Trigger>;

/**
 * Returns the sources of all components of a Spin application, in the order of its manifest, `spin.toml`. Sources of
 * profiles are left out.
 *
 * @param path names the manifest in messages
 * @throws LarderError LDR_BAD_SPIN_MANIFEST
 */
export function parseSpinManifest(text: string, path: string): ComponentSource[] {
  const document = parseToml(text, path, bad);
  const version = document.spin_manifest_version ?? document.spin_version;
  if (version === "1") {
    const { component } = checkSchema(Version1, document, (fault) => bad(path, fault));
    return component.flatMap(({ id, ...rest }) => sourcesOf({ path, component: id }, rest));
  }
  if (version === 2) {
    const { component, trigger } = checkSchema(Version2, document, (fault) => bad(path, fault));
    return [
      ...Object.entries(component).flatMap(([id, rest]) =>
        sourcesOf({ path, component: id }, rest)
      ),
      ...Object.entries(trigger).flatMap(([type, triggers]) =>
        triggers.flatMap((each, i) =>
          triggerSources({ path, component: `${type} trigger ${i + 1}` }, each)
        )
      ),
    ];
  }
  const actual = version === undefined ? "it is missing" : `it is ${JSON.stringify(version)}`;
  throw bad(path, `spin_manifest_version must be 2, or "1" for old applications; ${actual}`);
}

/** The component or dependency that a source belongs to, and the manifest, for messages. */
interface Owner extends SourceBase {
  readonly path: string;
}

function sourcesOf(owner: Owner, component: Component): ComponentSource[] {
  return [
    readSource(owner, component.source),
    ...Object.entries(component.dependencies).flatMap(([name, value]) =>
      readDependency({ ...owner, dependency: name }, value)
    ),
  ];
}

/** Returns the sources of components and dependencies that a trigger defines inline. */
function triggerSources(owner: Owner, trigger: Trigger): ComponentSource[] {
  const specs = [trigger.component ?? [], ...Object.values(trigger.components)].flat();
  const inline = specs.filter((spec) => typeof spec !== "string");
  return [
    ...inline.flatMap((component) => sourcesOf(owner, component)),
    ...Object.entries(trigger.dependencies).flatMap(([name, values]) =>
      values.flatMap((value) => readDependency({ ...owner, dependency: name }, value))
    ),
  ];
}

/** Source: Spin's `ComponentSource`, which allows no other members. */
function readSource(owner: Owner, value: string | Record<string, unknown>): ComponentSource {
  if (typeof value === "string") return { kind: "local", ...ownerOf(owner), path: value };
  if ("url" in value) {
    onlyMembers(owner, value, ["url", "digest"]);
    return urlSource(owner, value);
  }
  onlyMembers(owner, value, ["registry", "package", "version"]);
  return packageSource(owner, value);
}

/** Source: Spin's `ComponentDependency`; members about composition are ignored. */
function readDependency(
  owner: Owner,
  value: string | Record<string, unknown>,
): ComponentSource[] {
  if (typeof value === "string") return [packageSource(owner, { version: value })];
  if ("component" in value) return []; // A component of the same application.
  if ("url" in value) return [urlSource(owner, value)];
  if ("path" in value) {
    return [{ kind: "local", ...ownerOf(owner), path: textOf(owner, value, "path") }];
  }
  return [packageSource(owner, value)];
}

function urlSource(owner: Owner, value: Record<string, unknown>): ComponentSource {
  const text = textOf(owner, value, "url");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:") {
    throw badSource(owner, `the url "${text}" does not begin with https:// or http://`);
  }
  if (value.digest === undefined) {
    throw badSource(owner, `the url "${text}" has no digest, which is required`);
  }
  const digest = textOf(owner, value, "digest");
  if (!digest.startsWith("sha256:")) {
    throw badSource(owner, `the digest "${digest}" does not begin with "sha256:"`);
  }
  const parsed = asDigest(digest);
  if (!parsed) {
    throw badSource(
      owner,
      `the digest "${digest}" does not have 64 lowercase hexadecimal digits`,
    );
  }
  return { kind: "url", ...ownerOf(owner), url, digest: parsed };
}

const EXACT_VERSION =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

function packageSource(owner: Owner, value: Record<string, unknown>): ComponentSource {
  const name = value.package === undefined && owner.dependency?.includes(":")
    ? owner.dependency.replace(/[/@].*$/, "")
    : textOf(owner, value, "package");
  return {
    kind: "package",
    ...ownerOf(owner),
    registry: value.registry === undefined ? undefined : textOf(owner, value, "registry"),
    package: packageName(owner, name),
    ...readVersion(owner, textOf(owner, value, "version")),
  };
}

/** A component names one version; a dependency names a requirement, which is exact only in the form `=1.2.3`. */
function readVersion(owner: Owner, text: string): { version: string; exact: boolean } {
  if (owner.dependency === undefined) {
    if (EXACT_VERSION.test(text)) return { version: text, exact: true };
    throw badSource(owner, `the version "${text}" is not a semantic version such as 1.2.3`);
  }
  const pinned = /^=\s*(.*)$/.exec(text)?.[1];
  return pinned !== undefined && EXACT_VERSION.test(pinned)
    ? { version: pinned, exact: true }
    : { version: text, exact: false };
}

const LABEL = "[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*";
const PACKAGE = new RegExp(`^(${LABEL}):(${LABEL})$`);

/** Parses `namespace:name`, both in kebab-case; returns undefined for anything else. */
function parsePackageName(text: string): PackageName | undefined {
  const [, namespace, name] = PACKAGE.exec(text) ?? [];
  return namespace && name ? { namespace, name } : undefined;
}

function packageName(owner: Owner, text: string): PackageName {
  const name = parsePackageName(text);
  if (name) return name;
  throw badSource(
    owner,
    `the package "${text}" is not of the form namespace:name, such as wasi:http`,
  );
}

function textOf(owner: Owner, value: Record<string, unknown>, member: string): string {
  const text = value[member];
  if (typeof text === "string") return text;
  throw badSource(
    owner,
    text === undefined ? `it has no ${member}` : `its ${member} is not a string`,
  );
}

function onlyMembers(owner: Owner, value: Record<string, unknown>, known: string[]): void {
  const unknown = Object.keys(value).find((member) => !known.includes(member));
  if (unknown === undefined) return;
  throw badSource(owner, `it has an unknown member "${unknown}"`);
}

function ownerOf({ component, dependency }: Owner): SourceBase {
  return dependency === undefined ? { component } : { component, dependency };
}

/** `component "cart"`, `dependency "a:b" of component "cart"`. */
export function describeSource(source: SourceBase): string {
  const component = `component "${source.component}"`;
  return source.dependency === undefined
    ? component
    : `dependency "${source.dependency}" of ${component}`;
}

function badSource(owner: Owner, reason: string): LarderError {
  return bad(
    owner.path,
    `the source of ${describeSource(owner)}: ${reason}`,
    'a source is a path, { url = "https://…", digest = "sha256:…" }, or { registry, package, version }',
  );
}

function bad(
  location: string,
  reason: string,
  hint = "correct it; spin doctor prints more about a manifest",
): LarderError {
  return new LarderError("LDR_BAD_SPIN_MANIFEST", `bad Spin manifest ${location}: ${reason}`, {
    hint,
  });
}
