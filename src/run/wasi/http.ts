import { FutureTrailers, IncomingBody, OutgoingBody } from "./http_bodies.ts";
import { clientImports, type ClientSettings } from "./http_client.ts";
import { Fields } from "./http_fields.ts";
import { IncomingRequest, OutgoingResponse, ResponseOutparam } from "./http_incoming.ts";
import {
  FutureIncomingResponse,
  IncomingResponse,
  OutgoingRequest,
  RequestOptions,
} from "./http_outgoing.ts";
import { httpErrorCode } from "./http_types.ts";
import type { Lifetime } from "./lifetime.ts";
import type { Refusals } from "./refusals.ts";

/** `wasi:http/types` and `wasi:http/outgoing-handler`. */
export function httpImports(
  settings: ClientSettings,
  refusals: Refusals,
  lifetime: Lifetime,
): Record<string, object> {
  return {
    "wasi:http/types": {
      Fields,
      FutureIncomingResponse,
      FutureTrailers,
      IncomingBody,
      IncomingRequest,
      IncomingResponse,
      OutgoingBody,
      OutgoingRequest,
      OutgoingResponse,
      RequestOptions,
      ResponseOutparam,
      httpErrorCode,
    },
    ...clientImports(settings, refusals, lifetime),
  };
}
