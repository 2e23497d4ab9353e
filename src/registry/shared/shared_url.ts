import { LarderError } from "../../base/errors.ts";
import { type Location, parseLocation } from "../mirrors/location.ts";

/** Where shared content is: a bucket, or a repository of a registry; in both, below a prefix. */
export type SharedUrl =
  | { readonly kind: "s3"; readonly bucket: string; readonly prefix: string }
  | { readonly kind: "oci"; readonly location: Location };

/** Source: "General purpose bucket naming rules" of Amazon S3; other engines also take capitals and `_`. */
const BUCKET = /^[A-Za-z0-9][\w.-]{1,61}[A-Za-z0-9]$/;

/** A part of a prefix that needs no encoding in a URL. */
const PREFIX_PART = /^(?!\.{1,2}$)[\w.-]+$/;

/**
 * Parses `s3://bucket/prefix` or `oci://host/prefix`.
 * @throws LarderError LDR_USAGE, LDR_BAD_REFERENCE
 */
export function parseSharedUrl(text: string): SharedUrl {
  const [, scheme, rest = ""] = /^(s3|oci):\/\/(.*?)\/*$/.exec(text) ?? [];
  if (scheme === "s3") {
    const [bucket = "", ...parts] = rest.split("/");
    if (!BUCKET.test(bucket)) throw badUrl(text, `"${bucket}" cannot be a bucket`);
    const bad = parts.find((part) => !PREFIX_PART.test(part));
    if (bad !== undefined) throw badUrl(text, `"${bad}" cannot be a part of a prefix`);
    return { kind: "s3", bucket, prefix: parts.map((part) => `${part}/`).join("") };
  }
  if (scheme === "oci") {
    const location = parseLocation(rest);
    if (location.path === "") throw badUrl(text, "the repository is missing");
    return { kind: "oci", location };
  }
  throw badUrl(text, "it begins with neither s3:// nor oci://");
}

function badUrl(text: string, reason: string): LarderError {
  return new LarderError("LDR_USAGE", `bad address of a shared cache "${text}": ${reason}`, {
    hint: "write s3://BUCKET/PREFIX or oci://HOST/REPOSITORY",
  });
}
