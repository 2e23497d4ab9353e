import { createServer, type Socket } from "node:net";

/** Starts a server on a free loopback port that answers the first bytes of a connection with a text and closes it. */
export async function rawServer(
  text: string,
  end: "close" | "reset" = "close",
): Promise<{ readonly host: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      const finish = () => end === "close" ? socket.end() : socket.resetAndDestroy();
      if (text === "") finish();
      else socket.write(text, "latin1", finish);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as { port: number }).port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
