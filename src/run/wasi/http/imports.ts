import type { Denials } from "../../grants/denials.ts";
import type { InstanceResources } from "../resources.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "./bodies.ts";
import { clientImports, type ClientSettings } from "./client.ts";
import { Fields } from "./fields.ts";
import { FutureIncomingResponse, IncomingRequest, IncomingResponse } from "./incoming.ts";
import { OutgoingRequest, OutgoingResponse, RequestOptions, ResponseOutparam } from "./outgoing.ts";
import { httpErrorCode } from "./types.ts";

/** `wasi:http/types` and `wasi:http/outgoing-handler`. */
export function httpImports(
  settings: ClientSettings,
  denials: Denials,
  resources: InstanceResources,
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
    ...clientImports(settings, denials, resources),
  };
}
