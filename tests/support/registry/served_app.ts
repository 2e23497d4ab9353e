import { blob, image, randomBytes } from "../cache/artifacts.ts";
import { TestService } from "./test_service.ts";

/** The layer of the app that {@link startWithApp} serves; it arrives in parts. */
export const LAYER = blob(randomBytes(300_000));
export const { digest: DIGEST } = LAYER.descriptor;
export const APP = image([LAYER, "small"]);
export const HALF = 150_000;
/** The path of the layer. */
export const PATH = `app/blobs/${DIGEST}`;

/** Starts a service with an image behind it, whose manifest is cached. */
export async function startWithApp(): Promise<TestService> {
  const service = await TestService.start();
  service.registry.add("app", APP, "v1");
  await service.bytes("app/manifests/v1");
  return service;
}
