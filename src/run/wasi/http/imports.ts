import { FutureTrailers, IncomingBody, OutgoingBody } from "./bodies.ts";
import { clientImports, type ClientSettings } from "./client.ts";
import { Fields } from "./fields.ts";
import { IncomingRequest, OutgoingResponse, ResponseOutparam } from "./incoming.ts";
import {
  FutureIncomingResponse,
  IncomingResponse,
  OutgoingRequest,
  RequestOptions,
} from "./outgoing.ts";
import { httpErrorCode } from "./types.ts";
import type { InstanceResources } from "../resources.ts";
import type { Denials } from "../../grants/denials.ts";

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
