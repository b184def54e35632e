"""Every route of the deployed API with every kind of token that does not allow it.

The routes are those of `crates/access/src/route.rs`, the list that the code itself goes by, and the
deployed gateway must have the same: a new route can't be forgotten here.
"""

import re
import subprocess
import sys
import time

from emulator import http

ROUTES = "crates/access/src/route.rs"
ROUTE = re.compile(r'\b(open|page|api)\(\s*"([A-Z]+)",\s*"([^"]+)"(?:,\s*Scope::(\w+))?,?\s*\)')
# A token that ends while somebody waits for it.
SHORT_S = 1


class Tokens:
    """Makes and revokes tokens of a deployed table with `tasador token`."""

    def __init__(self, tasador, emulated, outputs):
        self.command = [tasador, "token", "--table", outputs["TokensTable"]]
        self.environment = {**emulated.environment, "TASADOR_TOKEN_KEY_SECRET": outputs["TokenKey"]}

    def run(self, *arguments):
        done = subprocess.run(
            [*self.command, *arguments], env=self.environment, text=True, capture_output=True
        )
        if done.returncode != 0:
            sys.exit(f"tasador token {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def create(self, *scopes, expires="1h"):
        wanted = [part for scope in scopes for part in ("--scope", scope)]
        return self.run("create", *wanted, "--expires", expires)

    def revoke(self, token):
        self.run("revoke", token)


def routes():
    """Method, path and scope of each route that requires a token in its header."""
    with open(ROUTES) as source:
        found = ROUTE.findall(source.read())
    return [(method, path, scope.lower()) for kind, method, path, scope in found if kind == "api"]


def refused(emulated, outputs, tokens):
    """How many pairs of route and bad token were refused; ends the story at the first that was not."""
    wanted = routes()
    deployed = emulated.client("apigatewayv2").get_paginator("get_routes").paginate(ApiId=outputs["ApiId"])
    deployed = {
        route["RouteKey"].replace("+}", "}")
        for page in deployed
        for route in page["Items"]
        if route.get("AuthorizationType") == "CUSTOM"
    }
    known = {f"{method} {path}" for method, path, _ in wanted}
    if deployed != known:
        sys.exit(f"routes behind the authorizer: {sorted(deployed ^ known)} are on one side only")

    revoked = tokens.create("predict", "read", "admin")
    tokens.revoke(revoked)
    expired = tokens.create("predict", "read", "admin", expires=f"{SHORT_S}s")
    ends = time.monotonic() + SHORT_S + 1
    of_scope = {scope: tokens.create(scope) for scope in ("predict", "read")}
    bad = {"no": None, "a wrong": "tsd_0000000000000000_" + "0" * 64, "a revoked": revoked, "an expired": expired}
    time.sleep(max(0, ends - time.monotonic()))
    count = 0
    for method, path, scope in wanted:
        address = outputs["Url"] + re.sub(r"\{\w+\}", "x", path)
        other = of_scope["predict" if scope != "predict" else "read"]
        for kind, token in {**bad, "another scope's": other}.items():
            # What is caught by any method is caught by this one.
            body = None if method == "GET" else "{}"
            status, text = http("POST" if method == "ANY" else method, address, token, body)
            if status not in (401, 403):
                sys.exit(f"{method} {path} with {kind} token: {status} {text[:200]}")
            count += 1
    return count
