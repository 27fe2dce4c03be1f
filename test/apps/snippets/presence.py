import hmac
import json
import os

SECRET = os.environ["PRESENCE_TOKEN"]  # token, or what is in token_file, of [[presence]]

TABLES = """
CREATE TABLE IF NOT EXISTS presence (channel TEXT, node TEXT, session TEXT, PRIMARY KEY (channel, node));
CREATE TABLE IF NOT EXISTS presence_seq (node TEXT PRIMARY KEY, session TEXT, seq INTEGER);
"""

def note_presence(db, authorization, body):  # db: sqlite3, or any other; returns the status to answer with
    if not hmac.compare_digest((authorization or "").encode(), f"Bearer {SECRET}".encode()):
        return 403  # clients can send POSTs, too
    said = json.loads(body)
    node, session, seq = said["node"], said["session"], said["seq"]
    with db:  # one transaction
        for last_session, last in db.execute("SELECT session, seq FROM presence_seq WHERE node = ?", (node,)):
            if last_session == session and last >= seq:
                return 204  # it was given up while this app was slow, and told anew since
        db.execute("REPLACE INTO presence_seq VALUES (?, ?, ?)", (node, session, seq))
        for event in said["events"]:
            if event["event"] == "join":
                db.execute("REPLACE INTO presence VALUES (?, ?, ?)", (event["channel"], node, session))
            elif event["event"] == "leave":
                db.execute("DELETE FROM presence WHERE channel = ? AND node = ?", (event["channel"], node))
            elif event["event"] == "start":  # who has not come back by now is gone
                db.execute("DELETE FROM presence WHERE node = ? AND session <> ?", (node, session))
    return 204

def present(db, prefix):  # the channels that somebody is on
    query = "SELECT DISTINCT channel FROM presence WHERE substr(channel, 1, ?) = ? ORDER BY channel"
    return [channel for channel, in db.execute(query, (len(prefix), prefix))]
