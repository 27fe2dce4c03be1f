"""An app that is told who is there, and answers GET /who with it."""
import http.server
import json
import os
import sqlite3

from presence import TABLE, note_presence, present

db = sqlite3.connect(os.environ["STORE"], check_same_thread=False)
db.execute(TABLE)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, json.dumps(present(db, "user:")).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != "Bearer " + os.environ["TOKEN"]:
            self.answer(403, b"")
            return
        note_presence(db, body)
        self.answer(204, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
