"""A hold server as Tornado's users write it: one future per waiting request."""
import asyncio
import sys

import tornado.httpserver
import tornado.web


class Room:
    def __init__(self):
        self.seq = 0
        self.message = b""
        self.waiting = set()


rooms = {}


def room(name):
    if name not in rooms:
        rooms[name] = Room()
    return rooms[name]


class Events(tornado.web.RequestHandler):
    future = None

    async def get(self, name):
        at = room(name)
        if at.seq <= int(self.get_argument("seq", "") or 0):
            self.future = asyncio.get_running_loop().create_future()
            at.waiting.add(self.future)
            try:
                await self.future
            except asyncio.CancelledError:
                return
            finally:
                at.waiting.discard(self.future)
        self.set_header("Content-Type", "application/json")
        self.set_header("Seq", str(at.seq))
        self.write(at.message)

    def on_connection_close(self):
        if self.future is not None:
            self.future.cancel()

    def post(self, name):
        at = room(name)
        at.seq += 1
        at.message = self.request.body
        waiting, at.waiting = at.waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)
        self.write("published\n")

    def compute_etag(self):
        return None


async def main():
    app = tornado.web.Application([(r"/(\w+)", Events)], log_function=lambda handler: None)
    server = tornado.httpserver.HTTPServer(app)
    server.bind(int(sys.argv[2]), sys.argv[1], backlog=4096)
    server.start()
    await asyncio.Event().wait()


asyncio.run(main())
