#!/bin/sh
# Restarts the service of a host of the fleet, which wants the longest queue that it may have.
set -eu
[ ! -e /run/web.pid ] || kill "$(cat /run/web.pid)"
setsid /usr/bin/python3 -c '
import http.server
class Server(http.server.HTTPServer):
    allow_reuse_address = True
    request_queue_size = 65535
Server(("127.0.0.1", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()
' >/dev/null 2>&1 </dev/null &
echo $! >/run/web.pid
