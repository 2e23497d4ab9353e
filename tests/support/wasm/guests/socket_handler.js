// What http_handler.js does with sockets: /say?ip=…&port=…&text=… answers with what is answered there, or with the error.
import { instanceNetwork } from "wasi:sockets/instance-network@0.2.3";
import { resolveAddresses } from "wasi:sockets/ip-name-lookup@0.2.3";
import { createTcpSocket } from "wasi:sockets/tcp-create-socket@0.2.3";
import { createUdpSocket } from "wasi:sockets/udp-create-socket@0.2.3";
import { address, finished } from "./sockets.js";

const ANSWERS = {
  say: ({ ip, port, text }) => {
    const socket = createTcpSocket("ipv4");
    socket.startConnect(instanceNetwork(), address(ip, port));
    const [input, output] = finished(socket, () => socket.finishConnect());
    output.blockingWriteAndFlush(new TextEncoder().encode(text));
    return new TextDecoder().decode(input.blockingRead(1000n));
  },
  send: ({ ip, port, text }) => {
    const socket = createUdpSocket("ipv4");
    socket.startBind(instanceNetwork(), address("0.0.0.0", 0));
    finished(socket, () => socket.finishBind());
    const [input, output] = socket.stream(address(ip, port));
    output.checkSend();
    output.send([{ data: new TextEncoder().encode(text) }]);
    input.subscribe().block();
    return new TextDecoder().decode(input.receive(1n)[0].data);
  },
  listen: ({ ip, port }) => {
    const socket = createTcpSocket("ipv4");
    socket.startBind(instanceNetwork(), address(ip, port));
    finished(socket, () => socket.finishBind());
    socket.startListen();
    return "listening";
  },
  "look-up": ({ name }) => {
    const stream = resolveAddresses(instanceNetwork(), name);
    return finished(stream, () => stream.resolveNextAddress()).tag;
  },
};

export const SOCKET_ROUTES = Object.fromEntries(
  Object.entries(ANSWERS).map(([name, answer]) => [name, ({ query }) => respond(answer, query)]),
);

function respond(answer, query) {
  try {
    return new Response(answer(Object.fromEntries(query)));
  } catch (error) {
    return new Response(`${error.payload ?? error}`, { status: 502 });
  }
}
