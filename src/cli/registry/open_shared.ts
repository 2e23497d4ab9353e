import { systemClock } from "../../base/concurrency.ts";
import { LarderError, messageOf, shellWord } from "../../base/errors.ts";
import { readBytesIfAny, readTextIfAny, statIfAny } from "../../base/files/files.ts";
import { RegistryClient } from "../../registry/client.ts";
import { NodeTransport } from "../../registry/http/clients/node/node_transport.ts";
import type { Transport } from "../../registry/http/transport.ts";
import { httpTransport } from "../../registry/http/transport_stack.ts";
import { sendWithNode } from "../../registry/http/clients/node/node_request.ts";
import {
  environmentCredentials,
  type FindCredentials,
  profileCredentials,
  remembered,
} from "../../registry/shared/aws_credentials.ts";
import {
  containerCredentials,
  instanceCredentials,
  webIdentityCredentials,
} from "../../registry/shared/aws_roles.ts";
import { OciStore } from "../../registry/shared/oci_store.ts";
import { S3Store } from "../../registry/shared/s3_store.ts";
import type { SharedStore } from "../../registry/shared/shared_store.ts";
import { SharedTier } from "../../registry/shared/shared_tier.ts";
import { parseSharedUrl } from "../../registry/shared/shared_url.ts";
import { RecordSigner } from "../../registry/shared/signed_record.ts";
import { home, hostPlatform } from "../../store/platform_dirs.ts";
import type { Context } from "../context.ts";
import { inHome, join } from "./credential_paths.ts";
import { authorizerOf } from "./authorizer.ts";
import { trustOf, USER_AGENT } from "./trust.ts";

/** 4 seconds without an answer after which content is fetched from its origin instead. */
const READ_TIMEOUT = 4000;

/** 64 KiB limit on a key. */
const MAX_KEY = 64 * 1024;

/** The permissions of users other than the owner and the group. */
const OTHERS = 0o006;

const DEFAULT_REGION = "us-east-1";

/** Opens the shared cache of the config. A key that cannot be used is a warning, and records are misses. */
export async function openShared(context: Context): Promise<SharedTier> {
  return new SharedTier({
    store: openStore(context),
    signer: await openSigner(context),
    writes: context.config.shared?.write === true,
    clock: systemClock,
    warn: (message) => context.warn(message),
  });
}

function openStore(context: Context): SharedStore {
  const { url = "", endpoint, region } = context.config.shared ?? {};
  const address = parseSharedUrl(url);
  const trust = trustOf(context);
  const reads = httpTransport({
    ...trust,
    clock: systemClock,
    headers: () => ({ "user-agent": USER_AGENT }),
    stallTimeout: READ_TIMEOUT,
  });
  const uploads = new NodeTransport(trust);
  // Only Node's client sends a body with its length.
  const transport: Transport = {
    send: (request) => request.content ? uploads.send(request) : reads.send(request),
  };
  if (address.kind === "oci") {
    const authorizer = authorizerOf(trust, reads);
    const client = new RegistryClient({ transport, authorizer, clock: systemClock });
    return new OciStore({ name: url, location: address.location, client });
  }
  const regionOf = (name: string) => hostPlatform.env(name) || undefined;
  const own = region ?? regionOf("AWS_REGION") ?? regionOf("AWS_DEFAULT_REGION") ?? DEFAULT_REGION;
  return new S3Store({
    name: url,
    bucket: address.bucket,
    prefix: address.prefix,
    endpoint: new URL(endpoint ?? `https://s3.${own}.amazonaws.com`),
    region: own,
    credentials: remembered(awsCredentials(own, endpoint !== undefined, reads), systemClock),
    transport,
  });
}

/**
 * Finds credentials where the tools of AWS do, in their order ("Configuration settings and precedence" of the AWS CLI).
 * @param hasEndpoint true for a server other than Amazon S3, which takes none of the machine
 */
function awsCredentials(
  region: string,
  hasEndpoint: boolean,
  transport: Transport,
): FindCredentials {
  const env = (name: string) => hostPlatform.env(name);
  const readFile = (path: string) => {
    const text = readTextIfAny(path);
    if (text !== undefined) return text;
    throw new LarderError("LDR_CONFIG", `no file ${path}`, { hint: "mount the file of the token" });
  };
  const local: Transport = {
    send: (request) => sendWithNode(request, { stallTimeout: READ_TIMEOUT }),
  };
  const roles = { env, readFile, region, transport, local };
  return async () =>
    environmentCredentials(env) ??
      await webIdentityCredentials(roles) ??
      profileCredentials(readCredentialsFile() ?? "", env) ??
      await containerCredentials(roles) ??
      (hasEndpoint ? undefined : await instanceCredentials(roles));
}

/** Source: "Configuration and credential file settings" of the AWS CLI. */
function readCredentialsFile(): string | undefined {
  const path = hostPlatform.env("AWS_SHARED_CREDENTIALS_FILE") ||
    inHome(() => join(hostPlatform, home(hostPlatform), ".aws", "credentials"));
  return path === undefined ? undefined : readTextIfAny(path);
}

async function openSigner(context: Context): Promise<RecordSigner | undefined> {
  const path = context.config.shared?.key_file;
  if (path === undefined) return undefined;
  try {
    const file = readBytesIfAny(path, MAX_KEY);
    if (!file) throw new LarderError("LDR_CONFIG", "no such file", { hint: "name the key file" });
    warnIfOpen(context, path);
    return await RecordSigner.of(file);
  } catch (error) {
    context.warn(
      `packages and builds are not shared: shared.key_file ${path}: ${messageOf(error)}`,
    );
    return undefined;
  }
}

/** Warns if other users may read or change the key; not about a group, which may be that of a CI system. */
function warnIfOpen(context: Context, path: string): void {
  const mode = statIfAny(path)?.mode ?? 0;
  if ((mode & OTHERS) === 0) return;
  context.warnOnce(
    `other users may read or change shared.key_file ${path}: type chmod 600 ${shellWord(path)}`,
  );
}
