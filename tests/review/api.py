"""The parts of the APIs of GitHub and GitLab that packaging/ci uses, as strict as the real ones, on 127.0.0.1.

GitHub: docs.github.com/rest/issues/comments and /rest/code-scanning; GitLab: docs.gitlab.com/api/notes.
"""

import base64
import gzip
import http.server
import json
import re
import threading
import urllib.parse

GITHUB = re.compile(r"/repos/acme/fleet/issues/(?:7/comments|comments/(?P<id>\d+))")
GITLAB = re.compile(r"/api/v4/projects/42/merge_requests/7/notes(?:/(?P<id>\d+))?")
REF = re.compile(r"refs/(heads/.+|tags/.+|pull/\d+/(merge|head))")


class Api:
    """A server with the comments that it holds; `with Api() as api`."""

    def __init__(self):
        self.bot = "github-actions[bot]"  # who a right token is
        self.token = "right"
        self.limit = 65536
        self.comments = []
        self.analyses = []
        self.files = {}

    def add(self, author, body):
        comment = {"id": 1000 + len(self.comments), "author": author, "body": body}
        self.comments.append(comment)
        return comment

    def of_bot(self):
        return [comment["body"] for comment in self.comments if comment["author"] == self.bot]

    def __enter__(self):
        handler = type("Bound", (Handler,), {"api": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self):
        self.url = urllib.parse.urlsplit(self.path)
        try:
            status, body = self.route()
        except Refused as refused:
            status, body = refused.status, {"message": str(refused)}
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = answer

    def route(self):
        path, get = self.url.path, self.command == "GET"
        if get and path in self.api.files:
            return 200, self.api.files[path]
        github = not path.startswith("/api/v4/")
        token = ("Authorization", f"Bearer {self.api.token}") if github else ("PRIVATE-TOKEN", self.api.token)
        if self.headers.get(token[0]) != token[1]:
            raise Refused(401, "Bad credentials")
        if get and path == "/api/v4/user":
            return 200, {"id": 5, "username": self.api.bot}
        if self.command == "POST" and path == "/repos/acme/fleet/code-scanning/sarifs":
            return self.analysis()
        found = (GITHUB if github else GITLAB).fullmatch(path)
        if not found:
            raise Refused(404, f"Not Found: {path}")
        if found["id"] and self.command == ("PATCH" if github else "PUT"):
            return 200, self.shown(self.replace(int(found["id"])), github)
        if not found["id"] and self.command == "POST":
            return 201, self.shown(self.api.add(self.api.bot, self.body()), github)
        if not found["id"] and get:
            return 200, [self.shown(comment, github) for comment in self.page()]
        raise Refused(405, "Method Not Allowed")

    def page(self):
        query = urllib.parse.parse_qs(self.url.query)
        size, page = (int(query.get(name, [default])[0]) for name, default in (("per_page", 20), ("page", 1)))
        if not 1 <= size <= 100:
            raise Refused(422, "per_page is at most 100")
        return self.api.comments[(page - 1) * size : page * size]

    def shown(self, comment, github):
        if github:
            return {"id": comment["id"], "user": {"login": comment["author"]}, "body": comment["body"]}
        return {"id": comment["id"], "author": {"username": comment["author"]}, "body": comment["body"]}

    def replace(self, number):
        for comment in self.api.comments:
            if comment["id"] == number:
                if comment["author"] != self.api.bot:
                    raise Refused(403, "Not a comment of yours")
                comment["body"] = self.body()
                return comment
        raise Refused(404, "Not Found")

    def json(self, names):
        if self.headers.get("Content-Type") != "application/json":
            raise Refused(415, "Content-Type is not application/json")
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if set(document) != names:
            raise Refused(422, f"has {sorted(document)}, wants {sorted(names)}")
        return document

    def body(self):
        body = self.json({"body"})["body"]
        if not body.strip():
            raise Refused(422, "body is empty")
        if len(body) > self.api.limit:
            raise Refused(422, f"body is too long (maximum is {self.api.limit} characters)")
        return body

    def analysis(self):
        request = self.json({"commit_sha", "ref", "sarif"})
        if not re.fullmatch(r"[0-9a-f]{40}", request["commit_sha"]) or not REF.fullmatch(request["ref"]):
            raise Refused(422, "commit_sha or ref is not one")
        self.api.analyses.append(json.loads(gzip.decompress(base64.b64decode(request["sarif"], validate=True))))
        return 202, {"id": "1"}
