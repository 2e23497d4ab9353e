// What command.js does with sockets.
import { getStderr } from "wasi:cli/stderr@0.2.3";
import { getStdout } from "wasi:cli/stdout@0.2.3";
import { poll } from "wasi:io/poll@0.2.3";
import { instanceNetwork } from "wasi:sockets/instance-network@0.2.3";
import { resolveAddresses } from "wasi:sockets/ip-name-lookup@0.2.3";
import { createTcpSocket } from "wasi:sockets/tcp-create-socket@0.2.3";
import { createUdpSocket } from "wasi:sockets/udp-create-socket@0.2.3";

// componentize-js forgets to make the classes of resources without methods: this one is looked for in its own globals.
instanceNetwork.constructor("globalThis.import_network_0_2_3$Network = class {}")();

export const SOCKET_COMMANDS = {
  /** Says something, and nothing more; prints what is answered. */
  say: (ip, port, text) => {
    const { socket, input, output } = connect(address(ip, port));
    write(output, text);
    socket.shutdown("send");
    print(decode(join([...pieces(input)])));
  },
  /** The same, by a name. */
  call: (name, port, text) => {
    const [found] = [...addresses(name)].filter(({ tag }) => tag === "ipv4");
    SOCKET_COMMANDS.say(found.val.join("."), port, text);
  },
  "look-up": (name) => print([...addresses(name)].map(({ val }) => val.join(".")).join(" ")),
  /** Sends so many bytes, and compares what comes back, both at once. */
  transfer: (ip, port, text) => {
    const size = Number(text);
    const { socket, input, output } = connect(address(ip, port));
    const pattern = Uint8Array.from({ length: 251 * 1100 }, (_, i) => i % 251);
    const [reads, writes] = [input.subscribe(), output.subscribe()];
    for (let sent = 0, received = 0; received < size;) {
      poll(sent < size ? [reads, writes] : [reads]);
      if (sent < size && writes.ready()) {
        const room = Math.min(Number(output.checkWrite()), size - sent);
        const piece = pattern.slice(sent % 251, sent % 251 + room);
        output.write(piece);
        sent += piece.length;
        if (sent === size) socket.shutdown("send");
      }
      if (!reads.ready()) continue;
      const bytes = input.read(1048576n);
      // Each byte in turn would take this engine a minute.
      for (let i = 0; i < bytes.length; i += 97) {
        if (bytes[i] !== (received + i) % 251) throw new Error(`${received + i} is another byte`);
      }
      received += bytes.length;
    }
    const rest = [...pieces(input)].length;
    print(`${size} bytes, and ${rest} after them`);
  },
  /** Sends back what comes, to so many clients. */
  serve: (ip, port, count) => {
    const local = address(ip, port);
    const socket = createTcpSocket(local.tag);
    socket.startBind(instanceNetwork(), local);
    finished(socket, () => socket.finishBind());
    socket.startListen();
    finished(socket, () => socket.finishListen());
    write(getStderr(), `listening at ${socket.localAddress().val.port}\n`);
    for (let i = 0; i < count; i++) {
      const [client, input, output] = finished(socket, () => socket.accept());
      for (const piece of pieces(input)) output.blockingWriteAndFlush(piece);
      client.shutdown("send");
    }
  },
  /** Sends a datagram, and prints the answer. */
  datagram: (ip, port, text) => {
    const remote = address(ip, port);
    const socket = createUdpSocket(remote.tag);
    socket.startBind(instanceNetwork(), address("0.0.0.0", 0));
    finished(socket, () => socket.finishBind());
    const [input, output] = socket.stream(undefined);
    output.checkSend();
    output.send([{ data: new TextEncoder().encode(text), remoteAddress: remote }]);
    input.subscribe().block();
    const [{ data }] = input.receive(1n);
    print(decode(data));
  },
  /** Connects, says so, and waits for what never comes. */
  wait: (ip, port) => {
    const { input } = connect(address(ip, port));
    write(getStderr(), "connected\n");
    input.blockingRead(1n);
  },
  /** Says something, and ends without caring for the connection. */
  leave: (ip, port, size) => {
    connect(address(ip, port)).output.write(new Uint8Array(Number(size)));
  },
};

export function address(ip, port) {
  return { tag: "ipv4", val: { port: Number(port), address: ip.split(".").map(Number) } };
}

function connect(remote) {
  const socket = createTcpSocket(remote.tag);
  socket.startConnect(instanceNetwork(), remote);
  const [input, output] = finished(socket, () => socket.finishConnect());
  return { socket, input, output };
}

function* addresses(name) {
  const stream = resolveAddresses(instanceNetwork(), name);
  for (let next; (next = finished(stream, () => stream.resolveNextAddress()));) yield next;
}

export function finished(waiting, finish) {
  for (;;) {
    try {
      return finish();
    } catch (error) {
      if (error.payload !== "would-block") throw error;
    }
    waiting.subscribe().block();
  }
}

function* pieces(stream) {
  for (;;) {
    try {
      yield stream.blockingRead(65536n);
    } catch (error) {
      if (error.payload?.tag === "closed") return;
      throw error;
    }
  }
}

function join(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function decode(bytes) {
  return new TextDecoder().decode(bytes);
}

function print(text) {
  write(getStdout(), `${text}\n`);
}

function write(stream, text) {
  stream.blockingWriteAndFlush(new TextEncoder().encode(text));
}
