import type { Artifact } from "../cache/artifacts.ts";

export interface PushOptions {
  /** The `Authorization` to send. */
  readonly authorization?: string;
  readonly caCerts?: string[];
  /** A client certificate and its key, PEM. */
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Pushes an artifact, with everything that it refers to, through a registry's HTTP API (distribution-spec, "Push").
 *
 * @param base `http://127.0.0.1:5000`
 */
export async function push(
  base: string,
  repository: string,
  artifact: Artifact,
  tag: string = artifact.descriptor.digest,
  options: PushOptions = {},
): Promise<void> {
  const { caCerts = [], cert, key } = options;
  using client = Deno.createHttpClient({ caCerts, ...cert && key && { cert, key } });
  const send = async (method: string, url: URL, body: Uint8Array, type: string) => {
    const headers: Record<string, string> = { "Content-Type": type };
    if (options.authorization) headers["Authorization"] = options.authorization;
    const response = await fetch(url, { method, headers, body: body as BodyInit, client });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
    return response;
  };

  for (const child of artifact.children) {
    await push(base, repository, child, child.descriptor.digest, options);
  }
  for (const { descriptor, bytes } of artifact.blobs) {
    const uploads = new URL(`${base}/v2/${repository}/blobs/uploads/`);
    const started = await send("POST", uploads, new Uint8Array(), "application/octet-stream");
    const upload = new URL(started.headers.get("location")!, uploads);
    upload.searchParams.set("digest", descriptor.digest);
    await send("PUT", upload, bytes, "application/octet-stream");
  }
  const manifest = new URL(`${base}/v2/${repository}/manifests/${tag}`);
  await send("PUT", manifest, artifact.bytes, artifact.descriptor.mediaType);
}
