import { printable } from "../../../base/errors.ts";
import { formatBytes, plural } from "../../../base/units.ts";
import { type Digest, shortDigest } from "../../../oci/digest.ts";
import { formatPlatform } from "../../../oci/platform.ts";
import { isInNoRegistry } from "../../../snapshot/types.ts";
import { type EntryRecord, isConfirmed } from "../../../store/entries/app_record.ts";
import type { Pin } from "../../../store/entries/pin_file.ts";
import { fields, localTime, sections, table } from "../../terminal/text_layout.ts";
import { inputsText } from "./build_key.ts";
import type { ContentInfo, EntryInfo, FileInfo } from "./item.ts";
import type { ManifestInfo, PartInfo, PlatformInfo } from "./manifest.ts";
import type { SpinInfo } from "./spin.ts";

/** Names listed in one cell. */
const MAX_NAMES = 2;

export interface View {
  /** Prints whole digests, and paths. */
  readonly full: boolean;
  /** False if only the repository of an entry was read. */
  readonly isWhole: boolean;
}

/** Formats an entry. */
export function entryText(info: EntryInfo, view: View): string {
  const { entry, app, files, fieldsOfRecord, key } = info;
  const { record, size, unique, problem } = entry;
  const isPushed = isInNoRegistry(entry);
  const about = [
    ["NAME", entry.name],
    ["TYPE", entry.type],
    ["DIGEST", entry.digest ?? "unknown"],
    ...fieldsOfRecord,
    ["MEDIA TYPE", record?.mediaType],
    ["PLATFORM", record?.platform && formatPlatform(record.platform)],
    ["SIZE", view.isWhole ? sizeText(size, unique) : formatBytes(size)],
    ["CREATED", localTime(entry.createdAt)],
    ["LAST USED", localTime(entry.lastUsed)],
    ["CHECKED", record && !isPushed ? checkedText(record) : null],
    ["PINNED", pinText(entry.pin)],
    ["WRITTEN BY", entry.writtenBy],
    ["SERVED", record?.served ? "has the parts that clients of larder serve asked for" : null],
    ["PUSHED", isPushed ? "in no registry; gc keeps it until larder clean names it" : null],
    ["PROBLEM", problem ?? app?.spinProblem],
    ["PATH", entry.folder],
  ] as const;
  return sections([
    fields(about),
    app?.index ? manifestText(app.index, view) : "",
    app?.manifest ? manifestText(app.manifest, view) : "",
    app?.spin ? spinText(app.spin, view.full) : "",
    key ? inputsText(key, view.full) : "",
    files.length > 0 ? filesText(files, view) : "",
  ]);
}

function checkedText(record: EntryRecord): string {
  return isConfirmed(record) ? localTime(Date.parse(record.checkedAt)) : "never: it was imported";
}

/** Formats a manifest or blob. */
export function contentText(content: ContentInfo): string {
  const { type, digest, mediaType, files, neededBy, manifest } = content;
  return sections([
    fields([
      ["DIGEST", digest],
      ["TYPE", type],
      ["MEDIA TYPE", mediaType ?? "unknown: no cached manifest lists it"],
      ["SIZE", formatBytes(files.reduce((sum, { size }) => sum + size, 0))],
      ["WRITTEN", localTime(Math.max(...files.map((file) => file.state().mtime)))],
      ...files.map(({ path }) => ["PATH", path] as const),
      ["NEEDED BY", countText(neededBy.length)],
    ]),
    neededBy.map((name) => `  ${printable(name)}\n`).join(""),
    manifest ? manifestText(manifest, { full: false, isWhole: true }) : "",
  ]);
}

function manifestText(manifest: ManifestInfo, view: View): string {
  const { digest, annotations, parts, platforms } = manifest;
  return sections([
    platforms.length > 0 ? `Index ${digest}\n${platformsText(platforms, view.full)}` : "",
    parts.length > 0 ? `Manifest ${digest}\n${partsText(parts, view)}` : "",
    annotationsText(annotations),
  ]);
}

