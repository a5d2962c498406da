#!/usr/bin/env python3
"""Ends with 0 when the program on this machine answers with 200: `healthy.py PORT PATH`."""

import http.client
import sys

# Not urllib, which would ask the proxy that a container may be told of.
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
try:
    connection.request("GET", sys.argv[2])
    answer = connection.getresponse()
except OSError as error:
    sys.exit(f"No answer at port {sys.argv[1]}: {error}.")
sys.exit(None if answer.status == 200 else f"{sys.argv[2]} answered {answer.status}.")
