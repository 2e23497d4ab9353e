/** What commander uses of `node:events`. */
export { EventEmitter } from "eventemitter3";
