"""Answers with the number of requests before this one, the keys of a store, and the cells of a query."""

from spin_sdk import http, key_value, sqlite
from spin_sdk.http import Request, Response


async def everything(stream):
    items = []
    while not stream.writer_dropped:
        items += await stream.read(16)
    return items


class HttpHandler(http.Handler):
    async def handle_request(self, request: Request) -> Response:
        store = await key_value.open_default()
        count = int(await store.get("count") or b"0")
        await store.set("count", str(count + 1).encode())
        keys, _ = await store.get_keys()
        connection = await sqlite.Connection.open_default()
        _, rows, _ = await connection.execute("select 6 * 7, 'x'", [])
        cells = [cell.value for row in await everything(rows) for cell in row.values]
        text = f"{request.uri} {count} {await everything(keys)} {cells}\n"
        return Response(200, {"content-type": "text/plain"}, text.encode())
