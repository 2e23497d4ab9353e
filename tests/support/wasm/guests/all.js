// A command and an HTTP handler in one component, because building one takes 25 seconds of CPU.
import { COMMANDS, run } from "./command.js";
import { ROUTES } from "./http_handler.js";
import { SOCKET_ROUTES } from "./socket_handler.js";
import { SOCKET_COMMANDS } from "./sockets.js";

Object.assign(COMMANDS, SOCKET_COMMANDS);
Object.assign(ROUTES, SOCKET_ROUTES);

export { run };