function platformsText(platforms: readonly PlatformInfo[], full: boolean): string {
  return table(
    ["PLATFORM", "DIGEST", "CACHED"],
    platforms.map(({ platform, digest, isCached }) => [
      platform ?? "-",
      digestText(digest, full),
      isCached ? "yes" : "no",
    ]),
  );
}

function partsText(parts: readonly PartInfo[], { full, isWhole }: View): string {
  const isShared = parts.some(({ sharedWith, path }) => path === null || sharedWith.length > 0);
  return table(
    [
      ...["KIND", "DIGEST", "SIZE", "MEDIA TYPE"],
      ...isShared ? [sharedHead(isWhole)] : [],
      ...full ? ["PATH"] : [],
    ],
    parts.map(({ kind, digest, size, mediaType, sharedWith, path }) => [
      kind,
      digestText(digest, full),
      formatBytes(size),
      full ? mediaType : shortMediaType(mediaType),
      ...isShared ? [path === null ? "(not cached)" : namesText(sharedWith, full)] : [],
      ...full ? [path ?? ""] : [],
    ]),
    full || !isShared ? {} : { shrink: 4 },
  );
}

function sharedHead(isWhole: boolean): string {
  return isWhole ? "SHARED WITH" : "SHARED IN REPOSITORY";
}

function filesText(files: readonly FileInfo[], { full, isWhole }: View): string {
  const isShared = files.some(({ sharedWith }) => sharedWith.length > 0);
  return table(
    ["FILE", "SIZE", ...isShared ? [sharedHead(isWhole)] : [], ...full ? ["PATH"] : []],
    files.map(({ digest, size, sharedWith, path }) => [
      digestText(digest, full),
      formatBytes(size),
      ...isShared ? [namesText(sharedWith, full)] : [],
      ...full ? [path] : [],
    ]),
    full || !isShared ? {} : { shrink: 2 },
  );
}

function spinText({ name, components, routes, otherTriggers }: SpinInfo, full: boolean): string {
  const modules = table(
    ["COMPONENT", "WASM", "FILES", ...full ? ["PATH"] : []],
    components.map(({ id, digest, files, path }) => [
      id,
      path === null ? "(not cached)" : digestText(digest, full),
      String(files),
      ...full ? [path ?? ""] : [],
    ]),
  );
  const targets = table(
    ["ROUTE", "COMPONENT"],
    routes.map(({ route, component }) => [
      route ?? "(private)",
      component ?? "(static response)",
    ]),
  );
  return sections([
    `Spin app ${printable(name)}\n${modules}`,
    routes.length > 0 ? targets : "",
    otherTriggers.length > 0 ? `Other triggers: ${printable(otherTriggers.join(", "))}\n` : "",
  ]);
}

function annotationsText(annotations: Readonly<Record<string, string>>): string {
  const rows = Object.entries(annotations);
  if (rows.length === 0) return "";
  return table(["ANNOTATION", "VALUE"], rows, { shrink: 1 });
}

/** `13.14 MiB (4.00 MiB shared with other entries)`. */
export function sizeText(size: number, unique: number): string {
  return `${formatBytes(size)} (${formatBytes(size - unique)} shared with other entries)`;
}

/** `yes, by ghcr.io/acme/*: the note of the pin`. */
function pinText(pin: Pin | undefined): string {
  if (!pin) return "no";
  const by = pin.pattern === undefined ? "" : `, by ${pin.pattern}`;
  return `yes${by}${pin.note === undefined ? "" : `: ${pin.note}`}`;
}

function countText(entries: number): string {
  return entries === 0 ? "none" : plural(entries, "entry", "entries");
}

/** `oci.image.layer.v1.tar+gzip`: most media types begin with the same words, and the table with more. */
function shortMediaType(mediaType: string): string {
  return mediaType.replace(/^application\/vnd\./, "");
}

function digestText(digest: Digest, full: boolean): string {
  return full ? digest : shortDigest(digest);
}

/** @param full lists names, for which a line has no room otherwise */
function namesText(names: readonly string[], full: boolean): string {
  if (names.length === 0) return "-";
  if (names.length > 1 && !full) return countText(names.length);
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
