import { FutureTrailers, IncomingBody, OutgoingBody } from "./bodies.ts";
import type { HttpClient } from "./client.ts";
import { Fields } from "./fields.ts";
import { FutureIncomingResponse, IncomingRequest, IncomingResponse } from "./incoming.ts";
import { OutgoingRequest, OutgoingResponse, RequestOptions, ResponseOutparam } from "./outgoing.ts";
import { httpErrorCode } from "./types.ts";

/** `wasi:http/types` and `wasi:http/outgoing-handler`. */
export function httpImports(client: HttpClient): Record<string, object> {
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
    "wasi:http/outgoing-handler": {
      handle: (request: OutgoingRequest, options: RequestOptions | undefined) =>
        client.handle(OutgoingRequest.parts(request), options),
    },
  };
}
