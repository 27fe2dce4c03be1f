"""An app that is told who is there, and answers GET /who with it."""
import http.server
import json
import os
import sqlite3
import threading

from presence import TABLES, note_presence, present

db = sqlite3.connect(os.environ["STORE"], check_same_thread=False)
db.executescript(TABLES)
one_at_a_time = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with one_at_a_time:
            who = present(db, "user:")
        self.answer(200, json.dumps(who).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with one_at_a_time:
            status = note_presence(db, self.headers.get("Authorization"), body)
        self.answer(status, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
