/** Serves models over HTTP, in the dialects that programs speak already. */
export { hashKey, newKey, readKey, type KeyHash } from "./keys.ts";
export {
  defaultHttpLimits,
  startHttp,
  type HttpLimits,
  type HttpOptions,
  type HttpServer,
} from "./server.ts";
