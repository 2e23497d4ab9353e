import { Argument } from "commander";
import { LarderError } from "../base/errors.ts";

/** The transports of skopeo, Podman and Apptainer that name a registry: `docker://nginx`. */
const REGISTRY_TRANSPORT = /^(?:docker|oci):\/\//i;

/** Schemes, and the transports of skopeo that name something other than a registry. */
const OTHER_TRANSPORT =
  /^(?:[a-z][a-z0-9+.-]*:\/\/|(?:docker-archive|docker-daemon|oci-archive|containers-storage):)/i;

/** How clients of `larder serve` on this machine begin the name of what they push: `localhost:5000/local/app`. */
const OWN_SERVER = /^(?:localhost|127\.0\.0\.1|\[::1\]):\d+\/(?=local\/)/i;

const PATH = /^(?:\.{0,2}[\\/]|\.{1,2}$)/;

/** Description of an argument that names one entry. */
export const ENTRY = "name or digest of an entry, or a unique beginning of one";

/** Description of an argument that names several entries. */
export const ENTRIES = `${ENTRY}, or a glob such as 'ghcr.io/acme/*'`;

/** Returns an argument for references to pull: `docker://nginx` is read as `nginx:latest`. */
export function referenceArgument(name: string, description: string): Argument {
  return argument(name, description, readReference);
}

/** Returns an argument for names of cached entries, which stay as typed: the cache tells how to read `docker://nginx`. */
export function nameArgument(name: string, description: string): Argument {
  return argument(name, description, (text) => {
    readName(text); // Fails if the name is missing.
    return text;
  });
}

function argument(
  name: string,
  description: string,
  read: (text: string) => string,
): Argument {
  const argument = new Argument(name, description);
  return argument.argParser<string | string[]>((text, previous) =>
    argument.variadic ? [...previous ?? [], read(text)] : read(text)
  );
}

/**
 * Returns the name of an entry without a transport, and without the address of the server that it was pushed to.
 * @throws LarderError LDR_BAD_REFERENCE if nothing follows the transport
 */
export function readEntryName(text: string): string {
  return readName(text).replace(OWN_SERVER, "");
}

/**
 * Removes `docker://` or `oci://` from a reference. What follows is never a file, so it gets a tag if it has none:
 * `docker://tool.wasm` is a repository.
 *
 * @throws LarderError LDR_BAD_REFERENCE if there is no reference, or another transport
 */
export function readReference(text: string): string {
  const name = readName(text);
  const other = OTHER_TRANSPORT.exec(name)?.[0];
  if (other !== undefined) throw unknownTransport(text, other);
  if (name === text) return text;
  if (PATH.test(name)) {
    throw new LarderError("LDR_BAD_REFERENCE", `bad reference "${text}": "${name}" is a path`, {
      hint: `write ${name} for the file, or a reference such as docker://ghcr.io/owner/app:tag`,
    });
  }
  return /[:@]/.test(name.slice(name.lastIndexOf("/") + 1)) ? name : `${name}:latest`;
}

/**
 * Removes `docker://` or `oci://` from the name of an entry. Other schemes stay: the name of a package can begin with
 * the URL of its repository.
 *
 * @throws LarderError LDR_BAD_REFERENCE if nothing follows
 */
export function readName(text: string): string {
  const transport = REGISTRY_TRANSPORT.exec(text)?.[0];
  if (transport === undefined) return text;
  if (text !== transport) return text.slice(transport.length);
  throw new LarderError("LDR_BAD_REFERENCE", `bad reference "${text}": the name is missing`, {
    hint:
      `write ${transport.toLowerCase()}nginx or ${transport.toLowerCase()}ghcr.io/owner/app:tag`,
  });
}

function unknownTransport(text: string, transport: string): LarderError {
  const kind = transport.endsWith("://") ? "scheme" : "transport";
  const message =
    `bad reference "${text}": it begins with "${transport}", but a reference has no ${kind}`;
  const hint = /^https:/i.test(transport)
    ? `leave out ${transport}`
    : /^http:/i.test(transport)
    ? `leave out ${transport}; --insecure allows plain HTTP`
    : "larder reads registries only: write ghcr.io/owner/app:tag or docker://ghcr.io/owner/app:tag";
  return new LarderError("LDR_BAD_REFERENCE", message, { hint });
}
