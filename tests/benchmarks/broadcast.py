"""The limit of sending to many: the `websockets` package's own `broadcast()` of each line that comes on stdin."""

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve


async def _serve(port: int) -> None:
    connections: set[ServerConnection] = set()

    async def hold(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()

    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with serve(hold, "127.0.0.1", port, compression=None, backlog=8192):
        print("ready", flush=True)
        while line := await reader.readline():
            broadcast(connections, line.decode())


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
